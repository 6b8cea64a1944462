"""Reads mailboxes of Exchange Online by Microsoft Graph, and can do nothing but read."""
