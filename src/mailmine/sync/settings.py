"""The numbers of the sync, each with a default that is right for nearly everybody."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSettings:
    """How often, how much, how long."""

    poll_interval: timedelta = timedelta(seconds=30)
    """How long an idle mailbox is left alone."""
    listen_after: timedelta = timedelta(seconds=3)
    """When listening for hints begins, counted from the first round of an integration."""
    hint_interval: timedelta = timedelta(seconds=1)
    """A mailbox whose server tells of news all the time is read no more often than this because of it."""
    full_pass_interval: timedelta = timedelta(minutes=15)
    """Every folder is read this often, whatever the server's hints say."""
    rounds: int = 8
    """Mailboxes at a time."""
    rounds_per_integration: int = 4
    """Of those, mailboxes of one integration: a slow server does not hold up the others."""
    lease: timedelta = timedelta(seconds=30)
    """How long a mailbox stays claimed by a process that died."""
    lease_renewal: timedelta = timedelta(seconds=10)
    slice: timedelta = timedelta(seconds=5)
    """How long a round reads history before another mailbox has its turn."""
    fresh_interval: timedelta = timedelta(seconds=2)
    """How often a round that reads history looks for mail that arrived meanwhile."""
    page: int = 200
    """Changes asked for at a time."""
    chunk_bytes: int = 8 << 20
    """Text that is held before it is stored, though its page may not be complete."""
    newest: int = 100
    """Emails that the fresh lane takes from one folder at a time, while its history is being read."""
    attachments: int = 50
    """Attachments fetched in one round before other mailboxes have their turn."""
    first_pause: timedelta = timedelta(seconds=10)
    """How long a mailbox is left alone after a failure; doubled with each further one in a row."""
    drain: timedelta = timedelta(seconds=20)
    """How long running rounds may go on after the stop."""
