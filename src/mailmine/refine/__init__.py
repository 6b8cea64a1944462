"""An email becomes a comment. Pure functions: no I/O, nothing raised for what an email holds."""
