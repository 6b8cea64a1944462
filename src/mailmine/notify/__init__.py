"""Who is told when something stops, and through which channel.

The sync writes what happened to the event log and knows nothing of this room. `Notifier` reads the log behind a cursor
of its own. `decide` says, without any I/O, what that means: incidents that begin and end, notices about them, and
who gets which. What is decided is kept with the cursor in one transaction, as rows of `deliveries`, and those are
sent by the channels until they arrive: a crash at any instant repeats a message under its id, never loses one.
"""
