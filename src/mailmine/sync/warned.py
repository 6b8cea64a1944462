"""What was warned of and what threatens now: which warnings begin, go on, are told once more, and end. Pure, no I/O."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from mailmine.model.danger import Danger
from mailmine.model.ids import IntegrationId, MailboxId
from mailmine.store.warnings import StandingWarning
from mailmine.sync import dangers


@dataclass(frozen=True, slots=True, kw_only=True)
class Threat:
    """A danger, and what it threatens."""

    integration_id: IntegrationId
    mailbox_id: MailboxId | None
    """None: the integration itself."""
    danger: Danger

    @property
    def is_late(self) -> bool:
        """Whether it is that a mailbox is read late."""
        return self.mailbox_id is not None and self.danger.code == dangers.Code.FALLING_BEHIND


MANY: Final = 10
"""Mailboxes of an integration that are late on their own; of more, one warning of the integration tells."""
STILL_MANY: Final = 3
"""So many more than these are told together on, once they were."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of the warnings."""

    keep: tuple[StandingWarning, ...] = ()
    """Those that are new or changed."""
    tell: tuple[StandingWarning, ...] = ()
    """Those of them that people are to be told of now."""
    end: tuple[StandingWarning, ...] = ()


def gather(threats: Collection[Threat], known: Iterable[StandingWarning]) -> tuple[Threat, ...]:
    """Say in one for the integration that many of its mailboxes are late: what many suffer is not the fault of each."""
    together = {one.integration_id for one in known if _tells_of_many(one)}
    many = {
        integration_id: number
        for integration_id, number in Counter(
            one.integration_id for one in threats if one.is_late
        ).items()
        if number > (STILL_MANY if integration_id in together else MANY)
    }
    alone = [one for one in threats if not (one.is_late and one.integration_id in many)]
    gathered = [
        Threat(
            integration_id=integration_id,
            mailbox_id=None,
            danger=dangers.many_behind(number),
        )
        for integration_id, number in many.items()
    ]
    return (*alone, *gathered)


def _tells_of_many(warning: StandingWarning) -> bool:
    return warning.mailbox_id is None and warning.code == dangers.Code.FALLING_BEHIND


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
