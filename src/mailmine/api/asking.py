"""Who asks, and what exists for him."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from mailmine.access import credentials, sessions, tokens
from mailmine.access.permissions import GlobalPermission, Identity, Permission
from mailmine.access.secrets import Keyring
from mailmine.api.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from mailmine.api.known import Known
from mailmine.api.readiness import Readiness
from mailmine.api.rights import RIGHTS, Open, Right
from mailmine.model.integration import Connection, Integration
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.store.errors import StoreError
from mailmine.sync.enabling import Enabling, TryOut
from mailmine.sync.refinery import Refinery

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes work with."""

    database: Database
    blobs: Blobs
    keyring: Keyring
    refinery: Refinery
    clock: Callable[[], datetime]
    readiness: Readiness
    enabling: Enabling
    metrics_token: str = field(repr=False)
    """What whoever asks for metrics sends; empty where only this machine may."""
    known: Known = field(default_factory=Known)
    learns: bool = True
    """Whether emails are also refined by what those of their bucket have in common."""


def enabling_of(
    database: Database, keyring: Keyring, *, try_out: TryOut, now: Callable[[], datetime]
) -> Enabling:
    """Make what switches on, with the secrets that are kept."""

    def secret_of(integration: Integration) -> str:
        with database.read() as tx:
            return credentials.of(tx, keyring, integration.id) or ""

    def connection_of(integration: Integration) -> Connection:
        with database.read() as tx:
            return credentials.connection_of(tx, keyring, integration)

    return Enabling(database, secret_of, connection_of, try_out=try_out, now=now)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose sender is known and may call this route, in at least one project."""

    identity: Identity
    right: Right
    at: datetime
    """Now."""
    address: str
    """Where the request came from."""

    def sees(self, project: str) -> bool:
        """Whether what this route reads of the project named `project` is for him."""
        if isinstance(self.right, Permission):
            return self.identity.may(self.right, project)
        if isinstance(self.right, tuple):
            return all(self.identity.may(one, project) for one in self.right)
        return self.identity.sees(project)

    def check(self, project: str, missing: str) -> None:
        """Make sure that he may do in `project` what this route does.

        A project in which he may do nothing does not exist for him: then `missing` says what was not found.
        """
        if self.sees(project):
            return
        if not self.identity.sees(project):
            raise NotFoundError(missing)
        raise ForbiddenError(f"You need {_name(self.right)} in the project {project}.")

    def demand(self, permission: Permission, project: str, missing: str) -> None:
        """Make sure that he may also do this in `project`, beside what the route always asks for."""
        if self.identity.may(permission, project):
            return
        if not self.identity.sees(project):
            raise NotFoundError(missing)
        raise ForbiddenError(f"You need {_name(permission)} in the project {project}.")


def services(request: Request) -> Services:
    """Find the services of the application."""
    return cast("Services", request.app.state.services)


async def database(request: Request) -> Database:
    """Find the database of the application."""
    return services(request).database


async def asked(request: Request) -> Asked:
    """Find out who asks and whether he may; runs before every endpoint.

    Raises UnauthenticatedError or ForbiddenError. A page's session counts for reading only: other sites cannot make a
    browser send a token, but might make it send a cookie.
    """
    right = RIGHTS[f"{request.method} {request.scope['route'].path}"]
    known = services(request)
    now = known.clock()
    token = _token(request)
    identity = known.known.get(token) if token else None
    if identity is None:
        cookie = request.cookies.get(sessions.COOKIE) if request.method == "GET" else None
        identity = await run_in_threadpool(_identify, known, token, cookie, now)
        if token:
            known.known.keep(token, identity)
    if not _is_given(right, identity):
        raise ForbiddenError(
            f"You need {_name(right)}{'' if _is_global(right) else ' in a project'}."
        )
    address = request.client.host if request.client else ""
    return Asked(identity, right, now, address)


async def quickly(data: Database, read: Callable[[], T]) -> T:
    """Do what takes less than a millisecond: with SQLite at once, for a thread costs more; PostgreSQL is waited for."""
    return read() if data.dialect == "sqlite" else await run_in_threadpool(read)


def _token(request: Request) -> str | None:
    """Read the API token (RFC 6750, 2.1), or the header that old clients send it in."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("X-Auth-Token")


def _is_given(right: Right, identity: Identity) -> bool:
    """Tell whether he may call a route at all."""
    if isinstance(right, Permission):
        return identity.may_anywhere(right)
    if isinstance(right, tuple):
        return identity.is_root or any(
            given.issuperset(right) for given in identity.project_permissions.values()
        )
    if right is GlobalPermission.TENANT_ADMIN:
        return identity.administers_projects
    if isinstance(right, GlobalPermission):
        return identity.is_root or right in identity.global_permissions
    return True


def _is_global(right: Right) -> bool:
    return isinstance(right, GlobalPermission)


def _identify(known: Services, token: str | None, cookie: str | None, now: datetime) -> Identity:
    if not token and not cookie:
        raise UnauthenticatedError("Send your API token: `Authorization: Bearer <token>`.")
    with known.database.read() as tx:
        if token:
            identity = tokens.identify(tx, token, now=now)
        else:
            identity = sessions.identify(tx, cookie or "", now=now)
    if identity is None:
        raise UnauthenticatedError(
            "The API token is not valid, or no more: a new token ends the one before it."
            if token
            else "You are not signed in any more."
        )
    if identity.unnoted_token is not None or identity.unnoted_session is not None:
        # Reading goes on while nothing can be written.
        with suppress(StoreError), known.database.write() as tx:
            tokens.note_use(tx, identity, at=now)
            sessions.note_use(tx, identity, at=now)
    return identity


def utc_now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


def _name(right: Right) -> str:
    if isinstance(right, tuple):
        return f"the permissions {', '.join(right)}"
    return "to be a user" if isinstance(right, Open) else f"the permission {right}"


Asker = Annotated[Asked, Depends(asked)]
Data = Annotated[Database, Depends(database)]
