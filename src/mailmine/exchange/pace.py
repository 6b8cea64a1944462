"""How fast an account may go: requests in flight, and staying away when Exchange is busy.

Nothing here sleeps out a busy server: a request that may not be sent now fails at once and says when it may
(`Fault.retry_after`); the schedule of the mailboxes is kept elsewhere (exchange.md, part C, rows 2 and 6-8).
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Protocol

from mailmine import metrics
from mailmine.exchange.faults import ExchangeError, Fault


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> float:
        """Tell the seconds since some fixed instant; they never run backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The time of this machine."""

    def now(self) -> float:
        """Tell the monotonic time."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one account asks of one Exchange (exchange.md, part A)."""

    in_flight: int = 4
    """Requests at a time, of all mailboxes together; one at a time for each of them."""
    syncing: int = 2
    """How many of those may list changes, which newer servers limit apart (ConcurrentSyncCalls)."""
    batch: int = 10
    """Items a request; Exchange recommends ten."""
    deadline: float = 120
    """Seconds that an answer may take, or the next piece of a long one; Exchange itself stops at 60."""
    answer_bytes: int = 64 << 20
    """The longest answer that is read into memory."""
    first_pause: float = 10
    """Seconds to stay away when Exchange is busy and names no time; doubled each time it still is."""
    longest_pause: float = 900


LONGEST_HINT: Final = 86_400.0
"""A server that asks for more than a day is not believed."""
GROW_AFTER: Final = 50
"""Good answers after which one more request is let in flight again."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to send one request now."""

    sent_at: float


class Pace:
    """The pace of one account."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._in_flight = 0
        # One, until the account is known to be let in: a wrong password is not sent four times at once.
        self._allowed = 1
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._good = 0
        self._repeats = 0
        self._since = float("-inf")
        self._until = float("-inf")
        self._fault: Fault | None = None

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Ticket]:
        """Wait for a free slot, first come first served. Raises ExchangeError while Exchange wants to be left alone."""
        self._refuse_while_busy()
        if self._in_flight >= self._allowed or self._waiting:
            await self._queue()
        else:
            self._in_flight += 1
        try:
            self._refuse_while_busy()
            yield Ticket(self._clock.now())
        finally:
            self._in_flight -= 1
            self._let_in()

    async def _queue(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._in_flight -= 1
                self._let_in()
            raise

    def _let_in(self) -> None:
        while self._waiting and self._in_flight < self._allowed:
            turn = self._waiting.popleft()
            if not turn.done():
                self._in_flight += 1
                turn.set_result(None)

    def _refuse_while_busy(self) -> None:
        left = self._until - self._clock.now()
        if left > 0 and self._fault is not None:
            raise ExchangeError(replace(self._fault, retry_after=timedelta(seconds=left)))

    def busy(self, ticket: Ticket, fault: Fault) -> Fault:
        """Stop all requests of the account because of `fault`; give it back with the time to stay away.

        The server's own time is a floor. Answers to requests that were already under way count once.
        """
        hint = fault.retry_after.total_seconds() if fault.retry_after else 0.0
        if ticket.sent_at >= self._since:
            self._repeats += 1
            self._since = self._clock.now()
            self._allowed = max(1, self._allowed // 2)
            self._good = 0
        doublings = min(self._repeats - 1, 20)
        own = min(self._limits.first_pause * 2**doublings, self._limits.longest_pause)
        pause = max(hint, own) if doublings or not hint else hint
        now = self._clock.now()
        until = max(self._until, now + pause)
        metrics.throttled(until - max(self._until, now))
        self._until = until
        self._fault = replace(fault, retry_after=timedelta(seconds=until - now))
        return self._fault

    def succeeded(self, ticket: Ticket) -> None:
        """Note that Exchange answered as it should."""
        if ticket.sent_at < self._since:
            return
        if self._since == float("-inf"):
            self._allowed = self._limits.in_flight
        self._repeats = 0
        self._good += 1
        if self._good >= GROW_AFTER and self._allowed < self._limits.in_flight:
            self._allowed += 1
            self._good = 0
        self._let_in()
