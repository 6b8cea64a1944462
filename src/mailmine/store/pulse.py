"""Whether anything changed: cheap enough to be asked every second, for the live parts of the pages."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, func, select, union

from mailmine.model.ids import SourceId
from mailmine.store.schema import (
    buckets,
    comments,
    copies,
    events,
    integrations,
    mailboxes,
    removals,
    sources,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """The highest numbers in the store at one moment. A hint: nothing may rely on it to miss nothing."""

    comment: int
    copy: int
    event: int
    round_at: datetime | None
    """When the last round of any mailbox ended."""
    removed: tuple[int, int, int]
    """How many things are being removed, how much of them is gone, and how many things of their kinds there are."""
    sources: frozenset[SourceId]
    """Those with new comments, or with comments whose email moved, since the pulse before."""


def take(tx: Connection, *, since: Pulse | None) -> Pulse:
    """Look at the store. Without `since` no source counts as changed."""
    comment, copy, event, round_at, going, gone, there = tx.execute(
        select(
            select(func.max(comments.c.seq)).scalar_subquery(),
            select(func.max(copies.c.order)).scalar_subquery(),
            select(func.max(events.c.id)).scalar_subquery(),
            select(func.max(mailboxes.c.last_round_at)).scalar_subquery(),
            select(func.count()).select_from(removals).scalar_subquery(),
            select(func.sum(removals.c.done)).scalar_subquery(),
            # One that goes between two looks is missed otherwise.
            _number(sources) + _number(buckets) + _number(integrations),
        )
    ).one()
    return Pulse(
        comment=comment or 0,
        copy=copy or 0,
        event=event or 0,
        round_at=round_at,
        removed=(going, int(gone or 0), there),
        sources=_changed(tx, since) if since else frozenset(),
    )


def _number(of: Table) -> ColumnElement[int]:
    counted: ColumnElement[int] = select(func.count()).select_from(of).scalar_subquery()
    return counted


def _changed(tx: Connection, since: Pulse) -> frozenset[SourceId]:
    new = select(comments.c.source_id).where(comments.c.seq > since.comment)
    moved = (
        select(comments.c.source_id)
        .join(copies, copies.c.email_key == comments.c.email_key)
        .where(copies.c.order > since.copy)
    )
    return frozenset(SourceId(source) for (source,) in tx.execute(union(new, moved)))
