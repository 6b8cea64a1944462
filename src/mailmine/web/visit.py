"""One request of a person who is signed in: who it is, and what of the store he may see."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mailmine.access import csrf, sessions
from mailmine.access.permissions import Identity, Permission
from mailmine.access.secrets import Keyring
from mailmine.model.integration import Integration, Mailbox
from mailmine.store import deliveries, events, integrations, mailboxes, sources
from mailmine.store.errors import StoreError
from mailmine.store.sources import Source
from mailmine.web.site import FRAGMENT, Site, path, render

T = TypeVar("T")

LISTED_SOURCES = 15
"""Sources that the side bar names; the overview names all."""


@dataclass(frozen=True, slots=True)
class Visit:
    """The page's transaction lasts as long as the visit: everything on a page is of one moment."""

    request: Request
    tx: Connection
    identity: Identity
    csrf: str
    """For the forms on the page."""
    sources: tuple[Source, ...] = field(init=False)
    """Those he may see."""

    def __post_init__(self) -> None:
        """Look the sources up, which every page lists."""
        seen = (source for source in sources.list_all(self.tx) if self.sees(source))
        object.__setattr__(self, "sources", tuple(seen))

    @contextmanager
    def browsing(self) -> Iterator["Visit"]:
        """Go on with the replica, if there is one, for the comments of a source: they may be a moment behind."""
        site: Site = self.request.app.state.site
        with site.database.browse(self.tx) as tx:
            yield self if tx is self.tx else replace(self, tx=tx)

    @property
    def username(self) -> str:
        """Name the visitor."""
        return self.identity.username

    @property
    def sees_integrations(self) -> bool:
        """Tell whether there are integrations that he might see."""
        return self.identity.may_anywhere(Permission.INTEGRATIONS_READ)

    @property
    def sees_people(self) -> bool:
        """Tell whether there are users that he might see."""
        return self.identity.administers_projects or self.identity.may_anywhere(
            Permission.USERS_READ
        )

    @property
    def sees_buckets(self) -> bool:
        """Tell whether there are buckets that he might see."""
        return self.identity.may_anywhere(Permission.BUCKETS_READ)

    @property
    def sees_streams(self) -> bool:
        """Tell whether there are streams that he might see."""
        return self.identity.may_anywhere(Permission.STREAMS_READ)

    @property
    def unread(self) -> int:
        """Count what he was told and did not read yet."""
        return deliveries.count_unread(self.tx, self.identity.user_id)

    @property
    def listed_sources(self) -> tuple[Source, ...]:
        """Give the sources for the side bar."""
        return self.sources[:LISTED_SOURCES]

    def sees(self, source: Source) -> bool:
        """Tell whether he may see `source`."""
        return self.identity.may(Permission.SOURCES_READ, source.project)

    def source(self) -> Source:
        """Find the source that the address names; 404 too where he may not know of it."""
        wanted = self.request.path_params
        for source in self.sources:
            if (source.project, source.name) == (wanted["owner"], wanted["name"]):
                return source
        raise HTTPException(404)

    @property
    def at(self) -> datetime:
        """Tell the time."""
        site: Site = self.request.app.state.site
        return site.now()

    @property
    def keyring(self) -> Keyring:
        """What opens and seals secrets."""
        site: Site = self.request.app.state.site
        return site.keyring

    def integration(self, permission: Permission = Permission.INTEGRATIONS_READ) -> Integration:
        """Find the integration that the address names; 404 too where he may not know of it, 403 where he may only look."""
        wanted = self.request.path_params
        found = integrations.get(self.tx, wanted["owner"], wanted["name"])
        if found is None or not self.identity.may(Permission.INTEGRATIONS_READ, found.project):
            raise HTTPException(404)
        if not self.identity.may(permission, found.project):
            raise HTTPException(403)
        return found

    def mailbox(self, integration: Integration) -> Mailbox:
        """Find the mailbox of `integration` that the address names, by its id or its own address."""
        wanted = self.request.path_params["mailbox"]
        for mailbox in mailboxes.of_integration(self.tx, integration.id):
            if mailbox.id == wanted or mailbox.address.lower() == wanted.lower():
                return mailbox
        raise HTTPException(404)

    def render(self, template: str, **context: Any) -> HTMLResponse:
        """Fill a page in."""
        return render(self.request, template, visit=self, **context)

    def note(
        self,
        kind: str,
        integration: Integration | None = None,
        mailbox: Mailbox | None = None,
        /,
        **detail: str | float | bool | None,
    ) -> None:
        """Write into the audit log what he did, in the transaction that does it. Never a secret."""
        if integration is not None:
            detail |= {"project": integration.project}
            detail |= (
                {"name": integration.name} if mailbox is None else {"mailbox": mailbox.address}
            )
        if self.request.client is not None:
            detail["from"] = self.request.client.host
        events.append(
            self.tx,
            kind,
            at=self.at,
            user_id=self.identity.user_id,
            integration_id=integration.id if integration else None,
            mailbox_id=mailbox.id if mailbox else None,
            detail=detail,
        )


def identify(request: Request, tx: Connection) -> Identity | None:
    """Tell who asks, by the cookie of the session."""
    site: Site = request.app.state.site
    token = request.cookies.get(sessions.COOKIE)
    return sessions.identify(tx, token, now=site.now()) if token else None


def page(show: Callable[[Visit], Response]) -> Callable[[Request], Response]:
    """Make a route of a page: whoever is not signed in is sent to sign in, and comes back."""

    @functools.wraps(show)
    def answer(request: Request) -> Response:
        site: Site = request.app.state.site
        with site.database.read() as tx:
            identity = identify(request, tx)
            if identity is None:
                return _to_sign_in(request)
            response = show(visit(request, tx, identity))
        if identity.unnoted_session is not None:
            # Reading goes on while nothing can be written.
            with suppress(StoreError), site.database.write() as tx:
                sessions.note_use(tx, identity, at=site.now())
        return response

    return answer


def look(request: Request, read: Callable[[Visit], T]) -> T | None:
    """Read for who asks; None where he is not signed in (any more)."""
    site: Site = request.app.state.site
    with site.database.read() as tx:
        identity = identify(request, tx)
        return None if identity is None else read(visit(request, tx, identity))


def visit(request: Request, tx: Connection, identity: Identity) -> Visit:
    """Begin the visit of somebody who was identified."""
    return Visit(request, tx, identity, csrf.token(request.cookies[sessions.COOKIE]))


def _to_sign_in(request: Request) -> Response:
    if FRAGMENT in request.headers:
        return Response(status_code=401)
    root = str(request.scope.get("root_path", ""))
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    query = "" if wanted in {root, f"{root}/"} else "?" + urlencode({"next": wanted})
    return RedirectResponse(path(request, "sign_in") + query, status_code=303)
