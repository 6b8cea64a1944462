"""The comments of a source: newest first, without end, with search."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from mailmine.model.comment import Comment, Message
from mailmine.store import comments, search
from mailmine.store.comments import StoredComment
from mailmine.store.sources import Source
from mailmine.web.visit import Visit, page

PAGE = 50
"""Comments shown at once."""

LONGEST_QUERY = 500
"""Characters of a search that are looked at."""

_KEY = re.compile(r"-?[0-9]{1,18}")

Snippet = tuple[tuple[str, bool], ...]
"""Runs of text; True where the search matched."""


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


@page
def show(visit: Visit) -> Response:
    """Answer `/sources/{owner}/{name}?q=…&before=…`."""
    source = visit.source()
    query = visit.request.query_params.get("q", "").strip()[:LONGEST_QUERY]
    before = _place(visit.request)
    found = _find(visit, source, query, before)
    shown = found[:PAGE]
    return visit.render(
        "comments.html",
        here=source.id,
        title=source.title or source.name,
        source=source,
        query=query,
        rows=_rows(visit, source, shown),
        is_first=before is None,
        total=comments.count(visit.tx, source.id),
        older=shown[-1][0].time_key if len(found) > PAGE else None,
    )


def _place(request: Request) -> int | None:
    """Read `before`: the key of the last comment seen, below zero before 1970. What is no key is no place."""
    text = request.query_params.get("before", "")
    return int(text) if _KEY.fullmatch(text) else None


def _find(
    visit: Visit, source: Source, query: str, before: int | None
) -> list[tuple[StoredComment, Snippet]]:
    """Look for one more than a page, to know whether there are older ones."""
    if query:
        hits = search.find(visit.tx, source.id, query, before=before, limit=PAGE + 1)
        return [(hit.comment, hit.snippet) for hit in hits]
    newest = comments.page(
        visit.tx, source.id, newest_first=True, after=before, limit=PAGE + 1, since=None, until=None
    )
    return [(stored, ()) for stored in newest]


def _rows(
    visit: Visit, source: Source, found: Sequence[tuple[StoredComment, Snippet]]
) -> list[Row]:
    shown = [(Told.of(stored), snippet) for stored, snippet in found]
    threads = {told.comment.thread_id for told, _ in shown if told.comment.thread_id}
    sizes = comments.thread_sizes(visit.tx, source.id, threads)
    return [
        Row(
            told=told,
            thread_size=sizes[told.comment.thread_id] if told.comment.thread_id else 1,
            snippet=snippet,
        )
        for told, snippet in shown
    ]
