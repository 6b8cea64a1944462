"""An integration is tried, saved or not: each step is shown when it is done, with or without JavaScript.

The page is sent piece by piece, which browsers show as it comes. A script asks for the steps alone, and shows them
beside the form.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from mailmine.access import credentials
from mailmine.access.permissions import Permission
from mailmine.exchange import proxy
from mailmine.exchange.check import Name, Outcome, Step, check, readable
from mailmine.model.ids import IntegrationId
from mailmine.model.integration import Connection
from mailmine.store import integrations, mailboxes
from mailmine.sync.configure import is_address
from mailmine.sync.resume import resume
from mailmine.web import connection_form
from mailmine.web.forms import Sent, sent
from mailmine.web.integration_form import kept_of
from mailmine.web.language import N_, _
from mailmine.web.site import FRAGMENT, Site, path
from mailmine.web.visit import Visit, look

TRIED: Final = 10
"""Mailboxes of an integration that are tried at once."""

PLACE: Final = "<!-- steps -->"
"""Where the steps come in the page."""

NAMES: Final = {
    Name.SECRET: N_("Secret"),
    Name.AUTODISCOVER: N_("Finding the server"),
    Name.REACH: N_("Reaching the server"),
    Name.CERTIFICATE: N_("Certificate"),
    Name.CLOCK: N_("Clock"),
    Name.RETIREMENT: N_("Future of EWS"),
    Name.SIGN_IN: N_("Signing in"),
    Name.PERMISSION: N_("Permission"),
    Name.FOLDERS: N_("Folders"),
    Name.BODY: N_("Reading an email"),
    Name.ATTACHMENT: N_("Reading an attachment"),
}
OUTCOMES: Final = {
    Outcome.OK: N_("works"),
    Outcome.WARNING: N_("works, but look"),
    Outcome.FAILED: N_("does not work"),
    Outcome.SKIPPED: N_("not tried"),
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be tried."""

    connection: Connection
    secret: str = field(repr=False)
    addresses: tuple[str, ...]
    integration_id: IntegrationId | None = None
    """An integration as it is saved: what trouble stopped in it goes on where it can be read."""


Faults = Mapping[str, str]
"""What is wrong with the fields of a form, by their names, so that it cannot be tried."""

Choice = Callable[[Visit, Sent], Trial | Faults]


@dataclass(frozen=True, slots=True)
class _Frame:
    """What is to be shown: a trial, and the page around its steps."""

    found: Trial | Faults
    page: str


async def unsaved(request: Request) -> Response:
    """Answer POST `/integrations/test`: try what was typed into the form of a new integration."""
    return await _answer(request, await sent(request), _of_new)


async def edited(request: Request) -> Response:
    """Answer POST `…/test-edited`: try what was typed into the form of an integration, with the secret that is kept."""
    return await _answer(request, await sent(request), _of_edited)


async def saved(request: Request) -> Response:
    """Answer POST `…/test`: try an integration as it is; what trouble stopped goes on where it can be read."""
    return await _answer(request, await sent(request), _of_saved)


def _of_new(visit: Visit, given: Sent) -> Trial | Faults:
    if not visit.identity.may_anywhere(Permission.INTEGRATIONS_WRITE):
        raise HTTPException(403)
    kept = kept_of(visit, None)
    read = connection_form.read(given, connection_form.typed(given, kept), kept)
    return _of_read(read, given, read.secret or "", ())


def _of_edited(visit: Visit, given: Sent) -> Trial | Faults:
    integration = visit.integration(Permission.INTEGRATIONS_WRITE)
    kept = kept_of(visit, integration)
    read = connection_form.read(given, connection_form.typed(given, kept), kept)
    secret = read.secret
    if secret is None and read.uses_kept:
        secret = credentials.of(visit.tx, visit.keyring, integration.id)
    members = mailboxes.of_integration(visit.tx, integration.id)
    found = _of_read(read, given, secret or "", [one.address for one in members])
    if isinstance(found, Trial) and found.connection.proxy_username and read.proxy_secret is None:
        password = credentials.of(visit.tx, visit.keyring, integration.id, credentials.PROXY)
        known, wanted = integration.connection, found.connection
        is_same = (known.proxy, known.proxy_username) == (wanted.proxy, wanted.proxy_username)
        connection = proxy.with_password(wanted, password if is_same else None)
        return Trial(connection, found.secret, found.addresses)
    return found


