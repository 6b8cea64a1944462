"""Streams: where each reader of a dataset is.

A stream's position is kept for each source apart: the writers of one source take turns, those of two sources
do not (`comments`), so one number for both could pass by a comment that is not visible yet.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select, update

from mailmine.model.ids import DatasetId, StreamId
from mailmine.store.comments import Order
from mailmine.store.errors import NotFound
from mailmine.store.schema import stream_exceptions, streams
from mailmine.store.types import microseconds, new_id
from mailmine.store.upsert import insert, upsert

Position = Mapping[str, int]
"""The place up to which each source was read, by its id; under `OTHERS` that of all sources not named."""

OTHERS = "*"


class Updates(StrEnum):
    """Whether a comment that was read comes again."""

    TEXT = "text"
    """When its text changed; never for another folder or flag."""
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream."""

    id: StreamId
    dataset_id: DatasetId
    name: str
    title: str
    description: str
    comment_filter: Mapping[str, Any]
    model: Mapping[str, Any] | None
    updates: Updates
    position: Position
    created_at: datetime
    updated_at: datetime

    @property
    def order(self) -> Order:
        """The order in which it reads."""
        return Order.ARRIVAL if self.updates is Updates.NEVER else Order.REVISION

    def place(self, source_id: str) -> int:
        """Give the place up to which a source was read."""
        return self.position.get(source_id, self.position.get(OTHERS, 0))


def of_dataset(tx: Connection, dataset_id: DatasetId) -> tuple[Stream, ...]:
    """List the streams of a dataset, by name."""
    query = _rows().where(streams.c.dataset_id == dataset_id).order_by(streams.c.name)
    return tuple(_stream(row) for row in tx.execute(query).mappings())


def get(tx: Connection, dataset_id: DatasetId, name: str) -> Stream | None:
    """Find the stream `name` of a dataset."""
    mine = (streams.c.dataset_id == dataset_id) & (streams.c.name == name)
    row = tx.execute(_rows().where(mine)).mappings().one_or_none()
    return None if row is None else _stream(row)


def add(
    tx: Connection,
    dataset_id: DatasetId,
    name: str,
    *,
    title: str,
    description: str,
    comment_filter: Mapping[str, Any],
    model: Mapping[str, Any] | None,
    updates: Updates,
    at: datetime,
) -> Stream:
    """Make a stream, at the beginning of its dataset. Raises Conflict if the name is taken, NotFound."""
    stream = Stream(
        id=StreamId(new_id()),
        dataset_id=dataset_id,
        name=name,
        title=title,
        description=description,
        comment_filter=comment_filter,
        model=model,
        updates=updates,
        position={},
        created_at=at,
        updated_at=at,
    )
    tx.execute(insert(tx, streams).values(**asdict(stream)))
    return stream


def save(tx: Connection, stream: Stream) -> None:
    """Write what a stream is now, but for its position. Raises NotFound if it is gone, Conflict for a taken name."""
    values = asdict(stream)
    for name in ("id", "dataset_id", "position", "created_at"):
        del values[name]
    done = tx.execute(update(streams).where(streams.c.id == stream.id).values(**values))
    if done.rowcount == 0:
        raise NotFound(f"The stream {stream.name} does not exist any more.")


def advance(tx: Connection, stream_id: StreamId, to: Position) -> None:
    """Move a stream on: of each source to the place in `to`, never back.

    Of two readers of one stream, and of a request that is sent twice, neither undoes what the other did.
    """
    query = select(streams.c.position).where(streams.c.id == stream_id).with_for_update()
    row = tx.execute(query).one_or_none()
    if row is None:
        raise NotFound("The stream does not exist any more.")
    before = row.position
    others = before.get(OTHERS, 0)
    after = {key: max(place, before.get(key, others)) for key, place in to.items()}
    tx.execute(
        update(streams).where(streams.c.id == stream_id).values(position={**before, **after})
    )


def reset(tx: Connection, stream_id: StreamId, to: datetime) -> None:
    """Move a stream, forth or back, to the comments that became visible at or after `to`."""
    tx.execute(
        update(streams)
        .where(streams.c.id == stream_id)
        .values(position={OTHERS: microseconds(to) - 1})
    )


def remove(tx: Connection, stream_id: StreamId) -> None:
    """Forget a stream with its exceptions."""
    tx.execute(delete(streams).where(streams.c.id == stream_id))


def count(tx: Connection, dataset_id: DatasetId | None = None) -> int:
    """Count the streams (of a dataset)."""
    query = select(func.count()).select_from(streams)
    if dataset_id is not None:
        query = query.where(streams.c.dataset_id == dataset_id)
    return tx.execute(query).scalar_one()


def tag_exceptions(
    tx: Connection, stream_id: StreamId, types: Mapping[str, str], *, at: datetime
) -> None:
    """Note of which comments, by uid, the reader says that they need a person, and what is the matter with each."""
    if types:
        tx.execute(
            upsert(tx, stream_exceptions, key=("stream_id", "uid"), change=("type", "at")),
            [
                {"stream_id": stream_id, "uid": uid, "type": type_, "at": at}
                for uid, type_ in types.items()
            ],
        )


def untag_exceptions(tx: Connection, stream_id: StreamId, uids: Collection[str]) -> None:
    """Take such notes back."""
    mine = (stream_exceptions.c.stream_id == stream_id) & stream_exceptions.c.uid.in_(uids)
    tx.execute(delete(stream_exceptions).where(mine))


def exceptions(
    tx: Connection, stream_ids: Collection[StreamId], uids: Collection[str]
) -> frozenset[str]:
    """Tell which of `uids` are exceptions of any of these streams."""
    mine = stream_exceptions.c.stream_id.in_(stream_ids) & stream_exceptions.c.uid.in_(uids)
    return frozenset(tx.execute(select(stream_exceptions.c.uid).where(mine)).scalars())


@dataclass(frozen=True, slots=True)
class Tagged:
    """A comment that needs a person, as a reader of the stream said."""

    uid: str
    type: str
    at: datetime


def tagged(tx: Connection, stream_id: StreamId, limit: int) -> tuple[Tagged, ...]:
    """List the comments that need a person, those noted last first."""
    columns = (stream_exceptions.c.uid, stream_exceptions.c.type, stream_exceptions.c.at)
    query = (
        select(*columns)
        .where(stream_exceptions.c.stream_id == stream_id)
        .order_by(stream_exceptions.c.at.desc(), stream_exceptions.c.uid)
    )
    return tuple(Tagged(*row) for row in tx.execute(query.limit(limit)))


def _rows() -> Select[Any]:
    return select(streams)


def _stream(row: Mapping[Any, Any]) -> Stream:
    return Stream(**{**row, "updates": Updates(row["updates"])})
