"""A round of a mailbox that is over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRound:
    """What it brought, what it cost, and how it ended."""

    at: datetime
    """When it began."""
    took: timedelta
    ending: str
    """One of `sync.report.Ending`."""
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
    answers: Mapping[str, int]
    """Its requests, by the status of the answer or what went wrong on the way."""
