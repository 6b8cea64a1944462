"""The last rounds of each mailbox that this process reads, for whoever looks at it now.

In memory, as the counters are: what has to outlive the process stands in the store, and each round in the log. Of rounds
in a row in which nothing happened only the last is kept.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mailmine import metrics
from mailmine.model.ids import MailboxId
from mailmine.sync.report import Ending, Report

MOST: Final = 10
"""Rounds of a mailbox that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRound:
    """One round that is over."""

    at: datetime
    """When it began."""
    took: timedelta
    ending: Ending
    new: int
    moved: int
    gone: int
    failed: int
    requests: int
    octets: int
    throttled: float
    """Seconds for which Exchange wanted to be left alone."""
    code: str | None
    """What went wrong first."""

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing happened in it."""
        happened = self.new or self.moved or self.gone or self.failed or self.code
        return self.ending is Ending.DONE and not happened


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """What this process did for a mailbox."""

    since: datetime
    """When its first round here began."""
    rounds: tuple[PastRound, ...] = ()
    """The latest first."""
    answers: Mapping[str, int]
    """All its requests, by the status of the answer or what went wrong on the way."""


_seen: dict[MailboxId, Recent] = {}


def note(
    mailbox_id: MailboxId,
    report: Report,
    tally: metrics.Tally,
    *,
    at: datetime,
    took: timedelta,
) -> None:
    """Remember a round."""
    taken = report.taken
    past = PastRound(
        at=at,
        took=took,
        ending=report.ending,
        new=taken.new,
        moved=taken.moved,
        gone=taken.gone,
        failed=taken.failed,
        requests=tally.requests,
        octets=tally.bytes,
        throttled=tally.throttled,
        code=report.fault.code if report.fault else tally.code,
    )
    before = _seen.get(mailbox_id, Recent(since=at, answers={}))
    # Replaced as a whole: pages read it from other threads.
    _seen[mailbox_id] = Recent(
        since=before.since,
        rounds=_with(past, before.rounds),
        answers=Counter(before.answers) + tally.answers,
    )


def of(mailbox_id: MailboxId) -> Recent | None:
    """Give what this process did for a mailbox; None where it did nothing, for another one may read it."""
    return _seen.get(mailbox_id)


def _with(past: PastRound, before: tuple[PastRound, ...]) -> tuple[PastRound, ...]:
    if before and before[0].is_idle and past.is_idle:
        return (past, *before[1:])
    return (past, *before)[:MOST]
