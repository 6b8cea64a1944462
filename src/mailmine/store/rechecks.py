"""Copies of a folder that are to be looked at once more, batch by batch: what a rename or a lost place leaves to do.

Written in one statement in the transaction that makes them necessary, so that nothing is forgotten in a crash
and no transaction grows with the folder.
"""

from collections.abc import Collection
from enum import StrEnum

from sqlalchemy import Connection, delete, literal, select

from mailmine.model.ids import FolderKey, ItemId, MailboxId
from mailmine.store.among import among, of_one
from mailmine.store.schema import copies, folders, rechecks
from mailmine.store.upsert import insert


class Kind(StrEnum):
    """Why a copy is looked at again."""

    PLACE = "place"
    """The folder has another name: the comments show the old one."""
    UNSEEN = "unseen"
    """The folder is read from its beginning, and this copy was not seen again yet."""
    LEFT = "left"
    """The copy is said to have left the folder; where it lies now is to be asked."""


def begin(tx: Connection, folder_key: FolderKey, kind: Kind) -> int:
    """Line up all copies that lie in the folder; how many were not yet."""
    lying = select(literal(folder_key), literal(kind.value), copies.c.item_id).where(
        copies.c.folder_key == folder_key, copies.c.is_gone.is_(False)
    )
    statement = insert(tx, rechecks).from_select(["folder_key", "kind", "item_id"], lying)
    return tx.execute(statement.on_conflict_do_nothing()).rowcount


def add(tx: Connection, folder_key: FolderKey, kind: Kind, item_ids: Collection[ItemId]) -> None:
    """Line up these copies of the folder."""
    if item_ids:
        rows = [{"folder_key": folder_key, "kind": kind, "item_id": item} for item in item_ids]
        tx.execute(insert(tx, rechecks).on_conflict_do_nothing(), rows)


def take(
    tx: Connection,
    folder_key: FolderKey,
    kind: Kind,
    *,
    limit: int,
    after: ItemId | None = None,
) -> tuple[ItemId, ...]:
    """Give some of those lined up, in the order of their ids, those `after` an id; they stay until they are dropped."""
    mine = (rechecks.c.folder_key == folder_key) & (rechecks.c.kind == kind)
    query = select(rechecks.c.item_id).where(mine).order_by(rechecks.c.item_id).limit(limit)
    if after is not None:
        query = query.where(rechecks.c.item_id > after)
    return tuple(tx.execute(query).scalars())


def drop(tx: Connection, folder_key: FolderKey, kind: Kind, item_ids: Collection[ItemId]) -> None:
    """Take these off the line."""
    if item_ids:
        tx.execute(
            delete(rechecks).where(
                of_one(tx, rechecks.c.folder_key, folder_key),
                rechecks.c.kind == kind,
                among(tx, rechecks.c.item_id, item_ids),
            )
        )


def drop_all(tx: Connection, folder_key: FolderKey, kind: Kind) -> None:
    """Take all that is lined up of this kind off the line."""
    mine = (rechecks.c.folder_key == folder_key) & (rechecks.c.kind == kind)
    tx.execute(delete(rechecks).where(mine))


def pending(tx: Connection, mailbox_id: MailboxId) -> frozenset[tuple[FolderKey, Kind]]:
    """Tell which folders of a mailbox have something lined up."""
    rows = tx.execute(
        select(rechecks.c.folder_key, rechecks.c.kind)
        .join(folders, folders.c.key == rechecks.c.folder_key)
        .where(folders.c.mailbox_id == mailbox_id)
        .distinct()
    )
    return frozenset((FolderKey(row.folder_key), Kind(row.kind)) for row in rows)
