"""Who asks, and what exists for him."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from mailmine.access import sessions, tokens
from mailmine.access.permissions import Identity, Permission
from mailmine.api.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from mailmine.api.rights import RIGHTS, Open, Right
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.store.errors import StoreError


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes work with."""

    database: Database
    blobs: Blobs
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose sender is known and may call this route, in at least one project."""

    identity: Identity
    right: Right

    def sees(self, project: str) -> bool:
        """Whether what this route reads of the project named `project` is for him."""
        if isinstance(self.right, Permission):
            return self.identity.may(self.right, project)
        return self.identity.sees(project)

    def check(self, project: str, missing: str) -> None:
        """Make sure that he may do in `project` what this route does.

        A project in which he may do nothing does not exist for him: then `missing` says what was not found.
        """
        if self.sees(project):
            return
        if not self.identity.sees(project):
            raise NotFoundError(missing)
        raise ForbiddenError(
            f"You need the permission {_name(self.right)} in the project {project}."
        )


def services(request: Request) -> Services:
    """Find the services of the application."""
    return cast("Services", request.app.state.services)


async def database(request: Request) -> Database:
    """Find the database of the application."""
    return services(request).database


def asked(
    request: Request,
    bearer: Annotated[
        HTTPAuthorizationCredentials | None, Security(HTTPBearer(auto_error=False))
    ] = None,
    alias: Annotated[
        str | None, Security(APIKeyHeader(name="X-Auth-Token", auto_error=False))
    ] = None,
    cookie: Annotated[
        str | None, Security(APIKeyCookie(name=sessions.COOKIE, auto_error=False))
    ] = None,
) -> Asked:
    """Find out who asks and whether he may; runs before every endpoint.

    Raises UnauthenticatedError or ForbiddenError. A page's session counts for reading only: other sites cannot make a
    browser send a token, but might make it send a cookie.
    """
    right = RIGHTS[f"{request.method} {request.scope['route'].path}"]
    token = bearer.credentials if bearer else alias
    if request.method != "GET":
        cookie = None
    identity = _identify(request, token, cookie)
    if isinstance(right, Permission) and not identity.may_anywhere(right):
        raise ForbiddenError(f"You need the permission {right} in a project.")
    return Asked(identity, right)


def _identify(request: Request, token: str | None, cookie: str | None) -> Identity:
    known = services(request)
    now = known.clock()
    with known.database.read() as tx:
        if token:
            identity = tokens.identify(tx, token, now=now)
        elif cookie:
            identity = sessions.identify(tx, cookie, now=now)
        else:
            raise UnauthenticatedError("Send your API token: `Authorization: Bearer <token>`.")
    if identity is None:
        raise UnauthenticatedError(
            "The API token is not valid, or no more: a new token ends the one before it."
            if token
            else "You are not signed in any more."
        )
    if identity.unnoted_token is not None:
        # Reading goes on while nothing can be written.
        with suppress(StoreError), known.database.write() as tx:
            tokens.note_use(tx, identity, at=now)
    return identity


def utc_now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


def _name(right: Right) -> str:
    return "users" if isinstance(right, Open) else str(right)


Asker = Annotated[Asked, Depends(asked)]
Data = Annotated[Database, Depends(database)]
