"""Buckets keep raw emails."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, select, update

from mailmine.model.ids import BucketId, ProjectId
from mailmine.store import amounts
from mailmine.store.errors import NotFound
from mailmine.store.schema import buckets, projects
from mailmine.store.types import new_id
from mailmine.store.upsert import insert


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One bucket."""

    id: BucketId
    project_id: ProjectId
    project: str
    """The project's name."""
    name: str
    title: str
    created_at: datetime
    updated_at: datetime


def list_all(tx: Connection) -> tuple[Bucket, ...]:
    """All buckets, by project and name."""
    rows = tx.execute(_rows().order_by(projects.c.name, buckets.c.name))
    return tuple(Bucket(**row._asdict()) for row in rows)


def get(tx: Connection, project: str, name: str) -> Bucket | None:
    """Find the bucket `name` of the project named `project`."""
    return _one(tx, _rows().where(projects.c.name == project, buckets.c.name == name))


def by_id(tx: Connection, bucket_id: BucketId) -> Bucket | None:
    """Find a bucket by its id."""
    return _one(tx, _rows().where(buckets.c.id == bucket_id))


def ensure(tx: Connection, project_id: ProjectId, name: str, *, title: str = "") -> Bucket:
    """Find the bucket `name` of a project, or make it. Raises NotFound if there is no such project."""
    now = datetime.now(UTC)
    row = {"id": new_id(), "project_id": project_id, "name": name, "title": title}
    tx.execute(
        insert(tx, buckets).values(**row, created_at=now, updated_at=now).on_conflict_do_nothing()
    )
    bucket = _one(tx, _rows().where(buckets.c.project_id == project_id, buckets.c.name == name))
    if bucket is None:
        raise NotFound(f"The bucket {name} was removed in this moment.")
    return bucket


def add(tx: Connection, project_id: ProjectId, name: str, *, title: str, at: datetime) -> Bucket:
    """Make a bucket. Raises Conflict if the name is taken, NotFound if there is no such project."""
    bucket_id = new_id()
    tx.execute(
        insert(tx, buckets).values(
            id=bucket_id,
            project_id=project_id,
            name=name,
            title=title,
            created_at=at,
            updated_at=at,
        )
    )
    return Bucket(**tx.execute(_rows().where(buckets.c.id == bucket_id)).one()._asdict())


def retitle(tx: Connection, bucket_id: BucketId, title: str, *, at: datetime) -> None:
    """Give a bucket another title."""
    tx.execute(update(buckets).where(buckets.c.id == bucket_id).values(title=title, updated_at=at))


def remove(tx: Connection, bucket_id: BucketId) -> None:
    """Forget a bucket whose emails are gone already. Raises NotFound while there are some, or a mailbox fills it."""
    tx.execute(delete(buckets).where(buckets.c.id == bucket_id))


def count_emails(tx: Connection, bucket_id: BucketId) -> int:
    """Count the emails of a bucket."""
    return amounts.in_bucket(tx, bucket_id).comments


def _rows() -> Select[Any]:
    return select(buckets, projects.c.name.label("project")).join(projects)


def _one(tx: Connection, query: Select[Any]) -> Bucket | None:
    row = tx.execute(query).one_or_none()
    return None if row is None else Bucket(**row._asdict())
