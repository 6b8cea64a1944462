"""Forms of pages: only what a page of this session sent is believed, and a change leads back to a page."""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection as Transaction
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailmine.access import csrf, sessions
from mailmine.access.permissions import Identity
from mailmine.web.sign_in import text_of
from mailmine.web.site import Site, path
from mailmine.web.visit import identify

Change = Callable[[Transaction, Identity], None]

MOST_FIELDS = 50


async def fields(request: Request) -> Mapping[str, str]:
    """Read a form that comes from a page of this session. Raises HTTPException."""
    async with request.form(max_files=0, max_fields=MOST_FIELDS) as given:
        read = {name: text_of(given, name) for name in given}
    plain = request.cookies.get(sessions.COOKIE, "")
    if plain and not csrf.is_valid(plain, read.get(csrf.FIELD, "")):
        raise HTTPException(400)
    return read


async def change(request: Request, act: Change, *, then: str) -> Response:
    """Make a change for who asks, and show the page named `then`; who has no session (any more) is sent to sign in."""

    def write() -> Response:
        site: Site = request.app.state.site
        with site.database.write() as tx:
            if identity := identify(request, tx):
                act(tx, identity)
            is_signed_in = identify(request, tx) is not None
        return RedirectResponse(path(request, then if is_signed_in else "sign_in"), 303)

    return await run_in_threadpool(write)
