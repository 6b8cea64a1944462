"""The pure parts of the sync."""
