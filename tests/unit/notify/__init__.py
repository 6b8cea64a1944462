"""The pure parts of notifying."""
