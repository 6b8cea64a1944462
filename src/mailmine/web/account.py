"""One's own account: where one is signed in, and how to end that."""

from collections.abc import Callable

from sqlalchemy import Connection as Transaction
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailmine.access import csrf, sessions
from mailmine.access.permissions import Identity
from mailmine.web.sign_in import text_of
from mailmine.web.site import Site, path
from mailmine.web.visit import Visit, identify, page

Change = Callable[[Transaction, Identity], None]


@page
def show(visit: Visit) -> Response:
    """Answer `/account`."""
    site: Site = visit.request.app.state.site
    plain = visit.request.cookies[sessions.COOKIE]
    return visit.render(
        "account.html",
        here="account",
        title="Account",
        sessions=sessions.shown(visit.tx, visit.identity, plain, now=site.now()),
    )


async def end(request: Request) -> Response:
    """Answer POST `/account/end`: one session ends, perhaps this one."""
    handle = await _field(request, "session")
    site: Site = request.app.state.site
    return await run_in_threadpool(
        _change,
        request,
        lambda tx, identity: sessions.end_by_handle(tx, identity, handle, at=site.now()),
    )


async def end_others(request: Request) -> Response:
    """Answer POST `/account/end-others`: all sessions end but this one."""
    await _field(request, "")
    site: Site = request.app.state.site
    plain = request.cookies.get(sessions.COOKIE, "")
    return await run_in_threadpool(
        _change,
        request,
        lambda tx, identity: sessions.end_others(tx, identity, plain, at=site.now()),
    )


async def _field(request: Request, field: str) -> str:
    """Read a field of a form that comes from a page of this session. Raises HTTPException."""
    async with request.form(max_files=0, max_fields=10) as given:
        proof, value = text_of(given, csrf.FIELD), text_of(given, field)
    plain = request.cookies.get(sessions.COOKIE, "")
    if plain and not csrf.is_valid(plain, proof):
        raise HTTPException(400)
    return value


def _change(request: Request, change: Change) -> Response:
    """Make a change for who asks, and show the page again; who has no session (any more) is sent to sign in."""
    site: Site = request.app.state.site
    with site.database.write() as tx:
        if identity := identify(request, tx):
            change(tx, identity)
        is_signed_in = identify(request, tx) is not None
    return RedirectResponse(path(request, "account" if is_signed_in else "sign_in"), 303)
