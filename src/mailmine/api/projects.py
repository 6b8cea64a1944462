"""Projects hold everything else, and permissions are given by project."""

from fastapi import APIRouter, Request, Response

from mailmine.api.answers import ok
from mailmine.api.asking import Asker, Data
from mailmine.api.errors import NotFoundError
from mailmine.model.wire import timestamp
from mailmine.store import projects
from mailmine.store.projects import Project

router = APIRouter(prefix="/api/_private/projects", tags=["projects"])


@router.get("")
def read_all(request: Request, asker: Asker, data: Data) -> Response:
    """List the projects in which one may do something; administrators of projects see all."""
    with data.read() as tx:
        found = projects.list_all(tx)
    return ok(request, projects=[_json(one) for one in found if asker.sees(one.name)])


@router.get("/{project}")
def read(request: Request, project: str, asker: Asker, data: Data) -> Response:
    """Tell of one project."""
    missing = f"There is no project {project}."
    asker.check(project, missing)
    with data.read() as tx:
        found = projects.get(tx, project)
    if found is None:
        raise NotFoundError(missing)
    return ok(request, project=_json(found))


def _json(project: Project) -> dict[str, object]:
    return {
        "id": project.id,
        "name": project.name,
        "title": project.title,
        "description": project.description,
        "created_at": timestamp(project.created_at),
        "updated_at": timestamp(project.updated_at),
    }
