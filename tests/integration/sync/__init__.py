"""The sync, against the simulated Exchange and a real store."""
