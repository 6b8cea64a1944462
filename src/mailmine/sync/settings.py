"""The numbers of the sync, each with a default that is right for nearly everybody."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningSettings:
    """From when on people are warned, before anything stops."""

    look: timedelta = timedelta(minutes=1)
    """How often it is looked for what to warn of."""
    ahead: timedelta = timedelta(days=30)
    """How long before a secret, a certificate or a password ends."""
    again: tuple[timedelta, ...] = tuple(timedelta(days=days) for days in (30, 14, 7, 3, 1))
    """How long before an end it is told once more."""
    ews_from: datetime = datetime(2026, 10, 1, tzinfo=UTC)
    """From then on Microsoft switches EWS off in Exchange Online, tenant by tenant (exchange.md, 1.1)."""
    behind: timedelta = timedelta(minutes=10)
    """How late a mailbox is read, at the least; and no less than `behind_polls`."""
    behind_polls: int = 5
    stalled: timedelta = timedelta(minutes=30)
    """How long the first load of a mailbox brings nothing."""
    failed_of: int = 100
    """Emails of a mailbox that were last tried; `failed_part` of them failed, or `failed_in_a_row`."""
    failed_part: float = 0.15
    failed_in_a_row: int = 10
    failed_pause: timedelta = timedelta(hours=1)
    """How long such a mailbox is left alone."""
    room_part: float = 0.05
    """The part of the disk that must be free, and `room_bytes` of it, or nothing more is read."""
    room_part_most: int = 10 << 30
    """Bytes; so much is enough, whatever part it is."""
    room_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSettings:
    """How often, how much, how long."""

    poll_interval: timedelta = timedelta(seconds=30)
    """How long an idle mailbox is left alone."""
    together: timedelta = timedelta(seconds=0.5)
    """What is due within this time is claimed at one blow, and rounds that ended are written down with it: a claim costs as much as a poll."""
    listen_after: timedelta = timedelta(seconds=3)
    """When listening for hints begins, counted from the first round of an integration."""
    hint_interval: timedelta = timedelta(seconds=1)
    """A mailbox whose server tells of news all the time is read no more often than this because of it."""
    full_pass_interval: timedelta = timedelta(minutes=15)
    """Every folder is read this often whatever the server's hints say, until these have proved to be right (sync.hints)."""
    rounds: int = 8
    """Mailboxes at a time."""
    rounds_per_integration: int = 4
    """Of those, mailboxes of one integration: a slow server does not hold up the others."""
    rounds_per_exchange: int = 24
    """Mailboxes of one server, or one app, that all processes together read at a time.

    Exchange lets an account have 27 connections, unless its administrator said otherwise (EWSMaxConcurrency).
    """
    lease: timedelta = timedelta(seconds=30)
    """How long a mailbox stays claimed by a process that died."""
    lease_renewal: timedelta = timedelta(seconds=10)
    heartbeat: timedelta = timedelta(seconds=10)
    """How often a process says that it is there."""
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
    learns: bool = True
    """Whether emails are refined by what others of their bucket have in common with them."""
    warnings: WarningSettings = WarningSettings()
