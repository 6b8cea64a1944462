"""The heart: an email becomes a comment."""
