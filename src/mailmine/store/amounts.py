"""How much is kept: comments, and bytes of emails, attachments and comments.

Whoever adds something or takes it away writes so here, a row for each change and in the same transaction: to count millions anew
would take as long as reading them, and to change one number would make the writers of a bucket wait for each other. The rows
of a place are its amount together; `condense` makes one of many.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, Connection, Select, delete, func, insert, literal, select, union_all

from mailmine.model.ids import BucketId, ProjectId, SourceId
from mailmine.store import settings
from mailmine.store.schema import (
    amounts,
    attachments,
    buckets,
    comment_attachments,
    comments,
    emails,
    sources,
)
from mailmine.store.types import new_id

MANY: Final = 100
"""Rows of one place that are worth making one of."""
RECOUNT_AT: Final = "amounts.recount_at"
"""The setting that says when to count anew: mailmine of before, which notes nothing, may write for a while after an upgrade."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is kept in one place."""

    comments: int = 0
    bytes: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        """Put two together."""
        return Amount(self.comments + other.comments, self.bytes + other.bytes)

    def __neg__(self) -> "Amount":
        """Give what goes when this is taken away."""
        return Amount(-self.comments, -self.bytes)


NOTHING: Final = Amount()


def note_in_bucket(tx: Connection, bucket_id: BucketId, change: Amount) -> None:
    """Note what came to a bucket, or (where it is negative) left it."""
    _note(tx, "bucket_id", bucket_id, change)


def note_in_source(tx: Connection, source_id: SourceId, change: Amount) -> None:
    """Note what came to a source, or (where it is negative) left it."""
    _note(tx, "source_id", source_id, change)


def in_buckets(tx: Connection) -> dict[BucketId, Amount]:
    """Give the emails of each bucket, as the comments that they are, and their bytes with the attachments.

    One that never held an email may be left out.
    """
    return {BucketId(place): one for place, one in _summed(tx, amounts.c.bucket_id)}


def in_bucket(tx: Connection, bucket_id: BucketId) -> Amount:
    """Give those of one bucket."""
    return _sum_of(tx, amounts.c.bucket_id, bucket_id)


def in_sources(tx: Connection) -> dict[SourceId, Amount]:
    """Give the comments of each source, and their bytes with the contents that clients put to them; without the bucket's."""
    return {SourceId(place): one for place, one in _summed(tx, amounts.c.source_id)}


def in_source(tx: Connection, source_id: SourceId) -> Amount:
    """Give those of one source."""
    return _sum_of(tx, amounts.c.source_id, source_id)


def in_projects(tx: Connection) -> dict[ProjectId, Amount]:
    """Give the comments of each project's sources, and the bytes of these and of its buckets."""
    found: dict[ProjectId, Amount] = {}
    shown = in_sources(tx)
    for source_id, project_id in tx.execute(select(sources.c.id, sources.c.project_id)):
        found[project_id] = found.get(project_id, NOTHING) + shown.get(source_id, NOTHING)
    kept = in_buckets(tx)
    for bucket_id, project_id in tx.execute(select(buckets.c.id, buckets.c.project_id)):
        octets = kept.get(bucket_id, NOTHING).bytes
        found[project_id] = found.get(project_id, NOTHING) + Amount(0, octets)
    return found


def condense(tx: Connection, *, many: int = MANY) -> int:
    """Make one row of the rows of each place that has more than `many`; says of how many places."""
    done = 0
    for column in (amounts.c.bucket_id, amounts.c.source_id):
        long = select(column).where(column.is_not(None)).group_by(column)
        for place in tx.execute(long.having(func.count() > many)).scalars().all():
            gone = tx.execute(
                delete(amounts)
                .where(column == place)
                .returning(amounts.c.comments, amounts.c.bytes)
            )
            _note(tx, column.name, place, sum((Amount(*row) for row in gone), NOTHING))
            done += 1
    return done


def recount(tx: Connection) -> int:
    """Count all rows of all places, and mend what was noted; says in how many places that was wrong.

    One statement for the buckets and one for the sources, each of which sees what was counted and what was noted at one moment:
    so others may write meanwhile.
    """
    wrong = [
        *_wrong(tx, amounts.c.bucket_id, *_in_buckets_counted()),
        *_wrong(tx, amounts.c.source_id, *_in_sources_counted()),
    ]
    if wrong:
        tx.execute(insert(amounts), wrong)
    return len(wrong)


def tidy(tx: Connection, *, now: datetime) -> None:
    """Do what has to be done now and then: condense, and count anew where the time for it has come."""
    due = settings.get(tx, RECOUNT_AT)
    if due is not None and now >= datetime.fromisoformat(due):
        settings.remove(tx, RECOUNT_AT)
        recount(tx)
    condense(tx)


def _note(tx: Connection, column: str, place: str, change: Amount) -> None:
    if change != NOTHING:
        tx.execute(insert(amounts), _row(column, place, change))


def _row(column: str, place: str, change: Amount) -> dict[str, object]:
    other = {"bucket_id": None, "source_id": None}
    return {
        "id": new_id(),
        **other,
        column: place,
        "comments": change.comments,
        "bytes": change.bytes,
    }


def _summed(tx: Connection, column: Column[Any]) -> list[tuple[str, Amount]]:
    query = select(column, *_SUMS).where(column.is_not(None)).group_by(column)
    return [
        (place, Amount(int(number), int(octets))) for place, number, octets in tx.execute(query)
    ]


def _sum_of(tx: Connection, column: Column[Any], place: str) -> Amount:
    number, octets = tx.execute(select(*_SUMS).where(column == place)).one()
    return Amount(int(number or 0), int(octets or 0))


_SUMS: Final = (func.sum(amounts.c.comments), func.sum(amounts.c.bytes))


def _wrong(tx: Connection, column: Column[Any], *counted: Select[Any]) -> list[dict[str, object]]:
    """List what has to be noted for the amounts of all places to be what is `counted`: place, comments and bytes."""
    noted = select(column, -func.sum(amounts.c.comments), -func.sum(amounts.c.bytes))
    every = union_all(*counted, noted.where(column.is_not(None)).group_by(column)).subquery()
    place, number, octets = every.c
    summed = select(place, func.sum(number), func.sum(octets)).group_by(place)
    return [
        _row(column.name, place, change)
        for place, number, octets in tx.execute(summed)
        if (change := Amount(int(number), int(octets))) != NOTHING
    ]


def _in_buckets_counted() -> tuple[Select[Any], Select[Any]]:
    mine = emails.c.bucket_id
    kept = select(mine, func.count(), func.sum(func.length(emails.c.record))).group_by(mine)
    attached = select(mine, literal(0), func.sum(attachments.c.size)).group_by(mine)
    return kept, attached.join(attachments, attachments.c.email_key == emails.c.key)


def _in_sources_counted() -> tuple[Select[Any], Select[Any]]:
    mine, other = comments.c.source_id, comment_attachments.c.source_id
    shown = select(mine, func.count(), func.sum(func.length(comments.c.json))).group_by(mine)
    return shown, select(other, literal(0), func.sum(comment_attachments.c.size)).group_by(other)
