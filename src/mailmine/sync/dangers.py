"""What will stop, or is held up, and how it looks: facts in, dangers out. Pure functions, no I/O."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from mailmine.exchange.endpoints import EWS_ONLINE_ENDS, is_ews_online
from mailmine.model.danger import Danger
from mailmine.model.integration import (
    AuthType,
    Connection,
    DisabledReason,
    Integration,
    Mailbox,
)
from mailmine.store.folders import Load
from mailmine.sync.settings import WarningSettings


class Code(StrEnum):
    """What is warned of. Each has a section in docs/reasons.md."""

    CERTIFICATE_ENDS = "certificate_ends"
    TLS_CERTIFICATE_ENDS = "tls_certificate_ends"
    SECRET_ENDS = "secret_ends"  # noqa: S105 - a code
    PASSWORD_ENDS = "password_ends"  # noqa: S105 - a code
    EWS_ENDS = "ews_ends"
    FALLING_BEHIND = "falling_behind"
    LOAD_STALLS = "load_stalls"
    FAILED_ITEMS = "failed_items"
    DISK_FULL = "disk_full"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationFacts:
    """What is known of an integration now."""

    integration: Integration
    certificate_ends: datetime | None = None
    """When the certificate ends that its application signs in with."""
    tls_certificate_ends: datetime | None = None
    """When the certificate ends that we show the server."""
    password_ends: datetime | None = None
    """When Exchange will ask its account for another password."""
    has_room: bool = True
    """Whether there is room on the disk for more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxFacts:
    """What is known of a mailbox now."""

    mailbox: Mailbox
    integration: Integration
    watched_since: datetime
    """Before, nobody read it: mailmine was not running, or not reading."""
    load: Load | None = None
    """Its first load, while that is under way."""
    still_since: datetime | None = None
    """Since when that brought nothing."""
    is_paused: bool = False
    """Whether it is left alone, for too many of its emails failed."""
    why_failed: str = ""
    """What most of those that failed suffered from."""


def of_integration(
    facts: IntegrationFacts, *, now: datetime, settings: WarningSettings
) -> tuple[Danger, ...]:
    """Say what threatens an integration; nothing threatens what a person switched off."""
    if facts.integration.disabled_reason is DisabledReason.USER:
        return ()
    found = [
        _certificate(facts, now, settings),
        _tls_certificate(facts, now, settings),
        _secret(facts.integration.connection, now, settings),
        _password(facts, now, settings),
        _ews(facts.integration.connection, now, settings),
        None if facts.has_room else _disk_full(settings),
    ]
    return tuple(one for one in found if one is not None)


def of_mailbox(
    facts: MailboxFacts, *, now: datetime, poll_interval: timedelta, settings: WarningSettings
) -> tuple[Danger, ...]:
    """Say what holds a mailbox up. Where it, or its integration, is off or in trouble, that was told already."""
    if facts.is_paused and facts.mailbox.enabled and facts.integration.enabled:
        return (_failed_items(facts, settings),)
    if not is_read(facts):
        return ()
    found = [_behind(facts, now, poll_interval, settings), _stalled(facts, now, settings)]
    return tuple(one for one in found if one is not None)


def is_read(facts: MailboxFacts) -> bool:
    """Whether nothing is known that keeps it from being read."""
    return (
        facts.mailbox.enabled
        and facts.integration.enabled
        and facts.mailbox.trouble is None
        and facts.integration.trouble is None
        and not facts.is_paused
    )


def has_room(*, total: int, free: int, settings: WarningSettings) -> bool:
    """Whether so many free bytes of a disk are enough to go on."""
    # A large disk has room long before a twentieth of it is free.
    part = min(total * settings.room_part, settings.room_part_most)
    return free >= settings.room_bytes and free >= part


def _is_near(ends_at: datetime | None, now: datetime, settings: WarningSettings) -> bool:
    return ends_at is not None and ends_at - now <= settings.ahead


def _certificate(
    facts: IntegrationFacts, now: datetime, settings: WarningSettings
) -> Danger | None:
    ends_at, connection = facts.certificate_ends, facts.integration.connection
    if ends_at is None or not _is_near(ends_at, now, settings):
        return None
    return Danger(
        code=Code.CERTIFICATE_ENDS,
        message=(
            f"The certificate that the application {connection.client_id} signs in with "
            f"{_ends(ends_at, now)}. Make another, add it to the application in Entra ID, and enter it here "
            "with its private key. Without it nothing of this integration is read."
        ),
        ends_at=ends_at,
    )


def _tls_certificate(
    facts: IntegrationFacts, now: datetime, settings: WarningSettings
) -> Danger | None:
    ends_at = facts.tls_certificate_ends
    if ends_at is None or not _is_near(ends_at, now, settings):
        return None
    return Danger(
        code=Code.TLS_CERTIFICATE_ENDS,
        message=(
            f"The certificate that we show the server ({facts.integration.connection.tls_certificate_file}) "
            f"{_ends(ends_at, now)}. Have it renewed, and put the new one into that file with its chain and key. "
            "Without it the server lets nobody of this integration in."
        ),
        ends_at=ends_at,
    )


