"""Forms of pages: only what a page of this session sent is believed, and a change leads back to a page."""

import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from sqlalchemy import Connection as Transaction
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailmine.access import csrf, sessions
from mailmine.access.permissions import Identity
from mailmine.web.sign_in import text_of
from mailmine.web.site import Site, path
from mailmine.web.visit import Visit, identify, visit

G = TypeVar("G")

Change = Callable[[Transaction, Identity], None]
Fields = Mapping[str, str]
"""What was typed, ticked or chosen, by the name of the field."""
Submit = Callable[[Visit, Fields], Response]

MOST_FIELDS = 1_100
"""A dataset is made of up to 1,024 sources, each with a box to tick."""

LONGEST_TEXT = 1 << 16
"""Characters of a field: of a description, or of a filter as addresses write it."""

MOST_OF_MANY = 20_000
"""Fields of a form that has some for each folder of a mailbox."""

LONGEST_PART = 2 << 20
"""Bytes of a field or a file: a list of some ten thousand mailboxes."""


async def fields(request: Request) -> Fields:
    """Read a form that comes from a page of this session. Raises HTTPException."""
    async with request.form(max_files=0, max_fields=MOST_FIELDS) as given:
        read = {name: text_of(given, name, LONGEST_TEXT) for name in given}
        # What is too long must not be taken for nothing: that would be saved.
        if any(isinstance(text, str) and len(text) > LONGEST_TEXT for text in given.values()):
            raise HTTPException(413)
    plain = request.cookies.get(sessions.COOKIE, "")
    if plain and not csrf.is_valid(plain, read.get(csrf.FIELD, "")):
        raise HTTPException(400)
    return read


@dataclass(frozen=True, slots=True)
class Sent:
    """A long form: fields may be there several times, and a file may come along."""

    values: Mapping[str, tuple[str, ...]]
    files: Mapping[str, bytes]

    def one(self, name: str) -> str:
        """Give a field, without the blanks around it; empty where there is none."""
        return next(iter(self.values.get(name, ())), "").strip()

    def secret(self, name: str) -> str:
        """Give a field as it was typed."""
        return next(iter(self.values.get(name, ())), "")

    def many(self, name: str) -> tuple[str, ...]:
        """Give all fields of this name."""
        return self.values.get(name, ())


async def sent(request: Request) -> Sent:
    """Read a long form that comes from a page of this session. Raises HTTPException."""
    values: dict[str, list[str]] = {}
    files: dict[str, bytes] = {}
    async with request.form(
        max_files=1, max_fields=MOST_OF_MANY, max_part_size=LONGEST_PART
    ) as given:
        for name, value in given.multi_items():
            if isinstance(value, str):
                # Browsers send line breaks as CR LF (WHATWG HTML, 4.10.21.4).
                values.setdefault(name, []).append(value.replace("\r\n", "\n"))
            elif value.filename:
                files[name] = await value.read(LONGEST_PART + 1)
    plain = request.cookies.get(sessions.COOKIE, "")
    proof = next(iter(values.get(csrf.FIELD, ())), "")
    if plain and not csrf.is_valid(plain, proof):
        raise HTTPException(400)
    return Sent({name: tuple(some) for name, some in values.items()}, files)


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
        return await run_in_threadpool(write, request, submit, given)

    return answer


def long_form(
    submit: Callable[[Visit, Sent], Response],
) -> Callable[[Request], Awaitable[Response]]:
    """Do as `form`, for a long one."""

    @functools.wraps(submit)
    async def answer(request: Request) -> Response:
        given = await sent(request)
        return await run_in_threadpool(write, request, submit, given)

    return answer


def write(request: Request, submit: Callable[[Visit, G], Response], given: G) -> Response:
    """Let `submit` write for who asks; what it answers with a status of 400 or more changes nothing."""
    site: Site = request.app.state.site
    with site.database.write() as tx:
        identity = identify(request, tx)
        if identity is None:
            return RedirectResponse(path(request, "sign_in"), 303)
        response = submit(visit(request, tx, identity), given)
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            tx.rollback()
    return response


def to(visit: Visit, route: str, /, **params: object) -> Response:
    """Lead on to a page, so that loading it again sends no form again."""
    return RedirectResponse(path(visit.request, route, **params), 303)
