"""What a process has claimed beyond the rounds that it runs: a round that ends makes room for one of these at once.

A claim takes as long as a poll or two, and processes take turns in it; with thousands of mailboxes most of the time would go
by between a round's end and the next claim. How many are claimed ahead goes by what was done lately, for each integration:
where rounds are slow nothing waits here that another process could read meanwhile.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from mailmine.model.ids import ExchangeId, IntegrationId, MailboxId
from mailmine.model.reach import Reach
from mailmine.store.leases import Lease, Release
from mailmine.sync.claiming import Claimed, exchange_of
from mailmine.sync.reach import Reached


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mailbox whose round begins as soon as there is room, and what it is reached with."""

    claimed: Claimed
    reach: Reach | Exception
    since: float
    """By the clock of whom it waits with."""


WAITS: Final = timedelta(seconds=1)
"""How long a mailbox waits: rounds became slow then, and others may have it."""


class Ahead:
    """Mailboxes that are claimed and wait for room, and how many these may be: as many as rounds ended within `span`."""

    def __init__(self, *, span: timedelta, clock: Callable[[], float] = time.monotonic) -> None:
        self._span = span.total_seconds()
        self._clock = clock
        self._waiting: dict[MailboxId, Waiting] = {}
        self._ended: deque[tuple[float, IntegrationId]] = deque()

    @property
    def claimed(self) -> tuple[Claimed, ...]:
        """Those that wait, the first one first."""
        return tuple(one.claimed for one in self._waiting.values())

    def add(self, claimed: Iterable[Claimed], reaches: Reached) -> None:
        """Let these wait, each with what its integration is reached with."""
        since = self._clock()
        for one in claimed:
            self._waiting[one.mailbox.id] = Waiting(one, reaches[one.integration.id], since)

    def take(self, reading: Collection[IntegrationId], *, of_integration: int) -> Waiting | None:
        """Give the one that waits longest, but for those of integrations of which so many are being read."""
        number = Counter(reading)
        for id_, one in self._waiting.items():
            if number[one.claimed.integration.id] < of_integration:
                return self._waiting.pop(id_)
        return None

    def renewed(self, lease: Lease, until: datetime | None) -> None:
        """Note until when a lease lasts now; where it is lost, another process has the mailbox, and it waits no more."""
        one = self._waiting.get(lease.mailbox_id)
        if one is None or one.claimed.lease is not lease:
            return
        if until is None:
            del self._waiting[lease.mailbox_id]
        elif until > lease.until:
            longer = replace(one.claimed, lease=replace(lease, until=until))
            self._waiting[lease.mailbox_id] = replace(one, claimed=longer)

    def give_back(self) -> list[Release]:
        """Let go of all: they are due as they were."""
        return self._give_back(lambda _: True)

    def give_back_late(self) -> list[Release]:
        """Let go of those that have waited for too long."""
        before = self._clock() - WAITS.total_seconds()
        return self._give_back(lambda one: one.since <= before)

    def give_back_of(self, exchange: ExchangeId) -> list[Release]:
        """Let go of those of an Exchange: something went wrong there, and what follows is looked up anew."""
        return self._give_back(
            lambda one: exchange_of(one.claimed.integration.connection) == exchange
        )

    def _give_back(self, which: Callable[[Waiting], bool]) -> list[Release]:
        let_go = [one.claimed for one in self._waiting.values() if which(one)]
        for one in let_go:
            del self._waiting[one.mailbox.id]
        return [
            Release(
                lease=one.lease,
                next_due_at=one.mailbox.next_due_at,
                round_ended_at=None,
                rest=one.lease.rest,
            )
            for one in let_go
        ]

    def round_ended(self, integration_id: IntegrationId) -> None:
        """Count a round that ended."""
        self._ended.append((self._clock(), integration_id))

    @property
    def is_low(self) -> bool:
        """Tell whether more is to be claimed, so that none of those who read stands idle before it is there."""
        return 2 * len(self._waiting) <= sum(self.allowed.values())

    @property
    def allowed(self) -> Mapping[IntegrationId, int]:
        """How many of each integration may wait."""
        since = self._clock() - self._span
        while self._ended and self._ended[0][0] <= since:
            self._ended.popleft()
        return Counter(integration_id for _, integration_id in self._ended)
