"""A cluster on one machine: how fresh it keeps many mailboxes, what that costs, and what faults do to it."""
