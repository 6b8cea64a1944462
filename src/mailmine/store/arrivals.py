"""How many comments became visible in each minute: what flows now."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, func, literal, select

from mailmine.model.ids import SourceId
from mailmine.store.schema import comments
from mailmine.store.types import Number, microseconds, moment

MINUTE = 60_000_000
"""Microseconds, which `comments.arrival` counts."""


def by_minute(
    tx: Connection, source_ids: Collection[SourceId], *, since: datetime, minutes: int
) -> dict[datetime, int]:
    """Count what came into these sources in each of the minutes from that of `since` on; where nothing came is not there.

    The index on `arrival` is counted between the ends of each minute: while a first load runs there are very many, and to tell the
    minute of each takes five times as long.
    """
    if not source_ids:
        return {}
    first = microseconds(since) // MINUTE * MINUTE
    each = select(literal(first, Number).label("begin")).cte("minutes", recursive=True)
    last = first + (minutes - 1) * MINUTE
    each = each.union_all(select(each.c.begin + MINUTE).where(each.c.begin < last))
    came = (
        select(func.count())
        .where(
            comments.c.source_id.in_(source_ids),
            comments.c.arrival >= each.c.begin,
            comments.c.arrival < each.c.begin + MINUTE,
        )
        .scalar_subquery()
    )
    found = tx.execute(select(each.c.begin, came))
    return {moment(begin): number for begin, number in found if number}