def _of_read(
    read: connection_form.Read, given: Sent, secret: str, members: Sequence[str]
) -> Trial | Faults:
    address = given.one("try_address")
    if read.connection is None:
        return dict(read.errors)
    if address and not is_address(address):
        return {"try_address": _("%(text)s is no address of a mailbox.") % {"text": repr(address)}}
    addresses = (address,) if address else tuple(members)[:TRIED]
    if not addresses and not read.connection.endpoint:
        return {"try_address": _("Name a mailbox to try: Autodiscover finds the server by it.")}
    connection = proxy.with_password(read.connection, read.proxy_secret)
    return Trial(connection, secret, addresses)


def _of_saved(visit: Visit, given: Sent) -> Trial | Faults:
    integration = visit.integration(Permission.INTEGRATIONS_WRITE)
    members = [one.address for one in mailboxes.of_integration(visit.tx, integration.id)]
    wanted = given.one("mailbox")
    chosen = [one for one in members if one == wanted] if wanted else members[:TRIED]
    return Trial(
        credentials.connection_of(visit.tx, visit.keyring, integration),
        credentials.of(visit.tx, visit.keyring, integration.id) or "",
        tuple(chosen),
        integration.id,
    )


async def _answer(request: Request, given: Sent, choose: Choice) -> Response:
    def frame(visit: Visit) -> _Frame:
        found = choose(visit, given)
        wanted = request.path_params
        integration = visit.integration() if "owner" in wanted else None
        page = visit.render(
            "trial.html",
            here="integrations",
            title=_("Test connection"),
            integration=integration,
            is_saved=isinstance(found, Trial) and found.integration_id is not None,
            place=PLACE,
        )
        return _Frame(found, bytes(page.body).decode())

    framed = await run_in_threadpool(look, request, frame)
    is_part = FRAGMENT in request.headers
    if framed is None:
        if is_part:
            return Response(status_code=401)
        return RedirectResponse(path(request, "sign_in"), 303)
    before, _mark, after = ("", "", "") if is_part else framed.page.partition(PLACE)
    return StreamingResponse(
        _pieces(request, framed.found, before, after),
        media_type="text/html",
        headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"},
    )


async def _pieces(
    request: Request, found: Trial | Faults, before: str, after: str
) -> AsyncIterator[str]:
    """Give the page piece by piece; each step as soon as it is done."""
    site: Site = request.app.state.site
    shown = site.templates.get_template("trial_step.html")
    yield before
    if not isinstance(found, Trial):
        for words in found.values():
            yield shown.render(
                name=_("What was filled in"),
                outcome="failed",
                said=_("is not enough"),
                words=words,
            )
        yield after
        return
    steps: list[Step] = []
    async with aclosing(check(found.connection, found.secret, found.addresses)) as trying:
        async for step in trying:
            steps.append(step)
            yield shown.render(
                name=_(NAMES[step.name]),
                outcome=step.outcome.value,
                said=_(OUTCOMES[step.outcome]),
                words=step.words,
                mailbox=step.mailbox,
                remedy=None if step.outcome is Outcome.OK else step.remedy,
                detail=step.detail,
            )
    if not found.addresses:
        words = _("Name a mailbox to try signing in and reading, too.")
        yield shown.render(
            name=_("Signing in"), outcome="skipped", said=_("not tried"), words=words
        )
    if found.integration_id is not None:
        await run_in_threadpool(_go_on, site, found, steps)
    yield after


def _go_on(site: Site, trial: Trial, steps: Sequence[Step]) -> None:
    """Let go on what trouble had stopped, where all went well."""
    is_refused = any(one.outcome is Outcome.FAILED and one.mailbox is None for one in steps)
    read = readable(steps)
    if is_refused or not read or trial.integration_id is None:
        return
    with site.database.write() as tx:
        integration = integrations.by_id(tx, trial.integration_id)
        if integration is not None:
            members = mailboxes.of_integration(tx, integration.id)
            resume(tx, integration, [one for one in members if one.address in read], at=site.now())
