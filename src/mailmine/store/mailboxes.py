"""Mailboxes: their configuration, their schedule, and who reads them now.

The schedule is data: `next_due_at` says when the next round begins. A round holds a lease; its
epoch is the fencing token that every transaction of the round checks (`guard`), so that a worker
that was believed dead writes nothing once another has taken over.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    type_coerce,
    update,
)

from mailmine.model.ids import BucketId, IntegrationId, MailboxId
from mailmine.model.integration import DisabledReason, Filters, Mailbox, Trouble
from mailmine.store import settings, strikes
from mailmine.store.errors import LeaseLost, NotFound
from mailmine.store.schema import integrations, mailboxes
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
_COLUMNS = [column for column in mailboxes.c if column.name not in _SCHEDULE]


def list_all(tx: Connection) -> tuple[Mailbox, ...]:
    """All mailboxes, by address."""
    return _all(tx, _rows().order_by(mailboxes.c.address))


def of_integration(tx: Connection, integration_id: IntegrationId) -> tuple[Mailbox, ...]:
    """List the mailboxes of an integration, by address."""
    mine = mailboxes.c.integration_id == integration_id
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
    wanted = sorted(ids)
    pieces = (wanted[at : at + _AT_ONCE] for at in range(0, len(wanted), _AT_ONCE))
    return tuple(
        one for piece in pieces for one in _all(tx, _rows().where(mailboxes.c.id.in_(piece)))
    )


_AT_ONCE: Final = 1_000
"""Ids in one statement: SQLite takes 32,766 parameters."""


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


_WANTED = and_(mailboxes.c.enabled, integrations.c.enabled)
_DUE_AT = case(
    (mailboxes.c.lease_until > mailboxes.c.next_due_at, mailboxes.c.lease_until),
    else_=mailboxes.c.next_due_at,
)
"""A mailbox that is being read is due again when the lease ends without having been given back."""


LONGEST: Final = timedelta(days=2)
"""Nothing is put off for longer, and no lease lasts as long: not by the longest interval, nor by what an Exchange asks for."""
_CLAIMING_SECONDS = 5
"""So long a claim may take from one statement to the next."""
_CLAIMING = 0x6D61696C
"""A number of our own: PostgreSQL's advisory locks have no names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Which mailboxes a process takes: those that it read last, and those of others that are late there."""

    owner: str
    patience: timedelta
    """How late a mailbox is with another process before it is taken from it."""


ANY: Final = Turn(owner="", patience=timedelta())
"""All that are due."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mailbox that may be claimed."""

    mailbox: Mailbox
    left_by: str | None
    """Who had it and let its lease run out."""
    is_at_rest: bool
    """Whether its round is over with one request, as a rule (`Rest`)."""


