"""The simulated Exchange, asked as clients ask it."""
