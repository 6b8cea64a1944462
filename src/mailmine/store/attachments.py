"""Attachments whose content is kept, and those whose content is still to be fetched."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, select, update

from mailmine.model.ids import (
    AttachmentReference,
    BucketId,
    ContentHash,
    EmailKey,
    ItemId,
    MailboxId,
)
from mailmine.store import amounts, contents, orphans
from mailmine.store.among import among
from mailmine.store.amounts import Amount
from mailmine.store.schema import attachment_queue, attachments, emails
from mailmine.store.types import Moment
from mailmine.store.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAttachment:
    """An attachment whose content is kept."""

    reference: AttachmentReference
    email_key: EmailKey
    bucket_id: BucketId
    index: int
    """Its place in `Email.attachments`."""
    name: str
    content_type: str
    size: int
    """Bytes."""
    content_hash: ContentHash


def put(
    tx: Connection,
    email_key: EmailKey,
    index: int,
    *,
    name: str,
    content_type: str,
    size: int,
    content_hash: ContentHash,
) -> StoredAttachment:
    """Keep what an attachment is called and where its content lies.

    The reference is random and made once: putting the attachment again keeps it, and the content that it had
    may be an orphan then. Raises NotFound if there is no such email.
    """
    mine = (attachments.c.email_key == email_key) & (attachments.c.index == index)
    place = {"email_key": email_key, "index": index}
    said = {"name": name, "content_type": content_type, "size": size, "content_hash": content_hash}
    more = contents.put(tx, attachments, place, said)
    kept = StoredAttachment(**tx.execute(_rows().where(mine)).one()._asdict())
    amounts.note_in_bucket(tx, kept.bucket_id, Amount(0, more))
    return kept


def keep_only(tx: Connection, email_key: EmailKey, indexes: Collection[int]) -> None:
    """Forget all contents of an email but these, and fetch no others: it says something else now."""
    others = (attachments.c.email_key == email_key) & attachments.c.index.not_in(indexes)
    _forget(tx, others)
    queue = attachment_queue.c
    tx.execute(
        delete(attachment_queue).where(queue.email_key == email_key, queue.index.not_in(indexes))
    )


def forget(tx: Connection, email_keys: Collection[EmailKey]) -> None:
    """Keep the contents of these emails no longer, and fetch none of them any more."""
    _forget(tx, among(tx, attachments.c.email_key, email_keys))
    tx.execute(delete(attachment_queue).where(among(tx, attachment_queue.c.email_key, email_keys)))


def _forget(tx: Connection, which: ColumnElement[bool]) -> None:
    held = tx.execute(_rows().where(which).with_for_update(of=attachments)).all()
    if held:
        orphans.add(tx, {row.content_hash for row in held})
        tx.execute(delete(attachments).where(which))
    for bucket_id in {row.bucket_id for row in held}:
        octets = sum(row.size for row in held if row.bucket_id == bucket_id)
        amounts.note_in_bucket(tx, bucket_id, -Amount(0, octets))


def by_reference(tx: Connection, reference: AttachmentReference) -> StoredAttachment | None:
    """Find an attachment by its reference."""
    row = tx.execute(_rows().where(attachments.c.reference == reference)).one_or_none()
    return None if row is None else StoredAttachment(**row._asdict())


def of_email(tx: Connection, email_key: EmailKey) -> tuple[StoredAttachment, ...]:
    """List the kept attachments of an email, in their order."""
    mine = attachments.c.email_key == email_key
    rows = tx.execute(_rows().where(mine).order_by(attachments.c.index))
    return tuple(StoredAttachment(**row._asdict()) for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedAttachment:
    """An attachment whose content is to be fetched."""

    item_id: ItemId
    """The copy to fetch it from."""
    email_key: EmailKey
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedAttachment:
    """One that waits in the queue of a mailbox."""

    mailbox_id: MailboxId
    item_id: ItemId
    email_key: EmailKey
    index: int
    attempts: int
    """How often it was tried in vain."""
    next_try_at: datetime


def queue(
    tx: Connection, mailbox_id: MailboxId, wanted: Sequence[WantedAttachment], *, at: datetime
) -> None:
    """Let contents be fetched from `at` on; one that waits already gets the new item id."""
    if wanted:
        key = ("mailbox_id", "email_key", "index")
        tx.execute(
            upsert(tx, attachment_queue, key=key, change=("item_id",)),
            [
                {
                    "mailbox_id": mailbox_id,
                    "item_id": one.item_id,
                    "email_key": one.email_key,
                    "index": one.index,
                    "attempts": 0,
                    "next_try_at": at,
                }
                for one in wanted
            ],
        )


def queued(
    tx: Connection, mailbox_id: MailboxId, now: datetime, limit: int
) -> tuple[QueuedAttachment, ...]:
    """List the next contents to fetch, those that wait longest first."""
    due = attachment_queue.c.next_try_at
    mine = (attachment_queue.c.mailbox_id == mailbox_id) & (due <= now)
    rows = tx.execute(select(attachment_queue).where(mine).order_by(due).limit(limit))
    return tuple(QueuedAttachment(**row._asdict()) for row in rows)


def next_try(tx: Connection, mailbox_id: MailboxId) -> datetime | None:
    """Tell when the next content of a mailbox is to be fetched; None: none is."""
    query = select(func.min(attachment_queue.c.next_try_at, type_=Moment()))
    found: datetime | None = tx.execute(
        query.where(attachment_queue.c.mailbox_id == mailbox_id)
    ).scalar_one()
    return found


def done(tx: Connection, one: QueuedAttachment) -> None:
    """Take it off the queue: it was fetched, or given up."""
    tx.execute(delete(attachment_queue).where(_is(one)))


def unqueue(tx: Connection, mailbox_id: MailboxId) -> None:
    """Take all of a mailbox off the queue."""
    mine = attachment_queue.c.mailbox_id == mailbox_id
    tx.execute(delete(attachment_queue).where(mine))


def failed(tx: Connection, one: QueuedAttachment, *, next_try_at: datetime) -> None:
    """Let it be tried again later."""
    attempts = attachment_queue.c.attempts + 1
    tx.execute(
        update(attachment_queue).where(_is(one)).values(attempts=attempts, next_try_at=next_try_at)
    )


def _is(one: QueuedAttachment) -> Any:
    return (
        (attachment_queue.c.mailbox_id == one.mailbox_id)
        & (attachment_queue.c.email_key == one.email_key)
        & (attachment_queue.c.index == one.index)
    )


def _rows() -> Select[Any]:
    return select(attachments, emails.c.bucket_id).join(emails)
