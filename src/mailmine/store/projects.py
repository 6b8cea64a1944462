"""Projects hold buckets, sources and integrations; the API calls them owners."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, select, update

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


def add(tx: Connection, name: str, *, title: str, description: str, at: datetime) -> Project:
    """Make a project. Raises Conflict if the name is taken."""
    project = Project(
        id=ProjectId(new_id()),
        name=name,
        title=title,
        description=description,
        created_at=at,
        updated_at=at,
    )
    tx.execute(insert(tx, projects).values(**asdict(project)))
    return project


def save(tx: Connection, project: Project) -> None:
    """Write what a project is called now; its id and name stay."""
    tx.execute(
        update(projects)
        .where(projects.c.id == project.id)
        .values(title=project.title, description=project.description, updated_at=project.updated_at)
    )


def remove(tx: Connection, project_id: ProjectId) -> None:
    """Forget a project that holds nothing any more."""
    tx.execute(delete(projects).where(projects.c.id == project_id))


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
