"""The parts of a mail, sorted into bodies and attachments; and the kind of item that they make."""

import re
from collections.abc import Callable
from email.message import Message
from functools import partial
from typing import TypeVar

import msgspec

from exchange_simulator.headers import decode, decoded, header_text, unfold
from exchange_simulator.html_text import text_to_html
from exchange_simulator.meeting import participation
from exchange_simulator.spool import Span, Spool

Got = TypeVar("Got")


MAX_DEPTH = 40
"""Parts nested deeper are left out, as are messages within messages."""
MAX_PARTS = 100
"""Parts that are looked at to tell the kind of an item."""


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
    reference: str | None = None
    """Where the file lies, of one that is not in the mail (a link to OneDrive or SharePoint)."""


REFERENCE = "X-Reference-Attachment"
"""The header of a part without content that stands for a link to this address."""

_CLASSES = {
    "multipart/signed": "IPM.Note.SMIME.MultipartSigned",
    "application/pkcs7-mime": "IPM.Note.SMIME",
    "application/x-pkcs7-mime": "IPM.Note.SMIME",
    "text/vcard": "IPM.Contact",
    "text/x-vcard": "IPM.Contact",
}


_ANSWERS = {"ACCEPTED": "Pos", "DECLINED": "Neg", "TENTATIVE": "Tent"}


def item_class(message: Message) -> str:
    """Tell the item class that Exchange gives to a mail of this kind."""
    declared = str(message.get("X-Microsoft-Item-Class", "")).strip()
    if declared:
        return declared
    kind = message.get_content_type()
    if kind == "multipart/report":
        return _report_class(message)
    if kind in _CLASSES:
        return _CLASSES[kind]
    parts = [message] if not message.is_multipart() else _direct_parts(message)
    calendar = next((part for part in parts if part.get_content_type() == "text/calendar"), None)
    if calendar is None:
        return "IPM.Note"
    method = str(_asked(partial(calendar.get_param, "method"), None) or "REQUEST").upper()
    if method == "REPLY":
        answer = participation(_part_text(calendar)) or ""
        return f"IPM.Schedule.Meeting.Resp.{_ANSWERS.get(answer, 'Pos')}"
    return {
        "REQUEST": "IPM.Schedule.Meeting.Request",
        "CANCEL": "IPM.Schedule.Meeting.Canceled",
    }.get(method, "IPM.Note")


def _report_class(message: Message) -> str:
    """Tell the class of a report: on delivery (RFC 3464) or on what was done with the mail (RFC 8098)."""
    report = str(_asked(partial(message.get_param, "report-type"), None) or "").lower()
    said = _asked(message.as_string, "").lower()
    if report == "delivery-status":
        is_good = re.search(r"^action: *(delivered|relayed|expanded)", said, re.MULTILINE)
        return "REPORT.IPM.Note.DR" if is_good else "REPORT.IPM.Note.NDR"
    if report == "disposition-notification":
        is_unread = re.search(r"^disposition:[^\r\n]*; *deleted", said, re.MULTILINE)
        return "REPORT.IPM.Note.IPNNRN" if is_unread else "REPORT.IPM.Note.IPNRN"
    return "IPM.Note"


def sealed(message: Message, mime: bytes, spool: Spool) -> Attached:
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
    while waiting and len(found) < MAX_PARTS:
        part = waiting.pop(0)
        payload = _asked(part.get_payload, None)
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting.extend(p for p in payload if isinstance(p, Message))
        else:
            found.append(part)
    return found


class Body:
    """Sorts the parts of one message into bodies and attachments."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.texts: list[str] = []
        self.htmls: list[str] = []
        self.calendar: str | None = None
        self.attachments: list[Attached] = []

    def bodies(self) -> tuple[str | None, str | None]:
        """Give the text and the HTML, each None where the mail has none."""
        text = "\r\n".join(_crlf(text) for text in self.texts) if self.texts else None
        return text, "\r\n".join(self.htmls) if self.htmls else None

    def walk(self, part: Message, depth: int, *, alternative: bool = False) -> None:
        """Sort a part and those within it."""
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
                reference=_header(part, REFERENCE),
            )
        )

    def _attach_message(self, part: Message, inner: object) -> None:
        inner_message = inner if isinstance(inner, Message) else Message()
        subject = decoded(_header(inner_message, "Subject"))
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
            return unfold(header_text(value)) or None
    return None


def _file_name(part: Message) -> str | None:
    name = _asked(part.get_filename, None)
    if not name:
        return None
    return (decoded(unfold(header_text(name))) or "").strip() or None


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
