"""A raw email (RFC 5322, MIME) becomes an `Email` and the contents of its attachments.

What is text and what is attached is decided here; the tree of parts, headers and charsets have modules of
their own. Nothing that an email holds makes it raise.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from mailmine.model.email import Address, Attachment, AttachmentKind, Email, Protection
from mailmine.refine import charset, cms, composing, headers, parts, rtf, tnef, transfer
from mailmine.refine.parts import Part

MAX_UUENCODED = 50
"""Files inside one text."""

MAX_NAME = 200
"""Characters of a name that is made of the subject of a message inside."""

UNKNOWN = "application/octet-stream"

MAX_SEALS = 5
"""Signatures around signatures that are taken off."""

SEALED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SIGNED_PARTS = 2
"""Of a multipart/signed: the mail and its signature (RFC 1847, 2.1)."""

_PGP_SIGNATURE = "application/pgp-signature"
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} (.+?)\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Parsed:
    """An email, and the bytes of each of its attachments in the same order."""

    email: Email
    contents: tuple[bytes, ...]


@dataclass(slots=True)
class _Collected:
    text: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    wrapped_text: str = ""
    wrapped_html: str = ""
    """What Outlook wrapped: the body, where there is no other."""
    spare: str = ""
    """The first text that is to be shown though it is a file as well: the body, where there is no other."""
    charset: str = ""
    """What the first text says that it is in."""


def parse(raw: bytes) -> Parsed:
    """Read a raw email, a signed one as the mail inside. Whatever cannot be understood is left empty; nothing is raised."""
    message = parts.read(raw)
    return _parsed(message, *_opened(message, None))


def parse_sealed(data: bytes) -> Parsed | None:
    """Read what Exchange keeps of a signed or encrypted email as its one attachment: MIME, or CMS alone.

    None where there is nothing inside that can be read. Headers are those that stand inside.
    """
    if cms.kind(data) is None:
        message, protection = _opened(parts.read(data), None)
    else:
        inside = cms.signed_content(data)
        if inside is None:
            return None
        message, protection = _opened(parts.read(inside), Protection.SIGNED)
    return None if protection is None else _parsed(message, message, protection)


def _parsed(message: Part, entity: Part, protection: Protection | None) -> Parsed:
    """Read the email whose headers are those of `message`, and whose content is `entity`."""
    found = _Collected()
    for part in leaves(entity):
        if not _is_nothing(part, entity):
            _collect(part, found)
    return Parsed(_email(message, found, protection), tuple(found.contents))


def _opened(message: Part, protection: Protection | None) -> tuple[Part, Protection | None]:
    """Take off the signatures around a mail; one that is encrypted stays as it is."""
    for _ in range(MAX_SEALS):
        kind = message.content_type
        if kind == "multipart/signed":
            protection = Protection.SIGNED
            # Exchange knows nothing of PGP, and shows its signature as what it is: a file.
            is_pgp = any(part.content_type == _PGP_SIGNATURE for part in message.children)
            if len(message.children) != _SIGNED_PARTS or is_pgp:
                break
            message = message.children[0]
        elif kind in SEALED:
            data = message.content
            if cms.kind(data) in cms.ENCRYPTED:
                return message, Protection.ENCRYPTED
            signed = cms.signed_content(data)
            if signed is None:
                break
            message, protection = parts.read(signed), Protection.SIGNED
        else:
            break
    return message, protection


def leaves(message: Part) -> Iterator[Part]:
    """Walk the parts that hold something, in order; a message inside is one part (its own tree is not walked)."""
    stack = [message]
    while stack:
        part = stack.pop()
        if part.is_multipart:
            stack.extend(reversed(part.children))
        else:
            yield part


def _email(message: Part, found: _Collected, protection: Protection | None) -> Email:
    # Raw bytes in a header are in the charset of the text, more often than not.
    hint = found.charset

    def one(name: str) -> str:
        return message.get(name)

    def people(name: str) -> tuple[Address, ...]:
        return headers.addresses(", ".join(message.get_all(name)), hint)

    sender = people("From")
    behind = people("Sender")
    replied_to = headers.message_ids(one("In-Reply-To"))
    return Email(
        message_id=headers.message_id(one("Message-ID")),
        subject=headers.decode(one("Subject"), hint),
        from_=sender[0] if sender else None,
        sender=behind[0] if behind else None,
        to=people("To"),
        cc=people("Cc"),
        bcc=people("Bcc"),
        reply_to=people("Reply-To"),
        sent_at=next(filter(None, map(headers.date, message.get_all("Date"))), None),
        in_reply_to=replied_to[0] if replied_to else None,
        references=headers.message_ids(" ".join(message.get_all("References"))),
        headers=tuple(
            (charset.scrub(name), headers.decode(value, hint)) for name, value in message.headers
        ),
        html="".join(found.html) or found.wrapped_html or None,
        text=_body(found),
        attachments=tuple(found.attachments),
        protection=protection,
    )


def _body(found: _Collected) -> str | None:
    """Give the text of an email, from wherever there is one."""
    text = "\n".join(found.text)
    if found.wrapped_text and not text.strip():
        return found.wrapped_text
    if found.text:
        return text
    has_html = found.html or found.wrapped_html
    return found.spare if found.spare and not has_html else None


def _is_nothing(part: Part, entity: Part) -> bool:
    """Tell whether a part is only what lies between two delimiters, or a whole multipart without any."""
    if part.start < part.end:
        return False
    return part.content_type.startswith("multipart/") if part is entity else not part.headers


def _collect(part: Part, found: _Collected) -> None:
    kind = part.content_type
    disposition = headers.decode(part.get("Content-Disposition")).lower()
    name = filename(part)
    data = part.content
    found.charset = found.charset or headers.parameters(part.get("Content-Type")).get("charset", "")
    is_attached = disposition.startswith("attachment")
    if (kind in tnef.TYPES or name.lower() == tnef.NAME) and (wrapped := tnef.read(data)):
        _take_wrapped(wrapped, found)
        return
    if kind == "text/html" and not is_attached and not name:
        found.html.append(_text(part, data))
    elif kind == "text/plain" and not is_attached and not name:
        found.text.append(_take_uuencoded(_text(part, data), data, found))
    else:
        # A multipart without parts is text that was never wrapped, or broke off.
        is_shown = kind == "text/plain" or kind.startswith("multipart/")
        if is_shown and not is_attached and not found.spare:
            found.spare = _text(part, data)
        is_item = kind in parts.MESSAGES
        for inner in part.children if is_item and not name else ():
            name = headers.decode(inner.get("Subject"))[:MAX_NAME]
        found.attachments.append(
            Attachment(
                name=name,
                content_type=kind,
                size=len(data),
                kind=AttachmentKind.ITEM if is_item else AttachmentKind.FILE,
                is_inline=disposition.startswith("inline") or bool(part.get("Content-ID")),
                content_id=headers.decode(part.get("Content-ID")).strip("<> ") or None,
            )
        )
        found.contents.append(data)


def _take_wrapped(wrapped: tnef.Wrapped, found: _Collected) -> None:
    """Attachments that Outlook wrapped are the email's own, and so is the body."""
    read = _body_of_wrapped(wrapped)
    found.wrapped_text = found.wrapped_text or read.text or ""
    found.wrapped_html = found.wrapped_html or read.html or ""
    _take_wrapped_files(wrapped, found)


