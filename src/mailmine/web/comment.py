"""One comment: its words, what was cut off them, its files, its places, and its conversation."""

import shlex
from dataclasses import dataclass

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailmine.model.ids import CommentId
from mailmine.refine import MEANINGS, Kind, Zone, refine
from mailmine.store import comments, copies, emails
from mailmine.store.comments import StoredComment
from mailmine.store.copies import Copy
from mailmine.store.sources import Source
from mailmine.web.comments import Told
from mailmine.web.site import api_path
from mailmine.web.visit import Visit, page

_SHOWN = frozenset({Kind.NEW, Kind.CLOSING, Kind.SIGNATURE, Kind.DEVICE_LINE})
"""The words and the signature are shown on their own; all else is named as cut."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A run of lines that is no part of the new words."""

    kind: Kind
    words: str
    text: str


@page
def show(visit: Visit) -> Response:
    """Answer `/sources/{owner}/{name}/comments/{id}`."""
    source = visit.source()
    comment_id = CommentId(visit.request.path_params["id"])
    stored = comments.get(visit.tx, source.id, comment_id)
    if stored is None:
        raise HTTPException(404)
    told = Told.of(stored)
    return visit.render(
        "comment.html",
        here=source.id,
        title=told.message.subject or "(no subject)",
        source=source,
        stored=stored,
        comment=told.comment,
        message=told.message,
        cut=_cut(visit, stored),
        places=_places(visit, stored),
        thread=_thread(visit, source, told),
        json=orjson.dumps(orjson.loads(stored.json), option=orjson.OPT_INDENT_2).decode(),
        curl=_curl(visit, source, comment_id),
    )


def _cut(visit: Visit, stored: StoredComment) -> list[Cut]:
    """Refine the kept email once more, to show what was left out and why."""
    email = emails.get(visit.tx, stored.email_key) if stored.email_key is not None else None
    zones: tuple[Zone, ...] = refine(email.email).zones if email else ()
    return [
        Cut(zone.kind, MEANINGS[zone.kind], zone.text)
        for zone in zones
        if zone.kind not in _SHOWN and zone.text.strip()
    ]


def _places(visit: Visit, stored: StoredComment) -> tuple[Copy, ...]:
    """Find where the email lies; the place synced last comes first."""
    if stored.email_key is None:
        return ()
    return copies.of_emails(visit.tx, [stored.email_key]).get(stored.email_key, ())


def _thread(visit: Visit, source: Source, told: Told) -> list[Told]:
    thread_id = told.comment.thread_id
    if not thread_id:
        return [told]
    return [Told.of(one) for one in comments.thread(visit.tx, source.id, thread_id)]


def _curl(visit: Visit, source: Source, comment_id: CommentId) -> str:
    route = api_path(
        visit.request, "v1", "sources", source.project, source.name, "comments", comment_id
    )
    address = f"{visit.request.url.scheme}://{visit.request.url.netloc}{route}"
    return f'curl -H "Authorization: Bearer $MAILMINE_TOKEN" {shlex.quote(address)}'
