"""The home page: what needs attention first, then what flows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.responses import Response

from mailmine.access.permissions import Permission
from mailmine.store import arrivals, comments, warnings
from mailmine.store.sources import Source
from mailmine.store.warnings import StandingWarning
from mailmine.web import flow
from mailmine.web.comments import Told
from mailmine.web.integrations import IntegrationView, view_all
from mailmine.web.language import _
from mailmine.web.progress import Progress
from mailmine.web.visit import Visit, page

CARDS = 24
"""Sources shown with their newest comments; the rest are named."""

NEWEST = 4

LEAST_FRESH = 8
"""Mailboxes that are shown with how fresh they are."""


_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SourceCard:
    """A source with what came last."""

    source: Source
    count: int
    newest: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class WarningView:
    """A warning, and what it is about."""

    warning: StandingWarning
    about: str
    anchor: str
    """Where on the page of the integrations that stands."""


@page
def show(visit: Visit) -> Response:
    """Answer `/`."""
    integrations = view_all(visit)
    boxes = [mailbox for view in integrations for mailbox in view.mailboxes]
    seen = [source.id for source in visit.sources]
    cards = [_card(visit, source) for source in visit.sources[:CARDS]]
    cards.sort(key=lambda card: card.newest[0].stored.time_key if card.newest else 0, reverse=True)
    return visit.render(
        "home.html",
        here="home",
        title=_("Overview"),
        integrations=integrations,
        mailboxes=boxes,
        warnings=_warnings(visit, integrations),
        flow=flow.draw(
            arrivals.by_minute(visit.tx, seen, since=flow.begins(visit.at), minutes=flow.MINUTES),
            visit.at,
        ),
        least_fresh=_least_fresh(boxes),
        may_make=visit.identity.may_anywhere(Permission.INTEGRATIONS_WRITE),
        cards=cards,
        more=visit.sources[CARDS:],
    )


def _card(visit: Visit, source: Source) -> SourceCard:
    newest = comments.page(
        visit.tx, source.id, newest_first=True, after=None, limit=NEWEST, since=None, until=None
    )
    return SourceCard(source, comments.count(visit.tx, source.id), tuple(map(Told.of, newest)))


def _warnings(visit: Visit, integrations: Sequence[IntegrationView]) -> list[WarningView]:
    """Give what will stop unless somebody acts, of what the visitor may see; the nearest end first."""
    found: list[WarningView] = []
    for view in integrations:
        addresses = {box.mailbox.id: box.mailbox.address for box in view.mailboxes}
        for mailbox_id, some in warnings.of_integration(visit.tx, view.integration.id).items():
            about = addresses.get(mailbox_id) if mailbox_id else None
            anchor = f"m-{mailbox_id}" if mailbox_id else f"i-{view.integration.id}"
            title = view.integration.title or view.integration.name
            found += [WarningView(one, about or title, anchor) for one in some]
    return sorted(found, key=lambda one: one.warning.ends_at or _LATEST)


def _least_fresh(boxes: Sequence[Progress]) -> list[Progress]:
    """Give the mailboxes that are read, those first whose last round ended the longest ago."""
    read = [box for box in boxes if box.mailbox.enabled and box.integration.enabled]
    read.sort(key=lambda box: box.mailbox.last_round_at or _EARLIEST)
    return read[:LEAST_FRESH]
