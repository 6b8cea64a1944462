"""Tells people what happened, until it arrived: decides what to tell whom, and sends it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import structlog
from sqlalchemy import Connection as Transaction

from mailmine import metrics
from mailmine.model.notice import Notice, PersonalChannel
from mailmine.notify import audience, decide, words
from mailmine.notify.audience import MaySee
from mailmine.notify.channel import Channel, Channels, Message, NotDelivered
from mailmine.notify.deciding import Deciding
from mailmine.repeating import repeat
from mailmine.store import deliveries, events, users
from mailmine.store.database import Database
from mailmine.store.deliveries import Delivery, State
from mailmine.store.errors import StoreError

T = TypeVar("T")

log = structlog.get_logger(__name__)

LOOK: Final = 2.0
"""Seconds between two looks for something to do."""
INCIDENTS: Final = 250
"""For each so many incidents the next look is a second later.

Where a server is down they are thousands; what there is to tell of most is told together, minutes later.
"""
LEASE: Final = timedelta(minutes=5)
"""How long one try may take; after it, another process may try."""
AT_ONCE: Final = 10
"""Messages that are sent at the same time."""
TRIES: Final = 30
"""About a day: see `pause`."""
FIRST_PAUSE: Final = timedelta(seconds=15)
LONGEST_PAUSE: Final = timedelta(hours=1)
KEPT: Final = timedelta(days=90)
"""How long what was told can be seen."""


def utc_now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


def pause(attempts: int) -> timedelta:
    """Say how long to wait after so many tries: twice as long after each, up to an hour."""
    return min(FIRST_PAUSE * (1 << min(attempts - 1, 10)), LONGEST_PAUSE)


class Notifier:
    """Tells people of one installation; several processes may have one each."""

    def __init__(
        self,
        database: Database,
        channels: Channels,
        *,
        may_see: MaySee,
        public_url: str = "",
        worker_id: str | None = None,
        now: Callable[[], datetime] = utc_now,
        look: float = LOOK,
    ) -> None:
        self._database = database
        self._channels = channels
        self._may_see = may_see
        self._public_url = public_url
        self._now = now
        self._look = look
        self._deciding = Deciding(
            database=database,
            may_see=may_see,
            rooms=tuple(room for room, _ in channels.rooms.values()),
            has_email=channels.email is not None,
            worker_id=worker_id,
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mailmine-notifier")
        self._tidied_at: datetime | None = None
        self._looked_at = now()
        self._rest = timedelta()
        """How long nothing is decided on after that."""

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop`; what is under way is finished by the next process."""
        try:
            await repeat(
                self.step, stop, what="notifying", pause=self._look, expected=(StoreError,)
            )
        finally:
            # In a thread: the rounds that are under way go on while the database is waited for.
            await asyncio.to_thread(self._thread.shutdown)

    async def step(self) -> bool:
        """Decide on what happened and send what is due; whether there was anything. Raises StoreError."""
        await self._tidy()
        decided = await self._in_thread(self._decide)
        due = await self._in_thread(self._claim)
        await asyncio.gather(*(self._deliver(delivery) for delivery in due))
        return decided or bool(due)

    def _decide(self) -> bool:
        """Decide on what happened; whether there was anything."""
        now = self._now()
        if timedelta() <= now - self._looked_at < self._rest:
            return False
        look = self._deciding.step(now)
        rest = 0 if look.is_full else look.incidents // INCIDENTS
        self._looked_at, self._rest = now, timedelta(seconds=rest)
        return look.had_any

    async def _in_thread(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)

    async def _write(self, act: Callable[[Transaction], T]) -> T:
        def write() -> T:
            with self._database.write() as tx:
                return act(tx)

        return await self._in_thread(write)

    def _claim(self) -> tuple[Delivery, ...]:
        now = self._now()
        with self._database.read() as tx:
            if not deliveries.is_due(tx, now):
                return ()
        with self._database.write() as tx:
            return deliveries.claim(tx, now=now, until=now + LEASE, limit=AT_ONCE)

    async def _deliver(self, delivery: Delivery) -> None:
        """Try once, and write down what became of it."""
        found = await self._in_thread(lambda: self._ready(delivery))
        if found is None:
            metrics.notified(delivery.channel, "dropped")
            await self._write(
                lambda tx: deliveries.end(tx, delivery.id, State.DROPPED, at=self._now())
            )
            return
        channel, message = found
        try:
            await channel.send(message)
        except NotDelivered as error:
            await self._failed(delivery, str(error), is_final=error.is_final)
        except Exception as error:  # one that fails unexpectedly must not stop the others
            log.exception("message broken", channel=delivery.channel, delivery=delivery.id)
            await self._failed(delivery, f"mailmine failed ({type(error).__name__}).")
        else:
            metrics.notified(delivery.channel, "sent")
            await self._write(
                lambda tx: deliveries.end(tx, delivery.id, State.SENT, at=self._now())
            )

    def _ready(self, delivery: Delivery) -> tuple[Channel, Message] | None:
        """Write the message as it is to be sent now; None where nobody may or wants to have it any more."""
        if delivery.user_id is None:
            room, channel = self._channels.rooms.get(delivery.channel, (None, None))
            if room is None or channel is None:
                return None
            notices = tuple(one for one in delivery.notices if decide.is_for(room, one))
            return (channel, self._message(delivery, notices)) if notices else None
        if self._channels.email is None or delivery.channel != PersonalChannel.EMAIL:
            return None
        with self._database.read() as tx:
            person = audience.one(tx, delivery.user_id, self._may_see, has_email=True)
            user = users.by_id(tx, delivery.user_id)
        if person is None or user is None:
            return None
        way = PersonalChannel.EMAIL
        notices = tuple(one for one in delivery.notices if decide.wants(person, one, way))
        if not notices:
            return None
        message = replace(
            self._message(delivery, notices), to=audience.address_of(user) or user.email
        )
        return self._channels.email, message

    def _message(self, delivery: Delivery, notices: tuple[Notice, ...]) -> Message:
        letter = words.write(notices, public_url=self._public_url)
        return Message(delivery=delivery.id, letter=letter, notices=notices)

    async def _failed(self, delivery: Delivery, why: str, *, is_final: bool = False) -> None:
        """Try again later, or give up: what is given up is an event that people see."""
        now = self._now()
        if not is_final and delivery.attempts < TRIES:
            metrics.notified(delivery.channel, "failed")
            again = now + pause(delivery.attempts)
            log.warning("message not delivered", channel=delivery.channel, error=why)
            await self._write(
                lambda tx: deliveries.retry(tx, delivery.id, next_try_at=again, error=why)
            )
            return
        metrics.notified(delivery.channel, "given_up")
        log.error("message given up", channel=delivery.channel, error=why)

        def give_up(tx: Transaction) -> None:
            deliveries.end(tx, delivery.id, State.FAILED, at=now, error=why)
            detail = {"channel": delivery.channel, "message": why, "delivery": delivery.id}
            first = delivery.notices[0]
            events.append(
                tx,
                "notification_failed",
                at=now,
                integration_id=first.integration_id,
                detail=detail,
            )

        await self._write(give_up)

    async def _tidy(self) -> None:
        """Forget once a day what is old."""
        now = self._now()
        if self._tidied_at is None or now - self._tidied_at >= timedelta(days=1):
            self._tidied_at = now
            await self._write(lambda tx: deliveries.remove_before(tx, now - KEPT))
