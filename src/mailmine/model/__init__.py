"""What everything is made of: frozen dataclasses and typed ids.

No I/O, and no import of anything of ours. The words are those of Communications Mining:
an *integration* holds *mailboxes*, a mailbox fills a *bucket* with raw *emails*,
a *source* turns the emails of its bucket into *comments*.
"""
