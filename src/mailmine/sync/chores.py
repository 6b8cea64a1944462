"""What is left to do for copies once the folders are read, batch by batch.

A renamed or deleted folder, or a lost place, leaves something to do for every copy in it. And what left a folder
of a server that keeps ids may lie in another, or in the same one again: that is asked (exchange.md, 1.3).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection as Transaction

from mailmine.exchange.reader import Reader
from mailmine.model.ids import FolderId, FolderKey, ItemId
from mailmine.model.integration import FolderStatus, Mailbox
from mailmine.store import copies, failures, folders, rechecks
from mailmine.store.copies import Copy, NewCopy
from mailmine.store.folders import FolderState
from mailmine.sync import filters, intake
from mailmine.sync.storing import Storing

BATCH = 200
"""Copies that are dealt with in one transaction."""


class Chores:
    """The chores of one mailbox."""

    def __init__(
        self,
        mailbox: Mailbox,
        *,
        reader: Reader,
        storing: Storing,
        now: Callable[[], datetime],
        bring: Callable[[FolderState, Sequence[ItemId]], Awaitable[None]],
        is_recognising: bool = False,
    ) -> None:
        """Do nothing yet. `bring` takes in what turns out to lie in a folder.

        While `is_recognising`, what lay in gone folders may still be met in others.
        """
        self._mailbox = mailbox
        self._reader = reader
        self._storing = storing
        self._now = now
        self._bring = bring
        self._is_recognising = is_recognising

    async def do(self, is_over: Callable[[], bool]) -> bool:
        """Mark copies gone that were not seen again or are nowhere, and tell comments of renamed folders.

        Tells whether something is left to be done now; of each chore at least one batch is done.
        """
        is_left = False
        for key, kind in await self._storing.write(self._find):
            is_more, after = True, None
            while is_more:
                if kind is rechecks.Kind.LEFT:
                    after = await self._locate_batch(key, after)
                    is_more = after is not None
                else:
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
            if (
                not self._is_recognising
                if state.is_gone
                else state.status is FolderStatus.UP_TO_DATE
            )
        }
        return [
            (key, kind)
            for key, kind in sorted(rechecks.pending(tx, self._mailbox.id))
            if kind is not rechecks.Kind.UNSEEN or key in settled
        ]

    def _do_batch(self, key: FolderKey, kind: rechecks.Kind, tx: Transaction) -> bool:
        """Do one batch; tells whether there may be more."""
        item_ids = rechecks.take(tx, key, kind, limit=BATCH)
        if kind is rechecks.Kind.UNSEEN:
            touched = set(copies.mark_gone(tx, self._mailbox.id, key, item_ids))
            # What lies in another folder by now, under the same id, may wait there to be read.
            failures.resolve(tx, self._mailbox.id, item_ids, folder_key=key)
        else:
            found = copies.by_items(tx, self._mailbox.id, item_ids)
            touched = {copy.email_key for copy in found.values()}
        intake.show_again(tx, self._mailbox.bucket_id, touched, at=self._now())
        rechecks.drop(tx, key, kind, item_ids)
        return len(item_ids) == BATCH

    async def _locate_batch(self, key: FolderKey, after: ItemId | None) -> ItemId | None:
        """Ask where a batch of items that left the folder lies; names the last of it, if there may be more after it.

        What could not be found out stays lined up for the next round, and keeps none of the others waiting.
        """
        item_ids, last = await self._storing.write(partial(self._still_lying, key, after))
        places = await self._reader.locate(item_ids) if item_ids else {}
        state, back = await self._storing.write(partial(self._place, key, places))
        if state is not None and back:
            await self._bring(state, back)
            # Not before they are stored.
            await self._storing.write(lambda tx: rechecks.drop(tx, key, rechecks.Kind.LEFT, back))
        return last

    def _still_lying(
        self, key: FolderKey, after: ItemId | None, tx: Transaction
    ) -> tuple[list[ItemId], ItemId | None]:
        """Give those of a batch that were not seen elsewhere meanwhile, and its last if there may be more after it."""
        item_ids = rechecks.take(tx, key, rechecks.Kind.LEFT, limit=BATCH, after=after)
        known = copies.by_items(tx, self._mailbox.id, item_ids)
        # One without a copy may be back already, and nothing else would tell.
        lying = [
            id_
            for id_ in item_ids
            if (copy := known.get(id_)) is None or copy.is_gone or copy.folder_key == key
        ]
        rechecks.drop(tx, key, rechecks.Kind.LEFT, set(item_ids).difference(lying))
        return lying, item_ids[-1] if len(item_ids) == BATCH else None

    def _place(
        self, key: FolderKey, places: Mapping[ItemId, FolderId | None], tx: Transaction
    ) -> tuple[FolderState | None, list[ItemId]]:
        """Write where the copies lie, or that they are gone. In a folder that is not read they count as gone.

        Gives the folder, and what lies in it without a copy that is there: it stays lined up until it was brought.
        """
        wanted = {
            state.folder_id: state
            for state in folders.of_mailbox(tx, self._mailbox.id)
            if filters.is_folder_wanted(state.path, self._mailbox.filters)
        }
        known = copies.by_items(tx, self._mailbox.id, places)
        failed = set(failures.among_items(tx, self._mailbox.id, key, places))
        moved: list[NewCopy] = []
        gone: list[ItemId] = []
        back: list[ItemId] = []
        here: FolderState | None = None
        for item_id, folder_id in places.items():
            copy, state = known.get(item_id), wanted.get(folder_id) if folder_id else None
            if copy is None and state is None:
                failures.resolve(tx, self._mailbox.id, [item_id], folder_key=key)
            if copy is None or copy.is_gone:
                # What lies in another folder is told there; what could not be read is asked for again anyway.
                if state is not None and state.key == key and item_id not in failed:
                    here = state
                    back.append(item_id)
            elif copy.folder_key == key and state is None:
                gone.append(item_id)
            elif copy.folder_key == key and state is not None and state.key != key:
                moved.append(_moved(copy, state))
        copies.put(tx, moved)
        touched = {copy.email_key for copy in moved}
        touched.update(copies.mark_gone(tx, self._mailbox.id, key, gone))
        intake.show_again(tx, self._mailbox.bucket_id, touched, at=self._now())
        rechecks.drop(tx, key, rechecks.Kind.LEFT, list(places.keys() - set(back)))
        return here, back


def _moved(copy: Copy, to: FolderState) -> NewCopy:
    return NewCopy(
        mailbox_id=copy.mailbox_id,
        folder_key=to.key,
        item_id=copy.item_id,
        email_key=copy.email_key,
        metadata=copy.metadata,
    )
