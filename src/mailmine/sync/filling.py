"""Fills sources that were put on a bucket which has emails already: their comments are made from those, without Exchange."""

import asyncio

import structlog
from sqlalchemy import Connection as Transaction

from mailmine.model.ids import EmailKey
from mailmine.refine import Refined
from mailmine.store import comments, emails, fills, sources
from mailmine.store.database import Database
from mailmine.store.emails import StoredEmail
from mailmine.store.errors import DatabaseUnavailable
from mailmine.store.fills import Fill
from mailmine.sync import conversations, uploading
from mailmine.sync.desk import Desk
from mailmine.sync.refinery import Refinery, RefineryBroken
from mailmine.sync.round import utc_now

log = structlog.get_logger(__name__)

PIECE = 100
"""Emails of one transaction."""
LOOK = 1.0
"""Seconds between two looks for something to do."""


class Filling:
    """Fills all sources that wait for it, a piece of each in turn."""

    def __init__(self, database: Database, *, refinery: Refinery, look: float = LOOK) -> None:
        self._desk = Desk(database)
        self._refinery = refinery
        self._look = look

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop`; what is begun is finished by the next process."""
        try:
            while not stop.is_set():
                try:
                    did = await self.step()
                except (DatabaseUnavailable, RefineryBroken) as error:
                    log.warning("filling waits", error=str(error))
                    did = False
                if not did:
                    try:
                        await asyncio.wait_for(stop.wait(), self._look)
                    except TimeoutError:
                        continue
        finally:
            self._desk.close()

    async def step(self) -> bool:
        """Do a piece of each source that waits; whether there was any."""
        waiting = await self._desk.read(fills.list_all)
        for fill in waiting:
            await self._do(fill)
        return bool(waiting)

    async def _do(self, fill: Fill) -> None:
        found = await self._desk.read(lambda tx: _next(tx, fill))
        refined = await self._refinery.refine([one.email for one in found])
        done = await self._desk.write(lambda tx: _write(tx, fill, found, refined))
        if done:
            log.info("source filled", source=fill.source_id, emails=fill.total)


def _next(tx: Transaction, fill: Fill) -> tuple[StoredEmail, ...]:
    source = sources.by_id(tx, fill.source_id)
    if source is None or source.bucket_id is None:
        return ()
    return emails.scan(tx, source.bucket_id, after=fill.after_key, limit=PIECE)


def _write(
    tx: Transaction, fill: Fill, found: tuple[StoredEmail, ...], refined: list[Refined | None]
) -> bool:
    """Write comments that the source lacks; True once there is nothing left to do."""
    now = fills.of_source(tx, fill.source_id)
    source = sources.by_id(tx, fill.source_id)
    if now is None or source is None or now.after_key != fill.after_key:
        return False  # it was begun anew, or is not wanted any more
    if not found or source.bucket_id != found[0].bucket_id:
        fills.end(tx, fill.source_id)
        return True
    there = comments.existing(tx, source.id, [one.comment_id for one in found])
    wanted = [
        (one.key, one.email, words)
        for one, words in zip(found, refined, strict=True)
        if words is not None and one.comment_id not in there
    ]
    conversations.put(tx, source.id, uploading.compose(tx, wanted), at=utc_now())
    last = EmailKey(found[-1].key)
    fills.progress(tx, source.id, after_key=last, more=len(found))
    return False
