"""One's own account: where one is signed in, and how to end that."""

from starlette.requests import Request
from starlette.responses import Response

from mailmine.access import sessions
from mailmine.web.forms import change, fields
from mailmine.web.site import Site
from mailmine.web.visit import Visit, page


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
    handle = (await fields(request)).get("session", "")
    site: Site = request.app.state.site
    return await change(
        request,
        lambda tx, identity: sessions.end_by_handle(tx, identity, handle, at=site.now()),
        then="account",
    )


async def end_others(request: Request) -> Response:
    """Answer POST `/account/end-others`: all sessions end but this one."""
    await fields(request)
    site: Site = request.app.state.site
    plain = request.cookies.get(sessions.COOKIE, "")
    return await change(
        request,
        lambda tx, identity: sessions.end_others(tx, identity, plain, at=site.now()),
        then="account",
    )
