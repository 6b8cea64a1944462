"""From an item as Exchange gives it to an Email and its Metadata.

Runs once for every email: children are told apart by one look into a table, and what is unknown is passed over.
Of a signed or encrypted email (IPM.Note.SMIME) that is what its properties carry: the headers, and its one
attachment; of a protected one (IRM) its headers and a body that says so.
"""

import codecs
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import getaddresses
from typing import Any, Final

from mailmine.exchange.ews.xml import Element, T
from mailmine.exchange.reader import Item, ItemSkipped
from mailmine.model.email import Address, Attachment, AttachmentKind, Email, Metadata
from mailmine.model.ids import AttachmentId, ItemId, MessageId

MAIL_CLASSES: Final = ("ipm.note", "ipm.schedule.meeting", "ipm.post", "report")
"""Messages, meeting requests and what belongs to them, posts, delivery and read reports."""

_NO_TIME_BEFORE: Final = 1602
"""Exchange's zero is 1601, .NET's is 1: neither is a time."""
_MESSAGE_ID: Final = re.compile(r"<[^<>\s]+>")
_NO_CHARSETS: Final = {"unicode-escape", "raw-unicode-escape", "idna", "punycode", "undefined"}
"""Codecs of Python that no mail means, some of them slow on purpose-made input."""
_UNWANTED: Final = re.compile("[\x00\ud800-\udfff]")


def read_item(element: Element, id_: ItemId) -> Item | ItemSkipped:
    """Read the item `id_` from its element, of whatever kind."""
    raw: dict[str, Any] = {}
    for child in element:
        if (known := _CHILDREN.get(child.tag)) is not None:
            name, read = known
            raw[name] = read(child)
    item_class = raw.get("item_class") or "IPM.Note"
    if not is_mail(item_class):
        return ItemSkipped(id=id_, item_class=item_class)
    if raw.get("message_id") is None or raw.get("from_") is None:
        _fill_from_headers(raw)
    from_, sender = raw.get("from_"), raw.get("sender")
    return Item(
        id=id_,
        email=Email(
            message_id=raw.get("message_id"),
            subject=raw.get("subject", ""),
            from_=from_ or sender,
            sender=sender if from_ is not None and sender != from_ else None,
            to=raw.get("to", ()),
            cc=raw.get("cc", ()),
            bcc=raw.get("bcc", ()),
            reply_to=raw.get("reply_to", ()),
            sent_at=raw.get("sent_at"),
            in_reply_to=next(iter(raw.get("in_reply_to", ())), None),
            references=raw.get("references", ()),
            headers=tuple([(name, decode(value)) for name, value in raw.get("headers", ())]),
            **raw.get("body", {}),
            attachments=raw.get("attachments", ()),
            item_class=item_class,
        ),
        metadata=Metadata(
            received_at=raw.get("received_at"),
            size=raw.get("size"),
            is_read=raw.get("is_read"),
            is_draft=bool(raw.get("is_draft")),
            importance=raw.get("importance"),
            sensitivity=raw.get("sensitivity"),
            categories=raw.get("categories", ()),
            has_attachments=raw.get("has_attachments"),
            conversation_id=raw.get("conversation_id"),
            conversation_topic=raw.get("conversation_topic"),
        ),
    )


def is_mail(item_class: str) -> bool:
    """Tell whether items of `item_class` are kept."""
    lowered = item_class.lower()
    return any(lowered == kind or lowered.startswith(kind + ".") for kind in MAIL_CLASSES)


def read_time(text: str | None) -> datetime | None:
    """Read an xs:dateTime with 0-9 digits after the second as UTC; None for what is none."""
    if not text or "T" not in text:
        return None
    try:
        time = datetime.fromisoformat(text.strip())
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time if time.year >= _NO_TIME_BEFORE else None


def read_message_ids(text: str | None) -> tuple[MessageId, ...]:
    """Find the Message-IDs in a References or In-Reply-To."""
    return tuple(MessageId(found) for found in _MESSAGE_ID.findall(text or ""))


def decode(value: str) -> str:
    """Decode encoded words (RFC 2047) in a header; what cannot be decoded stays as it is."""
    if "=?" not in value:
        return value
    try:
        parts = decode_header(value)
        if any(charset and codecs.lookup(charset).name in _NO_CHARSETS for _, charset in parts):
            return value
        return _UNWANTED.sub("", str(make_header(parts)))
    except (HeaderParseError, LookupError, ValueError):
        return value


def _text(element: Element) -> str:
    return element.text or ""


def _some_text(element: Element) -> str | None:
    return element.text or None


def _flag(element: Element) -> bool:
    return element.text in {"true", "1"}


def _number(element: Element) -> int | None:
    text = (element.text or "").strip()
    return int(text) if text.isdecimal() and len(text) < 19 else None  # noqa: PLR2004


def _time(element: Element) -> datetime | None:
    return read_time(element.text)


def _id(element: Element) -> str | None:
    return element.get("Id")


def _message_id(element: Element) -> MessageId | None:
    text = (element.text or "").strip()
    return MessageId(text) if text else None


def _message_ids(element: Element) -> tuple[MessageId, ...]:
    return read_message_ids(element.text)


def _strings(element: Element) -> tuple[str, ...]:
    return tuple(child.text for child in element if child.text)


