"""Fills sources from the emails that their bucket has already, and makes their comments anew, without Exchange."""

import asyncio
from datetime import datetime

import structlog
from sqlalchemy import Connection as Transaction

from mailmine.model.ids import BucketId, EmailKey
from mailmine.refine import Refined
from mailmine.repeating import repeat
from mailmine.store import comments, emails, fills, retentions, sources
from mailmine.store.database import Database
from mailmine.store.emails import StoredEmail
from mailmine.store.errors import DatabaseUnavailable
from mailmine.store.fills import Fill
from mailmine.sync import conversations, learning, uploading
from mailmine.sync.desk import Desk
from mailmine.sync.learning import Remembering
from mailmine.sync.refinery import Refinery, RefineryBroken
from mailmine.sync.round import utc_now

log = structlog.get_logger(__name__)

PIECE = 100
"""Emails of one transaction."""
LOOK = 1.0
"""Seconds between two looks for something to do."""


def begin_anew(tx: Transaction, bucket_id: BucketId, *, at: datetime) -> int:
    """Let the comments of all sources of a bucket be made anew; say how many sources there are."""
    found = sources.of_bucket(tx, bucket_id)
    for source in found:
        fills.begin(tx, source.id, bucket_id, at=at, anew=True)
    return len(found)


class Filling:
    """Fills all sources that wait for it, a piece of each in turn."""

    def __init__(
        self,
        database: Database,
        *,
        refinery: Refinery,
        learns: bool = True,
        look: float = LOOK,
    ) -> None:
        self._desk = Desk(database)
        self._refinery = refinery
        self._learns = learns
        self.updated = 0
        """Comments that were there and became others."""
        self._look = look

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop`; what is begun is finished by the next process."""
        try:
            passing = (DatabaseUnavailable, RefineryBroken)
            await repeat(self.step, stop, what="filling", pause=self._look, expected=passing)
        finally:
            await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Wait for what was begun."""
        self._desk.close()

    async def step(self) -> bool:
        """Do a piece of each source that waits; whether there was any."""
        waiting = await self._desk.read(fills.list_all)
        for fill in waiting:
            await self._do(fill)
        return bool(waiting)

    async def _do(self, fill: Fill) -> None:
        found = await self._desk.read(lambda tx: _next(tx, fill))
        refinery = self._refinery
        if self._learns and found:
            refinery = Remembering(refinery, found[0].bucket_id, read=self._desk.read)
        refined = await refinery.refine([one.email for one in found])
        updated = await self._desk.write(lambda tx: _write(tx, fill, found, refined))
        if updated is None:
            log.info("source filled", source=fill.source_id, emails=fill.total)
        else:
            self.updated += updated


def _next(tx: Transaction, fill: Fill) -> tuple[StoredEmail, ...]:
    source = sources.by_id(tx, fill.source_id)
    if source is None or source.bucket_id is None:
        return ()
    return emails.scan(tx, source.bucket_id, after=fill.after_key, limit=PIECE)


def _turn(fill: Fill) -> tuple[datetime, EmailKey]:
    """Tell which piece of which filling comes next: one that was begun once more has other emails, maybe of another bucket."""
    return fill.begun_at, fill.after_key


def _write(
    tx: Transaction, fill: Fill, found: tuple[StoredEmail, ...], refined: list[Refined | None]
) -> int | None:
    """Write comments that the source lacks, and say how many others were changed; None: there are no more emails."""
    now = fills.of_source(tx, fill.source_id)
    source = sources.by_id(tx, fill.source_id)
    if now is None or source is None or _turn(now) != _turn(fill):
        return 0  # it was begun once more, or is not wanted any more
    if not found or source.bucket_id != found[0].bucket_id:
        fills.end(tx, fill.source_id)
        return None
    comments.take_turns(tx, found[0].bucket_id)
    there = comments.existing(tx, source.id, [one.comment_id for one in found])
    read = [(one, words) for one, words in zip(found, refined, strict=True) if words is not None]
    wanted = [
        (one.key, one.email, words)
        for one, words in read
        if now.anew or one.comment_id not in there
    ]
    at, retention = utc_now(), retentions.of_bucket(tx, found[0].bucket_id)
    made = uploading.compose(tx, wanted)
    kept = [one for one in made if retention.keeps(one.comment.timestamp, at)]
    counts = conversations.put(tx, source.id, kept, at=at)
    emails.set_lines(tx, {one.key: words.lines for one, words in read if words.lines})
    learning.learn(
        tx, found[0].bucket_id, [(one.comment_id, one.email, words) for one, words in read]
    )
    last = EmailKey(found[-1].key)
    fills.progress(tx, source.id, after_key=last, more=len(found))
    return counts.updated
