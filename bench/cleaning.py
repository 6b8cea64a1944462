"""What `mailmine.refine` makes of raw emails, in the words of a scorer of email cleaners.

score.py bench.cleaning:clean
"""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from mailmine.model.email import Address
from mailmine.refine import Kind, Refined, Zone, conversation, html, mime, parts, refine, tnef
from mailmine.refine.parts import Part

HISTORY = {Kind.QUOTED, Kind.FORWARDED, Kind.HEADER_BLOCK, Kind.ATTRIBUTION, Kind.DIVIDER}
OWN = {Kind.NEW, Kind.CLOSING, Kind.SIGNATURE, Kind.DEVICE_LINE, Kind.DISCLAIMER}


def clean(raw: bytes) -> dict[str, Any]:
    """Refine one raw email."""
    parsed = mime.parse(raw)
    email = parsed.email
    refined = refine(email)
    return {
        "text": refined.text,
        "reply": refined.reply,
        "signature": refined.signature,
        "quoted": "\n".join(zone.text for zone in refined.zones if zone.kind in HISTORY),
        "forwarded": _forwarded(refined),
        "subject": email.subject,
        "from": _people((email.from_,) if email.from_ else ()),
        "to": _people(email.to),
        "cc": _people(email.cc),
        "date": email.sent_at.isoformat() if email.sent_at else None,
        "message_id": email.message_id,
        "text_body": email.text,
        "html_body": email.html,
        "attachments": [
            {
                "filename": attachment.name,
                "content_type": attachment.content_type,
                "size": attachment.size,
                "sha256": hashlib.sha256(content).hexdigest(),
            }
            for attachment, content in zip(email.attachments, parsed.contents, strict=True)
        ]
        + [{"filename": name} for name in _wrapped_bodies(raw)],
        "leaves": [
            "base64:" + base64.b64encode(leaf.content).decode() for leaf in _leaves(parts.read(raw))
        ],
        "plain": "\n".join(line.text for line in html.lines(email.html))
        if email.html
        else email.text,
    }


def thread(messages: list[bytes], algorithm: str) -> str:
    """Arrange emails as IMAP's THREAD answers it (RFC 5256): `(1 2)(3)`."""
    emails = [mime.parse(raw).email for raw in messages]
    made = conversation.by_subject if algorithm == "orderedsubject" else conversation.arrange
    return "".join(f"({_thread(node)})" for node in made(emails))


def _thread(node: conversation.Node) -> str:
    own = [] if node.index is None else [str(node.index + 1)]
    if len(node.children) == 1 and own:
        return " ".join([*own, _thread(node.children[0])])
    return " ".join([*own, "".join(f"({_thread(child)})" for child in node.children)]).strip()


def _leaves(message: Part) -> Iterator[Part]:
    """Walk into the messages inside, too."""
    for child in message.children:
        yield from _leaves(child)
    if not message.children:
        yield message


def _wrapped_bodies(raw: bytes) -> Iterator[str]:
    """Name the bodies in a `winmail.dat` as MimeKit does, to which they are files."""
    for leaf in _leaves(parts.read(raw)):
        wrapped = tnef.read(leaf.content) if leaf.content_type in tnef.TYPES else None
        if wrapped:
            yield from ["body.html"] if wrapped.html else []
            yield from ["body.rtf"] if wrapped.rtf else []


def _people(people: tuple[Address, ...]) -> list[list[str]]:
    return [[someone.name, someone.address] for someone in people]


def _forwarded(refined: Refined) -> dict[str, Any] | None:
    earlier = refined.earlier
    if not earlier or not refined.is_forward:
        return None
    kinds = [zone.kind for zone in refined.zones]
    first = next((at for at, kind in enumerate(kinds) if kind in HISTORY), len(kinds))
    return {
        "from": earlier.from_,
        "to": earlier.to,
        "cc": earlier.cc,
        "reply-to": earlier.reply_to,
        "subject": earlier.subject,
        "date": earlier.date,
        "text": earlier.text,
        "text_top": _of(refined.zones[:first], OWN),
        "text_bottom": _of(refined.zones[first:], OWN),
        "type": "forward",
        "raw": _of(refined.zones, {Kind.HEADER_BLOCK, Kind.QUOTED, Kind.FORWARDED}),
    }


def _of(zones: tuple[Zone, ...], kinds: set[Kind]) -> str:
    return "\n".join(zone.text for zone in zones if zone.kind in kinds)
