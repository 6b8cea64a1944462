"""The comments of a source: newest first, without end, with search, filters, and plots that answer and filter."""

from collections import Counter
from collections.abc import Sequence, Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from mailmine.access.permissions import Permission
from mailmine.model.comment import Comment, Message
from mailmine.model.facts import (
    ANSWER,
    ATTACHMENTS,
    DOMAIN,
    FOLDER,
    HOUR,
    LANGUAGE,
    MAILBOX,
    SENDER,
)
from mailmine.store import comments, explore, search
from mailmine.store.comments import StoredComment
from mailmine.store.explore import Counts, Seen
from mailmine.store.search import Snippet
from mailmine.store.sources import Source
from mailmine.web import asked as addresses, plots
from mailmine.web.asked import Asked, label_of
from mailmine.web.plots import Bar, Hour, Timeline
from mailmine.web.site import FRAGMENT
from mailmine.web.visit import Visit, page

PAGE = 50
"""Comments shown at once."""

FACETS = (MAILBOX, FOLDER, SENDER, DOMAIN, LANGUAGE, ATTACHMENTS)
"""What is always offered, in this order; then whatever other properties have few values."""
FEW = 30
MOST_FACETS = 14
MOST_VALUES = 16

SINCE_MAIL = datetime(1980, 1, 1, tzinfo=UTC)
"""Before, there was none: what says so has a wrong date or none, and a plot over time leaves it out."""
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A comment, decoded once."""

    stored: StoredComment
    comment: Comment
    message: Message
    """Its only one; a comment put in by a client may have none, and is shown as empty."""

    @classmethod
    def of(cls, stored: StoredComment) -> "Told":
        """Decode `stored`."""
        comment = stored.comment
        message = comment.messages[0] if comment.messages else Message(body="")
        return cls(stored=stored, comment=comment, message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comment in the list."""

    told: Told
    thread_size: int
    snippet: Snippet

    def fact(self, name: str) -> str:
        """Give a user property as text; empty where there is none."""
        return str(self.told.comment.user_properties.get(name, ""))


@dataclass(frozen=True, slots=True)
class Facet:
    """A fact by which one can filter, and its values."""

    label: str
    bars: Sequence[Bar]
    distinct: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plots:
    """What is plotted of the comments that match."""

    counts: Counts
    timeline: Timeline | None
    is_whole_timeline: bool
    """Whether it counts all, and not only those that were looked at."""
    facets: Sequence[Facet]
    hours: Sequence[Hour]
    answers: Sequence[Bar]
    answers_of: int
    """How many comments those are."""
    names: Sequence[tuple[str, str]]
    """Facts by which a filter may be typed, and what they are called."""


@page
def show(visit: Visit) -> Response:
    """Answer `/sources/{owner}/{name}?q=…&folder=…&before=…`."""
    source = visit.source()
    params = visit.request.query_params
    asked = Asked.read(params)
    before = addresses.place(params)
    # What a script asks for is the list alone.
    is_plotted = before is None and FRAGMENT not in visit.request.headers
    with visit.browsing() as far:
        seen = explore.look(
            far.tx, source.id, asked.wanted, before=before, limit=PAGE, counting=is_plotted
        )
        rows = _rows(far, source, seen.keys, asked)
        total = comments.count(far.tx, source.id)
        plotted = _plots(far, source, asked, seen) if seen.counts else None
    return visit.render(
        "comments.html",
        here=source.id,
        title=source.title or source.name,
        source=source,
        asked=asked,
        rows=rows,
        is_first=before is None,
        total=total,
        seen=seen,
        plots=plotted,
        may_manage=visit.identity.may(Permission.SOURCES_ADMIN, source.project),
        may_stream=visit.identity.may(Permission.STREAMS_ADMIN, source.project),
    )


def _rows(visit: Visit, source: Source, keys: Sequence[int], asked: Asked) -> list[Row]:
    shown = [Told.of(stored) for stored in comments.by_keys(visit.tx, source.id, keys)]
    threads = {told.comment.thread_id for told in shown if told.comment.thread_id}
    sizes = comments.thread_sizes(visit.tx, source.id, threads)
    terms = search.parse(asked.words)
    return [
        Row(
            told=told,
            thread_size=sizes[told.comment.thread_id] if told.comment.thread_id else 1,
            snippet=search.snippet(told.comment, terms) if terms else (),
        )
        for told in shown
    ]


def _plots(visit: Visit, source: Source, asked: Asked, seen: Seen) -> Plots | None:
    counts = seen.counts
    if counts is None:
        return None
    timeline = _timeline(visit, source, asked, counts)
    names = sorted(counts.names | {name for name, _ in asked.chosen}, key=label_of)
    return Plots(
        counts=counts,
        timeline=timeline,
        is_whole_timeline=asked.wanted.is_plain or seen.is_all,
        facets=facets(asked, counts),
        hours=plots.hours(asked, counts.hours),
        answers=plots.answers(asked, counts.answers),
        answers_of=counts.answers.total(),
        names=[(name, label_of(name)) for name in names],
    )


def _timeline(visit: Visit, source: Source, asked: Asked, counts: Counts) -> Timeline | None:
    wanted = asked.wanted
    since = wanted.since or SINCE_MAIL
    until = wanted.until or visit.at + A_DAY
    if wanted.is_plain:
        spanned = explore.span(visit.tx, source.id, since, until)
        if spanned is None:
            return None
        step, parts = plots.edges(*spanned, since=wanted.since, until=wanted.until)
        return plots.timeline(asked, step, parts, explore.volume(visit.tx, source.id, parts))
    times = [at for at in counts.times if since.timestamp() <= at < until.timestamp()]
    if not times:
        return None
    first, last = (datetime.fromtimestamp(at, UTC) for at in (min(times), max(times)))
    step, parts = plots.edges(first, last, since=wanted.since, until=wanted.until)
    return plots.timeline(asked, step, parts, plots.counted(times, parts))


def facets(
    asked: Asked, counts: Counts, *, but: AbstractSet[str] = frozenset({HOUR, ANSWER})
) -> list[Facet]:
    """Draw what one may filter by, `but` for some facts."""
    chosen = {name for name, _ in asked.chosen}
    there = (counts.facets.keys() | chosen) - but
    known = [name for name in FACETS if name in there]
    others = sorted(there - set(FACETS), key=label_of)
    shown = []
    for name in (*known, *others):
        found = counts.facets.get(name, Counter())
        is_told = len(found) > 1 and (name in FACETS or len(found) <= FEW)
        if is_told or name in chosen:
            bars = plots.values(asked, name, found, MOST_VALUES)
            shown.append(Facet(label_of(name), bars, len(found)))
    return shown[:MOST_FACETS]
