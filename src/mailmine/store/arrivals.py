"""How many comments became visible in each minute: what flows now."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, func, select

from mailmine.model.ids import SourceId
from mailmine.store.schema import comments
from mailmine.store.types import microseconds, moment

MINUTE = 60_000_000
"""Microseconds, which `comments.arrival` counts."""


def by_minute(
    tx: Connection, source_ids: Collection[SourceId], *, since: datetime
) -> dict[datetime, int]:
    """Count what came into these sources, by the minute in which it came; one in which nothing came is not there.

    The index on `arrival` answers it, which costs as much as is new.
    """
    minute = (comments.c.arrival // MINUTE).label("minute")
    mine = comments.c.source_id.in_(source_ids) & (comments.c.arrival >= microseconds(since))
    found = tx.execute(select(minute, func.count()).where(mine).group_by(minute))
    return {moment(at * MINUTE): number for at, number in found}
