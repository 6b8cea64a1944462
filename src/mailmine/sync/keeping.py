"""Takes away what a bucket keeps no longer: comments, what emails said, contents of attachments; and contents that nothing names."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from sqlalchemy import Connection as Transaction

from mailmine.model.comment import Comment
from mailmine.model.ids import BucketId, EmailKey
from mailmine.repeating import repeat
from mailmine.store import attachments, comments, orphans, retentions
from mailmine.store.blobs import Blobs
from mailmine.store.comments import NewComment
from mailmine.store.database import Database
from mailmine.store.errors import StoreError
from mailmine.sync.desk import Desk
from mailmine.sync.round import utc_now

log = structlog.get_logger(__name__)

PIECE: Final = 500
"""Comments or emails of one transaction."""
LOOK: Final = timedelta(hours=1)
SETTLED: Final = timedelta(days=1)
"""So long after it was let go of, nobody who read a content's name before is still at work with it."""


class Keeping:
    """Keeps all buckets to their limits."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._desk = Desk(database)
        self._blobs = blobs
        self._now = now

    async def run(self, stop: asyncio.Event) -> None:
        """Look every hour until `stop`; broken off, it goes on where it was."""
        try:
            pause = LOOK.total_seconds()
            keep = partial(self.keep, stop)
            await repeat(keep, stop, what="keeping", pause=pause, expected=(StoreError,))
        finally:
            await asyncio.to_thread(self._desk.close)

    async def keep(self, stop: asyncio.Event) -> None:
        """Take away all that is due now."""
        for bucket_id, retention in (await self._desk.read(retentions.list_all)).items():
            now = self._now()
            gone = {
                "comments": await self._all(
                    retention.comments_from(now), bucket_id, retentions.remove_comments, stop
                ),
                "emails": await self._all(
                    retention.emails_from(now), bucket_id, retentions.empty_emails, stop
                ),
                "attachments": await self._all(
                    retention.attachments_from(now), bucket_id, self._let_go, stop
                ),
            }
            if any(gone.values()):
                log.info("bucket kept to its limits", bucket=bucket_id, **gone)
        await self._collect(stop)

    async def _all(
        self,
        before: datetime | None,
        bucket_id: BucketId,
        take: Callable[..., int],
        stop: asyncio.Event,
    ) -> int:
        """Take away piece by piece, so that no transaction keeps the others waiting."""
        done = 0
        while before is not None and not stop.is_set():
            act = partial(take, bucket_id=bucket_id, before=before, limit=PIECE)
            piece = await self._desk.write(act)
            done += piece
            if piece < PIECE:
                break
        return done

    def _let_go(self, tx: Transaction, bucket_id: BucketId, before: datetime, *, limit: int) -> int:
        """Let go of the contents of some emails; their comments still name the attachments."""
        keys = retentions.old_attachments(tx, bucket_id, before, limit=limit)
        if keys:
            comments.take_turns(tx, bucket_id)
            attachments.forget(tx, keys)
            self._show_without(tx, keys)
        return len(keys)

    def _show_without(self, tx: Transaction, keys: tuple[EmailKey, ...]) -> None:
        for stored in comments.of_emails(tx, keys):
            row = NewComment(
                comment=without_contents(stored.comment),
                email_key=stored.email_key,
                refined=stored.refined,
            )
            comments.put(tx, stored.source_id, [row], at=self._now())

    async def _collect(self, stop: asyncio.Event) -> None:
        """Throw contents away that nothing has named for a day."""
        before = self._now() - SETTLED
        while not stop.is_set():
            found = await self._desk.read(lambda tx: orphans.lined_up(tx, before, limit=PIECE))
            if not found:
                return
            kept = await self._desk.read(partial(orphans.named, hashes=found))
            for content_hash in found:
                if content_hash not in kept:
                    await self._blobs.remove(content_hash, unless_written_since=before)
            await self._desk.write(partial(orphans.drop, hashes=found, before=before))


def without_contents(comment: Comment) -> Comment:
    """Give a comment whose attachments are named, and not kept."""
    listed = (
        replace(one, attachment_reference=None, content_hash=None) for one in comment.attachments
    )
    return replace(comment, attachments=tuple(listed))
