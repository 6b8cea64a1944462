"""How long a bucket keeps comments, raw emails and contents of attachments; without a limit, for good.

Comments count from the date of their email, the others from when they were kept here. An email that is emptied stays
known by its id, so that it is never read again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Select, func, select, update

from mailmine.model.ids import BucketId, EmailKey, SourceId
from mailmine.store import amounts, comments as comment_store, orphans
from mailmine.store.amounts import Amount
from mailmine.store.emails import EMPTY
from mailmine.store.schema import attachments, emails, retentions, sources
from mailmine.store.upsert import upsert

MOST_COUNTED = 100_000
"""What would go is counted up to here: beyond, it is many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What a bucket keeps, in days; None = for good."""

    bucket_id: BucketId
    comments_days: int | None = None
    emails_days: int | None = None
    attachments_days: int | None = None

    def comments_from(self, now: datetime) -> datetime | None:
        """Give the date before which comments go."""
        return _before(self.comments_days, now)

    def keeps(self, timestamp: datetime, now: datetime) -> bool:
        """Whether a comment of this date is made at all: not one that would go at once."""
        before = self.comments_from(now)
        return before is None or timestamp >= before

    def emails_from(self, now: datetime) -> datetime | None:
        """Give the moment before which emails that were kept go."""
        return _before(self.emails_days, now)

    def attachments_from(self, now: datetime) -> datetime | None:
        """Give the moment before which the contents of emails that were kept go."""
        return _before(self.attachments_days, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What would go now; each number at most `MOST_COUNTED`."""

    comments: int
    emails: int
    attachments: int
    octets: int
    """Of these attachments."""


def _before(days: int | None, now: datetime) -> datetime | None:
    return None if days is None else now - timedelta(days=days)


def list_all(tx: Connection) -> Mapping[BucketId, Retention]:
    """All buckets that do not keep everything for good."""
    rows = tx.execute(select(retentions))
    return {row.bucket_id: Retention(**row._asdict()) for row in rows}


def of_bucket(tx: Connection, bucket_id: BucketId) -> Retention:
    """Tell what a bucket keeps."""
    row = tx.execute(select(retentions).where(retentions.c.bucket_id == bucket_id)).one_or_none()
    return Retention(bucket_id=bucket_id) if row is None else Retention(**row._asdict())


def put(tx: Connection, retention: Retention) -> None:
    """Let a bucket keep so much from now on. Raises NotFound if there is no such bucket."""
    values = {
        "bucket_id": retention.bucket_id,
        "comments_days": retention.comments_days,
        "emails_days": retention.emails_days,
        "attachments_days": retention.attachments_days,
    }
    change = ("comments_days", "emails_days", "attachments_days")
    tx.execute(upsert(tx, retentions, key=("bucket_id",), change=change).values(**values))


def due(tx: Connection, retention: Retention, *, now: datetime) -> Due:
    """Count what would go now by these limits."""
    found = {"comments": 0, "emails": 0, "attachments": 0, "octets": 0}
    if (before := retention.comments_from(now)) is not None:
        for source_id in _sources(tx, retention.bucket_id):
            left = MOST_COUNTED - found["comments"]
            found["comments"] += comment_store.count_before(tx, source_id, before, most=left)
    if (before := retention.emails_from(now)) is not None:
        rows = (
            select(emails.c.key).where(_emptiable(retention.bucket_id, before)).limit(MOST_COUNTED)
        )
        found["emails"] = tx.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
    if (before := retention.attachments_from(now)) is not None:
        old = _attached(retention.bucket_id, before).limit(MOST_COUNTED).subquery()
        counted = select(func.count(), func.coalesce(func.sum(old.c.size), 0)).select_from(old)
        found["attachments"], octets = tx.execute(counted).one()
        found["octets"] = int(octets)
    return Due(**found)


def remove_comments(tx: Connection, bucket_id: BucketId, before: datetime, *, limit: int) -> int:
    """Forget at most `limit` comments of the bucket's sources whose emails are older; how many there were."""
    done = 0
    for source_id in _sources(tx, bucket_id):
        done += comment_store.remove_before(tx, source_id, before, limit=limit - done)
        if done == limit:
            break
    return done


def empty_emails(tx: Connection, bucket_id: BucketId, before: datetime, *, limit: int) -> int:
    """Forget what at most `limit` emails said; how many there were."""
    query = select(emails.c.key, emails.c.raw, func.length(emails.c.record).label("size"))
    old = query.where(_emptiable(bucket_id, before)).limit(limit)
    rows = tx.execute(old.with_for_update()).all()
    if rows:
        amounts.note_in_bucket(tx, bucket_id, -Amount(0, sum(row.size for row in rows)))
        keys = [row.key for row in rows]
        tx.execute(update(emails).where(emails.c.key.in_(keys)).values(record=EMPTY, raw=None))
        orphans.add(tx, {row.raw for row in rows if row.raw})
    return len(rows)


def old_attachments(
    tx: Connection, bucket_id: BucketId, before: datetime, *, limit: int
) -> tuple[EmailKey, ...]:
    """Name at most `limit` emails whose attachments' contents are to go."""
    old = _attached(bucket_id, before).subquery()
    query = select(old.c.email_key).distinct().order_by(old.c.email_key).limit(limit)
    return tuple(tx.execute(query).scalars())


def _attached(bucket_id: BucketId, before: datetime) -> Select[tuple[EmailKey, int]]:
    return (
        select(attachments.c.email_key, attachments.c.size)
        .join(emails, emails.c.key == attachments.c.email_key)
        .where(emails.c.bucket_id == bucket_id, emails.c.created_at < before)
    )


def _emptiable(bucket_id: BucketId, before: datetime) -> ColumnElement[bool]:
    return (
        (emails.c.bucket_id == bucket_id)
        & (emails.c.created_at < before)
        & (emails.c.record != EMPTY)
    )


def _sources(tx: Connection, bucket_id: BucketId) -> tuple[SourceId, ...]:
    query = select(sources.c.id).where(sources.c.bucket_id == bucket_id).order_by(sources.c.id)
    return tuple(tx.execute(query).scalars())
