"""What was warned of and what threatens now: which warnings begin, go on, are told once more, and end. Pure, no I/O."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailmine.model.danger import Danger
from mailmine.model.ids import IntegrationId, MailboxId
from mailmine.store.warnings import StandingWarning


@dataclass(frozen=True, slots=True, kw_only=True)
class Threat:
    """A danger, and what it threatens."""

    integration_id: IntegrationId
    mailbox_id: MailboxId | None
    """None: the integration itself."""
    danger: Danger


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of the warnings."""

    keep: tuple[StandingWarning, ...] = ()
    """Those that are new or changed."""
    tell: tuple[StandingWarning, ...] = ()
    """Those of them that people are to be told of now."""
    end: tuple[StandingWarning, ...] = ()


def follow(
    known: Iterable[StandingWarning],
    threats: Iterable[Threat],
    *,
    now: datetime,
    again: Iterable[timedelta],
) -> Followed:
    """Compare; a danger is told when it begins, and `again` so long before its end."""
    before = {(one.subject, one.code): one for one in known}
    marks = tuple(again)
    keep: list[StandingWarning] = []
    tell: list[StandingWarning] = []
    lasting: set[tuple[str, str]] = set()
    for threat in threats:
        new = _begun(threat, now)
        key = (new.subject, new.code)
        lasting.add(key)
        old = before.get(key)
        if old is not None:
            told_at = now if is_due_again(threat.danger.ends_at, old.told_at, now, marks) else None
            new = replace(new, since=old.since, told_at=told_at or old.told_at)
        if new != old:
            keep.append(new)
        if old is None or new.told_at != old.told_at:
            tell.append(new)
    end = tuple(one for key, one in before.items() if key not in lasting)
    return Followed(keep=tuple(keep), tell=tuple(tell), end=end)


def is_due_again(
    ends_at: datetime | None, told_at: datetime, now: datetime, marks: Iterable[timedelta]
) -> bool:
    """Whether one of the `marks` before the end went by since it was last told."""
    return ends_at is not None and any(ends_at - now <= mark < ends_at - told_at for mark in marks)


def _begun(threat: Threat, now: datetime) -> StandingWarning:
    return StandingWarning(
        integration_id=threat.integration_id,
        mailbox_id=threat.mailbox_id,
        code=threat.danger.code,
        message=threat.danger.message,
        since=now,
        ends_at=threat.danger.ends_at,
        told_at=now,
    )
