"""Whether anything changed: cheap enough to be asked every second, for the live parts of the pages."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, union

from mailmine.model.ids import SourceId
from mailmine.store.schema import comments, copies, events, mailboxes, removals


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """The highest numbers in the store at one moment. A hint: nothing may rely on it to miss nothing."""

    comment: int
    copy: int
    event: int
    round_at: datetime | None
    """When the last round of any mailbox ended."""
    removed: tuple[int, int]
    """How many things are being removed, and how much of them is gone."""
    sources: frozenset[SourceId]
    """Those with new comments, or with comments whose email moved, since the pulse before."""


def take(tx: Connection, *, since: Pulse | None) -> Pulse:
    """Look at the store. Without `since` no source counts as changed."""
    comment, copy, event, round_at, going, gone = tx.execute(
        select(
            select(func.max(comments.c.seq)).scalar_subquery(),
            select(func.max(copies.c.order)).scalar_subquery(),
            select(func.max(events.c.id)).scalar_subquery(),
            select(func.max(mailboxes.c.last_round_at)).scalar_subquery(),
            select(func.count()).select_from(removals).scalar_subquery(),
            select(func.sum(removals.c.done)).scalar_subquery(),
        )
    ).one()
    return Pulse(
        comment=comment or 0,
        copy=copy or 0,
        event=event or 0,
        round_at=round_at,
        removed=(going, int(gone or 0)),
        sources=_changed(tx, since) if since else frozenset(),
    )


def _changed(tx: Connection, since: Pulse) -> frozenset[SourceId]:
    new = select(comments.c.source_id).where(comments.c.seq > since.comment)
    moved = (
        select(comments.c.source_id)
        .join(copies, copies.c.email_key == comments.c.email_key)
        .where(copies.c.order > since.copy)
    )
    return frozenset(SourceId(source) for (source,) in tx.execute(union(new, moved)))
