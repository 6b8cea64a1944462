"""Where comments stand in their conversations."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, func, select, tuple_

from mailmine.store.comments import SLOTS, StoredComment
from mailmine.store.schema import comments


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadPlace:
    """The place of a comment in its conversation, as far as it is there."""

    comments: int
    """Of the whole conversation."""
    position: int
    """From 1, by the time of sending."""
    duration: int
    """Seconds from the first comment to the last."""
    response_time: int | None
    """Seconds since the comment before; None for the first."""
    first_sender: str | None
    """Who sent the first, as it says."""


def places(tx: Connection, shown: Sequence[StoredComment]) -> dict[int, ThreadPlace]:
    """Find the places of comments by their `seq`; those that belong to no conversation are left out."""
    if not shown:
        return {}
    one, other = comments.alias(), comments.alias()
    key = other.c.time_key
    same = (other.c.source_id == one.c.source_id) & (other.c.thread_id == one.c.thread_id)
    earlier = key < one.c.time_key
    asked = [
        select(value).where(same & condition).scalar_subquery()
        for value, condition in (
            (func.count(), key.is_not(None)),
            (func.count(), earlier),
            (func.min(key), key.is_not(None)),
            (func.max(key), key.is_not(None)),
            (func.max(key), earlier),
        )
    ]
    mine = one.c.seq.in_([comment.seq for comment in shown]) & one.c.thread_id.is_not(None)
    rows = tx.execute(select(one.c.seq, one.c.source_id, one.c.time_key, *asked).where(mine)).all()
    firsts = {(row[1], row[5]) for row in rows}
    place = tuple_(comments.c.source_id, comments.c.time_key)
    query = select(comments.c.source_id, comments.c.time_key, comments.c.json)
    senders = {
        (source, first): _sender(json)
        for source, first, json in tx.execute(query.where(place.in_(firsts)))
    }
    return {
        seq: ThreadPlace(
            comments=count,
            position=before + 1,
            duration=(last - first) // SLOTS,
            response_time=None if previous is None else (own - previous) // SLOTS,
            first_sender=senders.get((source, first)),
        )
        for seq, source, own, count, before, first, last, previous in rows
    }


def _sender(json: bytes) -> str | None:
    messages = orjson.loads(json)["messages"]
    sender = messages[0].get("from") if messages else None
    return sender if isinstance(sender, str) else None
