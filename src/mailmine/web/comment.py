"""One comment: its words, what was cut off them, its files, its places, and its conversation."""

import shlex
from dataclasses import dataclass

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailmine.access.permissions import Permission
from mailmine.model import facts
from mailmine.model.facts import DOMAIN, LANGUAGE, SENDER
from mailmine.model.ids import CommentId
from mailmine.refine import MEANINGS, Kind, Zone, refine
from mailmine.store import buckets, comments, copies, emails, explore, search
from mailmine.store.comments import StoredComment
from mailmine.store.copies import Copy
from mailmine.store.emails import StoredEmail
from mailmine.store.sources import Source
from mailmine.web.asked import Asked, label_of
from mailmine.web.comments import Told
from mailmine.web.language import N_, _
from mailmine.web.site import address, api_path
from mailmine.web.visit import Visit, page

WHY = {
    Kind.NEW: N_("What this author wrote now: the body of the comment."),
    Kind.CLOSING: N_("The author wrote it: it belongs to the body."),
    Kind.SIGNATURE: N_("Kept apart from the body."),
    Kind.DEVICE_LINE: N_("It belongs to the signature."),
    Kind.HEADER_BLOCK: N_(
        "From, Sent, To and Subject, as mail programs write them above what they quote."
    ),
    Kind.ATTRIBUTION: N_("A line that a mail program puts above what it quotes."),
    Kind.DIVIDER: N_("A line that sets the quoted apart."),
    Kind.QUOTED: N_("Words of an earlier email, which is a comment of its own."),
    Kind.FORWARDED: N_("Words of an email that is passed on."),
    Kind.DISCLAIMER: N_("The same below every email: nobody wrote it for this one."),
    Kind.CAUTION: N_("A server on the way wrote it above the words."),
    Kind.LIST_FOOTER: N_("Added by the list on the way."),
}
"""Why each zone of an email was cut or kept."""

KEPT = frozenset({Kind.NEW, Kind.CLOSING, Kind.SIGNATURE, Kind.DEVICE_LINE})

MOST_HEADERS = 200

_QUICK = {"string:Sender": SENDER, "string:Sender Domain": DOMAIN}

LONGEST_LINK = 400
"""Characters of a property by which one can filter."""


@dataclass(frozen=True, slots=True)
class ShownZone:
    """A run of lines, and what it is."""

    kind: Kind
    words: str
    why: str
    text: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Fact:
    """A user property, and the address of the comments that have the same."""

    label: str
    value: str
    query: str


@page
def show(visit: Visit) -> Response:
    """Answer `/sources/{owner}/{name}/comments/{id}?q=…`; the address knows the list that one came from."""
    source = visit.source()
    comment_id = CommentId(visit.request.path_params["id"])
    stored = comments.get(visit.tx, source.id, comment_id)
    if stored is None:
        raise HTTPException(404)
    told = Told.of(stored)
    asked = Asked.read(visit.request.query_params)
    email = emails.get(visit.tx, stored.email_key) if stored.email_key is not None else None
    zones = _zones(email)
    newer, older = _neighbours(visit, source, asked, stored)
    terms = search.parse(asked.words)
    return visit.render(
        "comment.html",
        here=source.id,
        title=told.message.subject or _("(no subject)"),
        source=source,
        asked=asked,
        newer=newer,
        older=older,
        stored=stored,
        comment=told.comment,
        message=told.message,
        body=search.marked(told.message.body, terms),
        zones=zones,
        number_cut=sum(zone.is_cut for zone in zones),
        headers=email.email.headers[:MOST_HEADERS] if _may_see_raw(visit, email) and email else (),
        facts=_facts(told),
        places=_places(visit, stored),
        thread=_thread(visit, source, told),
        json=orjson.dumps(orjson.loads(stored.json), option=orjson.OPT_INDENT_2).decode(),
        curl=_curl(visit, source, comment_id),
    )


def _zones(email: StoredEmail | None) -> list[ShownZone]:
    """Refine the kept email once more, to show what was left out and why."""
    zones: tuple[Zone, ...] = refine(email.email).zones if email else ()
    return [
        ShownZone(
            zone.kind, MEANINGS[zone.kind], _(WHY[zone.kind]), zone.text, zone.kind not in KEPT
        )
        for zone in zones
        if zone.text.strip()
    ]


def _neighbours(
    visit: Visit, source: Source, asked: Asked, stored: StoredComment
) -> tuple[CommentId | None, CommentId | None]:
    """Name the comments above and below in the list that one came from."""
    keys = explore.neighbours(visit.tx, source.id, asked.wanted, stored.time_key)
    near = [key for key in keys if key is not None]
    found = {one.time_key: one.comment.id for one in comments.by_keys(visit.tx, source.id, near)}
    newer, older = (found.get(key) if key is not None else None for key in keys)
    return newer, older


def _may_see_raw(visit: Visit, email: StoredEmail | None) -> bool:
    """Tell whether he may see the email itself, which is its bucket's."""
    bucket = buckets.by_id(visit.tx, email.bucket_id) if email else None
    return bucket is not None and visit.identity.may(Permission.BUCKETS_READ, bucket.project)


def _facts(told: Told) -> list[Fact]:
    """Tell its properties. Sender and domain are found quickest by what the email itself says, where that is the same."""
    known, _end = facts.read(told.stored.json, 0)
    found = [(LANGUAGE, told.message.language)] if told.message.language else []
    found += [(name, str(value)) for name, value in sorted(told.comment.user_properties.items())]
    shown = []
    for name, value in found:
        quick = _QUICK.get(name)
        is_same = quick is not None and known.get(quick) == value.casefold()
        query = Asked().also(quick if quick and is_same else name, value)
        is_short = 0 < len(value) <= LONGEST_LINK
        shown.append(Fact(label_of(name), value, query if is_short else ""))
    return shown


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
    where = shlex.quote(address(visit.request, route))
    return f'curl -H "Authorization: Bearer $MAILMINE_TOKEN" {where}'
