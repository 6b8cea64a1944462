"""How a path names a thing of a project: `owner/name` or `id:<id>`.

Routes write `{source:address}` for it and match the decoded path, so `owner%2Fname` is the same.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection as Transaction
from starlette.convertors import Convertor, register_url_convertor

from mailmine.api.asking import Asked
from mailmine.api.errors import BadRequestError, NotFoundError
from mailmine.api.limits import check_name
from mailmine.store import projects
from mailmine.store.projects import Project


class InProject(Protocol):
    """A thing of a project."""

    @property
    def project(self) -> str:
        """The project's name."""


class _Address(Convertor[str]):
    """An address within a path."""

    regex = "id:[^/]+|(?!id:)[^/]+/[^/]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("address", _Address())

T = TypeVar("T", bound=InProject)


def find(
    kind: str,
    address: str,
    asker: Asked,
    *,
    by_id: Callable[[str], T | None],
    by_name: Callable[[str, str], T | None],
) -> T:
    """Find what `address` names, for who asks.

    Raises NotFoundError where there is none, or none that exists for him (in the same words, so that nobody
    learns what others have), and ForbiddenError where he sees the project but lacks the permission.
    """
    missing = f"There is no {kind} {address}."
    if address.startswith("id:"):
        found = by_id(address.removeprefix("id:"))
    else:
        project, _, name = address.partition("/")
        asker.check(project, missing)
        found = by_name(project, name)
    if found is None:
        raise NotFoundError(missing)
    asker.check(found.project, missing)
    return found


def new(kind: str, address: str, asker: Asked, tx: Transaction) -> tuple[Project, str]:
    """Say in which project something new is to be, and under what name.

    Raises BadRequestError for an id, InvalidError for what cannot be a name, NotFoundError, ForbiddenError.
    """
    if address.startswith("id:"):
        raise BadRequestError(f"A new {kind} has no id yet: name it project/name.")
    owner, _, name = address.partition("/")
    missing = f"There is no project {owner}."
    asker.check(owner, missing)
    check_name(name, kind)
    project = projects.get(tx, owner)
    if project is None:
        raise NotFoundError(missing)
    return project, name
