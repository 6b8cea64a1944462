"""The integrations with their mailboxes and how far each is."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailmine.access.permissions import Permission
from mailmine.model.integration import Integration
from mailmine.store import failures, folders, integrations, mailboxes
from mailmine.sync.standing import State
from mailmine.web import progress
from mailmine.web.progress import Progress
from mailmine.web.visit import Visit, page

FEW = 25
"""Mailboxes whose folders are all on the page; where there are more, a link shows those of one."""


@dataclass(frozen=True, slots=True)
class IntegrationView:
    """One integration as the pages show it."""

    integration: Integration
    mailboxes: tuple[Progress, ...]
    state: State

    @property
    def words(self) -> str:
        """Say the state."""
        return progress.WORDS[self.state]

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
        title="Integrations",
        integrations=views,
        shows_all_folders=sum(len(view.mailboxes) for view in views) <= FEW,
        opened=visit.request.query_params.get("open", ""),
    )


def view_all(visit: Visit) -> list[IntegrationView]:
    """Give the integrations that the visitor may see, those that need attention first."""
    seen = [
        _view(visit, integration)
        for integration in integrations.list_all(visit.tx)
        if visit.identity.may(Permission.INTEGRATIONS_READ, integration.project)
    ]
    return sorted(seen, key=lambda view: (not view.needs_attention, view.integration.title.lower()))


def _view(visit: Visit, integration: Integration) -> IntegrationView:
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
    return IntegrationView(integration, tuple(views), progress.of_integration(integration, views))
