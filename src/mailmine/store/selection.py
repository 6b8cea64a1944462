"""Comments of several sources that match a filter, newest first or counted: what datasets are asked for."""

import heapq
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection

from mailmine.model.comment_filter import CommentFilter
from mailmine.model.ids import SourceId
from mailmine.store import comments
from mailmine.store.comments import StoredComment

PIECE = 256
"""Comments of one source that are read at a time."""
MOST_LOOKED_AT = 20_000
"""Comments that one page looks at; a page may hold fewer than were asked for, or none, and still go on."""

Matches = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Place:
    """Behind which comment a page begins, in the order of time, newest first."""

    time_key: int
    source_id: SourceId


@dataclass(frozen=True, slots=True)
class Page:
    """Comments that match, and where it goes on."""

    comments: tuple[StoredComment, ...]
    following: Place | None


def page(
    tx: Connection,
    source_ids: Sequence[SourceId],
    wanted: CommentFilter,
    *,
    after: Place | None,
    limit: int,
    also: Matches | None = None,
) -> Page:
    """Give the next `limit` comments that match `wanted`, and `also`, newest first."""
    found: list[StoredComment] = []
    place = after
    for looked_at, one in enumerate(_newest_first(tx, source_ids, wanted, after), 1):
        if _matches(one, wanted, also):
            if len(found) == limit:
                return Page(tuple(found), place)
            found.append(one)
        place = Place(one.time_key, one.source_id)
        if looked_at == MOST_LOOKED_AT:
            return Page(tuple(found), place)
    return Page(tuple(found), None)


def count(
    tx: Connection,
    source_ids: Sequence[SourceId],
    wanted: CommentFilter,
    *,
    also: Matches | None = None,
) -> int:
    """Count the comments that match."""
    if wanted == CommentFilter() and also is None:
        return sum(comments.count(tx, source_id) for source_id in source_ids)
    every = _newest_first(tx, source_ids, wanted, None)
    return sum(_matches(one, wanted, also) for one in every)


def sample(
    tx: Connection,
    source_ids: Sequence[SourceId],
    wanted: CommentFilter,
    *,
    seed: int,
    limit: int,
    also: Matches | None = None,
) -> tuple[StoredComment, ...]:
    """Give up to `limit` comments that match, drawn over the whole of time; the same for the same `seed`."""
    draw = random.Random(seed)  # noqa: S311 - nothing is secret here
    read = [one for one in source_ids if wanted.reads(one)]
    bounds = {one: span for one in read if (span := comments.span(tx, one)) is not None}
    found: dict[int, StoredComment] = {}
    for _ in range(4 * limit if bounds else 0):
        source_id = draw.choice(sorted(bounds))
        first, last = bounds[source_id]
        key = draw.randint(first, last)
        (one,) = comments.page(
            tx, source_id, newest_first=False, after=key - 1, limit=1, since=None, until=None
        )
        if _matches(one, wanted, also):
            found.setdefault(one.seq, one)
        if len(found) == limit:
            break
    return tuple(found.values())


def _matches(one: StoredComment, wanted: CommentFilter, also: Matches | None) -> bool:
    if not wanted.looks_inside and also is None and wanted.timestamp is None:
        return True
    data = orjson.loads(one.json)
    return wanted.matches(data) and (also is None or also(data))


def _newest_first(
    tx: Connection, source_ids: Sequence[SourceId], wanted: CommentFilter, after: Place | None
) -> Iterator[StoredComment]:
    """Merge the comments of some sources; those of one time key come by the id of their source."""
    each = (_of_source(tx, one, wanted, after) for one in source_ids if wanted.reads(one))
    return heapq.merge(*each, key=lambda one: (-one.time_key, one.source_id))


def _of_source(
    tx: Connection, source_id: SourceId, wanted: CommentFilter, after: Place | None
) -> Iterator[StoredComment]:
    before = None
    if after is not None:
        before = after.time_key + (source_id > after.source_id)
    while True:
        found = comments.page(
            tx,
            source_id,
            newest_first=True,
            after=before,
            limit=PIECE,
            since=wanted.since,
            until=wanted.until,
        )
        yield from found
        if len(found) < PIECE:
            return
        before = found[-1].time_key
