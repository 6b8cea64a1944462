"""Takes raw mail apart into what Exchange knows of an item, with the parser of the standard library alone.

Nothing here is shared with mailmine on purpose: two readings of one mail keep each other honest.
"""

import base64
import binascii
import email
import email.header
import email.utils
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import Message
from functools import partial
from typing import TypeVar

import msgspec

from exchange_simulator.html_text import html_to_text, text_to_html
from exchange_simulator.spool import Span, Spool

Got = TypeVar("Got")


class Address(msgspec.Struct, frozen=True):
    """A mailbox as named in a header."""

    name: str
    address: str


class Attached(msgspec.Struct):
    """An attachment; `data` lies in the spool."""

    name: str
    content_type: str
    content_id: str | None
    content_location: str | None
    is_inline: bool
    is_item: bool
    """A whole message, whose MIME `data` is."""
    data: Span


class Meeting(msgspec.Struct):
    """What a meeting request says of its meeting."""

    method: str
    uid: str | None
    start: datetime | None
    end: datetime | None
    location: str | None
    organizer: str | None


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


MAX_DEPTH = 40
"""Parts nested deeper are left out, as are messages within messages."""


def parse(mime: bytes, spool: Spool) -> Content:
    """Take `mime` apart; contents of attachments go to `spool`. Total: no input makes it raise."""
    message = email.message_from_bytes(mime)
    headers = [(name, _unfold(_text(value))) for name, value in message.raw_items()]
    first = {name.lower(): value for name, value in reversed(headers)}
    body = _Body(spool)
    body.walk(message, 0)
    text, html = body.bodies()
    kind = item_class(message)
    if kind.startswith("IPM.Note.SMIME"):
        body.attachments = [_sealed(message, mime, spool)]
    subject = _decoded(first.get("subject"))
    topic = normalized_subject(subject)
    from_ = _addresses(headers, "from")
    sender = _addresses(headers, "sender")
    meeting = _meeting(body.calendar)
    return Content(
        item_class=kind,
        subject=subject,
        message_id=(first.get("message-id") or "").strip() or None,
        sender=next(iter(sender or from_), None),
        from_=next(iter(from_ or sender), None),
        to=_addresses(headers, "to"),
        cc=_addresses(headers, "cc"),
        bcc=_addresses(headers, "bcc"),
        reply_to=_addresses(headers, "reply-to"),
        sent_at=parse_date(first.get("date")),
        headers=headers,
        in_reply_to=first.get("in-reply-to") or None,
        references=first.get("references") or None,
        importance=_importance(first),
        sensitivity=_sensitivity(first),
        categories=_categories(first),
        topic=topic,
        conversation_id=_conversation_id(first, topic),
        conversation_index=_conversation_index(first, topic),
        wants_receipt="disposition-notification-to" in first,
        text=html_to_text(html) if text is None and html is not None else text,
        html=text_to_html(text) if html is None and text is not None else html,
        has_html=html is not None,
        attachments=body.attachments,
        meeting=meeting,
    )


_CLASSES = {
    "multipart/signed": "IPM.Note.SMIME.MultipartSigned",
    "application/pkcs7-mime": "IPM.Note.SMIME",
    "application/x-pkcs7-mime": "IPM.Note.SMIME",
    "text/vcard": "IPM.Contact",
    "text/x-vcard": "IPM.Contact",
}
_REPORTS = {
    "delivery-status": "REPORT.IPM.Note.NDR",
    "disposition-notification": "REPORT.IPM.Note.IPNRN",
}


def item_class(message: Message) -> str:
    """Tell the item class that Exchange gives to a mail of this kind."""
    declared = str(message.get("X-Microsoft-Item-Class", "")).strip()
    if declared:
        return declared
    kind = message.get_content_type()
    if kind == "multipart/report":
        report = str(_asked(partial(message.get_param, "report-type"), None) or "").lower()
        return _REPORTS.get(report, "IPM.Note")
    if kind in _CLASSES:
        return _CLASSES[kind]
    method = next(
        (
            str(_asked(partial(part.get_param, "method"), None) or "REQUEST").upper()
            for part in ([message] if not message.is_multipart() else _direct_parts(message))
            if part.get_content_type() == "text/calendar"
        ),
        None,
    )
    return {
        "REQUEST": "IPM.Schedule.Meeting.Request",
        "CANCEL": "IPM.Schedule.Meeting.Canceled",
        "REPLY": "IPM.Schedule.Meeting.Resp.Pos",
    }.get(method or "", "IPM.Note")


def _sealed(message: Message, mime: bytes, spool: Spool) -> Attached:
    """Make the one attachment that Exchange shows of a signed or encrypted mail."""
    data = mime if message.is_multipart() else _part_bytes(message)
    return Attached(
        name="smime.p7m",
        content_type=message.get_content_type(),
        content_id=None,
        content_location=None,
        is_inline=False,
        is_item=False,
        data=spool.put(data),
    )


