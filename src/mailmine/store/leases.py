"""Leases: who reads a mailbox now.

A round holds the lease of its mailbox; its epoch is the fencing token that every transaction of the round checks
(`guard`), so that a worker that was believed dead writes nothing once another has taken over.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, case, func, or_, select, true, update

from mailmine.model.ids import IntegrationId, MailboxId
from mailmine.store.errors import LeaseLost
from mailmine.store.schema import mailboxes
from mailmine.store.types import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What a mailbox looks like in which there is nothing to do.

    A round that finds it so is over. Whoever leaves something to be done wakes the mailbox, which ends its rest.
    """

    tree: str
    """How its folders look (sync.rest)."""
    until: datetime
    """From then on it is looked at closely, however its folders look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to read a mailbox, for a while."""

    mailbox_id: MailboxId
    owner: str
    epoch: int
    """The fencing token: grows with every claim of the mailbox."""
    until: datetime
    rest: Rest | None = None

    @property
    def round_id(self) -> str:
        """Name the round that holds this lease: in its log lines, and in the events that it writes."""
        return f"{self.mailbox_id}-{self.epoch}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A lease that is given back."""

    lease: Lease
    next_due_at: datetime
    """When the mailbox is due, unless it was woken meanwhile."""
    round_ended_at: datetime | None
    """When its round ended without a fault of the whole mailbox."""
    rest: Rest | None = None


def begin_claiming(tx: Connection, now: datetime) -> dict[str, dict[IntegrationId, int]]:
    """Count, for each process, the mailboxes of each integration that it has the leases of.

    No other process claims any until the end of `tx`: so limits over all of them hold, and none waits for a row.
    """
    if tx.dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        # A process that is frozen here must not stop the others: PostgreSQL ends its transaction.
        given_up = func.set_config(
            "idle_in_transaction_session_timeout", str(_CLAIMING_SECONDS * 1000), true()
        )
        tx.execute(select(given_up, func.pg_advisory_xact_lock(_CLAIMING)))
    found: dict[str, dict[IntegrationId, int]] = {}
    for owner, integration, number in tx.execute(_LEASED, {"now": now}):
        found.setdefault(owner, {})[IntegrationId(integration)] = number
    return found


_CLAIMING_SECONDS = 5
"""So long a claim may take from one statement to the next."""
_CLAIMING = 0x6D61696C
"""A number of our own: PostgreSQL's advisory locks have no names."""
_NOW: Final = bindparam("now", type_=Moment())
_LEASED: Final = (
    select(mailboxes.c.lease_owner, mailboxes.c.integration_id, func.count())
    .where(mailboxes.c.lease_until > _NOW)
    .group_by(mailboxes.c.lease_owner, mailboxes.c.integration_id)
)


def is_free(now: Any) -> Any:
    """Ask for mailboxes that nobody reads at the moment `now`."""
    return or_(mailboxes.c.lease_until.is_(None), mailboxes.c.lease_until <= now)


def lockable(ids: Any) -> Any:
    """Lock of these mailboxes those that nobody writes just now: who waits for others may be waited for."""
    wanted = select(mailboxes.c.id).where(mailboxes.c.id.in_(ids))
    return mailboxes.c.id.in_(wanted.with_for_update(key_share=True, skip_locked=True))


def claim(
    tx: Connection, ids: Collection[MailboxId], *, owner: str, now: datetime, until: datetime
) -> dict[MailboxId, Lease]:
    """Take the leases of mailboxes; of those that another has alive, or writes just now, there is none."""
    values = {"ids": list(ids), "now": now, "owner": owner, "until": until}
    return {
        MailboxId(row.id): Lease(
            mailbox_id=MailboxId(row.id),
            owner=owner,
            epoch=row.lease_epoch,
            until=until,
            rest=Rest(tree=row.rest_tree, until=row.rest_until) if row.rest_tree else None,
        )
        for row in tx.execute(_CLAIM, values)
    }


