"""How the sync is doing, in few queries whose cost does not grow with the mail: for metrics and for `mailmine status`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, case, func, select, text
from sqlalchemy.sql.selectable import Subquery

from mailmine.model.integration import DisabledReason, FolderStatus
from mailmine.store.schema import (
    attachment_queue,
    failures,
    fills,
    folders,
    integrations,
    mailboxes,
    projects,
    rechecks,
    unindexed,
)

MOST = 100_000
"""What is counted row by row is counted up to here: beyond, it is many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationStanding:
    """An integration, in short."""

    project: str
    name: str
    enabled: bool
    disabled_reason: DisabledReason | None
    is_troubled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxStanding:
    """A mailbox, in short."""

    integration: IntegrationStanding
    address: str
    enabled: bool
    disabled_reason: DisabledReason | None
    is_troubled: bool
    created_at: datetime
    last_round_at: datetime | None
    next_due_at: datetime
    lease_until: datetime | None
    loading: int
    """Folders whose past is being read."""
    left_out: int
    """Folders that cannot be read."""
    unread: int
    """Emails of the folders that are being read which are still to come, as Exchange counted them."""
    retried: int
    """Items that could not be read and are asked for again."""
    given_up: int

    @property
    def is_wanted(self) -> bool:
        """Whether it is to be read."""
        return self.enabled and self.integration.enabled


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All integrations and mailboxes."""

    integrations: tuple[IntegrationStanding, ...]
    mailboxes: tuple[MailboxStanding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """What waits to be done; each number at most `MOST`, but for `fills`."""

    attachments: int
    """Contents of attachments to be fetched."""
    rechecks: int
    """Copies to be looked at again."""
    fills: int
    """Emails of which comments are to be made for sources that came later."""
    words: int
    """Comments that the search does not find yet."""


def take(tx: Connection) -> Overview:
    """Look at all integrations and mailboxes, by name."""
    read, failed = _folders(), _failures()
    of_integration = (
        projects.c.name,
        integrations.c.name,
        integrations.c.enabled,
        integrations.c.disabled_reason,
        integrations.c.trouble.is_not(None),
    )
    query = (
        select(
            mailboxes.c.address,
            mailboxes.c.enabled,
            mailboxes.c.disabled_reason,
            mailboxes.c.trouble.is_not(None).label("is_troubled"),
            mailboxes.c.created_at,
            mailboxes.c.last_round_at,
            mailboxes.c.next_due_at,
            mailboxes.c.lease_until,
            func.coalesce(read.c.loading, 0).label("loading"),
            func.coalesce(read.c.left_out, 0).label("left_out"),
            func.coalesce(read.c.unread, 0).label("unread"),
            func.coalesce(failed.c.retried, 0).label("retried"),
            func.coalesce(failed.c.given_up, 0).label("given_up"),
            *of_integration,
        )
        .select_from(integrations)
        .join(projects)
        .outerjoin(mailboxes, mailboxes.c.integration_id == integrations.c.id)
        .outerjoin(read, read.c.mailbox_id == mailboxes.c.id)
        .outerjoin(failed, failed.c.mailbox_id == mailboxes.c.id)
        .order_by(projects.c.name, integrations.c.name, mailboxes.c.address)
    )
    seen: dict[tuple[str, str], IntegrationStanding] = {}
    standings: list[MailboxStanding] = []
    for row in tx.execute(query):
        project, name, enabled, reason, is_troubled = row[-len(of_integration) :]
        integration = seen.setdefault(
            (project, name),
            IntegrationStanding(
                project=project,
                name=name,
                enabled=enabled,
                disabled_reason=_reason(reason),
                is_troubled=bool(is_troubled),
            ),
        )
        if row.address is not None:
            standings.append(
                MailboxStanding(
                    integration=integration,
                    address=row.address,
                    enabled=row.enabled,
                    disabled_reason=_reason(row.disabled_reason),
                    is_troubled=bool(row.is_troubled),
                    created_at=row.created_at,
                    last_round_at=row.last_round_at,
                    next_due_at=row.next_due_at,
                    lease_until=row.lease_until,
                    loading=row.loading,
                    left_out=row.left_out,
                    unread=int(row.unread),
                    retried=row.retried,
                    given_up=row.given_up,
                )
            )
    return Overview(integrations=tuple(seen.values()), mailboxes=tuple(standings))


def queues(tx: Connection) -> Queues:
    """Count what waits."""
    left = select(func.coalesce(func.sum(fills.c.total - fills.c.done), 0)).scalar_subquery()
    row = tx.execute(
        select(
            _up_to_most(select(attachment_queue.c.mailbox_id)).label("attachments"),
            _up_to_most(select(rechecks.c.folder_key)).label("rechecks"),
            left.label("fills"),
            _up_to_most(select(unindexed.c.time_key)).label("words"),
        )
    ).one()
    return Queues(
        attachments=row.attachments,
        rechecks=row.rechecks,
        fills=int(row.fills),
        words=row.words,
    )


def size(tx: Connection) -> int:
    """Count the bytes of the database."""
    asked = {
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        "postgresql": "SELECT pg_database_size(current_database())",
    }
    return int(tx.execute(text(asked[tx.dialect.name])).scalar_one())


def _folders() -> Subquery:
    """Sum up the folders of each mailbox."""
    is_loading = (folders.c.status == FolderStatus.IN_PROGRESS) & folders.c.reading_since.is_not(
        None
    )
    unread = case(
        (
            is_loading & (folders.c.total > folders.c.emails_read),
            folders.c.total - folders.c.emails_read,
        ),
        else_=0,
    )
    return (
        select(
            folders.c.mailbox_id,
            func.sum(case((is_loading, 1), else_=0)).label("loading"),
            func.sum(case((folders.c.trouble.is_not(None), 1), else_=0)).label("left_out"),
            func.sum(unread).label("unread"),
        )
        .where(folders.c.is_gone.is_(False))
        .group_by(folders.c.mailbox_id)
        .subquery()
    )


def _failures() -> Subquery:
    """Count the failures of each mailbox."""
    some = select(failures.c.mailbox_id, failures.c.next_try_at).limit(MOST).subquery()
    return (
        select(
            some.c.mailbox_id,
            func.count(some.c.next_try_at).label("retried"),
            (func.count() - func.count(some.c.next_try_at)).label("given_up"),
        )
        .group_by(some.c.mailbox_id)
        .subquery()
    )


def _up_to_most(rows: Select[Any]) -> Any:
    return select(func.count()).select_from(rows.limit(MOST).subquery()).scalar_subquery()


def _reason(value: str | None) -> DisabledReason | None:
    return None if value is None else DisabledReason(value)
