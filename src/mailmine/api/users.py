"""Users: who there is, and what each may do."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection as Transaction

from mailmine.access import people
from mailmine.access.permissions import Permission
from mailmine.api import quotas
from mailmine.api.answers import ok
from mailmine.api.asking import Asked, Asker, Data, services
from mailmine.api.bodies import takes
from mailmine.api.errors import InvalidError, NotFoundError, TakenError
from mailmine.api.limits import Anything
from mailmine.api.noting import note
from mailmine.model.ids import UserId
from mailmine.model.wire import timestamp
from mailmine.store import users
from mailmine.store.users import User

router = APIRouter(tags=["users"])

PRIVATE = "/api/_private/users"

Given = dict[str, tuple[str, ...]]


class NewUserSettings(Struct, frozen=True):
    """A user to be made."""

    username: str
    email: Annotated[str, Meta(max_length=512)]
    global_permissions: tuple[str, ...] = ()
    organisation_permissions: Given = {}


class NewUser(Struct, frozen=True):
    """A user to be made."""

    user: NewUserSettings


class UserSettings(Struct, frozen=True):
    """What a user may do from now on: for each project that is named, exactly what is listed."""

    organisation_permissions: Given | UnsetType = UNSET
    global_permissions: tuple[str, ...] | UnsetType = UNSET


class UserUpdate(Struct, frozen=True):
    """What a user may do from now on."""

    user: UserSettings


@router.get("/api/v1/users")
def read_all(request: Request, asker: Asker, data: Data) -> Response:
    """List the users: all for administrators, to others those of the projects in which they may see users."""
    with data.read() as tx:
        found = [one for one in users.list_all(tx) if _sees(asker, one)]
    return ok(request, users=[json(one) for one in found])


@router.get(PRIVATE)
def read_all_private(request: Request, asker: Asker, data: Data) -> Response:
    """List the users, as the other route does."""
    return read_all(request, asker, data)


@router.put(PRIVATE)
def create(
    request: Request,
    asker: Asker,
    data: Data,
    wanted: Annotated[NewUser, Depends(takes(NewUser))],
) -> Response:
    """Make a user. He has no password: an administrator gives him one, or he signs in elsewhere."""
    given = wanted.user
    if not people.USERNAME.fullmatch(given.username):
        raise InvalidError(
            f"user.username: {given.username!r} cannot be a username: it may hold letters, digits, and -_.@ only."
        )
    with data.write() as tx:
        if users.by_username(tx, given.username) is not None:
            raise TakenError(f"There is a user {given.username} already.")
        quotas.check(tx, "users", users.count(tx) + 1)
        bare = users.add(
            tx,
            username=given.username,
            email=given.email,
            password_hash=None,
            global_permissions=frozenset(),
            project_permissions={},
        )
        made = people.with_projects(asker.identity, bare, _sets(given.organisation_permissions))
        made = people.with_global(asker.identity, made, frozenset(given.global_permissions))
        users.save(tx, made)
        note(tx, asker, "user_added", user=made.username)
    return ok(request, user=json(made))


@router.get(PRIVATE + "/{user_id}")
def read(request: Request, user_id: str, asker: Asker, data: Data) -> Response:
    """Tell of one user."""
    with data.read() as tx:
        return ok(request, user=json(_find(tx, user_id, asker)))


@router.post(PRIVATE + "/{user_id}")
def update(
    request: Request,
    user_id: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[UserUpdate, Depends(takes(UserUpdate))],
) -> Response:
    """Change what a user may do: in the projects that are named, and in the installation if that is."""
    given = wanted.user
    with data.write() as tx:
        after = _find(tx, user_id, asker)
        if given.organisation_permissions is not UNSET:
            after = people.with_projects(
                asker.identity, after, _sets(given.organisation_permissions)
            )
        if given.global_permissions is not UNSET:
            after = people.with_global(asker.identity, after, frozenset(given.global_permissions))
        users.save(tx, after)
        note(tx, asker, "user_changed", user=after.username)
    services(request).known.forget()
    return ok(request, user=json(after))


@router.delete(PRIVATE + "/{user_id}")
def remove(request: Request, user_id: str, asker: Asker, data: Data) -> Response:
    """Remove a user; his tokens and sessions end."""
    with data.write() as tx:
        found = _find(tx, user_id, asker)
        if found.id == asker.identity.user_id:
            raise InvalidError("Nobody removes himself: let another administrator do it.")
        people.check_is_his_to_run(asker.identity, found)
        people.remove(tx, found)
        note(tx, asker, "user_removed", user=found.username)
    services(request).known.forget()
    return ok(request)


@router.post(PRIVATE + "/{user_id}/welcome-email")
def welcome(
    request: Request,
    user_id: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[Anything, Depends(takes(Anything))],
) -> Response:
    """Refuse: mailmine sends no email yet."""
    del request, wanted
    with data.read() as tx:
        found = _find(tx, user_id, asker)
    raise InvalidError(
        f"mailmine sends no email: give {found.username} a password (`mailmine user password`) and tell him."
    )


def json(user: User) -> dict[str, object]:
    """Tell of a user."""
    return {
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "created": timestamp(user.created_at),
        "global_permissions": sorted(user.global_permissions),
        "organisation_permissions": {
            project: sorted(given) for project, given in user.project_permissions.items()
        },
        "sso_global_permissions": sorted(user.sso_global_permissions & user.global_permissions),
        "verified": True,
    }


def _find(tx: Transaction, user_id: str, asker: Asked) -> User:
    found = users.by_id(tx, UserId(user_id))
    if found is None or not _sees(asker, found):
        raise NotFoundError(f"There is no user {user_id}.")
    return found


def _sees(asker: Asked, user: User) -> bool:
    """Whether a user exists for who asks, by what the route does."""
    return people.sees(asker.identity, user, cast("Permission", asker.right))


def _sets(given: Given) -> dict[str, frozenset[str]]:
    return {project: frozenset(names) for project, names in given.items()}
