"""Folders of a mailbox, and how far each one has been read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Boolean, Connection, Row, bindparam, case, exists, func, select, update

from mailmine.model.ids import Cursor, FolderId, FolderKey, IntegrationId, MailboxId
from mailmine.model.integration import FolderStatus, Trouble
from mailmine.store.errors import NotFound
from mailmine.store.schema import copies, folders, mailboxes
from mailmine.store.types import Moment
from mailmine.store.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFolder:
    """A folder as the reader saw it."""

    folder_id: FolderId
    path: tuple[str, ...]
    total: int
    well_known: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderState:
    """A folder, and how far it has been read."""

    key: FolderKey
    mailbox_id: MailboxId
    folder_id: FolderId
    path: tuple[str, ...]
    total: int
    well_known: str | None
    last_change: str | None
    """The reader's hint as of the last complete reading."""
    cursor: Cursor | None
    status: FolderStatus
    synced_until: datetime | None
    last_synced_at: datetime | None
    reading_since: datetime | None
    """When the loading that is still going on began; None once up to date."""
    is_gone: bool
    trouble: Trouble | None
    emails_read: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPlace:
    """How far a folder has been read now."""

    key: FolderKey
    cursor: Cursor | None
    status: FolderStatus
    last_change: str | None
    synced_until: datetime | None
    at: datetime
    """When it was read."""
    read: int = 0
    """Emails that came of it this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How far the first load of a mailbox is, of those of its folders that were begun and not read to their end."""

    folders: int
    emails_read: int
    stored_at: datetime
    """When a page of them was last stored."""


def of_mailbox(
    tx: Connection, mailbox_id: MailboxId, *, with_gone: bool = False
) -> tuple[FolderState, ...]:
    """List the folders of a mailbox, by path."""
    query = select(folders).where(folders.c.mailbox_id == mailbox_id)
    if not with_gone:
        query = query.where(folders.c.is_gone.is_(False))
    return tuple(sorted(map(_state, tx.execute(query)), key=lambda state: state.path))


def of_integration(
    tx: Connection, integration_id: IntegrationId
) -> dict[MailboxId, tuple[FolderState, ...]]:
    """List the folders of all mailboxes of an integration that are not gone, by path."""
    query = (
        select(folders)
        .join(mailboxes, mailboxes.c.id == folders.c.mailbox_id)
        .where(mailboxes.c.integration_id == integration_id, folders.c.is_gone.is_(False))
    )
    found: dict[MailboxId, list[FolderState]] = {}
    for state in sorted(map(_state, tx.execute(query)), key=lambda state: state.path):
        found.setdefault(state.mailbox_id, []).append(state)
    return {mailbox_id: tuple(states) for mailbox_id, states in found.items()}


def loads(tx: Connection) -> dict[MailboxId, Load]:
    """Say of each mailbox in which a first load is under way how far it is."""
    begun = (
        select(
            folders.c.mailbox_id,
            func.count().label("folders"),
            func.sum(folders.c.emails_read).label("emails_read"),
            func.max(folders.c.last_synced_at, type_=Moment()).label("stored_at"),
        )
        .where(
            folders.c.status == FolderStatus.IN_PROGRESS,
            folders.c.is_gone.is_(False),
            folders.c.synced_until.is_(None),
            folders.c.last_synced_at.is_not(None),
        )
        .group_by(folders.c.mailbox_id)
    )
    return {
        MailboxId(row.mailbox_id): Load(
            folders=row.folders, emails_read=int(row.emails_read), stored_at=row.stored_at
        )
        for row in tx.execute(begun)
    }


