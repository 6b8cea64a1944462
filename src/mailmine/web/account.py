"""One's own account: the password, the tokens, where one is signed in, and how to end that."""

from datetime import timedelta
from math import ceil

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailmine.access import passwords, people, sessions, tokens as api_tokens
from mailmine.model.ids import TokenId
from mailmine.store import identities, tokens, users
from mailmine.store.users import User
from mailmine.web.forms import Fields, change, fields, form, to
from mailmine.web.language import N_, _, each
from mailmine.web.site import Site
from mailmine.web.visit import Visit, page

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


@form
def renew_password(visit: Visit, given: Fields) -> Response:
    """Answer POST `/account/password`: who knows the old one sets another; his other sessions end."""
    user = _self(visit)
    # Who found a session open could guess here, too.
    site: Site = visit.request.app.state.site
    address = visit.request.client.host if visit.request.client else ""
    if wait := site.throttle.attempt(user.username, address, now=visit.at):
        seconds = {"number": ceil(wait.total_seconds())}
        return _account(
            visit, old=_("Too many wrong passwords. Try again in %(number)d seconds.") % seconds
        )
    if not passwords.is_right(given.get("old", ""), user.password_hash):
        return _account(visit, old=_("That is not your password."))
    site.throttle.succeeded(user.username, address)
    wanted = given.get("new", "")
    if fault := people.fault_of_password(wanted, user):
        return _account(visit, new=fault)
    if given.get("again", "") != wanted:
        return _account(visit, again=_("The two are not the same."))
    people.save_password(visit.tx, user, passwords.hash_password(wanted))
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
