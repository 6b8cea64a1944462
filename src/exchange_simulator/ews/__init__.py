"""Exchange Web Services: one file per operation, each a function from a request to an answer."""
