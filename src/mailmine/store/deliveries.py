"""What is on its way to people, and what became of it.

A row is made in the transaction that decides it, and stays until it is old: a crash loses none. Who sends
claims it for a while; where he dies, another tries again under the same id, by which a receiver knows it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from mailmine.model.ids import UserId
from mailmine.model.notice import Notice, PersonalChannel
from mailmine.store.schema import deliveries
from mailmine.store.types import new_id


class State(StrEnum):
    """How far a delivery is."""

    HELD = "held"
    """There were too many within an hour: it is summed up with others."""
    WAITING = "waiting"
    """It is sent as soon as `next_try_at` is over."""
    SENT = "sent"
    FAILED = "failed"
    """It was tried for long, or can never arrive."""
    DROPPED = "dropped"
    """Nobody may or wants to have it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One way to one person, or to the people of a project."""

    user_id: UserId | None
    """None: a channel of a whole project."""
    channel: str
    """One of `PersonalChannel`, or the name of the project's channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one recipient."""

    id: str
    user_id: UserId | None
    channel: str
    notices: tuple[Notice, ...]
    """More than one: they are summed up."""
    state: State
    created_at: datetime
    attempts: int = 0
    next_try_at: datetime
    last_error: str | None = None
    ended_at: datetime | None = None
    read_at: datetime | None = None

    @property
    def recipient(self) -> Recipient:
        """Who is to have it."""
        return Recipient(user_id=self.user_id, channel=self.channel)


def add(
    tx: Connection,
    recipient: Recipient,
    notices: Collection[Notice],
    *,
    at: datetime,
    is_held: bool = False,
) -> Delivery:
    """Put a message on its way; in the app it has arrived with that. Raises NotFound if the user is gone."""
    is_there = recipient.channel == PersonalChannel.IN_APP and not is_held
    on_its_way = State.HELD if is_held else State.WAITING
    delivery = Delivery(
        id=new_id(),
        user_id=recipient.user_id,
        channel=recipient.channel,
        notices=tuple(notices),
        state=State.SENT if is_there else on_its_way,
        created_at=at,
        next_try_at=at,
        ended_at=at if is_there else None,
    )
    # Not `asdict`, which would take the notices apart as well.
    row = {column.name: getattr(delivery, column.name) for column in deliveries.c}
    tx.execute(insert(deliveries).values(**row))
    return delivery


def held(tx: Connection) -> tuple[Delivery, ...]:
    """List what is held back, what came first at the front."""
    mine = deliveries.c.state == State.HELD
    return _all(tx.execute(select(deliveries).where(mine).order_by(*_ORDER)))


def counts(tx: Connection, since: datetime) -> Mapping[Recipient, int]:
    """Count what each recipient was sent since then, or is being sent."""
    known = deliveries.c
    counted = known.state.not_in([State.HELD, State.DROPPED])
    rows = tx.execute(
        select(known.user_id, known.channel, func.count())
        .where(known.created_at > since, counted)
        .group_by(known.user_id, known.channel)
    )
    return {Recipient(user_id=user, channel=channel): count for user, channel, count in rows}


def claim(tx: Connection, *, now: datetime, until: datetime, limit: int) -> tuple[Delivery, ...]:
    """Take what is due; nobody else gets it before `until`. Each claim counts as an attempt."""
    known = deliveries.c
    due = (
        select(known.id)
        .where(known.state == State.WAITING, known.next_try_at <= now)
        .order_by(known.next_try_at, known.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = tx.execute(due).scalars().all()
    if not ids:
        return ()
    rows = tx.execute(
        update(deliveries)
        .where(known.id.in_(ids))
        .values(next_try_at=until, attempts=known.attempts + 1)
        .returning(*known)
    )
    return tuple(sorted(_all(rows), key=lambda one: (one.created_at, one.id)))


def is_due(tx: Connection, now: datetime) -> bool:
    """Whether there is anything to claim."""
    known = deliveries.c
    due = select(known.id).where(known.state == State.WAITING, known.next_try_at <= now).limit(1)
    return tx.execute(due).one_or_none() is not None


def end(
    tx: Connection, delivery_id: str, state: State, *, at: datetime, error: str | None = None
) -> None:
    """Say what became of a delivery, unless it arrived meanwhile."""
    _change(tx, delivery_id, state=state, ended_at=at, last_error=error)


def retry(tx: Connection, delivery_id: str, *, next_try_at: datetime, error: str) -> None:
    """Say why it did not arrive, and when it is tried again; unless it arrived meanwhile."""
    _change(tx, delivery_id, next_try_at=next_try_at, last_error=error)


def remove(tx: Connection, ids: Collection[str]) -> None:
    """Forget deliveries."""
    tx.execute(delete(deliveries).where(deliveries.c.id.in_(ids)))


def remove_before(tx: Connection, moment: datetime) -> int:
    """Forget what is older, and what became of it; how many they were."""
    return tx.execute(delete(deliveries).where(deliveries.c.created_at < moment)).rowcount


def inbox(tx: Connection, user_id: UserId, limit: int) -> tuple[Delivery, ...]:
    """List what a person was told in the app, the latest first; what of it he may still see is not asked here."""
    known = deliveries.c
    mine = (known.user_id == user_id) & (known.channel == PersonalChannel.IN_APP)
    query = select(deliveries).where(mine, known.state == State.SENT)
    return _all(tx.execute(query.order_by(known.created_at.desc(), known.id).limit(limit)))


def count_unread(tx: Connection, user_id: UserId) -> int:
    """Count what a person was told in the app and did not read yet."""
    known = deliveries.c
    mine = (known.user_id == user_id) & (known.channel == PersonalChannel.IN_APP)
    unread = mine & (known.state == State.SENT) & known.read_at.is_(None)
    return tx.execute(select(func.count()).select_from(deliveries).where(unread)).scalar_one()


def mark_read(tx: Connection, user_id: UserId, ids: Collection[str], *, at: datetime) -> None:
    """Note that a person read these in the app."""
    known = deliveries.c
    mine = (known.user_id == user_id) & known.id.in_(ids) & known.read_at.is_(None)
    tx.execute(update(deliveries).where(mine).values(read_at=at))


def latest(tx: Connection, limit: int, *, only: State | None = None) -> tuple[Delivery, ...]:
    """List the latest deliveries (in one state), latest first."""
    query = select(deliveries)
    if only is not None:
        query = query.where(deliveries.c.state == only)
    known = deliveries.c
    return _all(tx.execute(query.order_by(known.created_at.desc(), known.id).limit(limit)))


_ORDER = deliveries.c.created_at, deliveries.c.id


def _change(tx: Connection, delivery_id: str, **values: Any) -> None:
    waits = (deliveries.c.id == delivery_id) & (deliveries.c.state == State.WAITING)
    tx.execute(update(deliveries).where(waits).values(**values))


def _all(rows: Any) -> tuple[Delivery, ...]:
    return tuple(_delivery(row) for row in rows)


def _delivery(row: Row[Any]) -> Delivery:
    delivery = Delivery(**row._asdict())
    return replace(delivery, state=State(delivery.state))
