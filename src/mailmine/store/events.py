"""What happened is a row: the one log that notifications, the audit page and live regions read."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, or_, select, text

from mailmine.model.ids import IntegrationId, MailboxId, UserId
from mailmine.store.schema import events

Detail = Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened."""

    id: int
    at: datetime
    kind: str
    """`mailbox_disabled`, `integration_enabled`, `configured`, `signed_in`, …"""
    integration_id: IntegrationId | None
    mailbox_id: MailboxId | None
    user_id: UserId | None
    """Who did it."""
    detail: Detail


def append(
    tx: Connection,
    kind: str,
    *,
    at: datetime,
    integration_id: IntegrationId | None = None,
    mailbox_id: MailboxId | None = None,
    user_id: UserId | None = None,
    detail: Detail | None = None,
) -> int:
    """Note what happened, in the transaction that makes it happen; the id of the event."""
    event_id: int = tx.execute(
        insert(events)
        .values(
            at=at,
            kind=kind,
            integration_id=integration_id,
            mailbox_id=mailbox_id,
            user_id=user_id,
            detail=dict(detail or {}),
        )
        .returning(events.c.id)
    ).scalar_one()
    return event_id


def page(tx: Connection, *, before: int | None, limit: int) -> tuple[Event, ...]:
    """List the latest `limit` events (before the one with the id `before`), latest first."""
    query = select(events).order_by(events.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(events.c.id < before)
    return tuple(Event(**row._asdict()) for row in tx.execute(query))


def by_people(
    tx: Connection,
    *,
    before: int | None,
    limit: int,
    since: datetime | None,
    until: datetime | None,
    user_id: UserId | None = None,
    kinds: Collection[str] = (),
    by_strangers: Collection[str] = (),
) -> tuple[Event, ...]:
    """List the latest `limit` events that somebody caused, latest first; both bounds are inclusive.

    `user_id`: only what he did. `kinds`: only such events, where any are named. `by_strangers`: kinds that are listed also where
    it is not known who it was.
    """
    is_by_people = or_(events.c.user_id.is_not(None), events.c.kind.in_(by_strangers))
    query = select(events).where(is_by_people).order_by(events.c.id.desc())
    if user_id is not None:
        query = query.where(events.c.user_id == user_id)
    if kinds:
        query = query.where(events.c.kind.in_(kinds))
    if before is not None:
        query = query.where(events.c.id < before)
    if since is not None:
        query = query.where(events.c.at >= since)
    if until is not None:
        query = query.where(events.c.at <= until)
    return tuple(Event(**row._asdict()) for row in tx.execute(query.limit(limit)))


def after(tx: Connection, event_id: int, limit: int) -> tuple[Event, ...]:
    """List the next `limit` events after the one with the id `event_id`, oldest first."""
    query = select(events).where(events.c.id > event_id).order_by(events.c.id).limit(limit)
    return tuple(Event(**row._asdict()) for row in tx.execute(query))


def last_id(tx: Connection) -> int:
    """Give the id of the latest event; 0 where nothing happened yet."""
    highest: int = tx.execute(select(func.coalesce(func.max(events.c.id), 0))).scalar_one()
    return highest


def settled_after(tx: Connection, event_id: int, limit: int) -> tuple[Event, ...]:
    """Do as `after`, and be sure that no event with a lower id comes later; needs a transaction of its own that may write.

    PostgreSQL hands an id out before its transaction ends: whoever remembers the highest id that he saw would miss
    those that end later. So this waits for all who are appending, and lets nobody begin before the end of `tx`.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(text("LOCK TABLE events IN SHARE MODE"))
    return after(tx, event_id, limit)
