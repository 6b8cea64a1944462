"""What can be measured, in the text format of Prometheus: the counters of this process, and how the sync is doing.

For this machine alone, or for whoever has the token of `MAILMINE_METRICS_TOKEN`: it names mailboxes.
"""

import hmac
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool

import mailmine
from mailmine import metrics
from mailmine.api.asking import Services, services
from mailmine.api.errors import ForbiddenError, UnauthenticatedError
from mailmine.store import overview, workers
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.store.errors import StoreError
from mailmine.store.overview import IntegrationStanding, MailboxStanding, Overview, Queues
from mailmine.store.workers import Worker
from mailmine.sync import freshness, standing
from mailmine.sync.standing import State

router = APIRouter(include_in_schema=False)

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""Headers by which a proxy on this machine gives itself away: who asks is somewhere else."""
MAILBOX = ("project", "integration", "mailbox")
WORKER = ("host", "pid")


@router.get("/metrics")
async def read(request: Request) -> Response:
    """Give all that is measured."""
    known = services(request)
    _check(request, known.metrics_token)
    body = await run_in_threadpool(generate_latest, Scrape(known))
    return Response(
        body, headers={"Cache-Control": "no-store", "Content-Type": CONTENT_TYPE_LATEST}
    )


def _check(request: Request, token: str) -> None:
    """Let nobody else in. Raises UnauthenticatedError or ForbiddenError."""
    if token:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(
            given.strip().encode(), token.encode()
        ):
            raise UnauthenticatedError("Send the token of MAILMINE_METRICS_TOKEN.")
        return
    is_forwarded = any(name in request.headers for name in FORWARDED)
    is_near = _is_loopback(request.client.host if request.client else "")
    if is_forwarded or not is_near or not _is_of_this_machine(request.headers.get("Host", "")):
        raise ForbiddenError(
            "Metrics are for this machine alone, unless MAILMINE_METRICS_TOKEN is set and sent."
        )


def _is_of_this_machine(asked_for: str) -> bool:
    """Whether the host that was asked for is this machine by its own names.

    A website can let its own name lead here, and have the browser of somebody on this machine read for it.
    """
    with suppress(ValueError):
        host = urlsplit(f"//{asked_for}").hostname
        return host is None or host == "localhost" or _is_loopback(host)
    return False


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False


@dataclass(frozen=True, slots=True)
class _Read:
    """What the store says."""

    overview: Overview
    queues: Queues
    workers: tuple[tuple[Worker, int], ...]
    size: int


class Scrape(Collector):
    """What is measured, at one moment."""

    def __init__(self, known: Services) -> None:
        self._database = known.database
        self._blobs = known.blobs
        self._now = known.clock()

    def collect(self) -> Iterator[Metric]:
        """Give the counters, and what the store says if it can be read."""
        yield from metrics.REGISTRY.collect()
        yield _gauge(
            "mailmine_build_info", "1, by version.", ["version"], [([mailmine.__version__], 1)]
        )
        try:
            with self._database.read() as tx:
                found = _Read(
                    overview.take(tx),
                    overview.queues(tx),
                    workers.list_all(tx, now=self._now),
                    overview.size(tx),
                )
        except StoreError:
            found = None
        yield _single(
            "mailmine_store_up", "Whether the database can be read.", int(found is not None)
        )
        yield _free(self._database, self._blobs)
        if found is not None:
            yield from _integrations(found.overview.integrations)
            yield from _mailboxes(found.overview.mailboxes)
            yield from _rounds(found.overview.mailboxes, self._now)
            yield from _workers(found.workers, self._now)
            yield _gauge(
                "mailmine_queue_length",
                f"What waits to be done; attachments and rechecks are counted up to {overview.MOST:,}.",
                ["queue"],
                [
                    (["attachments"], found.queues.attachments),
                    (["rechecks"], found.queues.rechecks),
                    (["fills"], found.queues.fills),
                    (["words"], found.queues.words),
                ],
            )
            yield _single("mailmine_store_bytes", "Size of the database.", found.size)


def _integrations(integrations: Sequence[IntegrationStanding]) -> Iterator[Metric]:
    yield _gauge(
        "mailmine_integration_state",
        "1 for the state that the integration itself is in: disabled, trouble, off or running.",
        ["project", "integration", "state"],
        (([one.project, one.name, _state_of_integration(one)], 1) for one in integrations),
    )


def _state_of_integration(one: IntegrationStanding) -> str:
    if not one.enabled:
        return standing.of_switched_off(one.disabled_reason, is_troubled=one.is_troubled)
    return State.TROUBLE if one.is_troubled else "running"


def _mailboxes(mailboxes: Sequence[MailboxStanding]) -> Iterator[Metric]:
    states = [_state(one) for one in mailboxes]
    counted = Counter(states)
    yield _gauge(
        "mailmine_mailboxes",
        "Mailboxes by state.",
        ["state"],
        (([state], counted[state]) for state in State),
    )
    yield _gauge(
        "mailmine_mailbox_state",
        f"1 for the state that the mailbox is in: {', '.join(State)}.",
        [*MAILBOX, "state"],
        (([*_names(one), state], 1) for one, state in zip(mailboxes, states, strict=True)),
    )
    yield _gauge(
        "mailmine_mailbox_synced_timestamp_seconds",
        "When the last round that went well ended, or the mailbox was configured; of those that are to be read.",
        MAILBOX,
        (
            (_names(one), (one.last_round_at or one.created_at).timestamp())
            for one in mailboxes
            if one.is_wanted
        ),
    )
    yield _gauge(
        "mailmine_mailbox_unread_emails",
        "Emails of the past that are still to be read, where there are any.",
        MAILBOX,
        ((_names(one), one.unread) for one in mailboxes if one.unread),
    )
    yield _gauge(
        "mailmine_mailbox_left_out_folders",
        "Folders that cannot be read, where there are any.",
        MAILBOX,
        ((_names(one), one.left_out) for one in mailboxes if one.left_out),
    )
    yield _gauge(
        "mailmine_mailbox_failed_items",
        "Items that could not be read, or not wholly, where there are any: those that are retried, and those given up.",
        [*MAILBOX, "kind"],
        (
            ([*_names(one), kind], number)
            for one in mailboxes
            for kind, number in (("retried", one.retried), ("given_up", one.given_up))
            if number
        ),
    )


def _rounds(mailboxes: Sequence[MailboxStanding], now: datetime) -> Iterator[Metric]:
    """Tell how the schedule is kept."""
    kept = freshness.schedule(mailboxes, now)
    yield _single("mailmine_rounds_running", "Mailboxes that are being read.", kept.reading)
    yield _single(
        "mailmine_rounds_due", "Mailboxes whose round should have begun.", len(kept.waits)
    )
    yield _single(
        "mailmine_round_delay_seconds",
        "How long the mailbox that waits longest has been due.",
        max(kept.waits, default=timedelta()).total_seconds(),
    )
    yield _gauge(
        "mailmine_freshness_seconds",
        "How long ago so many of all mailboxes were last read at most: p50, p95, p99, max.",
        ["of"],
        (([point], age.total_seconds()) for point, age in kept.ages.items()),
    )


def _workers(known: Sequence[tuple[Worker, int]], now: datetime) -> Iterator[Metric]:
    """Tell which processes read."""
    names = [[worker.host, str(worker.pid)] for worker, _ in known]
    yield _gauge(
        "mailmine_worker_mailboxes",
        "Mailboxes that the process is reading.",
        WORKER,
        ((name, reads) for name, (_, reads) in zip(names, known, strict=True)),
    )
    yield _gauge(
        "mailmine_worker_silent_seconds",
        "How long ago the process last said that it is there.",
        WORKER,
        (
            (name, (now - worker.seen_at).total_seconds())
            for name, (worker, _) in zip(names, known, strict=True)
        ),
    )
    yield _gauge(
        "mailmine_worker_taken_over",
        "Mailboxes that the process took over from one that had gone away, since it started.",
        WORKER,
        ((name, worker.taken_over) for name, (worker, _) in zip(names, known, strict=True)),
    )


def _state(one: MailboxStanding) -> State:
    if not one.enabled:
        return standing.of_switched_off(one.disabled_reason, is_troubled=one.is_troubled)
    if not one.integration.enabled:
        return State.OFF
    return standing.of_running(
        is_troubled=one.is_troubled or one.left_out > 0,
        is_loading=one.loading > 0,
        was_read=one.last_round_at is not None,
    )


def _free(database: Database, blobs: Blobs) -> Metric:
    """Tell how much room is left where we keep things on this machine."""
    places: list[tuple[str, Path | None]] = [
        ("database", database.path.parent if database.path else None),
        ("blobs", blobs.folder),
    ]
    free: list[tuple[list[str], float]] = []
    for of, place in places:
        with suppress(OSError):
            if place is not None:
                free.append(([of], shutil.disk_usage(place).free))
    return _gauge(
        "mailmine_store_free_bytes",
        "Room that is left for the database and for blobs, where they are on this machine.",
        ["of"],
        free,
    )


def _names(one: MailboxStanding) -> list[str]:
    return [one.integration.project, one.integration.name, one.address]


def _single(name: str, words: str, value: float) -> Metric:
    return _gauge(name, words, [], [([], value)])


def _gauge(
    name: str,
    words: str,
    labels: Sequence[str],
    samples: Iterable[tuple[Sequence[str], float]],
) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