def due(
    tx: Connection,
    now: datetime,
    *,
    limit: int,
    turn: Turn = ANY,
    without: Collection[IntegrationId] = (),
) -> tuple[Candidate, ...]:
    """List the mailboxes whose round should begin, longest overdue first; none that is being read.

    Integrations take turns: one with many overdue mailboxes must not hide those of the others. Those of `without`
    are left out. What another process read last counts as due so much later as it is left to that one: where all are
    late, each goes on with its own.
    """
    late = {"now": now, "late": now - turn.patience, "owner": turn.owner}
    late |= {"patience": turn.patience // timedelta(microseconds=1)}
    query = _LATE if tx.dialect.name == "sqlite" else _LATE_OF_EACH
    rows = tx.execute(query, {**late, "without": list(without), "limit": limit})
    return tuple(_candidate(row._asdict()) for row in rows)


def _candidate(values: dict[str, Any]) -> Candidate:
    left_by, tree = values.pop("lease_owner"), values.pop("rest_tree")
    return Candidate(_made(values), left_by, is_at_rest=tree is not None)


def next_due(tx: Connection, turn: Turn = ANY) -> datetime | None:
    """When the next mailbox is due; None where there is nothing to do."""
    patience = turn.patience // timedelta(microseconds=1)
    first, mine, read = tx.execute(_NEXT, {"owner": turn.owner, "patience": patience}).one()
    moments = (first and first + turn.patience, mine, read)
    return min((moment for moment in moments if moment is not None), default=None)


def of_reader(tx: Connection, owner: str) -> frozenset[MailboxId]:
    """Name the mailboxes that a process read last, and those that are anybody's."""
    return frozenset(tx.execute(select(mailboxes.c.id).where(_IS_MINE), {"owner": owner}).scalars())


_NOW: Final = bindparam("now", type_=Moment())
_OWNER: Final[Any] = bindparam("owner")
_IS_MINE: Final = or_(mailboxes.c.read_by.is_(None), mailboxes.c.read_by == _OWNER)
_PATIENCE: Final = bindparam("patience", type_=BigInteger)
_DUE_HERE: Final = type_coerce(_DUE_AT, BigInteger) + case((_IS_MINE, 0), else_=_PATIENCE)


def _is_free(now: Any) -> Any:
    return or_(mailboxes.c.lease_until.is_(None), mailboxes.c.lease_until <= now)


_LATE_THERE: Final = mailboxes.c.next_due_at <= bindparam("late", type_=Moment())
_LIMIT: Final = bindparam("limit", type_=BigInteger)
_WAITING: Final = select(
    mailboxes.c.id, mailboxes.c.integration_id, _DUE_HERE.label("due_here")
).where(
    # Each column for itself: what is due is found by an index.
    mailboxes.c.enabled,
    mailboxes.c.next_due_at <= _NOW,
    _is_free(_NOW),
    or_(_IS_MINE, _LATE_THERE),
)
_READ: Final = (
    select(integrations.c.id)
    .where(
        integrations.c.enabled,
        integrations.c.id.not_in(bindparam("without", expanding=True)),
    )
    .subquery()
)
"""The integrations of which any mailbox may be read."""


def _by_turns(of: Any, due: Any) -> Select[Any]:
    """Let integrations take turns: the first of each, then the second of each."""
    at_first = (due.c.due_here, due.c.id)
    turns = (
        select(
            due.c.id,
            due.c.due_here,
            func.row_number().over(partition_by=of.c.id, order_by=at_first).label("turn"),
        )
        .join_from(of, due, due.c.integration_id == of.c.id)
        .order_by("turn", *at_first)
        .limit(_LIMIT)
        .subquery()
    )
    return (
        select(*_COLUMNS, mailboxes.c.lease_owner, mailboxes.c.rest_tree)
        .join(turns, turns.c.id == mailboxes.c.id)
        .order_by(turns.c.turn, turns.c.due_here, turns.c.id)
    )


_LATE: Final = _by_turns(_READ, _WAITING.subquery())
"""Puts all in order that is due; SQLite has nothing better."""


def _first_due(of: Any, limit: Any) -> Any:
    """Find so many of each integration, by an index: it may be thousands that are due."""
    mine = _WAITING.where(mailboxes.c.integration_id == of.c.id).correlate(of)
    return mine.order_by(mailboxes.c.next_due_at, mailboxes.c.id).limit(limit).lateral()


def _with_first_due() -> Any:
    """Choose those integrations whose turn comes first; of others none is wanted before each of these had one."""
    first = _first_due(_READ, 1)
    chosen = select(_READ.c.id).join_from(_READ, first, first.c.integration_id == _READ.c.id)
    return chosen.order_by(first.c.due_here, _READ.c.id).limit(_LIMIT).subquery()


_CHOSEN: Final = _with_first_due()
_LATE_OF_EACH: Final = _by_turns(_CHOSEN, _first_due(_CHOSEN, _LIMIT))


def _first_free(*of: Any) -> Any:
    query = (
        select(mailboxes.c.next_due_at)
        .select_from(mailboxes.join(integrations))
        .where(_WANTED, mailboxes.c.lease_until.is_(None), *of)
    )
    return query.order_by(mailboxes.c.next_due_at).limit(1)


_FIRST: Final = _first_free().cte("first")
_NEXT: Final = select(
    # Several questions, each with its index: of many mailboxes, few are being read.
    select(_FIRST.c.next_due_at).scalar_subquery(),
    # What is due later than the first, with all patience for that, does not matter, and is not looked through.
    _first_free(
        _IS_MINE,
        type_coerce(mailboxes.c.next_due_at, BigInteger)
        <= select(type_coerce(_FIRST.c.next_due_at, BigInteger) + _PATIENCE).scalar_subquery(),
    ).scalar_subquery(),
    select(func.min(_DUE_AT, type_=mailboxes.c.next_due_at.type))
    .select_from(mailboxes.join(integrations))
    .where(_WANTED, mailboxes.c.lease_until.is_not(None))
    .scalar_subquery(),
)


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


_LEASED: Final = (
    select(mailboxes.c.lease_owner, mailboxes.c.integration_id, func.count())
    .where(mailboxes.c.lease_until > _NOW)
    .group_by(mailboxes.c.lease_owner, mailboxes.c.integration_id)
)


def postpone(tx: Connection, ids: Collection[MailboxId], *, until: datetime, now: datetime) -> None:
    """Leave mailboxes alone until then, those that nobody reads, or writes just now."""
    tx.execute(
        update(mailboxes)
        .where(_lockable(ids), _is_free(now))
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
    return frozenset(tx.execute(select(mailboxes.c.id).where(_lockable(ids))).scalars())


def _lockable(ids: Any) -> Any:
    wanted = select(mailboxes.c.id).where(mailboxes.c.id.in_(ids))
    return mailboxes.c.id.in_(wanted.with_for_update(key_share=True, skip_locked=True))


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
    .where(_lockable(bindparam("ids", expanding=True)), _is_free(_NOW))
    .values(
        lease_owner=_OWNER,
        read_by=_OWNER,
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
    return _made(row._asdict())


def _made(values: dict[str, Any]) -> Mailbox:
    mailbox = Mailbox(**values)
    reason = mailbox.disabled_reason
    return mailbox if reason is None else replace(mailbox, disabled_reason=DisabledReason(reason))
