"""Keeps every mailbox up to date."""
