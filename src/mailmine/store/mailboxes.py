"""Mailboxes: their configuration, and when they are read next.

The schedule is data: `next_due_at` says when the next round begins. Whose turn it is tells `turns`, who reads them `leases`.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Row,
    Select,
    and_,
    case,
    delete,
    exists,
    func,
    literal,
    select,
    update,
)

from mailmine.model.ids import BucketId, IntegrationId, MailboxId
from mailmine.model.integration import DisabledReason, Filters, Mailbox, Trouble
from mailmine.store import settings, strikes
from mailmine.store.among import among
from mailmine.store.errors import NotFound
from mailmine.store.leases import is_free, lockable
from mailmine.store.schema import mailboxes
from mailmine.store.switch import switched
from mailmine.store.types import Moment, new_id
from mailmine.store.upsert import insert

_SCHEDULE = {
    "woken_at",
    "lease_owner",
    "lease_until",
    "lease_epoch",
    "read_by",
    "rest_tree",
    "rest_until",
}
"""What is no part of a `Mailbox`."""
COLUMNS = [column for column in mailboxes.c if column.name not in _SCHEDULE]
"""Those of a `Mailbox`."""


def list_all(tx: Connection) -> tuple[Mailbox, ...]:
    """All mailboxes, by address."""
    return _all(tx, _rows().order_by(mailboxes.c.address))


def of_integration(tx: Connection, integration_id: IntegrationId) -> tuple[Mailbox, ...]:
    """List the mailboxes of an integration, by address."""
    mine = mailboxes.c.integration_id == integration_id
    return _all(tx, _rows().where(mine).order_by(mailboxes.c.address))


def of_bucket(tx: Connection, bucket_id: BucketId) -> tuple[Mailbox, ...]:
    """List the mailboxes that fill a bucket, of whatever integration, by address."""
    mine = mailboxes.c.bucket_id == bucket_id
    return _all(tx, _rows().where(mine).order_by(mailboxes.c.address))


def is_any_disabled(tx: Connection, reason: DisabledReason) -> bool:
    """Whether there is one that is off for this reason."""
    off = ~mailboxes.c.enabled & (mailboxes.c.disabled_reason == reason)
    return tx.execute(select(exists().where(off))).scalar_one()


def by_id(tx: Connection, mailbox_id: MailboxId) -> Mailbox | None:
    """Find a mailbox by its id."""
    row = tx.execute(_rows().where(mailboxes.c.id == mailbox_id)).one_or_none()
    return None if row is None else _mailbox(row)


def by_ids(tx: Connection, ids: Collection[MailboxId]) -> tuple[Mailbox, ...]:
    """Find mailboxes by their ids; those that are not there any more are left out."""
    return _all(tx, _rows().where(among(tx, mailboxes.c.id, ids))) if ids else ()


def save(
    tx: Connection,
    integration_id: IntegrationId,
    address: str,
    *,
    bucket_id: BucketId,
    enabled: bool = True,
    start_at: datetime | None = None,
    filters: Filters | None = None,
    sync_attachments: bool = False,
) -> Mailbox:
    """Insert a mailbox, due at once, or replace its configuration; keeps its id and state.

    `enabled` is what a person wants (see `switch`). An address is the same in any case. Raises
    NotFound if there is no such integration or bucket.
    """
    now = datetime.now(UTC)
    configuration: dict[str, Any] = {
        "address": address,
        "bucket_id": bucket_id,
        "start_at": start_at,
        "filters": filters or Filters(),
        "sync_attachments": sync_attachments,
        "updated_at": now,
    }
    mine = and_(
        mailboxes.c.integration_id == integration_id,
        func.lower(mailboxes.c.address) == func.lower(address),
    )
    existing = tx.execute(_rows().where(mine)).one_or_none()
    before = None if existing is None else _mailbox(existing)
    configuration |= switched(before, on=enabled)
    if before is None:
        row = configuration | {"id": new_id(), "integration_id": integration_id}
        row |= {"created_at": now, "next_due_at": now, "lease_epoch": 0}
        tx.execute(insert(tx, mailboxes).values(**row).on_conflict_do_nothing())
    else:
        tx.execute(update(mailboxes).where(mine).values(**configuration))
    return _mailbox(tx.execute(_rows().where(mine)).one())


def set_enabled(
    tx: Connection,
    mailbox_id: MailboxId,
    *,
    enabled: bool,
    reason: DisabledReason | None = None,
    trouble: Trouble | None = None,
) -> None:
    """Switch a mailbox on or off, with the reason and the trouble to show from now on."""
    _set(tx, mailbox_id, enabled=enabled, disabled_reason=reason, trouble=trouble)


def set_trouble(tx: Connection, mailbox_id: MailboxId, trouble: Trouble | None) -> None:
    """Say what is wrong, or that nothing is."""
    _set(tx, mailbox_id, trouble=trouble)


def remove(tx: Connection, mailbox_id: MailboxId) -> None:
    """Forget a mailbox with its folders, copies, strikes and settings; emails and comments stay."""
    settings.forget(tx, [mailbox_id])
    strikes.clear(tx, mailbox_id)
    tx.execute(delete(mailboxes).where(mailboxes.c.id == mailbox_id))


LONGEST: Final = timedelta(days=2)
"""Nothing is put off for longer, and no lease lasts as long: not by the longest interval, nor by what an Exchange asks for."""


def postpone(tx: Connection, ids: Collection[MailboxId], *, until: datetime, now: datetime) -> None:
    """Leave mailboxes alone until then, those that nobody reads, or writes just now."""
    tx.execute(
        update(mailboxes)
        .where(lockable(ids), is_free(now))
        .values(next_due_at=until, woken_at=None)
    )


def put_right(tx: Connection, now: datetime) -> int:
    """Let be due now what is due, or leased, later than can be: the clock was wrong, and was set back. How many were."""
    too_late = now + LONGEST
    late = mailboxes.c.next_due_at > too_late
    leased = mailboxes.c.lease_until > too_late
    found = tx.execute(update(mailboxes).where(late).values(next_due_at=now)).rowcount
    return found + tx.execute(update(mailboxes).where(leased).values(lease_until=now)).rowcount


def lock(tx: Connection, ids: Collection[MailboxId]) -> frozenset[MailboxId]:
    """Let nobody else write these until the end of `tx`; those that somebody writes just now are left out.

    Nobody is waited for: who has some and waits for others may be waited for by who has those.
    """
    return frozenset(tx.execute(select(mailboxes.c.id).where(lockable(ids))).scalars())


def wake(tx: Connection, mailbox_id: MailboxId, at: datetime) -> None:
    """Let the next round begin at `at`, unless it begins earlier anyway, wherever; and look closely.

    While a round is running, this asks for another one after it.
    """
    next_due_at, woken_at = mailboxes.c.next_due_at, mailboxes.c.woken_at
    tx.execute(
        update(mailboxes)
        .where(mailboxes.c.id == mailbox_id)
        .values(
            next_due_at=case((next_due_at <= at, next_due_at), else_=literal(at, Moment())),
            woken_at=case(
                (mailboxes.c.lease_owner.is_(None), None),
                (woken_at <= at, woken_at),
                else_=literal(at, Moment()),
            ),
            read_by=None,
            rest_tree=None,
            rest_until=None,
        )
    )


def _set(tx: Connection, mailbox_id: MailboxId, **values: Any) -> None:
    mine = mailboxes.c.id == mailbox_id
    done = tx.execute(update(mailboxes).where(mine).values(**values, updated_at=datetime.now(UTC)))
    if done.rowcount == 0:
        raise NotFound("This mailbox does not exist any more.")


def _rows() -> Select[Any]:
    return select(*COLUMNS)


def _all(tx: Connection, query: Select[Any]) -> tuple[Mailbox, ...]:
    return tuple(_mailbox(row) for row in tx.execute(query))


def _mailbox(row: Row[Any]) -> Mailbox:
    return made(row._asdict())


def made(values: dict[str, Any]) -> Mailbox:
    """Make a mailbox of its columns."""
    mailbox = Mailbox(**values)
    reason = mailbox.disabled_reason
    return mailbox if reason is None else replace(mailbox, disabled_reason=DisabledReason(reason))
