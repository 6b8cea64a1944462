"""Mailboxes: their configuration, their schedule, and who reads them now.

The schedule is data: `next_due_at` says when the next round begins. A round holds a lease; its
epoch is the fencing token that every transaction of the round checks (`guard`), so that a worker
that was believed dead writes nothing once another has taken over.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    and_,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)

from mailmine.model.ids import BucketId, IntegrationId, MailboxId
from mailmine.model.integration import DisabledReason, Filters, Mailbox, Trouble
from mailmine.store import settings
from mailmine.store.errors import LeaseLost, NotFound
from mailmine.store.schema import integrations, mailboxes
from mailmine.store.switch import switched
from mailmine.store.types import Moment, new_id
from mailmine.store.upsert import insert

_COLUMNS = [
    column
    for column in mailboxes.c
    if column.name not in {"woken_at", "lease_owner", "lease_until", "lease_epoch"}
]


def list_all(tx: Connection) -> tuple[Mailbox, ...]:
    """All mailboxes, by address."""
    return _all(tx, _rows().order_by(mailboxes.c.address))


def of_integration(tx: Connection, integration_id: IntegrationId) -> tuple[Mailbox, ...]:
    """List the mailboxes of an integration, by address."""
    mine = mailboxes.c.integration_id == integration_id
    return _all(tx, _rows().where(mine).order_by(mailboxes.c.address))


def by_id(tx: Connection, mailbox_id: MailboxId) -> Mailbox | None:
    """Find a mailbox by its id."""
    row = tx.execute(_rows().where(mailboxes.c.id == mailbox_id)).one_or_none()
    return None if row is None else _mailbox(row)


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
    """Forget a mailbox with its folders, copies and settings; emails and comments stay."""
    settings.forget(tx, [mailbox_id])
    tx.execute(delete(mailboxes).where(mailboxes.c.id == mailbox_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to read a mailbox, for a while."""

    mailbox_id: MailboxId
    owner: str
    epoch: int
    """The fencing token: grows with every claim of the mailbox."""
    until: datetime

    @property
    def round_id(self) -> str:
        """Name the round that holds this lease: in its log lines, and in the events that it writes."""
        return f"{self.mailbox_id}-{self.epoch}"


_WANTED = and_(mailboxes.c.enabled, integrations.c.enabled)
_DUE_AT = case(
    (mailboxes.c.lease_until > mailboxes.c.next_due_at, mailboxes.c.lease_until),
    else_=mailboxes.c.next_due_at,
)
"""A mailbox that is being read is due again when the lease ends without having been given back."""


def due(tx: Connection, now: datetime, *, limit: int) -> tuple[MailboxId, ...]:
    """List the mailboxes whose round should begin, longest overdue first; none that is being read.

    Integrations take turns: one with many overdue mailboxes must not hide those of the others.
    """
    turn = func.row_number().over(
        partition_by=mailboxes.c.integration_id, order_by=(_DUE_AT, mailboxes.c.id)
    )
    late = select(mailboxes.c.id).join(integrations).where(_WANTED, now >= _DUE_AT)
    return tuple(tx.execute(late.order_by(turn, _DUE_AT, mailboxes.c.id).limit(limit)).scalars())


def next_due(tx: Connection) -> datetime | None:
    """When the next mailbox is due; None where there is nothing to do."""
    earliest: datetime | None = tx.execute(
        select(func.min(_DUE_AT, type_=mailboxes.c.next_due_at.type))
        .select_from(mailboxes.join(integrations))
        .where(_WANTED)
    ).scalar_one()
    return earliest


def wake(tx: Connection, mailbox_id: MailboxId, at: datetime) -> None:
    """Let the next round begin at `at`, unless it begins earlier anyway.

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
        )
    )


def claim(
    tx: Connection, mailbox_id: MailboxId, *, owner: str, now: datetime, until: datetime
) -> Lease | None:
    """Take the lease of a mailbox; None where another has it alive."""
    free = or_(mailboxes.c.lease_until.is_(None), mailboxes.c.lease_until <= now)
    epoch = tx.execute(
        update(mailboxes)
        .where(mailboxes.c.id == mailbox_id, free)
        .values(
            lease_owner=owner,
            lease_until=until,
            lease_epoch=mailboxes.c.lease_epoch + 1,
            woken_at=None,
        )
        .returning(mailboxes.c.lease_epoch)
    ).scalar_one_or_none()
    if epoch is None:
        return None
    return Lease(mailbox_id=mailbox_id, owner=owner, epoch=epoch, until=until)


def renew(tx: Connection, lease: Lease, *, until: datetime) -> Lease:
    """Keep the lease until then. Raises LeaseLost."""
    done = tx.execute(update(mailboxes).where(_held(lease)).values(lease_until=until))
    if done.rowcount == 0:
        raise _lost(lease)
    return replace(lease, until=until)


def guard(tx: Connection, lease: Lease) -> None:
    """Make sure that the mailbox is still this round's until the end of `tx`. Raises LeaseLost."""
    held = select(mailboxes.c.id).where(_held(lease)).with_for_update(key_share=True)
    if tx.execute(held).one_or_none() is None:
        raise _lost(lease)


def release(
    tx: Connection, lease: Lease, *, next_due_at: datetime, round_ended_at: datetime | None
) -> None:
    """Give the lease back. Raises LeaseLost.

    `round_ended_at` says that the round ended without a fault of the whole mailbox. The mailbox is
    due at `next_due_at`, or when it was woken meanwhile.
    """
    woken_at = mailboxes.c.woken_at
    values: dict[str, Any] = {
        "lease_owner": None,
        "lease_until": None,
        "woken_at": None,
        "next_due_at": case(
            (woken_at < next_due_at, woken_at), else_=literal(next_due_at, Moment())
        ),
    }
    if round_ended_at is not None:
        values["last_round_at"] = round_ended_at
    if tx.execute(update(mailboxes).where(_held(lease)).values(**values)).rowcount == 0:
        raise _lost(lease)


def end_leases(tx: Connection) -> None:
    """Take all leases back: for when nobody holds one any more. Their rounds, should one live, write nothing."""
    values = {"lease_owner": None, "lease_until": None}
    tx.execute(update(mailboxes).where(mailboxes.c.lease_owner.is_not(None)).values(**values))


def _held(lease: Lease) -> Any:
    return and_(
        mailboxes.c.id == lease.mailbox_id,
        mailboxes.c.lease_epoch == lease.epoch,
        mailboxes.c.lease_owner == lease.owner,
    )


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(f"Another worker reads the mailbox {lease.mailbox_id} now.")


def _set(tx: Connection, mailbox_id: MailboxId, **values: Any) -> None:
    mine = mailboxes.c.id == mailbox_id
    done = tx.execute(update(mailboxes).where(mine).values(**values, updated_at=datetime.now(UTC)))
    if done.rowcount == 0:
        raise NotFound("This mailbox does not exist any more.")


def _rows() -> Select[Any]:
    return select(*_COLUMNS)


def _all(tx: Connection, query: Select[Any]) -> tuple[Mailbox, ...]:
    return tuple(_mailbox(row) for row in tx.execute(query))


def _mailbox(row: Row[Any]) -> Mailbox:
    mailbox = Mailbox(**row._asdict())
    reason = mailbox.disabled_reason
    return mailbox if reason is None else replace(mailbox, disabled_reason=DisabledReason(reason))
