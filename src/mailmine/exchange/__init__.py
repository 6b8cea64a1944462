"""Reads mail out of Exchange, and can do nothing but read."""