def _direct_parts(message: Message) -> list[Message]:
    """Name the parts of a message down to its alternatives, not those of messages within."""
    found: list[Message] = []
    waiting = [message]
    while waiting and len(found) < 100:  # noqa: PLR2004
        part = waiting.pop(0)
        payload = _asked(part.get_payload, None)
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting.extend(p for p in payload if isinstance(p, Message))
        else:
            found.append(part)
    return found


def parse_date(value: str | None) -> datetime | None:
    """Read the date of a header; None where it is none."""
    if not value:
        return None
    try:
        parsed = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    try:
        aware = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return aware.replace(microsecond=0) if 1601 < aware.year < 4500 else None  # noqa: PLR2004


def normalized_subject(subject: str | None) -> str:
    """Strip the prefixes of replies and forwards: what Exchange calls the conversation topic."""
    return _PREFIX.sub("", subject or "").strip()


_PREFIX = re.compile(r"\A(?:\s{0,5}[^\s:]{1,3}:)+\s{0,5}")
_FOLD = re.compile(r"[\r\n]+[ \t]*")


def _unfold(value: str) -> str:
    return _FOLD.sub(" ", value).strip()


def _text(value: object) -> str:
    """Read a header's bytes as UTF-8, else as Windows-1252, which is what they are where undeclared."""
    try:
        raw = str(value).encode("ascii", "surrogateescape")
    except UnicodeEncodeError:  # the parser decoded it already (RFC 2231)
        return str(value).encode("utf-8", "replace").decode()
    return decode(raw, "utf-8")


def decode(raw: bytes, charset: str | None) -> str:
    """Decode with `charset`, then UTF-8, then Windows-1252: never fails."""
    for candidate in (charset, "utf-8"):
        if not candidate:
            continue
        try:
            return raw.decode(candidate)
        except (LookupError, UnicodeError, ValueError):
            continue
    return raw.decode("cp1252", "replace")


def _decoded(value: str | None) -> str | None:
    """Decode the encoded words (RFC 2047) of an unfolded header."""
    if value is None or "=?" not in value:
        return value
    try:
        chunks = email.header.decode_header(value)
    except (email.errors.HeaderParseError, ValueError, binascii.Error):
        return value
    words = [
        chunk if isinstance(chunk, str) else decode(chunk, charset) for chunk, charset in chunks
    ]
    return _FOLD.sub(" ", "".join(words))


def _addresses(headers: list[tuple[str, str]], name: str) -> list[Address]:
    values = [value for key, value in headers if key.lower() == name]
    found = [
        Address((_decoded(display) or "").strip() or address, address.strip())
        for display, address in email.utils.getaddresses(values)
        if display or address
    ]
    if not found:
        # Where the parser gives up, Exchange shows the whole line as a name without an address.
        found = [
            Address(_decoded(v) or v, "") for v in values if v and not v.rstrip().endswith(":;")
        ]
    return found


def _importance(first: dict[str, str]) -> str:
    value = (first.get("importance") or "").strip().lower()
    if value in ("high", "low"):
        return value.capitalize()
    priority = (first.get("x-priority") or "").strip()[:1]
    return {"1": "High", "2": "High", "4": "Low", "5": "Low"}.get(priority, "Normal")


def _sensitivity(first: dict[str, str]) -> str:
    value = (first.get("sensitivity") or "").strip().lower()
    known = {
        "personal": "Personal",
        "private": "Private",
        "company-confidential": "Confidential",
        "confidential": "Confidential",
    }
    return known.get(value, "Normal")


def _categories(first: dict[str, str]) -> list[str]:
    words = (_decoded(first.get("keywords")) or "").split(",")
    return [word.strip() for word in words if word.strip()]


def _conversation_id(first: dict[str, str], topic: str) -> bytes:
    """Name the thread by the first message that it knows of."""
    ids = re.findall(r"<[^<>\s]{1,998}>", first.get("references") or first.get("in-reply-to") or "")
    root = ids[0] if ids else first.get("message-id") or topic
    return hashlib.md5(root.encode("utf-8", "replace"), usedforsecurity=False).digest()


def _conversation_index(first: dict[str, str], topic: str) -> bytes:
    try:
        given = base64.b64decode(first.get("thread-index") or "", validate=True)
    except (binascii.Error, ValueError):
        given = b""
    if len(given) >= 22:  # noqa: PLR2004
        return given
    return b"\x01\xd0\x00\x00\x00\x00" + _conversation_id(first, topic)


