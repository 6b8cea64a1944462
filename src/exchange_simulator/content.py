"""Takes raw mail apart into what Exchange knows of an item, with the parser of the standard library alone.

Nothing here is shared with mailmine on purpose: two readings of one mail keep each other honest.
"""

import email
from datetime import datetime

import msgspec

from exchange_simulator.headers import (
    Address,
    addresses,
    categories,
    conversation_id,
    conversation_index,
    decoded,
    header_text,
    importance,
    normalized_subject,
    parse_date,
    sensitivity,
    unfold,
)
from exchange_simulator.html_text import html_to_text, text_to_html
from exchange_simulator.meeting import Meeting, read_meeting
from exchange_simulator.parts import Attached, Body, item_class, sealed
from exchange_simulator.spool import Spool


class Content(msgspec.Struct):
    """What a mail says, whichever protocol asks."""

    item_class: str
    subject: str | None
    message_id: str | None
    sender: Address | None
    from_: Address | None
    to: list[Address]
    cc: list[Address]
    bcc: list[Address]
    reply_to: list[Address]
    sent_at: datetime | None
    headers: list[tuple[str, str]]
    in_reply_to: str | None
    references: str | None
    importance: str
    sensitivity: str
    categories: list[str]
    topic: str
    conversation_id: bytes
    conversation_index: bytes
    wants_receipt: bool
    text: str | None
    html: str | None
    has_html: bool
    """The mail itself brought HTML; otherwise `html` was made from the text."""
    attachments: list[Attached]
    meeting: Meeting | None


def parse(mime: bytes, spool: Spool) -> Content:
    """Take `mime` apart; contents of attachments go to `spool`. Total: no input makes it raise."""
    message = email.message_from_bytes(mime)
    headers = [(name, unfold(header_text(value))) for name, value in message.raw_items()]
    first = {name.lower(): value for name, value in reversed(headers)}
    body = Body(spool)
    body.walk(message, 0)
    text, html = body.bodies()
    kind = item_class(message)
    if kind.startswith("IPM.Note.SMIME"):
        body.attachments = [sealed(message, mime, spool)]
    subject = decoded(first.get("subject"))
    topic = normalized_subject(subject)
    from_ = addresses(headers, "from")
    sender = addresses(headers, "sender")
    return Content(
        item_class=kind,
        subject=subject,
        message_id=(first.get("message-id") or "").strip() or None,
        sender=next(iter(sender or from_), None),
        from_=next(iter(from_ or sender), None),
        to=addresses(headers, "to"),
        cc=addresses(headers, "cc"),
        bcc=addresses(headers, "bcc"),
        reply_to=addresses(headers, "reply-to"),
        sent_at=parse_date(first.get("date")),
        headers=headers,
        in_reply_to=first.get("in-reply-to") or None,
        references=first.get("references") or None,
        importance=importance(first),
        sensitivity=sensitivity(first),
        categories=categories(first),
        topic=topic,
        conversation_id=conversation_id(first, topic),
        conversation_index=conversation_index(first, topic),
        wants_receipt="disposition-notification-to" in first,
        text=html_to_text(html) if text is None and html is not None else text,
        html=text_to_html(text) if html is None and text is not None else html,
        has_html=html is not None,
        attachments=body.attachments,
        meeting=read_meeting(body.calendar),
    )
