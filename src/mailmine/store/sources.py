"""Sources turn the emails of their bucket into comments."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, select, update

from mailmine.model.ids import BucketId, ProjectId, SourceId
from mailmine.store.errors import NotFound
from mailmine.store.schema import projects, sources
from mailmine.store.types import new_id
from mailmine.store.upsert import insert

_COLUMNS = [column for column in sources.c if column.name != "last_place"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source."""

    id: SourceId
    project_id: ProjectId
    project: str
    """The project's name."""
    name: str
    title: str
    description: str
    language: str
    should_translate: bool
    bucket_id: BucketId | None
    transform_tag: str | None
    kind: str
    created_at: datetime
    updated_at: datetime


def list_all(tx: Connection, project: str | None = None) -> tuple[Source, ...]:
    """All sources (of the project named `project`), by project and name."""
    query = _rows().order_by(projects.c.name, sources.c.name)
    return _all(tx, query if project is None else query.where(projects.c.name == project))


def get(tx: Connection, project: str, name: str) -> Source | None:
    """Find the source `name` of the project named `project`."""
    return _one(tx, _rows().where(projects.c.name == project, sources.c.name == name))


def by_id(tx: Connection, source_id: SourceId) -> Source | None:
    """Find a source by its id."""
    return _one(tx, _rows().where(sources.c.id == source_id))


def of_bucket(tx: Connection, bucket_id: BucketId) -> tuple[Source, ...]:
    """All sources that a bucket feeds, always in the same order, so that writers never wait in a ring."""
    return _all(tx, _rows().where(sources.c.bucket_id == bucket_id).order_by(sources.c.id))


def ensure(
    tx: Connection,
    project_id: ProjectId,
    name: str,
    *,
    title: str = "",
    bucket_id: BucketId | None = None,
    kind: str = "unknown",
) -> Source:
    """Find the source `name` of a project, or make it. Raises NotFound if there is no such project or bucket."""
    now = datetime.now(UTC)
    tx.execute(
        insert(tx, sources)
        .values(
            id=new_id(),
            project_id=project_id,
            name=name,
            title=title,
            description="",
            language="en",
            should_translate=False,
            bucket_id=bucket_id,
            kind=kind,
            created_at=now,
            updated_at=now,
        )
        .on_conflict_do_nothing()
    )
    source = _one(tx, _rows().where(sources.c.project_id == project_id, sources.c.name == name))
    if source is None:
        raise NotFound(f"The source {name} was removed in this moment.")
    return source


def add(
    tx: Connection,
    project_id: ProjectId,
    name: str,
    *,
    title: str,
    description: str,
    language: str,
    should_translate: bool,
    bucket_id: BucketId | None,
    transform_tag: str | None,
    kind: str,
    at: datetime,
) -> Source:
    """Make a source. Raises Conflict if the name is taken, NotFound if there is no such project or bucket."""
    source_id = new_id()
    tx.execute(
        insert(tx, sources).values(
            id=source_id,
            project_id=project_id,
            name=name,
            title=title,
            description=description,
            language=language,
            should_translate=should_translate,
            bucket_id=bucket_id,
            transform_tag=transform_tag,
            kind=kind,
            created_at=at,
            updated_at=at,
        )
    )
    return Source(**tx.execute(_rows().where(sources.c.id == source_id)).one()._asdict())


def save(tx: Connection, source: Source) -> None:
    """Write what a source is now; its id, project and name stay. Raises NotFound if it or its bucket is gone."""
    done = tx.execute(
        update(sources)
        .where(sources.c.id == source.id)
        .values(
            title=source.title,
            description=source.description,
            language=source.language,
            should_translate=source.should_translate,
            bucket_id=source.bucket_id,
            transform_tag=source.transform_tag,
            kind=source.kind,
            updated_at=source.updated_at,
        )
    )
    if done.rowcount == 0:
        raise NotFound(f"The source {source.name} does not exist any more.")


def remove(tx: Connection, source_id: SourceId) -> None:
    """Forget a source whose comments are gone already. Raises NotFound while there are some."""
    tx.execute(delete(sources).where(sources.c.id == source_id))


def _rows() -> Select[Any]:
    return select(*_COLUMNS, projects.c.name.label("project")).join(projects)


def _all(tx: Connection, query: Select[Any]) -> tuple[Source, ...]:
    return tuple(Source(**row._asdict()) for row in tx.execute(query))


def _one(tx: Connection, query: Select[Any]) -> Source | None:
    row = tx.execute(query).one_or_none()
    return None if row is None else Source(**row._asdict())
