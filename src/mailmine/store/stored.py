"""How much is kept: comments, and bytes of emails, attachments and comments."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, true

from mailmine.model.ids import BucketId, ProjectId
from mailmine.store.schema import (
    attachments,
    buckets,
    comment_attachments,
    comments,
    emails,
    sources,
)


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is kept in one place."""

    comments: int = 0
    bytes: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        """Put two together."""
        return Amount(self.comments + other.comments, self.bytes + other.bytes)


def in_buckets(tx: Connection, only: Collection[BucketId] | None = None) -> dict[BucketId, Amount]:
    """Count the emails of each bucket, as the comments that they are, and their bytes with the attachments.

    Reads all rows, or those of `only` these buckets: for whoever asks seldom. One without an email is left out.
    """
    mine = true() if only is None else emails.c.bucket_id.in_(only)
    size = func.coalesce(func.sum(func.length(emails.c.record)), 0)
    found = {
        bucket_id: Amount(number, int(octets))
        for bucket_id, number, octets in tx.execute(
            select(emails.c.bucket_id, func.count(), size).where(mine).group_by(emails.c.bucket_id)
        )
    }
    attached = (
        select(emails.c.bucket_id, func.sum(attachments.c.size))
        .join(emails, emails.c.key == attachments.c.email_key)
        .where(mine)
        .group_by(emails.c.bucket_id)
    )
    for bucket_id, octets in tx.execute(attached):
        found[bucket_id] = found.get(bucket_id, Amount()) + Amount(0, int(octets))
    return found


def in_projects(tx: Connection) -> dict[ProjectId, Amount]:
    """Count the comments of each project's sources, and the bytes of these and of its buckets. Reads all rows."""
    size = func.coalesce(func.sum(func.length(comments.c.json)), 0)
    shown = (
        select(sources.c.project_id, func.count(), size)
        .join(comments, comments.c.source_id == sources.c.id)
        .group_by(sources.c.project_id)
    )
    found = {
        project_id: Amount(number, int(octets)) for project_id, number, octets in tx.execute(shown)
    }
    attached = (
        select(sources.c.project_id, func.sum(comment_attachments.c.size))
        .join(sources, sources.c.id == comment_attachments.c.source_id)
        .group_by(sources.c.project_id)
    )
    kept = in_buckets(tx)
    places = tx.execute(select(buckets.c.project_id, buckets.c.id))
    more = [(project_id, kept.get(bucket_id, Amount()).bytes) for project_id, bucket_id in places]
    for project_id, octets in (*tx.execute(attached), *more):
        found[project_id] = found.get(project_id, Amount()) + Amount(0, int(octets))
    return found
