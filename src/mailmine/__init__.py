"""mailmine keeps Exchange mailboxes flowing into clean, structured comments."""

__version__ = "0.1.0"