def save_tree(
    tx: Connection,
    mailbox_id: MailboxId,
    seen: Sequence[SeenFolder],
    *,
    is_complete: bool,
) -> tuple[FolderState, ...]:
    """Keep the folders as they were seen: new ones, new names, and what came back.

    One that is missing is gone, but only if `is_complete`. Returns those that are there.
    """
    if seen:
        tx.execute(
            upsert(
                tx,
                folders,
                key=("mailbox_id", "folder_id"),
                change=("path", "total", "well_known", "is_gone"),
            ),
            [
                {
                    "mailbox_id": mailbox_id,
                    "folder_id": folder.folder_id,
                    "path": folder.path,
                    "total": folder.total,
                    "well_known": folder.well_known,
                    "status": FolderStatus.IN_PROGRESS,
                    "is_gone": False,
                    "emails_read": 0,
                }
                for folder in seen
            ],
        )
    present = {folder.folder_id for folder in seen}
    states = of_mailbox(tx, mailbox_id)
    gone = [state.key for state in states if state.folder_id not in present]
    if is_complete and gone:
        tx.execute(update(folders).where(folders.c.key.in_(gone)).values(is_gone=True))
        states = tuple(state for state in states if state.folder_id in present)
    return states


def save_places(tx: Connection, places: Collection[FolderPlace]) -> None:
    """Remember how far folders have been read, one after the other; belongs into the transaction of what was read.

    Mends their trouble. Raises NotFound if one is not there.
    """
    if not places:
        return
    rows = [
        {
            "of": place.key,
            "new_cursor": place.cursor,
            "new_status": place.status,
            "new_last_change": place.last_change,
            "new_synced_until": place.synced_until,
            "now": place.at,
            "is_reading": place.status is FolderStatus.IN_PROGRESS,
            "more": place.read,
        }
        for place in places
    ]
    if tx.execute(_SAVE_PLACE, rows).rowcount < len(rows):
        raise NotFound("This folder does not exist any more.")


_AT: Final = bindparam("now", type_=Moment())
_SAVE_PLACE: Final = (
    update(folders)
    .where(folders.c.key == bindparam("of"))
    .values(
        cursor=bindparam("new_cursor", type_=folders.c.cursor.type),
        status=bindparam("new_status", type_=folders.c.status.type),
        last_change=bindparam("new_last_change", type_=folders.c.last_change.type),
        synced_until=bindparam("new_synced_until", type_=Moment()),
        last_synced_at=_AT,
        reading_since=case(
            (bindparam("is_reading", type_=Boolean()), func.coalesce(folders.c.reading_since, _AT)),
            else_=None,
        ),
        trouble=None,
        emails_read=folders.c.emails_read + bindparam("more", type_=folders.c.emails_read.type),
    )
)


def early(tx: Connection, mailbox_id: MailboxId) -> frozenset[FolderKey]:
    """Name the folders of a mailbox that were not begun, but of which there are copies all the same: mail that was taken in first."""
    lying = exists().where(copies.c.folder_key == folders.c.key, copies.c.is_gone.is_(False))
    query = select(folders.c.key).where(
        folders.c.mailbox_id == mailbox_id, folders.c.cursor.is_(None), lying
    )
    return frozenset(tx.execute(query).scalars())


def forget_place(tx: Connection, key: FolderKey) -> None:
    """Let the folder be read from its beginning; what was synced stays so."""
    _set(tx, key, cursor=None, status=FolderStatus.IN_PROGRESS, last_change=None)


def start_anew(tx: Connection, key: FolderKey) -> None:
    """Let the folder be as if it had never been read: other mail of it is wanted, or somebody asks for it."""
    forget_place(tx, key)
    _set(tx, key, synced_until=None, last_synced_at=None)


def set_trouble(tx: Connection, key: FolderKey, trouble: Trouble | None) -> None:
    """Say what is wrong with a folder, or that nothing is."""
    _set(tx, key, trouble=trouble)


def _set(tx: Connection, key: FolderKey, **values: Any) -> None:
    if tx.execute(update(folders).where(folders.c.key == key).values(**values)).rowcount == 0:
        raise NotFound("This folder does not exist any more.")


def _state(row: Row[Any]) -> FolderState:
    values = row._asdict()
    return FolderState(**values | {"status": FolderStatus(values["status"])})
