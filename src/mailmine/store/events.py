"""What happened is a row: the one log that notifications, the audit page and live regions read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

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
) -> tuple[Event, ...]:
    """List the latest `limit` events that somebody caused, latest first; both bounds are inclusive."""
    query = select(events).where(events.c.user_id.is_not(None)).order_by(events.c.id.desc())
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
