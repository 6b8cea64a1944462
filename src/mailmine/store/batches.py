"""What a stream reads next: comments of several sources in the order in which they became visible."""

import base64
import binascii
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection

from mailmine.model.comment_filter import CommentFilter
from mailmine.model.ids import SourceId
from mailmine.store import comments
from mailmine.store.comments import Order, Placed
from mailmine.store.streams import Position, Stream

_PIECE = 128
"""Comments of one source that are read at a time."""
_VERSION = b"\x01"
_ENTRY = 16
"""Bytes: the id of a source, and the place in it."""


@dataclass(frozen=True, slots=True)
class Result:
    """A comment, and the position of a stream that has read up to it."""

    json: bytes
    position: Position
    source_id: SourceId

    @property
    def place(self) -> int:
        """Where it stands among the comments of its source."""
        return self.position[self.source_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What comes next."""

    results: tuple[Result, ...]
    filtered: int
    """Comments that the filter left out."""
    position: Position
    """Of a stream that has read all of it, what was left out as well."""
    is_end: bool
    """Nothing further now."""


def fetch(
    tx: Connection,
    stream: Stream,
    source_ids: Sequence[SourceId],
    wanted: CommentFilter,
    *,
    size: int,
    max_filtered: int,
) -> Batch:
    """Give up to `size` comments that match, leaving out at most `max_filtered`. The stream stays where it is."""
    looks = wanted.looks_inside or wanted.timestamp is not None
    results: list[Result] = []
    position: dict[str, int] = {}
    filtered = 0
    for one in _in_order(tx, stream, [each for each in source_ids if wanted.reads(each)]):
        is_match = not looks or wanted.matches(orjson.loads(one.json))
        if (is_match and len(results) == size) or (not is_match and filtered == max_filtered):
            return Batch(results=tuple(results), filtered=filtered, position=position, is_end=False)
        position = {**position, one.source_id: one.place}
        if is_match:
            results.append(Result(one.json, position, one.source_id))
        else:
            filtered += 1
    return Batch(results=tuple(results), filtered=filtered, position=position, is_end=True)


def behind(
    tx: Connection, stream: Stream, source_ids: Sequence[SourceId], *, most: int | None = None
) -> int:
    """Count the comments that a stream has not read yet, whatever its filter says of them.

    Of each source no more than `most` are counted.
    """
    return sum(
        comments.count_following(tx, each, stream.order, after=stream.place(each), most=most)
        for each in source_ids
    )


def write(position: Position) -> str:
    """Write a position as the opaque text that clients pass on."""
    entries = (
        bytes.fromhex(source_id) + place.to_bytes(8, "big")
        for source_id, place in sorted(position.items())
    )
    return base64.urlsafe_b64encode(_VERSION + b"".join(entries)).decode().rstrip("=")


def read(written: str) -> Position | None:
    """Read what `write` wrote; None for anything else."""
    try:
        padded = written + "=" * (-len(written) % 4)
        data = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if data[:1] != _VERSION or (len(data) - 1) % _ENTRY:
        return None
    position = {
        data[at : at + 8].hex(): int.from_bytes(data[at + 8 : at + _ENTRY], "big")
        for at in range(1, len(data), _ENTRY)
    }
    return (
        position
        if write(position) == written and max(position.values(), default=0) < 1 << 63
        else None
    )


def _in_order(tx: Connection, stream: Stream, source_ids: Sequence[SourceId]) -> Iterator[Placed]:
    each = (_of_source(tx, one, stream.order, stream.place(one)) for one in source_ids)
    return heapq.merge(*each, key=lambda one: (one.place, one.source_id))


def _of_source(tx: Connection, source_id: SourceId, order: Order, after: int) -> Iterator[Placed]:
    while True:
        found = comments.following(tx, source_id, order, after=after, limit=_PIECE)
        yield from found
        if len(found) < _PIECE:
            return
        after = found[-1].place
