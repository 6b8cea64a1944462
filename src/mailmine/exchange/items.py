"""What a server says of an item becomes an Email and its Metadata, in the same way for EWS and Graph.

Of a signed or encrypted email (IPM.Note.SMIME) that is what its properties carry: the headers, and its one
attachment, which `mailmine.sync.sealed` opens; of a protected one (IRM) its headers and a body that says so.
"""

import codecs
import re
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import getaddresses
from functools import lru_cache
from typing import Any, Final

from mailmine.exchange.reader import Item, ItemSkipped
from mailmine.model.email import Address, Email, Metadata
from mailmine.model.ids import ItemId, MessageId

MAIL_CLASSES: Final = ("ipm.note", "ipm.schedule.meeting", "ipm.post", "report")
"""Messages, meeting requests and what belongs to them, posts, delivery and read reports."""

_NO_TIME_BEFORE: Final = 1602
"""Exchange's zero is 1601, .NET's is 1: neither is a time."""
_DIGITS: Final = 18
"""Of any count or size; a larger number fits into no database."""
_MESSAGE_ID: Final = re.compile(r"<[^<>\s]+>")
_NO_CHARSETS: Final = {"unicode-escape", "raw-unicode-escape", "idna", "punycode", "undefined"}
"""Codecs of Python that no mail means, some of them slow on purpose-made input."""
MOST_REMEMBERED: Final = 300
"""Characters of a header up to which its decoding is remembered for a while."""
_UNWANTED: Final = re.compile("[\x00\ud800-\udfff]")


def make_item(raw: dict[str, Any], id_: ItemId) -> Item | ItemSkipped:
    """Make the item `id_` of its properties, by the names of `Email` and `Metadata`; `body` holds `html` or `text`."""
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


def read_number(said: str | int | None) -> int | None:
    """Read a count or a size; None for what is none."""
    if isinstance(said, str):
        text = said.strip()
        said = int(text) if text.isdecimal() and len(text) <= _DIGITS else None
    return said if said is not None and 0 <= said < 10**_DIGITS else None


def read_message_ids(text: str | None) -> tuple[MessageId, ...]:
    """Find the Message-IDs in a References or In-Reply-To."""
    return tuple(MessageId(found) for found in _MESSAGE_ID.findall(text or ""))


def decode(value: str) -> str:
    """Decode encoded words (RFC 2047) in a header; what cannot be decoded stays as it is."""
    if "=?" not in value:
        return value
    # People write more than once, and under the same subject.
    return _decoded_again(value) if len(value) <= MOST_REMEMBERED else _decoded(value)


@lru_cache(maxsize=2_048)
def _decoded_again(value: str) -> str:
    return _decoded(value)


def _decoded(value: str) -> str:
    try:
        parts = decode_header(value)
        if any(charset and codecs.lookup(charset).name in _NO_CHARSETS for _, charset in parts):
            return value
        return _UNWANTED.sub("", str(make_header(parts)))
    except (HeaderParseError, LookupError, ValueError):
        return value


def person(name: str, address: str) -> Address | None:
    """Give a mailbox; None for one that says nothing. Exchange fills what is missing from what is not."""
    if name == address:
        name, address = ("", address) if "@" in address else (name, "")
    return Address(name, address) if name or address else None


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
