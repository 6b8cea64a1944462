"""How much of each kind there may be, and how much one bucket or one project may hold.

What has no row has no limit but the default of its kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, select

from mailmine.model.ids import BucketId, ProjectId
from mailmine.store.schema import bucket_quotas, project_quotas, quotas
from mailmine.store.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The limit of one kind."""

    kind: str
    hard_limit: int
    auto_increase_up_to: int | None


def list_all(tx: Connection) -> dict[str, Quota]:
    """All that were set, by kind."""
    return {row.kind: Quota(**row._asdict()) for row in tx.execute(select(quotas))}


def put(tx: Connection, quota: Quota) -> None:
    """Set one."""
    change = ("hard_limit", "auto_increase_up_to")
    tx.execute(
        upsert(tx, quotas, key=("kind",), change=change).values(
            kind=quota.kind,
            hard_limit=quota.hard_limit,
            auto_increase_up_to=quota.auto_increase_up_to,
        )
    )


def remove(tx: Connection, kind: str) -> None:
    """Go back to the default."""
    tx.execute(delete(quotas).where(quotas.c.kind == kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnQuota:
    """What one bucket, or one project, may hold; None = no limit of its own."""

    comments: int | None = None
    bytes: int | None = None


NONE = OwnQuota()


def of_buckets(tx: Connection) -> Mapping[BucketId, OwnQuota]:
    """All buckets that have a quota of their own."""
    rows = tx.execute(select(bucket_quotas))
    return {row.bucket_id: OwnQuota(comments=row.comments, bytes=row.bytes) for row in rows}


def of_projects(tx: Connection) -> Mapping[ProjectId, OwnQuota]:
    """All projects that have a quota of their own."""
    rows = tx.execute(select(project_quotas))
    return {row.project_id: OwnQuota(comments=row.comments, bytes=row.bytes) for row in rows}


def put_of_bucket(tx: Connection, bucket_id: BucketId, quota: OwnQuota) -> None:
    """Let one bucket hold so much from now on. Raises NotFound if there is no such bucket."""
    _put(tx, bucket_quotas, bucket_id, quota)


def put_of_project(tx: Connection, project_id: ProjectId, quota: OwnQuota) -> None:
    """Let one project hold so much from now on. Raises NotFound if there is no such project."""
    _put(tx, project_quotas, project_id, quota)


def _put(tx: Connection, table: Table, place: BucketId | ProjectId, quota: OwnQuota) -> None:
    (key,) = table.primary_key.columns
    if quota == NONE:
        tx.execute(delete(table).where(key == place))
        return
    values = {key.name: place, "comments": quota.comments, "bytes": quota.bytes}
    tx.execute(upsert(tx, table, key=(key.name,), change=("comments", "bytes")).values(**values))
