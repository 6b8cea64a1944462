"""Which traces brought the comments of a source: rows only while traces are sent, a row for what was written at once.

What a transaction writes takes places of a source that follow each other (`comments`), so a row names the first and
the last of them. What is older than `KEPT` goes with the next that comes.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from mailmine.model.ids import SourceId
from mailmine.store.schema import traces
from mailmine.store.types import microseconds

KEPT: Final = timedelta(days=1)
"""For so long a reader that comes late still learns it."""


def note(
    tx: Connection, source_id: SourceId, parent: str, *, first: int, last: int, at: datetime
) -> None:
    """Keep that `parent` (`tracing.current`) brought the comments of these places."""
    is_old = (traces.c.source_id == source_id) & (traces.c.last < microseconds(at - KEPT))
    tx.execute(delete(traces).where(is_old))
    row = {"source_id": source_id, "last": last, "first": first, "parent": parent}
    tx.execute(insert(traces).values(**row))


def of_places(tx: Connection, places: Iterable[tuple[SourceId, int]]) -> tuple[str, ...]:
    """List what brought the comments in these places of sources, as far as it is known, each once."""
    wanted: dict[SourceId, list[int]] = defaultdict(list)
    for source_id, place in places:
        wanted[source_id].append(place)
    found: dict[str, None] = {}
    for source_id, of_source in wanted.items():
        of_source.sort()
        query = select(traces.c.first, traces.c.last, traces.c.parent).where(
            traces.c.source_id == source_id,
            traces.c.last >= of_source[0],
            traces.c.first <= of_source[-1],
        )
        for first, last, parent in tx.execute(query.order_by(traces.c.last)):
            at = bisect_left(of_source, first)
            if at < len(of_source) and of_source[at] <= last:
                found[parent] = None
    return tuple(found)
