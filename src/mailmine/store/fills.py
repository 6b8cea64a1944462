"""Sources whose bucket had emails before they were there: their comments are made in the background."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from mailmine.model.ids import BucketId, EmailKey, SourceId
from mailmine.store.schema import buckets, emails, fills
from mailmine.store.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One source that is being filled."""

    source_id: SourceId
    after_key: EmailKey
    """The last email that was done."""
    done: int
    total: int
    """Emails of the bucket when it began; those that came later become comments by themselves."""
    begun_at: datetime
    anew: bool
    """Comments that are there are made once more."""


def begin(
    tx: Connection,
    source_id: SourceId,
    bucket_id: BucketId,
    *,
    at: datetime,
    anew: bool = False,
) -> None:
    """Let comments be made of all emails that the bucket has now, from the first; of an empty one, nothing.

    `anew` makes those once more that are there already.
    """
    if not anew:
        # Who is storing emails looked up the sources before this one was there: his must be counted. So PostgreSQL, where a
        # row of `emails` holds its bucket, waits for him here; others wait until the source can be seen.
        tx.execute(select(buckets.c.id).where(buckets.c.id == bucket_id).with_for_update())
    counted = select(func.count()).select_from(emails).where(emails.c.bucket_id == bucket_id)
    total = tx.execute(counted).scalar_one()
    if total:
        change = ("after_key", "done", "total", "begun_at", "anew")
        tx.execute(
            upsert(tx, fills, key=("source_id",), change=change).values(
                source_id=source_id, after_key=0, done=0, total=total, begun_at=at, anew=anew
            )
        )


def list_all(tx: Connection) -> tuple[Fill, ...]:
    """All that is under way, what began first at the front."""
    rows = tx.execute(select(fills).order_by(fills.c.begun_at, fills.c.source_id))
    return tuple(Fill(**row._asdict()) for row in rows)


def of_source(tx: Connection, source_id: SourceId) -> Fill | None:
    """Find the one of a source; who writes waits here until others that go on with it have."""
    mine = select(fills).where(fills.c.source_id == source_id)
    row = tx.execute(mine.with_for_update()).one_or_none()
    return None if row is None else Fill(**row._asdict())


def progress(tx: Connection, source_id: SourceId, *, after_key: EmailKey, more: int) -> None:
    """Note that `more` emails were done, the last of them `after_key`."""
    tx.execute(
        update(fills)
        .where(fills.c.source_id == source_id)
        .values(after_key=after_key, done=fills.c.done + more)
    )


def end(tx: Connection, source_id: SourceId) -> None:
    """Note that a source is filled, or that it is not to be."""
    tx.execute(delete(fills).where(fills.c.source_id == source_id))
