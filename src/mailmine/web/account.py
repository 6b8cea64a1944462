"""One's own account: the password, the tokens, where one is signed in, and how to end that."""

from datetime import timedelta
from functools import partial
from math import ceil

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailmine.access import passwords, people, sessions, tokens as api_tokens
from mailmine.model.ids import TokenId
from mailmine.store import identities, tokens, users
from mailmine.store.users import User
from mailmine.web.forms import Fields, change, fields, form, to, write
from mailmine.web.language import N_, _, each
from mailmine.web.site import Site
from mailmine.web.visit import Visit, look, page

LIVES = {"30": N_("30 days"), "90": N_("90 days"), "365": N_("a year"), "": N_("no end")}
"""How long a token may be made for; days."""
LONGEST_NAME = 128


@page
def show(visit: Visit) -> Response:
    """Answer `/account`."""
    return _account(visit)


def _account(
    visit: Visit, *, token: str = "", typed: Fields | None = None, **faults: str
) -> Response:
    plain = visit.request.cookies[sessions.COOKIE]
    user = _self(visit)
    response = visit.render(
        "account.html",
        status=422 if faults else 200,
        here="account",
        title=_("Account"),
        sessions=sessions.shown(visit.tx, visit.identity, plain, now=visit.at),
        tokens=tokens.of_user(visit.tx, user.id),
        token=token,
        lives=each(LIVES),
        has_password=user.password_hash is not None,
        shortest=people.SHORTEST_PASSWORD,
        providers=identities.of_user(visit.tx, user.id),
        typed=typed or {},
        faults=faults,
    )
    if token:
        response.headers["Cache-Control"] = "no-store"
    return response


def _self(visit: Visit) -> User:
    user = users.by_id(visit.tx, visit.identity.user_id)
    if user is None:
        raise HTTPException(404)
    return user


async def renew_password(request: Request) -> Response:
    """Answer POST `/account/password`: who knows the old one sets another; his other sessions end."""
    given = await fields(request)
    return await run_in_threadpool(_renew_password, request, given)


def _renew_password(request: Request, given: Fields) -> Response:
    # What is counted stays, so it is no part of the transaction that changes the password; and hashing takes long.
    proven = look(request, _self)
    faults = {} if proven is None else _faults_of_password(request, proven, given)
    fresh = passwords.hash_password(given.get("new", "")) if proven and not faults else ""
    return write(request, partial(_save_password, proven, faults, fresh), given)


def _faults_of_password(request: Request, user: User, given: Fields) -> dict[str, str]:
    """Say, by the field, what keeps somebody from setting another password; nothing where he may."""
    # Who found a session open could guess here, too.
    site: Site = request.app.state.site
    address = request.client.host if request.client else ""
    if wait := site.guesses.attempt(user.username, address, now=site.now()):
        seconds = {"number": ceil(wait.total_seconds())}
        return {"old": _("Too many wrong passwords. Try again in %(number)d seconds.") % seconds}
    if not passwords.is_right(given.get("old", ""), user.password_hash):
        return {"old": _("That is not your password.")}
    site.guesses.succeeded(user.username, address)
    wanted = given.get("new", "")
    if fault := people.fault_of_password(wanted, user):
        return {"new": fault}
    if given.get("again", "") != wanted:
        return {"again": _("The two are not the same.")}
    return {}


def _save_password(
    proven: User | None, faults: dict[str, str], fresh: str, visit: Visit, given: Fields
) -> Response:
    del given
    user = _self(visit)
    if faults:
        return _account(visit, token="", typed=None, **faults)
    if proven is None or proven.password_hash != user.password_hash:  # it was changed meanwhile
        return _account(visit, old=_("That is not your password."))
    people.save_password(visit.tx, user, fresh)
    plain = visit.request.cookies[sessions.COOKIE]
    sessions.end_others(visit.tx, visit.identity, plain, at=visit.at)
    visit.note("password_changed", user=user.username)
    return to(visit, "account")


@form
def make_token(visit: Visit, given: Fields) -> Response:
    """Answer POST `/account/tokens`: a token, shown once. Of one name there is one; a new one ends the old."""
    name, days = given.get("name", "").strip(), given.get("days", "")
    if not name or len(name) > LONGEST_NAME:
        return _account(visit, typed=given, name=_("What is it for? A word or two."))
    if days not in LIVES:
        return _account(visit, typed=given, days=_("Choose one of these."))
    plain = api_tokens.issue_further(
        visit.tx,
        _self(visit),
        name,
        at=visit.at,
        expires_at=visit.at + timedelta(days=int(days)) if days else None,
        scope=None,
    )
    visit.note("token_created", name=name)
    return _account(visit, token=plain)


@form
def end_token(visit: Visit, given: Fields) -> Response:
    """Answer POST `/account/tokens/end`: one of one's own tokens ends."""
    for token in tokens.of_user(visit.tx, visit.identity.user_id):
        if token.id == TokenId(given.get("token", "")):
            tokens.remove(visit.tx, token.id)
            visit.note("token_revoked", name=token.name)
    return to(visit, "account")


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