class _Body:
    """Sorts the parts of one message into bodies and attachments."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.texts: list[str] = []
        self.htmls: list[str] = []
        self.calendar: str | None = None
        self.attachments: list[Attached] = []

    def bodies(self) -> tuple[str | None, str | None]:
        text = "\r\n".join(_crlf(text) for text in self.texts) if self.texts else None
        return text, "\r\n".join(self.htmls) if self.htmls else None

    def walk(self, part: Message, depth: int, *, alternative: bool = False) -> None:
        kind = part.get_content_type()
        payload = _asked(part.get_payload, None)
        if depth > MAX_DEPTH:
            return
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            for child in payload:
                if isinstance(child, Message):
                    self.walk(child, depth + 1, alternative=kind == "multipart/alternative")
            return
        if kind == "message/rfc822" and isinstance(payload, list) and payload:
            self._attach_message(part, payload[0])
            return
        is_attachment = part.get_content_disposition() == "attachment" or bool(_file_name(part))
        if kind == "text/calendar" and self.calendar is None:
            self.calendar = _part_text(part)
            if alternative:
                return
        if is_attachment or kind not in ("text/plain", "text/html"):
            self._attach(part, kind)
        else:
            self._show(part, kind, alternative=alternative)

    def _show(self, part: Message, kind: str, *, alternative: bool) -> None:
        if kind == "text/html":
            self.htmls.append(_part_text(part))
        elif self.htmls and not alternative:
            self.htmls.append(text_to_html(_part_text(part)))
        else:
            self.texts.append(_part_text(part))

    def _attach(self, part: Message, kind: str) -> None:
        disposition = part.get_content_disposition()
        content_id = _header(part, "Content-ID")
        self.attachments.append(
            Attached(
                name=_file_name(part) or _default_name(kind, len(self.attachments)),
                content_type=kind,
                content_id=content_id.strip("<>") if content_id else None,
                content_location=_header(part, "Content-Location"),
                is_inline=disposition == "inline"
                or (disposition is None and content_id is not None and kind.startswith("image/")),
                is_item=False,
                data=self.spool.put(_part_bytes(part)),
            )
        )

    def _attach_message(self, part: Message, inner: object) -> None:
        inner_message = inner if isinstance(inner, Message) else Message()
        subject = _decoded(_header(inner_message, "Subject"))
        self.attachments.append(
            Attached(
                name=_file_name(part) or subject or "Untitled",
                content_type="message/rfc822",
                content_id=None,
                content_location=None,
                is_inline=False,
                is_item=True,
                data=self.spool.put(_asked(inner_message.as_bytes, b"")),
            )
        )


def _asked(get: Callable[[], Got], otherwise: Got) -> Got:
    """Ask the standard parser, which raises much on parameters of headers that nobody foresaw."""
    try:
        return get()
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError):
        return otherwise


def _default_name(kind: str, index: int) -> str:
    return f"ATT{index + 1:05d}.{'eml' if kind.startswith('message/') else kind.rsplit('/', maxsplit=1)[-1][:8]}"


def _header(part: Message, name: str) -> str | None:
    for key, value in part.raw_items():
        if key.lower() == name.lower():
            return _unfold(_text(value)) or None
    return None


def _file_name(part: Message) -> str | None:
    name = _asked(part.get_filename, None)
    if not name:
        return None
    return (_decoded(_unfold(_text(name))) or "").strip() or None


def _part_bytes(part: Message) -> bytes:
    payload: object = _asked(partial(part.get_payload, decode=True), None)
    if isinstance(payload, bytes):
        return payload
    raw: object = _asked(part.get_payload, None)
    return raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else b""


def _part_text(part: Message) -> str:
    return decode(_part_bytes(part), _asked(part.get_content_charset, None))


def _crlf(text: str) -> str:
    return re.sub(r"\r\n|\r|\n", "\r\n", text)


def _meeting(calendar: str | None) -> Meeting | None:
    """Read the few properties of a VEVENT (RFC 5545) that an item shows; times in UTC only."""
    if calendar is None:
        return None
    unfolded = re.sub(r"\r?\n[ \t]", "", calendar)
    event = unfolded.partition("BEGIN:VEVENT")[2] or unfolded

    def value(name: str, text: str = event) -> str | None:
        found = re.search(rf"^{name}(?:;[^:\r\n]*)?:([^\r\n]*)", text, re.MULTILINE | re.IGNORECASE)
        return found[1].strip() or None if found else None

    organizer = value("ORGANIZER")
    return Meeting(
        method=(value("METHOD", unfolded) or "REQUEST").upper(),
        uid=value("UID"),
        start=_calendar_time(value("DTSTART")),
        end=_calendar_time(value("DTEND")),
        location=value("LOCATION"),
        organizer=re.sub(r"(?i)\Amailto:", "", organizer) if organizer else None,
    )


def _calendar_time(value: str | None) -> datetime | None:
    found = re.match(r"(\d{8})(?:T(\d{6}))?", value or "")
    if not found:
        return None
    try:
        return datetime.strptime(found[1] + (found[2] or "000000"), "%Y%m%d%H%M%S").replace(
            tzinfo=UTC
        )
    except ValueError:
        return None