def _take_wrapped_files(wrapped: tnef.Wrapped, found: _Collected) -> None:
    for one in wrapped.attachments:
        inside = one.message
        name, content, kind = one.name, one.content, AttachmentKind.FILE
        if inside:
            content, kind = composing.compose(_body_of_wrapped(inside)), AttachmentKind.ITEM
            name = (inside.subject or name)[:MAX_NAME]
        found.attachments.append(
            Attachment(
                name=name.strip(),
                content_type="message/rfc822" if inside else one.content_type.lower() or UNKNOWN,
                size=len(content),
                kind=kind,
                is_inline=bool(one.content_id),
                content_id=one.content_id.strip("<> ") or None,
            )
        )
        found.contents.append(content)
        if inside:
            # It was written without them.
            _take_wrapped_files(inside, found)


def _body_of_wrapped(wrapped: tnef.Wrapped) -> Email:
    """Give an email of which only the subject and the body are known."""
    text, html = wrapped.text, wrapped.html
    if wrapped.rtf and not html:
        document = rtf.read(wrapped.rtf)
        html = document.text if document.is_html else ""
        text = text or ("" if document.is_html else document.text)
    return Email(
        message_id=None, subject=wrapped.subject, text=_unix(text) or None, html=_unix(html) or None
    )


def filename(part: Part) -> str:
    """Find the name of an attachment, from whichever header has one; empty where none has."""
    for header, parameter in (("Content-Disposition", "filename"), ("Content-Type", "name")):
        value = headers.parameters(part.get(header)).get(parameter)
        if value:
            return value.strip()
    return ""


def _text(part: Part, data: bytes) -> str:
    given = headers.parameters(part.get("Content-Type"))
    text = charset.decode(data, given.get("charset", ""))
    text = _unix(text)
    if given.get("format", "").lower() == "flowed" and part.content_type == "text/plain":
        return _unflowed(text, drop_space=given.get("delsp", "").lower() == "yes")
    return text


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _unflowed(text: str, *, drop_space: bool) -> str:
    """Paragraphs put together again (RFC 3676); a quoted line only goes on with one of its depth."""
    paragraphs: list[list[str]] = []
    open_depth = -1
    for line in text.split("\n"):
        body = line.lstrip(">")
        depth = len(line) - len(body)
        body = body.removeprefix(" ")
        flows = body.endswith(" ") and body != "-- "
        if open_depth != depth or body == "-- ":
            paragraphs.append([">" * depth + " " if depth else ""])
        paragraphs[-1].append(body[:-1] if flows and drop_space else body)
        open_depth = depth if flows else -1
    return "\n".join(map("".join, paragraphs))


def _take_uuencoded(text: str, data: bytes, found: _Collected) -> str:
    """Files that old clients put into the text itself (`begin 644 name`) become attachments."""
    if b"begin " not in data:
        return text
    for begin in islice(_UU_BEGIN.finditer(data), MAX_UUENCODED):
        end = data.find(b"\nend", begin.end())
        if end < 0:
            break
        block = transfer.from_uuencode(data[begin.start() : end + 1])
        if not block:
            continue
        name = charset.decode(begin[1].strip())
        found.attachments.append(Attachment(name=name, content_type=UNKNOWN, size=len(block)))
        found.contents.append(block)
        start = text.find(f"{begin[0].decode('ascii', 'replace').rstrip()}\n")
        stop = text.find("\nend", start)
        if 0 <= start < stop:
            text = text[:start] + text[stop + 4 :]
    return text
