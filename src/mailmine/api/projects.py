"""Projects hold everything else, and permissions are given by project."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import Connection as Transaction

from mailmine.access.permissions import Permission
from mailmine.api import quotas
from mailmine.api.answers import ok
from mailmine.api.asking import Asked, Asker, Data, services
from mailmine.api.bodies import takes
from mailmine.api.errors import InvalidError, NotFoundError, TakenError
from mailmine.api.limits import Description, Title, check_name, said
from mailmine.api.noting import note
from mailmine.model.ids import UserId
from mailmine.model.wire import timestamp
from mailmine.store import projects, users
from mailmine.store.database import Database
from mailmine.store.projects import Project
from mailmine.sync import removal

router = APIRouter(prefix="/api/_private/projects", tags=["projects"])


class ProjectSettings(Struct, frozen=True):
    """What may be said of a project."""

    title: Title | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET


class NewProject(Struct, frozen=True):
    """A project to be made, and who may do everything in it."""

    project: ProjectSettings = ProjectSettings()
    user_ids: tuple[str, ...] = ()


class ProjectUpdate(Struct, frozen=True):
    """What is to be changed; what is not named stays."""

    project: ProjectSettings


@router.get("")
def read_all(request: Request, asker: Asker, data: Data) -> Response:
    """List the projects in which one may do something; administrators of projects see all."""
    with data.read() as tx:
        found = projects.list_all(tx)
    return ok(request, projects=[_json(one) for one in found if asker.sees(one.name)])


@router.get("/{project}")
def read(request: Request, project: str, asker: Asker, data: Data) -> Response:
    """Tell of one project."""
    with data.read() as tx:
        return ok(request, project=_json(find(tx, project, asker)))


@router.put("/{project}")
def create(
    request: Request,
    project: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[NewProject, Depends(takes(NewProject))],
) -> Response:
    """Make a project. The users named may do everything in it."""
    check_name(project, "project")
    with data.write() as tx:
        if projects.get(tx, project) is not None:
            raise TakenError(f"There is a project {project} already.")
        quotas.check(tx, "projects", len(projects.list_all(tx)) + 1)
        given = wanted.project
        made = projects.add(
            tx,
            project,
            title=given.title or project,
            description=given.description or "",
            at=asker.at,
        )
        for user_id in wanted.user_ids:
            user = users.by_id(tx, UserId(user_id))
            if user is None:
                raise InvalidError(f"user_ids: there is no user {user_id}.")
            permissions = {**user.project_permissions, project: frozenset(map(str, Permission))}
            users.save(tx, replace(user, project_permissions=permissions))
        note(tx, asker, "project_created", project=project)
    services(request).known.forget()
    return ok(request, project=_json(made))


@router.post("/{project}")
def update(
    request: Request,
    project: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[ProjectUpdate, Depends(takes(ProjectUpdate))],
) -> Response:
    """Change the title or the description of a project."""
    with data.write() as tx:
        found = find(tx, project, asker)
        given = wanted.project
        changed = replace(
            found,
            title=said(given.title, found.title),
            description=said(given.description, found.description),
            updated_at=asker.at,
        )
        projects.save(tx, changed)
        note(tx, asker, "project_changed", project=project)
    return ok(request, project=_json(changed))


@router.delete("/{project}")
def remove(
    request: Request, project: str, asker: Asker, data: Data, *, force: bool = False
) -> Response:
    """Remove a project. With `force` also what is in it; without, one that holds something is refused."""
    with data.read() as tx:
        found = find(tx, project, asker)
        held = removal.held(tx, found)
    if held and not force:
        listed = ", ".join(f'"{kind}": {count}' for kind, count in held.items())
        raise TakenError(
            f"Project contains child resources but force deletion was not requested: {{{listed}}}"
        )
    _remove(data, asker, found)
    services(request).known.forget()
    return ok(request)


def _remove(data: Database, asker: Asked, project: Project) -> None:
    removal.empty_project(data, project)
    with data.write() as tx:
        projects.remove(tx, project.id)
        note(tx, asker, "project_removed", project=project.name)


def find(tx: Transaction, name: str, asker: Asked) -> Project:
    """Find a project for who asks. Raises NotFoundError or ForbiddenError."""
    missing = f"There is no project {name}."
    asker.check(name, missing)
    found = projects.get(tx, name)
    if found is None:
        raise NotFoundError(missing)
    return found


def _json(project: Project) -> dict[str, object]:
    return {
        "id": project.id,
        "name": project.name,
        "title": project.title,
        "description": project.description,
        "created_at": timestamp(project.created_at),
        "updated_at": timestamp(project.updated_at),
    }
