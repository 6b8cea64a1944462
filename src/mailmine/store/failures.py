"""Items that could not be read, or not wholly: the mailbox went on."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, exists, func, select, update

from mailmine.model.ids import EmailKey, FolderKey, IntegrationId, ItemId, MailboxId
from mailmine.store.among import among, of_one
from mailmine.store.schema import copies, failures, mailboxes
from mailmine.store.types import Moment
from mailmine.store.upsert import insert


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One item that could not be read, or not wholly."""

    mailbox_id: MailboxId
    folder_key: FolderKey
    item_id: ItemId
    code: str
    message: str
    """For a person; holds nothing of the mail."""
    attempts: int
    first_at: datetime
    last_at: datetime
    next_try_at: datetime | None
    """None: given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why items of a mailbox could not be read."""

    code: str
    message: str
    items: int


def record(
    tx: Connection,
    mailbox_id: MailboxId,
    folder_key: FolderKey,
    item_id: ItemId,
    *,
    code: str,
    message: str,
    at: datetime,
    next_try_at: datetime | None,
) -> int:
    """Note that an item could not be read; how often that happened by now."""
    changing = {
        "folder_key": folder_key,
        "code": code,
        "message": message,
        "last_at": at,
        "next_try_at": next_try_at,
    }
    attempts: int = tx.execute(
        insert(tx, failures)
        .values(mailbox_id=mailbox_id, item_id=item_id, first_at=at, attempts=1, **changing)
        .on_conflict_do_update(
            index_elements=["mailbox_id", "item_id"],
            set_=changing | {"attempts": failures.c.attempts + 1},
        )
        .returning(failures.c.attempts)
    ).scalar_one()
    return attempts


def resolve(
    tx: Connection,
    mailbox_id: MailboxId,
    item_ids: Collection[ItemId],
    *,
    folder_key: FolderKey | None = None,
) -> None:
    """Forget failures: the items were read, or are gone (from `folder_key`: what failed elsewhere stays)."""
    if not item_ids:
        return  # as in most rounds
    mine = of_one(tx, failures.c.mailbox_id, mailbox_id) & among(tx, failures.c.item_id, item_ids)
    if folder_key is not None:
        mine &= failures.c.folder_key == folder_key
    tx.execute(delete(failures).where(mine))


def among_items(
    tx: Connection, mailbox_id: MailboxId, folder_key: FolderKey, item_ids: Collection[ItemId]
) -> tuple[ItemId, ...]:
    """Say which of these items failed in a folder."""
    if not item_ids:
        return ()
    mine = of_one(tx, failures.c.mailbox_id, mailbox_id) & (failures.c.folder_key == folder_key)
    query = select(failures.c.item_id).where(mine, among(tx, failures.c.item_id, item_ids))
    return tuple(tx.execute(query).scalars())


def retry(tx: Connection, mailbox_id: MailboxId, *, at: datetime) -> int:
    """Let all items of a mailbox be tried at `at`, also those that were given up; how many they are."""
    mine = failures.c.mailbox_id == mailbox_id
    return tx.execute(update(failures).where(mine).values(next_try_at=at)).rowcount


def leave(tx: Connection, mailbox_id: MailboxId) -> None:
    """Try none of a mailbox's items again under its id; forget those of which nothing is kept."""
    mine = failures.c.mailbox_id == mailbox_id
    kept = (copies.c.mailbox_id == mailbox_id) & (copies.c.item_id == failures.c.item_id)
    tx.execute(delete(failures).where(mine, ~exists().where(kept)))
    tx.execute(update(failures).where(mine).values(next_try_at=None))


def due(tx: Connection, mailbox_id: MailboxId, now: datetime, limit: int) -> tuple[Failure, ...]:
    """List the next items to try again, those that wait longest first."""
    mine = (failures.c.mailbox_id == mailbox_id) & (failures.c.next_try_at <= now)
    rows = tx.execute(select(failures).where(mine).order_by(failures.c.next_try_at).limit(limit))
    return tuple(Failure(**row._asdict()) for row in rows)


def next_try(tx: Connection, mailbox_id: MailboxId) -> datetime | None:
    """Tell when the next item of a mailbox is to be tried again; None: none is."""
    query = select(func.min(failures.c.next_try_at, type_=Moment()))
    found: datetime | None = tx.execute(
        query.where(failures.c.mailbox_id == mailbox_id)
    ).scalar_one()
    return found


def of_mailbox(tx: Connection, mailbox_id: MailboxId, limit: int) -> tuple[Failure, ...]:
    """List the failures of a mailbox, latest first."""
    query = select(failures).where(failures.c.mailbox_id == mailbox_id)
    rows = tx.execute(query.order_by(failures.c.last_at.desc(), failures.c.item_id).limit(limit))
    return tuple(Failure(**row._asdict()) for row in rows)


def of_emails(
    tx: Connection, keys: Collection[EmailKey]
) -> dict[EmailKey, tuple[tuple[MailboxId, ItemId], ...]]:
    """Give the copies of these emails, in whichever mailboxes, that have failures; an email without is not there."""
    own = (failures.c.mailbox_id == copies.c.mailbox_id) & (failures.c.item_id == copies.c.item_id)
    rows = tx.execute(
        select(copies.c.email_key, copies.c.mailbox_id, copies.c.item_id)
        .join(failures, own)
        .where(among(tx, copies.c.email_key, keys))
    )
    found: dict[EmailKey, tuple[tuple[MailboxId, ItemId], ...]] = {}
    for row in rows:
        found[row.email_key] = (*found.get(row.email_key, ()), (row.mailbox_id, row.item_id))
    return found


def reasons(tx: Connection, integration_id: IntegrationId) -> dict[MailboxId, tuple[Reason, ...]]:
    """Say why items of each mailbox of an integration failed, the most frequent reason first."""
    items = func.count()
    counted = (
        select(failures.c.mailbox_id, failures.c.code, failures.c.message, items)
        .join(mailboxes, mailboxes.c.id == failures.c.mailbox_id)
        .where(mailboxes.c.integration_id == integration_id)
        .group_by(failures.c.mailbox_id, failures.c.code, failures.c.message)
        .order_by(items.desc(), failures.c.message)
    )
    found: dict[MailboxId, tuple[Reason, ...]] = {}
    for mailbox_id, code, message, number in tx.execute(counted):
        reason = Reason(code=code, message=message, items=number)
        found[mailbox_id] = (*found.get(mailbox_id, ()), reason)
    return found
