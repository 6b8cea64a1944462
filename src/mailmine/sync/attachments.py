"""Contents of attachments: fetched apart from their emails, which never wait for them.

What is wanted stands in the store's queue since the transaction that brought the email. The item is read
again for it, since an attachment's id holds only as long as its item stays where it is.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import structlog
from sqlalchemy import Connection as Transaction

from mailmine import metrics
from mailmine.exchange.faults import Code, ExchangeError, Scope, Where
from mailmine.exchange.reader import Fetched, Item, ItemFault, Reader
from mailmine.model.email import Attachment
from mailmine.model.ids import ContentHash, ItemId
from mailmine.model.integration import Mailbox
from mailmine.store import attachments, comments, copies, emails, failures
from mailmine.store.attachments import QueuedAttachment, WantedAttachment
from mailmine.store.blobs import Blobs
from mailmine.store.comments import NewComment
from mailmine.store.errors import ContentsUnavailable
from mailmine.sync import policy, schedule
from mailmine.sync.intake import with_content

log = structlog.get_logger(__name__)

T = TypeVar("T")

ITEMS = 10
"""Items that are read at a time for the sake of their attachments."""


class Transact(Protocol):
    """Does something in a transaction of its own."""

    def __call__(self, act: Callable[[Transaction], T], /) -> Awaitable[T]:
        """Give what `act` gave."""
        ...


def counterpart(
    kept: Sequence[Attachment], index: int, listed: Sequence[Attachment]
) -> Attachment | None:
    """Find an attachment of a kept email among those that are listed now, maybe in the order of another way of reading."""
    if index >= len(kept):
        return listed[index] if index < len(listed) else None
    name = kept[index].name
    if index < len(listed) and listed[index].name == name:
        return listed[index]
    alike = [one for one in listed if one.name == name]
    number = sum(one.name == name for one in kept[:index])
    return alike[number] if number < len(alike) else None


class Contents:
    """Fetches the contents of one mailbox's attachments."""

    def __init__(
        self,
        mailbox: Mailbox,
        *,
        reader: Reader,
        blobs: Blobs,
        read: Transact,
        write: Transact,
        now: Callable[[], datetime],
    ) -> None:
        self._mailbox = mailbox
        self._reader = reader
        self._blobs = blobs
        self._read = read
        self._write = write
        self._now = now

    async def fetch(self, limit: int, is_over: Callable[[], bool]) -> bool:
        """Fetch at most `limit` contents; tells whether there is more to be fetched now.

        Where they are kept may be away: then they stay in the queue, and mail goes on. Raises ExchangeError where more
        than an attachment is at fault.
        """
        if self._blobs.is_away:
            return False
        try:
            return await self._fetch(limit, is_over)
        except ContentsUnavailable as error:
            log.warning("attachments put off", error=str(error))
            return False

    async def _fetch(self, limit: int, is_over: Callable[[], bool]) -> bool:
        queued = await self._read(
            lambda tx: attachments.queued(tx, self._mailbox.id, self._now(), limit)
        )
        by_item: dict[ItemId, list[QueuedAttachment]] = defaultdict(list)
        for one in queued:
            by_item[one.item_id].append(one)
        item_ids = list(by_item)
        for start in range(0, len(item_ids), ITEMS):
            if start and is_over():
                return True
            batches = self._reader.fetch(item_ids[start : start + ITEMS])
            for fetched in [one async for batch in batches for one in batch]:
                await self._of_item(fetched, by_item[fetched.id])
        return len(queued) == limit

    async def _of_item(self, fetched: Fetched, queued: Sequence[QueuedAttachment]) -> None:
        """Fetch what is wanted of one item."""
        match fetched:
            case Item(email=email):
                kept = await self._read(lambda tx: emails.get(tx, queued[0].email_key))
                names = kept.email.attachments if kept is not None else ()
                for one in queued:
                    attachment = counterpart(names, one.index, email.attachments)
                    if attachment is not None:
                        await self._one(fetched.id, attachment, one)
                    else:
                        await self._failed(one, Code.NO_CONTENT)
            case ItemFault(fault=fault):
                for one in queued:
                    await self._failed(one, fault.code, fault.request_id)
            case _:
                await self._write(lambda tx: self._elsewhere(tx, queued))

    async def _one(self, item_id: ItemId, attachment: Attachment, queued: QueuedAttachment) -> None:
        """Fetch one content, and let the comments name it."""
        try:
            content = self._reader.attachment(item_id, attachment)
            content_hash, size = await self._blobs.put(content)
        except ExchangeError as error:
            if error.fault.scope is not Scope.ITEM:
                raise
            await self._failed(queued, error.fault.code, error.fault.request_id)
            return
        await self._write(lambda tx: self._keep(tx, queued, attachment, content_hash, size))
        log.debug("attachment kept", item=item_id, index=queued.index, size=size)

    def _keep(
        self,
        tx: Transaction,
        queued: QueuedAttachment,
        attachment: Attachment,
        content_hash: ContentHash,
        size: int,
    ) -> None:
        comments.take_turns(tx, self._mailbox.bucket_id)
        kept = attachments.put(
            tx,
            queued.email_key,
            queued.index,
            name=attachment.name,
            content_type=attachment.content_type,
            size=size,
            content_hash=content_hash,
        )
        for stored in comments.of_emails(tx, [queued.email_key]):
            comment = with_content(stored.comment, queued.index, kept)
            row = NewComment(comment=comment, email_key=stored.email_key, refined=stored.refined)
            comments.put(tx, stored.source_id, [row], at=self._now())
        attachments.done(tx, queued)

    def _elsewhere(self, tx: Transaction, queued: Sequence[QueuedAttachment]) -> None:
        """Look for the attachments in another copy; where there is none yet, its arrival will line them up."""
        lying = copies.of_emails(tx, {one.email_key for one in queued})
        for one in queued:
            others = [
                copy.item_id
                for copy in lying.get(one.email_key, ())
                if copy.mailbox_id == self._mailbox.id
                and not copy.is_gone
                and copy.item_id != one.item_id
            ]
            if others:
                wanted = WantedAttachment(
                    item_id=others[0], email_key=one.email_key, index=one.index
                )
                attachments.queue(tx, self._mailbox.id, [wanted], at=self._now())
            else:
                attachments.done(tx, one)

    async def _failed(
        self, queued: QueuedAttachment, code: str, request_id: str | None = None
    ) -> None:
        """Note that a content could not be had; it is asked for again, a few times."""
        metrics.went_wrong(code, request_id)
        log.warning(
            "attachment not read",
            item=queued.item_id,
            index=queued.index,
            code=code,
            request=request_id,
        )
        await self._write(lambda tx: self._note_failed(tx, queued, code))

    def _note_failed(self, tx: Transaction, queued: QueuedAttachment, code: str) -> None:
        now = self._now()
        retry_at = schedule.item_retry(now, queued.attempts + 1)
        if retry_at is not None:
            attachments.failed(tx, queued, next_try_at=retry_at)
            return
        attachments.done(tx, queued)
        copy = copies.by_items(tx, self._mailbox.id, [queued.item_id]).get(queued.item_id)
        if copy is not None:
            failures.record(
                tx,
                self._mailbox.id,
                copy.folder_key,
                queued.item_id,
                code=code,
                message=f"The content of attachment {queued.index + 1} could not be read. {policy.rule(Where.CLIENT, code).remedy}",
                at=now,
                next_try_at=None,
            )
