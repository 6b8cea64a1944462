"""The Graph side of the simulated Exchange: Microsoft Graph's mail, as Exchange Online serves it, and read-only.

Shapes and rules are those of Microsoft's documentation of Graph v1.0 (resource types message, mailFolder, attachment, user;
delta query; JSON batching; immutable ids; throttling).
"""
