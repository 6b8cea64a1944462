"""Stores what a round brings while the round goes on reading."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy import Connection as Transaction

from mailmine import metrics, tracing
from mailmine.exchange.faults import Fault
from mailmine.exchange.reader import Fetched, Item, ItemFault, ItemGone, ItemSkipped
from mailmine.model.ids import Cursor, FolderKey, ItemId
from mailmine.model.integration import FolderStatus, Mailbox
from mailmine.refine import Refined
from mailmine.store import folders, leases, rechecks
from mailmine.store.errors import DatabaseUnavailable, LeaseLost, StoreError
from mailmine.store.folders import FolderPlace, FolderState
from mailmine.store.leases import Lease
from mailmine.sync import decide, intake
from mailmine.sync.desk import Desk
from mailmine.sync.intake import STORE_FAILED, Delivery, Failed, Prepared, Taken
from mailmine.sync.outcomes import Outcomes
from mailmine.sync.refinery import Refinery

log = structlog.get_logger(__name__)

T = TypeVar("T")

AHEAD = 2
"""Batches that are being refined: one more than is worked on, so that nobody waits for work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is written of a folder together with a page."""

    cursor: Cursor
    is_last: bool
    hint: str | None
    seen: tuple[ItemId, ...]
    """All items that the page names."""


class Storing:
    """The writing side of one round: one delivery is stored while the next is being read, no more."""

    def __init__(
        self,
        mailbox: Mailbox,
        lease: Lease,
        *,
        desk: Desk,
        outcomes: Outcomes,
        now: Callable[[], datetime],
    ) -> None:
        self.taken = Taken()
        self._mailbox = mailbox
        self._lease = lease
        self._desk = desk
        self._outcomes = outcomes
        self._now = now
        self._storing: asyncio.Task[None] | None = None
        self._places: list[FolderPlace] = []
        self.early: set[FolderKey] = set()
        """Folders of which something was handed over without a place."""

    async def hand_over(self, chunk: "Chunk", place: Place | None) -> None:
        """Let `chunk` be refined to its end and stored while reading goes on; waits for the one before.

        The place after a page that holds nothing is written with whatever is written next: most folders bring nothing.
        """
        await self._delivered()
        if place is None:
            self.early.add(chunk.folder.key)
        elif chunk.is_empty and not place.seen:
            self._places.append(_folder_place(chunk.folder, place, at=self._now()))
            return
        self._storing = asyncio.create_task(self._store(chunk, place))

    async def stored(self) -> None:
        """Wait until what was handed over is stored. Raises what went wrong with it."""
        await self._delivered()
        await self._write_places()

    async def _delivered(self) -> None:
        if self._storing is not None:
            storing, self._storing = self._storing, None
            await storing

    async def _write_places(self) -> None:
        if self._places:
            await self.write(_nothing)

    async def _store(self, chunk: "Chunk", place: Place | None) -> None:
        """Write a chunk and the place after it; where one email makes that fail, without that one."""
        delivery = await chunk.delivery()
        with tracing.span("store", {"mailmine.emails": len(delivery.items)}) as span:
            taken = await self._written(delivery, place)
            span.set({f"mailmine.{what}": number for what, number in asdict(taken).items()})
        self.taken.add(taken)
        log.debug("page stored", new=taken.new, moved=taken.moved, gone=taken.gone)

    async def _written(self, delivery: Delivery, place: Place | None) -> Taken:
        try:
            taken = await self.write(lambda tx: self._take_in(tx, delivery, place))
        except (LeaseLost, DatabaseUnavailable):
            raise
        except Exception as error:
            if not delivery.items:
                raise
            log.warning("page not stored at once", items=len(delivery.items), error=_name(error))
            delivery = rest = await self._store_apart(delivery, error)
            taken = await self.write(lambda tx: self._take_in(tx, rest, place))
        failed = {one.item_id for one in delivery.failed}
        self._outcomes.add(item_id in failed for item_id in delivery.first_tried)
        return taken

    async def _store_apart(self, delivery: Delivery, error: Exception) -> Delivery:
        """Write the items of a delivery in halves, down to the one that cannot be; give what is left to say."""
        if len(delivery.items) == 1:
            item_id = delivery.items[0].item.id
            log.warning("storing failed", item=item_id, error=_name(error))
            words = "mailmine could not store this email. Please report it."
            failed = Failed(item_id, STORE_FAILED, words)
            return _without_items(delivery, (*delivery.failed, failed))
        failed_here = delivery.failed
        middle = len(delivery.items) // 2
        for part in (delivery.items[:middle], delivery.items[middle:]):
            piece = Delivery(folder=delivery.folder, items=part, tried=delivery.tried)
            try:
                take = partial(self._take_in, delivery=piece, place=None)
                self.taken.add(await self.write(take))
            except (LeaseLost, DatabaseUnavailable):
                raise
            except Exception as again:  # noqa: BLE001 - whatever one email does, the others are stored
                failed_here += (await self._store_apart(piece, again)).failed
        return _without_items(delivery, failed_here)

    def _take_in(self, tx: Transaction, delivery: Delivery, place: Place | None) -> Taken:
        now = self._now()
        taken = intake.take_in(tx, self._mailbox, delivery, at=now)
        if place is not None:
            rechecks.drop(tx, delivery.folder.key, rechecks.Kind.UNSEEN, place.seen)
            read = taken.new + taken.copies + taken.moved
            folders.save_places(tx, (_folder_place(delivery.folder, place, at=now, read=read),))
        return taken

    async def write(self, act: Callable[[Transaction], T]) -> T:
        """Write in a transaction that begins by making sure that the mailbox is still ours."""
        places = tuple(self._places)

        def guarded(tx: Transaction) -> T:
            leases.guard(tx, self._lease)
            folders.save_places(tx, places)
            return act(tx)

        done = await self._desk.write(guarded)
        self._places = [place for place in self._places if place not in places]
        return done

    async def settle(self) -> None:
        """Wait for what is under way when the round ends badly; how it went does not matter any more."""
        if self._storing is not None:
            await asyncio.wait({self._storing})
            with suppress(asyncio.CancelledError):
                self._storing.exception()
        with suppress(StoreError):
            await self._write_places()


def _folder_place(folder: FolderState, place: Place, *, at: datetime, read: int = 0) -> FolderPlace:
    return FolderPlace(
        key=folder.key,
        cursor=place.cursor,
        status=FolderStatus.UP_TO_DATE if place.is_last else FolderStatus.IN_PROGRESS,
        last_change=place.hint,
        synced_until=at if place.is_last else folder.synced_until,
        at=at,
        read=read,
    )


class Chunk:
    """What was fetched and refined, and not yet handed over."""

    def __init__(self, state: FolderState, tried: dict[ItemId, int], *, refinery: Refinery) -> None:
        self._refinery = refinery
        self._refining: deque[tuple[list[Item], asyncio.Task[list[Refined | None]]]] = deque()
        self.folder = state
        self._tried = tried
        self._items: list[Prepared] = []
        self._failed: list[Failed] = []
        self._settled: list[ItemId] = []
        self._first_tried: list[ItemId] = []
        self.intents: tuple[decide.Intent, ...] = ()
        """What the page it belongs to settled without reading."""
        self.size = 0
        """Characters of bodies, about."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be written of it."""
        return not (self._refining or self._items or self._failed or self._settled or self.intents)

    async def add(self, batch: Iterable[Fetched]) -> None:
        """Let what came be refined while the next batch is on its way."""
        items: list[Item] = []
        for fetched in batch:
            match fetched:
                case Item(id=item_id, incomplete=missing):
                    if missing is not None:
                        _note("item incomplete", item_id, missing)
                    items.append(fetched)
                    self._first_tried.append(item_id)
                case ItemFault(id=item_id, fault=fault):
                    _note("item not read", item_id, fault)
                    self._failed.append(Failed(item_id, fault.code, fault.message))
                    self._first_tried.append(item_id)
                case ItemSkipped(id=item_id) | ItemGone(id=item_id):
                    self._settled.append(item_id)
        while len(self._refining) >= AHEAD:
            await self._refined()
        self.size += sum(len(item.email.html or "") + len(item.email.text or "") for item in items)
        refining = self._refinery.refine([item.email for item in items])
        task = asyncio.create_task(refining)
        # Where the round breaks off, nobody asks any more how it went.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._refining.append((items, task))

    async def _refined(self) -> None:
        """Take what was sent to be refined first."""
        items, refining = self._refining.popleft()
        prepared, failed = intake.prepare(items, await refining)
        self._items += prepared
        self._failed += failed

    async def delivery(self) -> Delivery:
        """Give all of it, once it is refined."""
        while self._refining:
            await self._refined()
        return Delivery(
            folder=self.folder,
            items=tuple(self._items),
            intents=self.intents,
            failed=tuple(self._failed),
            settled=tuple(self._settled),
            tried=self._tried,
            first_tried=tuple(one for one in self._first_tried if one not in self._tried),
        )


def _note(event: str, item_id: ItemId, fault: Fault) -> None:
    metrics.went_wrong(fault.code, fault.request_id)
    log.warning(event, item=item_id, code=fault.code, request=fault.request_id)


def _without_items(delivery: Delivery, failed: tuple[Failed, ...]) -> Delivery:
    return replace(delivery, items=(), failed=failed)


def _nothing(tx: Transaction) -> None:
    del tx


def _name(error: Exception) -> str:
    """Name an error without its words, which may hold words of an email."""
    return type(error).__name__
