"""Copies: in which folders of which mailboxes an email lies, and what Exchange says of each copy."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, bindparam, delete, func, select, update

from mailmine.model.email import Metadata
from mailmine.model.ids import EmailKey, FolderKey, ItemId, MailboxId
from mailmine.store import many
from mailmine.store.among import among, of_one
from mailmine.store.schema import copies, copy_order, emails, folders, mailboxes
from mailmine.store.types import encode


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCopy:
    """A copy as it was read now."""

    mailbox_id: MailboxId
    folder_key: FolderKey
    item_id: ItemId
    email_key: EmailKey
    metadata: Metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One copy of an email."""

    mailbox_id: MailboxId
    mailbox: str
    """The mailbox's address."""
    folder_key: FolderKey
    folder_path: tuple[str, ...]
    item_id: ItemId
    email_key: EmailKey
    metadata: Metadata
    """Its `folder` is the path that the folder has now."""
    order: int
    """The copy synced last has the highest."""
    is_gone: bool


def by_items(
    tx: Connection, mailbox_id: MailboxId, item_ids: Collection[ItemId]
) -> dict[ItemId, Copy]:
    """Find the copies of a mailbox under these item ids, gone ones too."""
    mine = of_one(tx, copies.c.mailbox_id, mailbox_id) & among(tx, copies.c.item_id, item_ids)
    return {copy.item_id: copy for copy in map(_copy, tx.execute(_rows().where(mine)))}


def of_emails(tx: Connection, keys: Collection[EmailKey]) -> dict[EmailKey, tuple[Copy, ...]]:
    """All copies of these emails, synced last first, gone ones too."""
    rows = tx.execute(
        _rows().where(among(tx, copies.c.email_key, keys)).order_by(copies.c.order.desc())
    )
    found: dict[EmailKey, list[Copy]] = {}
    for row in rows:
        found.setdefault(row.email_key, []).append(_copy(row))
    return {key: tuple(places) for key, places in found.items()}


def by_fingerprints(
    tx: Connection, mailbox_id: MailboxId, fingerprints: Collection[str]
) -> dict[str, tuple[Copy, ...]]:
    """Find the copies of a mailbox whose emails have these fingerprints, gone ones too. Reads all of its copies."""
    rows = tx.execute(
        _rows()
        .add_columns(emails.c.fingerprint)
        .join(emails, emails.c.key == copies.c.email_key)
        .where(copies.c.mailbox_id == mailbox_id, among(tx, emails.c.fingerprint, fingerprints))
    )
    found: dict[str, list[Copy]] = {}
    for row in rows:
        found.setdefault(row.fingerprint, []).append(_copy(row))
    return {fingerprint: tuple(some) for fingerprint, some in found.items()}


def put(tx: Connection, new: Sequence[NewCopy]) -> None:
    """Keep copies; each becomes the one of its email that was synced last, the last of `new` at the end."""
    if not new:
        return
    rows = [
        {
            "order": order,
            "mailbox_id": copy.mailbox_id,
            "item_id": copy.item_id,
            "folder_key": copy.folder_key,
            "email_key": copy.email_key,
            "metadata": encode(replace(copy.metadata, folder=(), is_read=None)),
            "is_read": copy.metadata.is_read,
            "is_gone": False,
        }
        for order, copy in zip(_take_numbers(tx, len(new)), new, strict=True)
    ]
    change = ("order", "folder_key", "email_key", "metadata", "is_read", "is_gone")
    many.put(tx, copies, rows, key=("mailbox_id", "item_id"), change=change)


def set_read(tx: Connection, mailbox_id: MailboxId, item_ids_read: Mapping[ItemId, bool]) -> None:
    """Note that items were read, or marked as unread; changes nothing else of their copies."""
    if item_ids_read:
        tx.execute(
            update(copies)
            .where(copies.c.mailbox_id == mailbox_id, copies.c.item_id == bindparam("item"))
            .values(is_read=bindparam("read")),
            [{"item": item, "read": read} for item, read in item_ids_read.items()],
        )


def mark_gone(
    tx: Connection, mailbox_id: MailboxId, folder_key: FolderKey, item_ids: Collection[ItemId]
) -> tuple[EmailKey, ...]:
    """Note that items no longer lie in a folder; copies that lie elsewhere by now are left alone.

    Returns the emails concerned, each once.
    """
    left = tx.execute(
        update(copies)
        .where(
            of_one(tx, copies.c.mailbox_id, mailbox_id),
            of_one(tx, copies.c.folder_key, folder_key),
            among(tx, copies.c.item_id, item_ids),
            copies.c.is_gone.is_(False),
        )
        .values(is_gone=True)
        .returning(copies.c.email_key)
    )
    return tuple(dict.fromkeys(left.scalars()))


def remove_some(tx: Connection, mailbox_id: MailboxId, *, limit: int) -> int:
    """Forget any `limit` copies of a mailbox that goes, and say how many there were; their comments stay as they are."""
    some = select(copies.c.order).where(copies.c.mailbox_id == mailbox_id).limit(limit)
    gone = tx.execute(some).scalars().all()
    if gone:
        tx.execute(delete(copies).where(copies.c.order.in_(gone)))
    return len(gone)


def _take_numbers(tx: Connection, count: int) -> Sequence[int]:
    """Take `count` rising numbers for `order`, higher than all before."""
    if tx.dialect.name == "sqlite":
        highest = tx.execute(select(func.max(copies.c.order))).scalar_one() or 0
        return range(highest + 1, highest + 1 + count)
    series = func.generate_series(1, count).table_valued("n")
    return sorted(tx.execute(select(copy_order.next_value()).select_from(series)).scalars())


_decoder = msgspec.json.Decoder(Metadata)


def _rows() -> Select[Any]:
    return (
        select(copies, mailboxes.c.address.label("mailbox"), folders.c.path.label("folder_path"))
        .join(mailboxes, mailboxes.c.id == copies.c.mailbox_id)
        .join(folders, folders.c.key == copies.c.folder_key)
    )


def _copy(row: Row[Any]) -> Copy:
    values = row._asdict()
    values.pop("fingerprint", None)
    metadata = replace(
        _decoder.decode(values["metadata"]),
        folder=values["folder_path"],
        is_read=values.pop("is_read"),
    )
    return Copy(**values | {"metadata": metadata})
