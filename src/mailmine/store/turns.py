"""Whose turn it is: the mailboxes that are due, in the order in which a process takes them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    type_coerce,
)

from mailmine.model.ids import IntegrationId, MailboxId
from mailmine.model.integration import Mailbox
from mailmine.store.leases import is_free
from mailmine.store.mailboxes import COLUMNS, made
from mailmine.store.schema import integrations, mailboxes
from mailmine.store.types import Moment


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
    return Candidate(made(values), left_by, is_at_rest=tree is not None)


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
_DUE_AT = case(
    (mailboxes.c.lease_until > mailboxes.c.next_due_at, mailboxes.c.lease_until),
    else_=mailboxes.c.next_due_at,
)
"""A mailbox that is being read is due again when the lease ends without having been given back."""
_DUE_HERE: Final = type_coerce(_DUE_AT, BigInteger) + case((_IS_MINE, 0), else_=_PATIENCE)
_LATE_THERE: Final = mailboxes.c.next_due_at <= bindparam("late", type_=Moment())
_LIMIT: Final = bindparam("limit", type_=BigInteger)
_WAITING: Final = select(
    mailboxes.c.id, mailboxes.c.integration_id, _DUE_HERE.label("due_here")
).where(
    # Each column for itself: what is due is found by an index.
    mailboxes.c.enabled,
    mailboxes.c.next_due_at <= _NOW,
    is_free(_NOW),
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
        select(*COLUMNS, mailboxes.c.lease_owner, mailboxes.c.rest_tree)
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


_WANTED = and_(mailboxes.c.enabled, integrations.c.enabled)


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
