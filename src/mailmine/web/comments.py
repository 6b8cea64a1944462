"""The comments of a source: newest first, without end, with search."""

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

Snippet = tuple[tuple[str, bool], ...]
"""Runs of text; True where the search matched."""


@dataclass(frozen=True, slots=True)
class Row:
    """One comment in the list."""

    stored: StoredComment
    comment: Comment
    message: Message
    thread_size: int
    snippet: Snippet

    def fact(self, name: str) -> str:
        """Give a user property as text; empty where there is none."""
        return str(self.comment.user_properties.get(name, ""))


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
    """Read `before`: the key of the last comment seen. What is no key is no place."""
    text = request.query_params.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None  # noqa: PLR2004


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
    decoded = [(stored, stored.comment, snippet) for stored, snippet in found]
    threads = {comment.thread_id for _, comment, _ in decoded if comment.thread_id}
    sizes = comments.thread_sizes(visit.tx, source.id, threads)
    return [
        Row(
            stored,
            comment,
            first_message(comment),
            sizes.get(comment.thread_id, 1) if comment.thread_id else 1,
            snippet,
        )
        for stored, comment, snippet in decoded
    ]


def first_message(comment: Comment) -> Message:
    """Give the message that stands for the comment; a comment put in by a client may have none."""
    return comment.messages[0] if comment.messages else Message(body="")
