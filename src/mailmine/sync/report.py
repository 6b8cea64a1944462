"""What is told of a round when it is over: one line in the log, and the counters."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

from structlog.typing import FilteringBoundLogger

from mailmine import metrics, tracing
from mailmine.exchange import KNOWN_CODES
from mailmine.exchange.faults import Fault
from mailmine.sync import policy
from mailmine.sync.intake import Taken


class Ending(StrEnum):
    """How a round ended."""

    DONE = "done"
    UNFINISHED = "unfinished"
    """There is more to read; it goes on after others had their turn."""
    THROTTLED = "throttled"
    """Exchange wants a pause."""
    FAILED = "failed"
    """Exchange, the way to it, or signing in."""
    BROKEN = "broken"
    """A bug of ours."""
    NOT_STORED = "not_stored"
    """The database could not be used."""
    TAKEN_OVER = "taken_over"
    """Another process reads the mailbox now."""
    STOPPED = "stopped"
    """The process ends."""


_EVENTS: Final = {
    Ending.DONE: "round ended",
    Ending.UNFINISHED: "round ended",
    Ending.STOPPED: "round ended",
    Ending.THROTTLED: "round failed",
    Ending.FAILED: "round failed",
    Ending.BROKEN: "round broken",
    Ending.NOT_STORED: "round not stored",
    Ending.TAKEN_OVER: "mailbox taken over",
}
_PLAIN: Final = (Ending.DONE, Ending.UNFINISHED, Ending.STOPPED)
_STATUS: Final = re.compile(r"http_[1-9][0-9]{2}")
_OURS: Final = (policy.BUG, policy.SECRET_MISSING)

# There from the start, so that the first one of a kind is seen to be more than none.
for _ending in Ending:
    metrics.ROUNDS.labels(_ending)


@dataclass(slots=True)
class Report:
    """One round; filled in as it goes."""

    ending: Ending = Ending.STOPPED
    folders: int = 0
    """Those of which something was read."""
    taken: Taken = field(default_factory=Taken)
    fault: Fault | None = None
    """Why it failed."""
    error: str | None = None
    """What went wrong on our side; no words of an email."""
    place: str | None = None
    """Where in our code."""

    def failed(self, fault: Fault) -> None:
        """Note that the round failed because of `fault`."""
        self.fault = fault
        self.ending = Ending.THROTTLED if policy.is_wish_for_pause(fault) else Ending.FAILED

    def tell(
        self,
        log: FilteringBoundLogger,
        tally: metrics.Tally,
        took: timedelta,
        span: tracing.Span = tracing.NOTHING,
    ) -> None:
        """Write the line, count the round, and tell its span. A round in which nothing happened is told at `debug`."""
        taken, seconds = self.taken, max(took.total_seconds(), 0.0)
        metrics.ROUNDS.labels(self.ending).inc()
        metrics.ROUND_SECONDS.observe(seconds)
        for what, number in _counts(taken).items():
            metrics.EMAILS.labels(what).inc(number)
        if self.fault is not None:
            metrics.ROUND_FAULTS.labels(_bounded(self.fault.code)).inc()
        if self.ending not in _PLAIN:
            level = log.warning if self.ending is not Ending.NOT_STORED else log.error
        elif tally.code or any(_counts(taken).values()):
            level = log.info
        else:
            level = log.debug
        fault = self.fault
        wrong = {
            "where": fault.where.value if fault else None,
            # What ended the round; else the first thing that went wrong in it.
            "code": fault.code if fault else tally.code,
            "request": fault.request_id if fault else tally.request_id,
            "error": self.error,
            "place": self.place,
        }
        told: dict[str, tracing.Value] = {
            "outcome": self.ending.value,
            "folders": self.folders,
            **_counts(taken),
            "requests": tally.requests,
            "bytes": tally.bytes,
            "throttled_seconds": round(tally.throttled, 1),
            **{name: value for name, value in wrong.items() if value is not None},
        }
        level(_EVENTS[self.ending], **told, seconds=round(seconds, 3))
        # Words of a database stay in the log.
        span.set({f"mailmine.{name}": value for name, value in told.items() if name != "error"})
        if self.ending not in _PLAIN:
            span.fail(fault.code if fault else self.ending.value)


def _counts(taken: Taken) -> dict[str, int]:
    return {
        "new": taken.new,
        "copies": taken.copies,
        "moved": taken.moved,
        "updated": taken.changed,
        "gone": taken.gone,
        "failed": taken.failed,
    }


def _bounded(code: str) -> str:
    """Give a code for a label: a server may make up any number of others."""
    known = code in KNOWN_CODES or code in _OURS or _STATUS.fullmatch(code)
    return code if known else "other"
