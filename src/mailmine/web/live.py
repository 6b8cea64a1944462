"""What changed, told to open pages by server-sent events (WHATWG HTML, section 9.2).

One look at the store each second serves all listeners of the process; nobody listens, nobody looks.
The events name only what changed (`mailboxes`, `sources`, `source:<id>`): the page then asks for its own parts
anew, so nothing is sent here that a permission would have to guard but the names of sources.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Set as AbstractSet
from dataclasses import dataclass

import orjson

from mailmine.model.ids import SourceId
from mailmine.store import pulse
from mailmine.store.database import Database
from mailmine.store.errors import StoreError

EVERY = 1.0
"""Seconds between two looks at the store."""

HEARTBEAT = 15.0
"""Seconds after which a silent stream says that it is alive."""

LIFE = 300.0
"""Seconds after which a stream ends; the browser comes back by itself, and is asked anew who it is."""


@dataclass(frozen=True, slots=True)
class Change:
    """What changed between two looks."""

    mailboxes: bool
    sources: frozenset[SourceId]
    removals: bool = False
    """Something is being removed."""

    def topics(self, *, sees_integrations: bool, visible: AbstractSet[SourceId]) -> list[str]:
        """Name what of it one listener may know of."""
        changed = [f"source:{source}" for source in sorted(self.sources & visible)]
        if changed or self.removals:
            changed.append("sources")
        if (self.mailboxes or self.removals) and sees_integrations:
            changed.append("mailboxes")
        return changed


class Live:
    """Looks at the store for as long as somebody listens."""

    def __init__(self, database: Database, *, every: float = EVERY) -> None:
        self._database = database
        self._every = every
        self._listeners: set[asyncio.Queue[Change | None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._last: pulse.Pulse | None = None
        self._stopped = False

    async def changes(self, *, life: float = LIFE) -> AsyncGenerator[Change | None, None]:
        """Give each change, and None as a heartbeat; ends after `life` seconds or when stopped."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue(maxsize=64)
        self._listeners.add(queue)
        if self._task is None or self._task.done():
            self._last = None
            self._task = asyncio.create_task(self._look())
        ends = time.monotonic() + life
        try:
            while not self._stopped and (left := ends - time.monotonic()) > 0:
                try:
                    change = await asyncio.wait_for(queue.get(), min(HEARTBEAT, left))
                except TimeoutError:
                    change = None
                if not self._stopped:
                    yield change
        finally:
            self._listeners.discard(queue)

    def stop(self) -> None:
        """End all streams within a second, so that the server can end; from any thread."""
        self._stopped = True

    async def _look(self) -> None:
        while self._listeners and not self._stopped:
            # A store that cannot be reached now is asked again; the pages themselves say so.
            with contextlib.suppress(StoreError):
                change = await asyncio.to_thread(self._compare)
                if change.mailboxes or change.sources or change.removals:
                    self._tell(change)
            await asyncio.sleep(self._every)
        self._tell(None)

    def _compare(self) -> Change:
        with self._database.read() as tx:
            seen = pulse.take(tx, since=self._last)
        before, self._last = self._last, seen
        if before is None:
            return Change(mailboxes=False, sources=frozenset())
        return Change(
            mailboxes=(seen.event, seen.round_at) != (before.event, before.round_at)
            or bool(seen.sources),
            sources=seen.sources,
            removals=seen.removed != before.removed,
        )

    def _tell(self, change: Change | None) -> None:
        for queue in self._listeners:
            # A listener that takes nothing for a minute has lost its connection.
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(change)


async def stream(
    live: Live, *, sees_integrations: bool, visible: AbstractSet[SourceId]
) -> AsyncIterator[bytes]:
    """Write the changes that one listener may know of, in the form of an event stream."""
    yield b"retry: 2000\n\n"
    async for change in live.changes():
        topics = (
            change.topics(sees_integrations=sees_integrations, visible=visible) if change else []
        )
        if topics:
            yield b"event: change\ndata: " + orjson.dumps(topics) + b"\n\n"
        elif change is None:
            yield b": still here\n\n"
