"""Projects hold buckets, sources and integrations; the API calls them owners."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from mailmine.model.ids import ProjectId
from mailmine.store.errors import NotFound
from mailmine.store.schema import projects
from mailmine.store.types import new_id
from mailmine.store.upsert import insert


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One project."""

    id: ProjectId
    name: str
    title: str
    description: str
    created_at: datetime
    updated_at: datetime


def list_all(tx: Connection) -> tuple[Project, ...]:
    """All projects, by name."""
    rows = tx.execute(select(projects).order_by(projects.c.name))
    return tuple(Project(**row._asdict()) for row in rows)


def get(tx: Connection, name: str) -> Project | None:
    """Find a project by its name."""
    row = tx.execute(select(projects).where(projects.c.name == name)).one_or_none()
    return None if row is None else Project(**row._asdict())


def by_id(tx: Connection, project_id: ProjectId) -> Project | None:
    """Find a project by its id."""
    row = tx.execute(select(projects).where(projects.c.id == project_id)).one_or_none()
    return None if row is None else Project(**row._asdict())


def ensure(tx: Connection, name: str, *, title: str = "") -> Project:
    """Find the project `name`, or make it."""
    now = datetime.now(UTC)
    tx.execute(
        insert(tx, projects)
        .values(id=new_id(), name=name, title=title, description="", created_at=now, updated_at=now)
        .on_conflict_do_nothing()
    )
    project = get(tx, name)
    if project is None:
        raise NotFound(f"The project {name} was removed in this moment.")
    return project
