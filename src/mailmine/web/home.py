"""The home page: what needs attention first, then what flows."""

from dataclasses import dataclass

from starlette.responses import Response

from mailmine.store import comments
from mailmine.store.sources import Source
from mailmine.web.comments import Told
from mailmine.web.integrations import view_all
from mailmine.web.visit import Visit, page

CARDS = 24
"""Sources shown with their newest comments; the rest are named."""

NEWEST = 4


@dataclass(frozen=True, slots=True)
class SourceCard:
    """A source with what came last."""

    source: Source
    count: int
    newest: tuple[Told, ...]


@page
def show(visit: Visit) -> Response:
    """Answer `/`."""
    integrations = view_all(visit)
    cards = [_card(visit, source) for source in visit.sources[:CARDS]]
    cards.sort(key=lambda card: card.newest[0].stored.time_key if card.newest else 0, reverse=True)
    return visit.render(
        "home.html",
        here="home",
        title="Overview",
        integrations=integrations,
        mailboxes=[mailbox for view in integrations for mailbox in view.mailboxes],
        cards=cards,
        more=visit.sources[CARDS:],
    )


def _card(visit: Visit, source: Source) -> SourceCard:
    newest = comments.page(
        visit.tx, source.id, newest_first=True, after=None, limit=NEWEST, since=None, until=None
    )
    return SourceCard(source, comments.count(visit.tx, source.id), tuple(map(Told.of, newest)))