def _secret(connection: Connection, now: datetime, settings: WarningSettings) -> Danger | None:
    ends_at = connection.secret_ends
    if ends_at is None or not _is_near(ends_at, now, settings):
        return None
    if connection.auth in {AuthType.CLIENT_SECRET, AuthType.CLIENT_CERTIFICATE}:
        has_certificate = connection.auth is AuthType.CLIENT_CERTIFICATE
        kind = "certificate" if has_certificate else "client secret"
        what = f"The {kind} of the application {connection.client_id}"
        remedy = "Make another in Entra ID, and enter it here with the day on which it ends."
    else:
        what = f"The password of {connection.username}"
        remedy = "Give the account another, and enter it here with the day on which it ends."
    return Danger(
        code=Code.SECRET_ENDS,
        message=f"{what} {_ends(ends_at, now)}. {remedy} Without it nothing of this integration is read.",
        ends_at=ends_at,
    )


def _password(facts: IntegrationFacts, now: datetime, settings: WarningSettings) -> Danger | None:
    ends_at = facts.password_ends
    if ends_at is None or not _is_near(ends_at, now, settings):
        return None
    return Danger(
        code=Code.PASSWORD_ENDS,
        message=(
            f"Exchange says that the password of {facts.integration.connection.username} {_ends(ends_at, now)}. "
            "Give the account another, better one that does not end, and enter it here. Without it nothing of "
            "this integration is read."
        ),
        ends_at=ends_at,
    )


EWS_ENDS_AT: Final = datetime.combine(EWS_ONLINE_ENDS, time(), UTC)


def _ews(connection: Connection, now: datetime, settings: WarningSettings) -> Danger | None:
    if now < settings.ews_from or not is_ews_online(connection):
        return None
    return Danger(
        code=Code.EWS_ENDS,
        message=(
            f"EWS, by which this integration reads Exchange Online, {_ends(EWS_ENDS_AT, now)}, and Microsoft switches "
            "it off for one tenant after the other before. Read it by Graph: give the application "
            "Mail.Read, and set the backend to graph. Comments and streams stay as they are."
        ),
        ends_at=EWS_ENDS_AT,
    )


def _disk_full(settings: WarningSettings) -> Danger:
    return Danger(
        code=Code.DISK_FULL,
        message=(
            f"The disk of the data folder is nearly full: less than {settings.room_part:.0%} or "
            f"{settings.room_bytes / (1 << 30):g} GiB is free. Nothing more is read, so that nothing is lost, until "
            "there is room. Make some, or move the data folder to a larger disk; reading goes on by itself."
        ),
    )


def _behind(
    facts: MailboxFacts, now: datetime, poll_interval: timedelta, settings: WarningSettings
) -> Danger | None:
    """See whether a round is overdue; what was just changed, switched on or paused gets its time anew."""
    mailbox = facts.mailbox
    since = max(
        mailbox.last_round_at or mailbox.created_at,
        mailbox.next_due_at,
        mailbox.updated_at,
        facts.integration.updated_at,
        facts.watched_since,
    )
    if now - since <= max(settings.behind, settings.behind_polls * poll_interval):
        return None
    read = (
        f"was last read to its end at {_time(mailbox.last_round_at)}"
        if mailbox.last_round_at
        else "was not read to its end yet"
    )
    return Danger(
        code=Code.FALLING_BEHIND,
        message=(
            f"The mailbox {read}, though nothing is known to be wrong with it: mail arrives late. "
            "If other mailboxes are late as well, mailmine has too much to do, or too slow a machine or "
            "database; else look at its log."
        ),
    )


def many_behind(mailboxes: int) -> Danger:
    """Say that so many mailboxes of an integration are late."""
    return Danger(
        code=Code.FALLING_BEHIND,
        message=(
            f"{mailboxes:,} mailboxes of this integration are read late, though nothing is known to be wrong with them: "
            "mail arrives late. mailmine has too much to do, or too slow a machine or database, or their server answers "
            "slowly. Look at the page of who reads, and at the log of mailmine."
        ),
    )


def _stalled(facts: MailboxFacts, now: datetime, settings: WarningSettings) -> Danger | None:
    load, since = facts.load, facts.still_since
    if load is None or since is None or now - since < settings.stalled:
        return None
    folders = "1 folder" if load.folders == 1 else f"{load.folders} folders"
    return Danger(
        code=Code.LOAD_STALLS,
        message=(
            f"The first load of {folders} stands still since {_time(since)}, after {load.emails_read} emails. "
            "Look on the page of the mailbox whether a folder is in trouble. If none is, "
            "please report it, with what the log says."
        ),
    )


def _failed_items(facts: MailboxFacts, settings: WarningSettings) -> Danger:
    why = f" Most of them: {facts.why_failed}" if facts.why_failed else ""
    return Danger(
        code=Code.FAILED_ITEMS,
        message=(
            f"Too many emails could not be read: more than {settings.failed_part:.0%} of the last {settings.failed_of}, "
            f"or {settings.failed_in_a_row} in a row.{why} The mailbox is left alone for a while and then goes on by "
            "itself; what failed is asked for again. Open one of them in Outlook, and look at the log."
        ),
    )


def _ends(ends_at: datetime, now: datetime) -> str:
    return f"{'ended' if ends_at <= now else 'ends'} on {_day(ends_at)}"


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
