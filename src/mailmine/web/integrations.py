"""The integrations with their mailboxes and how far each is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from sqlalchemy import Connection as Transaction
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailmine.access.permissions import Identity, Permission
from mailmine.model.ids import IntegrationId, MailboxId
from mailmine.model.integration import Integration
from mailmine.store import events, failures, folders, integrations, mailboxes, removals, warnings
from mailmine.store.removals import Removal
from mailmine.store.warnings import StandingWarning
from mailmine.sync.standing import State
from mailmine.web import progress
from mailmine.web.forms import change, fields
from mailmine.web.language import _
from mailmine.web.progress import Progress
from mailmine.web.site import Site, path
from mailmine.web.visit import Visit, identify, page

FEW = 25
"""Mailboxes whose folders are all on the page; where there are more, a link shows those of one."""


@dataclass(frozen=True, slots=True)
class IntegrationView:
    """One integration as the pages show it."""

    integration: Integration
    mailboxes: tuple[Progress, ...]
    state: State
    warned: Mapping[MailboxId | None, tuple[StandingWarning, ...]] = field(default_factory=dict)
    """What its mailboxes are warned of, and (None) it itself."""
    may_change: bool = False
    """Whether the visitor may do something to it."""
    may_enable: bool = False
    """Whether he may switch it on here."""
    removal: Removal | None = None
    """How far it is, where it is being removed."""

    @property
    def words(self) -> str:
        """Say the state."""
        return _(progress.WORDS[self.state])

    @property
    def needs_attention(self) -> bool:
        """Tell whether a person should look at the integration itself."""
        return self.state is State.DISABLED or self.integration.trouble is not None


@page
def show(visit: Visit) -> Response:
    """Answer `/integrations`."""
    if not visit.sees_integrations:
        raise HTTPException(403)
    views = view_all(visit)
    return visit.render(
        "integrations.html",
        here="integrations",
        title=_("Integrations"),
        integrations=views,
        may_make=visit.identity.may_anywhere(Permission.INTEGRATIONS_WRITE),
        shows_all_folders=sum(len(view.mailboxes) for view in views) <= FEW,
        opened=visit.request.query_params.get("open", ""),
        tried=visit.request.query_params.get("tried", ""),
    )


async def retry(request: Request) -> Response:
    """Answer POST `/integrations/retry`: what could not be read of a mailbox is tried again at once."""
    wanted = MailboxId((await fields(request)).get("mailbox", ""))
    site: Site = request.app.state.site

    def act(tx: Transaction, identity: Identity) -> None:
        mailbox = mailboxes.by_id(tx, wanted)
        integration = integrations.by_id(tx, mailbox.integration_id) if mailbox else None
        if mailbox is None or integration is None:
            raise HTTPException(404)
        if not identity.may(Permission.INTEGRATIONS_WRITE, integration.project):
            raise HTTPException(403)
        at = site.now()
        failures.retry(tx, mailbox.id, at=at)
        mailboxes.wake(tx, mailbox.id, at)
        events.append(
            tx,
            "failed_items_retried",
            at=at,
            integration_id=integration.id,
            mailbox_id=mailbox.id,
            user_id=identity.user_id,
            detail={"project": integration.project, "mailbox": mailbox.address},
        )

    return await change(request, act, then="integrations")


async def enable(request: Request) -> Response:
    """Answer POST `/integrations/enable`: what was stopped is tried, and goes on if it can be read, or if he insists."""
    given = await fields(request)
    site: Site = request.app.state.site
    subject = given.get("subject", "")

    def look() -> tuple[Identity, IntegrationId, tuple[MailboxId, ...]] | None:
        with site.database.read() as tx:
            identity = identify(request, tx)
            mailbox = mailboxes.by_id(tx, MailboxId(subject))
            wanted = mailbox.integration_id if mailbox else IntegrationId(subject)
            integration = integrations.by_id(tx, wanted)
        if identity is None:
            return None
        if integration is None or site.enabling is None:
            raise HTTPException(404)
        if not identity.may(Permission.INTEGRATIONS_WRITE, integration.project):
            raise HTTPException(403)
        return identity, wanted, (mailbox.id,) if mailbox else ()

    found = await run_in_threadpool(look)
    if found is None or site.enabling is None:
        return RedirectResponse(path(request, "sign_in"), 303)
    identity, integration_id, boxes = found
    obstacles = await site.enabling.switch_on(
        integration_id,
        boxes,
        itself=not boxes,
        insists=given.get("insist") == "yes",
        by=identity.user_id,
    )
    # What was found in the way is shown as its trouble now.
    query = f"?{urlencode({'tried': subject, 'open': subject})}" if obstacles else ""
    anchor = f"#{'m' if boxes else 'i'}-{quote(subject)}"
    return RedirectResponse(path(request, "integrations") + query + anchor, 303)


def view_all(visit: Visit) -> list[IntegrationView]:
    """Give the integrations that the visitor may see, those that need attention first."""
    seen = [
        view(visit, integration)
        for integration in integrations.list_all(visit.tx)
        if visit.identity.may(Permission.INTEGRATIONS_READ, integration.project)
    ]
    return sorted(seen, key=lambda view: (not view.needs_attention, view.integration.title.lower()))


def view(visit: Visit, integration: Integration) -> IntegrationView:
    """Give one integration as the visitor sees it."""
    states = folders.of_integration(visit.tx, integration.id)
    failed = failures.reasons(visit.tx, integration.id)
    views = [
        progress.of_mailbox(
            integration,
            mailbox,
            states.get(mailbox.id, ()),
            failures=failed.get(mailbox.id, ()),
        )
        for mailbox in mailboxes.of_integration(visit.tx, integration.id)
    ]
    views.sort(key=lambda view: (not view.needs_attention, view.mailbox.address.lower()))
    removal = removals.list_all(visit.tx).get(integration.id)
    may_write = visit.identity.may(Permission.INTEGRATIONS_WRITE, integration.project)
    may_change = may_write and removal is None
    state = progress.of_integration(integration, views)
    site: Site = visit.request.app.state.site
    return IntegrationView(
        integration,
        tuple(views),
        state,
        warned=warnings.of_integration(visit.tx, integration.id),
        may_change=may_change,
        may_enable=may_change and site.enabling is not None,
        removal=removal,
    )
