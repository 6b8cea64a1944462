"""What is counted: for the process, to be scraped at `/metrics`; and for the round at hand, for its log line.

Counters stand here and are counted up where things happen. What the store knows (how old the mail of a mailbox is,
what waits) is no counter: it is read when it is asked for, and so right with several processes too.
Labels hold nothing that grows without bounds, and nothing of mail.
"""

from collections import Counter as Counts
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

disable_created_metrics()  # type: ignore[no-untyped-call] # a series more for each, which nobody looks at

REGISTRY = CollectorRegistry()
"""Of our own: what is scraped is what stands here."""

ProcessCollector(registry=REGISTRY)

ROUNDS = Counter("mailmine_rounds", "Rounds of mailboxes.", ["outcome"], registry=REGISTRY)
ROUND_SECONDS = Histogram(
    "mailmine_round_seconds",
    "How long rounds took.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
    registry=REGISTRY,
)
ROUND_FAULTS = Counter(
    "mailmine_round_faults", "Rounds that failed, by what was wrong.", ["code"], registry=REGISTRY
)
EMAILS = Counter(
    "mailmine_emails",
    "What rounds found of emails, by what became of it.",
    ["what"],
    registry=REGISTRY,
)
REQUESTS = Counter(
    "mailmine_exchange_requests",
    "Requests to Exchange and to where it lets us sign in, by the status of the answer or what went wrong.",
    ["backend", "code"],
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "mailmine_exchange_request_seconds",
    "How long Exchange took until it began to answer.",
    ["backend"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
    registry=REGISTRY,
)
ANSWER_BYTES = Counter(
    "mailmine_exchange_answer_bytes",
    "Bytes of Exchange's answers, unpacked.",
    ["backend"],
    registry=REGISTRY,
)
THROTTLED_SECONDS = Counter(
    "mailmine_exchange_throttled_seconds",
    "How long Exchange made us stay away, counted when it says so.",
    registry=REGISTRY,
)
API_REQUESTS = Counter(
    "mailmine_api_requests",
    "Requests of clients of the API, by status.",
    ["code"],
    registry=REGISTRY,
)
API_SECONDS = Histogram(
    "mailmine_api_request_seconds",
    "How long clients of the API waited for an answer to begin.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)
NOTIFICATIONS = Counter(
    "mailmine_notifications",
    "Tries to deliver a notification, by channel and what became of them: sent, failed, given_up or dropped.",
    ["channel", "outcome"],
    registry=REGISTRY,
)


@dataclass(slots=True)
class Tally:
    """What one round cost, and what went wrong first in it."""

    requests: int = 0
    bytes: int = 0
    throttled: float = 0.0
    """Seconds to stay away."""
    answers: Counts[str] = field(default_factory=Counts)
    """The requests, by the status of the answer or what went wrong on the way."""
    code: str | None = None
    request_id: str | None = None


_tally: ContextVar[Tally | None] = ContextVar("tally", default=None)


@contextmanager
def tallied() -> Iterator[Tally]:
    """Count what happens within, in all tasks that begin there, for one round as well."""
    tally = Tally()
    token = _tally.set(tally)
    try:
        yield tally
    finally:
        _tally.reset(token)


def leave_round() -> None:
    """Count for no round in this task any more: it was begun by one and outlives it."""
    _tally.set(None)


def asked(backend: str, code: str, seconds: float) -> None:
    """Count a request to Exchange; `code` is the status of its answer, or what went wrong on the way."""
    REQUESTS.labels(backend, code).inc()
    REQUEST_SECONDS.labels(backend).observe(seconds)
    if tally := _tally.get():
        tally.requests += 1
        tally.answers[code] += 1


def received(backend: str, size: int) -> None:
    """Count `size` bytes of an answer."""
    ANSWER_BYTES.labels(backend).inc(size)
    if tally := _tally.get():
        tally.bytes += size


def throttled(seconds: float) -> None:
    """Count time that Exchange wants to be left alone."""
    THROTTLED_SECONDS.inc(seconds)
    if tally := _tally.get():
        tally.throttled += seconds


def notified(channel: str, outcome: str) -> None:
    """Count a try to deliver a notification by a channel, named as it is configured."""
    NOTIFICATIONS.labels(channel, outcome).inc()


def went_wrong(code: str, request_id: str | None) -> None:
    """Remember the first thing that goes wrong in a round, and Exchange's name for the request."""
    if (tally := _tally.get()) and tally.code is None:
        tally.code, tally.request_id = code, request_id