_CLAIM = (
    update(mailboxes)
    .where(lockable(bindparam("ids", expanding=True)), is_free(_NOW))
    .values(
        lease_owner=bindparam("owner"),
        read_by=bindparam("owner"),
        lease_until=bindparam("until"),
        lease_epoch=mailboxes.c.lease_epoch + 1,
        woken_at=None,
        # A round that came to no end of its own may have left something half done.
        rest_tree=case((mailboxes.c.lease_owner.is_(None), mailboxes.c.rest_tree), else_=None),
    )
    .returning(
        mailboxes.c.id, mailboxes.c.lease_epoch, mailboxes.c.rest_tree, mailboxes.c.rest_until
    )
)


def renew_all(tx: Connection, leases: Collection[Lease], *, until: datetime) -> set[MailboxId]:
    """Keep leases until then; names the mailboxes of which that could be done: others have the rest."""
    kept: set[MailboxId] = set()
    for lease in leases:
        if tx.execute(_RENEW, _of(lease) | {"until": until}).rowcount:
            kept.add(lease.mailbox_id)
    return kept


def guard(tx: Connection, lease: Lease) -> None:
    """Make sure that the mailbox is still this round's until the end of `tx`. Raises LeaseLost."""
    if tx.execute(_GUARD, _of(lease)).one_or_none() is None:
        raise _lost(lease)


_IS_HELD = and_(
    mailboxes.c.id == bindparam("of"),
    mailboxes.c.lease_epoch == bindparam("epoch"),
    mailboxes.c.lease_owner == bindparam("owner"),
)
_RENEW = update(mailboxes).where(_IS_HELD).values(lease_until=bindparam("until", type_=Moment()))
_GUARD = select(mailboxes.c.id).where(_IS_HELD).with_for_update(key_share=True)


def release(tx: Connection, given_back: Release) -> None:
    """Give a lease back. Raises LeaseLost."""
    if tx.execute(_RELEASE, _released(given_back)).rowcount == 0:
        raise _lost(given_back.lease)


def release_all(tx: Connection, given_back: Collection[Release]) -> None:
    """Give leases back; those that others have by now are theirs."""
    if given_back:
        # In one order for all writers, so that they never wait in a ring.
        tx.execute(
            _RELEASE,
            [_released(one) for one in sorted(given_back, key=lambda one: one.lease.mailbox_id)],
        )


def _released(one: Release) -> dict[str, Any]:
    rest = one.rest
    return {
        **_of(one.lease),
        "due_at": one.next_due_at,
        "ended_at": one.round_ended_at,
        "tree": None if rest is None else rest.tree,
        "until": None if rest is None else rest.until,
    }


def _unless_woken(name: str, type_: Any) -> Any:
    return case((mailboxes.c.woken_at.is_(None), bindparam(name, type_=type_)), else_=None)


_DUE = bindparam("due_at", type_=Moment())
_RELEASE = (
    update(mailboxes)
    .where(_IS_HELD)
    .values(
        lease_owner=None,
        lease_until=None,
        woken_at=None,
        next_due_at=case((mailboxes.c.woken_at < _DUE, mailboxes.c.woken_at), else_=_DUE),
        last_round_at=func.coalesce(
            bindparam("ended_at", type_=Moment()), mailboxes.c.last_round_at
        ),
        rest_tree=_unless_woken("tree", mailboxes.c.rest_tree.type),
        rest_until=_unless_woken("until", Moment()),
    )
)


def end_lease(tx: Connection, mailbox_id: MailboxId) -> None:
    """Take the lease of a mailbox back, for what its round goes by is not so any more: should it live, it writes nothing."""
    ended = {"lease_owner": None, "lease_until": None, "rest_tree": None, "rest_until": None}
    tx.execute(update(mailboxes).where(mailboxes.c.id == mailbox_id).values(**ended))


def end_leases(tx: Connection) -> None:
    """Take all leases back: for when nobody holds one any more. Their rounds, should one live, write nothing."""
    values = {"lease_owner": None, "lease_until": None}
    tx.execute(update(mailboxes).where(mailboxes.c.lease_owner.is_not(None)).values(**values))


def _of(lease: Lease) -> dict[str, Any]:
    return {"of": lease.mailbox_id, "epoch": lease.epoch, "owner": lease.owner}


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(f"Another worker reads the mailbox {lease.mailbox_id} now.")