def _address(element: Element) -> Address | None:
    """Read a mailbox; None for one that says nothing. Exchange fills what is missing from what is not."""
    name = address = ""
    for child in element:
        if child.tag == _NAME:
            name = child.text or ""
        elif child.tag == _EMAIL_ADDRESS:
            address = child.text or ""
    if name == address:
        name, address = ("", address) if "@" in address else (name, "")
    return Address(name, address) if name or address else None


def _addresses(element: Element) -> tuple[Address, ...]:
    return tuple([address for mailbox in element if (address := _address(mailbox)) is not None])


def _one_address(element: Element) -> Address | None:
    return _address(element[0]) if len(element) else None


def _headers(element: Element) -> tuple[tuple[str, str], ...]:
    return tuple([(header.get("HeaderName") or "", header.text or "") for header in element])


def _body(element: Element) -> dict[str, str]:
    text = element.text
    if not text:
        return {}
    return {"html" if element.get("BodyType") == "HTML" else "text": text}


def _attachments(element: Element) -> tuple[Attachment, ...]:
    return tuple([_attachment(child) for child in element])


def _attachment(element: Element) -> Attachment:
    raw: dict[str, Any] = {}
    for child in element:
        if (known := _OF_AN_ATTACHMENT.get(child.tag)) is not None:
            name, read = known
            raw[name] = read(child)
    kind = _KINDS.get(element.tag, AttachmentKind.FILE)
    content_type = str(raw.get("content_type") or "").partition(";")[0].strip().lower()
    if kind is AttachmentKind.ITEM:
        content_type = "message/rfc822"
    id_ = raw.get("id")
    return Attachment(
        name=raw.get("name", ""),
        content_type=content_type or "application/octet-stream",
        size=raw.get("size") or 0,
        kind=kind,
        is_inline=raw.get("is_inline", False),
        content_id=str(raw.get("content_id") or "").strip("<> ") or None,
        id=AttachmentId(id_) if id_ else None,
    )


_Table = Mapping[object, tuple[str, Callable[[Element], Any]]]

_NAME: Final = f"{T}Name"
_EMAIL_ADDRESS: Final = f"{T}EmailAddress"
_KINDS: Final = {
    f"{T}ItemAttachment": AttachmentKind.ITEM,
    f"{T}ReferenceAttachment": AttachmentKind.REFERENCE,
}
_OF_AN_ATTACHMENT: Final[_Table] = {
    f"{T}AttachmentId": ("id", _id),
    f"{T}Name": ("name", _text),
    f"{T}ContentType": ("content_type", _some_text),
    f"{T}ContentId": ("content_id", _some_text),
    f"{T}Size": ("size", _number),
    f"{T}IsInline": ("is_inline", _flag),
}
_CHILDREN: Final[_Table] = {
    f"{T}ItemClass": ("item_class", _some_text),
    f"{T}Subject": ("subject", _text),
    f"{T}Sensitivity": ("sensitivity", _some_text),
    f"{T}Body": ("body", _body),
    f"{T}Attachments": ("attachments", _attachments),
    f"{T}DateTimeReceived": ("received_at", _time),
    f"{T}Size": ("size", _number),
    f"{T}Categories": ("categories", _strings),
    f"{T}Importance": ("importance", _some_text),
    f"{T}InReplyTo": ("in_reply_to", _message_ids),
    f"{T}IsDraft": ("is_draft", _flag),
    f"{T}InternetMessageHeaders": ("headers", _headers),
    f"{T}DateTimeSent": ("sent_at", _time),
    f"{T}HasAttachments": ("has_attachments", _flag),
    f"{T}ConversationId": ("conversation_id", _id),
    f"{T}Sender": ("sender", _one_address),
    f"{T}ToRecipients": ("to", _addresses),
    f"{T}CcRecipients": ("cc", _addresses),
    f"{T}BccRecipients": ("bcc", _addresses),
    f"{T}ConversationTopic": ("conversation_topic", _some_text),
    f"{T}From": ("from_", _one_address),
    f"{T}InternetMessageId": ("message_id", _message_id),
    f"{T}IsRead": ("is_read", _flag),
    f"{T}References": ("references", _message_ids),
    f"{T}ReplyTo": ("reply_to", _addresses),
}


def _fill_from_headers(raw: dict[str, Any]) -> None:
    """Take from the headers what an item of unknown kind does not carry as properties (2010: reports)."""
    first: dict[str, str] = {}
    for name, value in raw.get("headers", ()):
        first.setdefault(name.lower(), value)
    if raw.get("message_id") is None:
        raw["message_id"] = next(iter(read_message_ids(first.get("message-id"))), None)
    if raw.get("from_") is None:
        raw["from_"] = next(iter(_parse_addresses(first.get("from"))), None)
    raw.setdefault("references", read_message_ids(first.get("references")))
    raw.setdefault("in_reply_to", read_message_ids(first.get("in-reply-to")))
    for name, header in (("to", "to"), ("cc", "cc"), ("reply_to", "reply-to")):
        raw.setdefault(name, _parse_addresses(first.get(header)))


def _parse_addresses(value: str | None) -> tuple[Address, ...]:
    try:
        parsed = getaddresses([value or ""])
    except RecursionError:  # comments within comments, a thousand deep
        return ()
    return tuple(Address(decode(name), address) for name, address in parsed if name or address)
