"""Forms of pages: only what a page of this session sent is believed, and a change leads back to a page."""

import functools
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from sqlalchemy import Connection as Transaction
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailmine.access import csrf, sessions
from mailmine.access.permissions import Identity
from mailmine.web.sign_in import text_of
from mailmine.web.site import Site, path
from mailmine.web.visit import Visit, identify

Change = Callable[[Transaction, Identity], None]
Fields = Mapping[str, str]
"""What was typed, ticked or chosen, by the name of the field."""
Submit = Callable[[Visit, Fields], Response]

MOST_FIELDS = 100


async def fields(request: Request) -> Fields:
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


def form(submit: Submit) -> Callable[[Request], Awaitable[Response]]:
    """Make a route that takes a form: `submit` writes and leads on, or answers with the page again.

    What it answers with a status of 400 or more changes nothing. Who has no session (any more) is sent to sign in.
    """

    @functools.wraps(submit)
    async def answer(request: Request) -> Response:
        given = await fields(request)
        return await run_in_threadpool(_write, request, submit, given)

    return answer


def _write(request: Request, submit: Submit, given: Fields) -> Response:
    site: Site = request.app.state.site
    with site.database.write() as tx:
        identity = identify(request, tx)
        if identity is None:
            return RedirectResponse(path(request, "sign_in"), 303)
        token = csrf.token(request.cookies[sessions.COOKIE])
        response = submit(Visit(request, tx, identity, token), given)
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            tx.rollback()
    return response


def to(visit: Visit, route: str, /, **params: object) -> Response:
    """Lead on to a page, so that loading it again sends no form again."""
    return RedirectResponse(path(visit.request, route, **params), 303)
