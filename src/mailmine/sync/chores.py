"""What a renamed or deleted folder, or a lost place, left to do for every copy in it: batch by batch."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy import Connection as Transaction

from mailmine.model.ids import FolderKey
from mailmine.model.integration import FolderStatus, Mailbox
from mailmine.store import copies, failures, folders, rechecks
from mailmine.sync import intake
from mailmine.sync.storing import Storing

BATCH = 200
"""Copies that are dealt with in one transaction."""


class Chores:
    """The chores of one mailbox."""

    def __init__(self, mailbox: Mailbox, *, storing: Storing, now: Callable[[], datetime]) -> None:
        self._mailbox = mailbox
        self._storing = storing
        self._now = now

    async def do(self, is_over: Callable[[], bool]) -> bool:
        """Mark copies gone that were not seen again, and tell comments of renamed folders.

        Tells whether something is left to be done now; of each chore at least one batch is done.
        """
        is_left = False
        for key, kind in await self._storing.write(self._find):
            is_more = True
            while is_more:
                is_more = await self._storing.write(partial(self._do_batch, key, kind))
                if is_over():
                    is_left |= is_more
                    break
        return is_left

    def _find(self, tx: Transaction) -> list[tuple[FolderKey, rechecks.Kind]]:
        """Find the chores whose time has come: what was not seen is gone only once all was read."""
        states = folders.of_mailbox(tx, self._mailbox.id, with_gone=True)
        settled = {
            state.key
            for state in states
            if state.is_gone or state.status is FolderStatus.UP_TO_DATE
        }
        return [
            (key, kind)
            for key, kind in sorted(rechecks.pending(tx, self._mailbox.id))
            if kind is rechecks.Kind.PLACE or key in settled
        ]

    def _do_batch(self, key: FolderKey, kind: rechecks.Kind, tx: Transaction) -> bool:
        """Do one batch; tells whether there may be more."""
        item_ids = rechecks.take(tx, key, kind, limit=BATCH)
        if kind is rechecks.Kind.UNSEEN:
            touched = set(copies.mark_gone(tx, self._mailbox.id, key, item_ids))
            failures.resolve(tx, self._mailbox.id, item_ids)
        else:
            found = copies.by_items(tx, self._mailbox.id, item_ids)
            touched = {copy.email_key for copy in found.values()}
        intake.show_again(tx, self._mailbox.bucket_id, touched, at=self._now())
        rechecks.drop(tx, key, kind, item_ids)
        return len(item_ids) == BATCH
