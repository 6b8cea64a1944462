"""A raw email (RFC 5322, MIME) becomes an `Email` and the contents of its attachments.

The tree is made by the standard library's parser in its old policy, six times as fast as the new one
and no less exact; headers, charsets and transfer encodings are read by ourselves, because real mail
breaks the rules there (spec/refine.md, 3). Nothing that an email holds makes it raise.
"""

import base64
import binascii
import email.parser
import email.policy
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from itertools import islice
from urllib.parse import unquote_to_bytes

from mailmine.model.email import Address, Attachment, AttachmentKind, Email, Protection
from mailmine.refine import charset, cms, headers

MAX_PARTS = 1_000
"""Leaves of the tree that are read; a mail with more is not meant for people."""

MAX_UNPARSED = 1_000_000
"""Bytes that are kept of an email that cannot be taken apart."""

MAX_UUENCODED = 50
"""Files inside one text."""

MAX_BOUNDARIES = 20_000
MAX_MULTIPARTS_BY_LINES = 3_000_000
"""The library's parser asks each open multipart about each line: that product must stay small."""

MAX_DEPTH = 50
"""Multiparts within multiparts that are followed."""

MAX_NAME = 200
"""Characters of a name that is made of the subject of a message inside."""

MAX_HEADERS = 1_000
"""Headers that are kept."""

MAX_SEALS = 5
"""Signatures around signatures that are taken off."""

SEALED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SIGNED_PARTS = 2
"""Of a multipart/signed: the mail and its signature (RFC 1847, 2.1)."""

_CONTINUED = re.compile(r"^([^*]+)\*(\d+)(\*?)$")
_PARAMETER = re.compile(r';\s*([^=;\s]+)\s*=\s*("(?:[^"\\]|\\.)*"?|[^;]*)', re.DOTALL)
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} (.+?)\r?$", re.MULTILINE)
_BASE64_NOISE = re.compile(rb"[^A-Za-z0-9+/]")


class _Raw(email.policy.Compat32):
    """Hands headers over as they are: bytes beyond ASCII as surrogates, not as question marks."""

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002
        return value


_RAW = _Raw()


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
    charset: str = ""
    """What the first text says that it is in."""


def parse(raw: bytes) -> Parsed:
    """Read a raw email, a signed one as the mail inside. Whatever cannot be understood is left empty; nothing is raised."""
    message = tree(raw)
    return _parsed(message, *_opened(message, None))


def parse_sealed(data: bytes) -> Parsed | None:
    """Read what Exchange keeps of a signed or encrypted email as its one attachment: MIME, or CMS alone.

    None where there is nothing inside that can be read. Headers are those that stand inside.
    """
    if cms.kind(data) is None:
        message, protection = _opened(tree(data), None)
    else:
        inside = cms.signed_content(data)
        if inside is None:
            return None
        message, protection = _opened(tree(inside), Protection.SIGNED)
    return None if protection is None else _parsed(message, message, protection)


def _parsed(message: Message, entity: Message, protection: Protection | None) -> Parsed:
    """Read the email whose headers are those of `message`, and whose content is `entity`."""
    found = _Collected()
    for part in leaves(entity):
        _collect(part, found)
    return Parsed(_email(message, found, protection), tuple(found.contents))


def _opened(message: Message, protection: Protection | None) -> tuple[Message, Protection | None]:
    """Take off the signatures around a mail; one that is encrypted stays as it is."""
    for _ in range(MAX_SEALS):
        kind = content_type(message)
        if kind == "multipart/signed":
            protection = Protection.SIGNED
            inside = children(message)
            if len(inside) != _SIGNED_PARTS:
                break
            message = inside[0]
        elif kind in SEALED:
            data = content(message)
            if cms.kind(data) in cms.ENCRYPTED:
                return message, Protection.ENCRYPTED
            signed = cms.signed_content(data)
            if signed is None:
                break
            message, protection = tree(signed), Protection.SIGNED
        else:
            break
    return message, protection


def leaves(message: Message) -> Iterator[Message]:
    """Walk the parts that hold something, in order; a message inside is one part (its own tree is not walked)."""
    stack: list[tuple[Message, int]] = [(message, 0)]
    seen = 0
    while stack and seen < MAX_PARTS:
        part, depth = stack.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            if depth < MAX_DEPTH:
                stack.extend((child, depth + 1) for child in reversed(children(part)))
            continue
        seen += 1
        yield part


def children(part: Message) -> list[Message]:
    """Give the parts directly inside; none for a leaf."""
    inside = part.get_payload() if part.is_multipart() else []
    return [child for child in inside if isinstance(child, Message)]


def content(part: Message) -> bytes:
    """Give the bytes of a part, its transfer encoding undone as far as it can be."""
    if part.is_multipart():
        return b"".join(_flattened(child) for child in children(part))
    encoding = headers.decode(part.get("Content-Transfer-Encoding", "")).strip(' ;"').lower()
    data = _untouched(part)
    if encoding == "base64":
        return _from_base64(data)
    if encoding == "quoted-printable":
        return quopri.decodestring(data)
    if encoding in ("x-uuencode", "uuencode", "uue", "x-uue"):
        return _from_uuencode(data)
    return data


def _untouched(part: Message) -> bytes:
    """Give the bytes of a part as they stand in the email.

    The library hands them over only where it knows no transfer encoding; asked for text, it
    fails on what charset the part may claim.
    """
    encodings = part.get_all("Content-Transfer-Encoding", [])
    del part["Content-Transfer-Encoding"]
    data = part.get_payload(decode=True)
    for encoding in encodings:
        part["Content-Transfer-Encoding"] = encoding
    return data if isinstance(data, bytes) else b""


def tree(raw: bytes) -> Message:
    """Parse a raw email into the tree of its parts. Never raises."""
    # A mailbox file's first line and blank lines before the headers are no part of the mail.
    raw = raw.lstrip(b"\r\n")
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    if not _is_too_complex(raw):
        try:
            return email.parser.BytesParser(policy=_RAW).parsebytes(raw)
        except Exception:  # noqa: BLE001, S110  # deeper than the library can go
            pass
    # Its headers, and the rest as it stands.
    message = email.parser.BytesHeaderParser(policy=_RAW).parsebytes(raw[:MAX_UNPARSED])
    del message["Content-Type"]
    return message


def _is_too_complex(raw: bytes) -> bool:
    if raw.count(b"\n--") > MAX_BOUNDARIES:
        return True
    multiparts = raw.lower().count(b"multipart/")
    return multiparts * raw.count(b"\n") > MAX_MULTIPARTS_BY_LINES and multiparts > MAX_DEPTH


def _email(message: Message, found: _Collected, protection: Protection | None) -> Email:
    # Raw bytes in a header are in the charset of the text, more often than not.
    hint = found.charset

    def one(name: str) -> str:
        return message.get(name, "")

    def people(name: str) -> tuple[Address, ...]:
        return headers.addresses(", ".join(message.get_all(name, [])), hint)

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
        sent_at=headers.date(one("Date")) if "Date" in message else None,
        in_reply_to=replied_to[0] if replied_to else None,
        references=headers.message_ids(" ".join(message.get_all("References", []))),
        headers=tuple(
            (charset.scrub(name), headers.decode(value, hint))
            for name, value in message.items()[:MAX_HEADERS]
        ),
        html="".join(found.html) or None,
        text="\n".join(found.text) if found.text else None,
        attachments=tuple(found.attachments),
        protection=protection,
    )


def _collect(part: Message, found: _Collected) -> None:
    kind = content_type(part)
    disposition = headers.decode(part.get("Content-Disposition", "")).lower()
    name = filename(part)
    data = content(part)
    found.charset = found.charset or parameters(part.get("Content-Type", "")).get("charset", "")
    is_body = not disposition.startswith("attachment") and not name
    if is_body and kind == "text/html":
        found.html.append(_text(part, data))
    elif is_body and kind == "text/plain":
        found.text.append(_take_uuencoded(_text(part, data), data, found))
    else:
        is_item = kind == "message/rfc822"
        for inner in children(part)[:1] if is_item and not name else ():
            name = headers.decode(inner.get("Subject", ""))[:MAX_NAME]
        found.attachments.append(
            Attachment(
                name=name,
                content_type=kind,
                size=len(data),
                kind=AttachmentKind.ITEM if is_item else AttachmentKind.FILE,
                is_inline=disposition.startswith("inline") or "Content-ID" in part,
                content_id=headers.decode(part.get("Content-ID", "")).strip("<> ") or None,
            )
        )
        found.contents.append(data)


def content_type(part: Message) -> str:
    """Give the MIME type of a part, lower-case; text/plain where it is none (RFC 2045, 5.2)."""
    return charset.scrub(part.get_content_type()).split()[0]


def filename(part: Message) -> str:
    """Find the name of an attachment, from whichever header has one; empty where none has."""
    for header, parameter in (("Content-Disposition", "filename"), ("Content-Type", "name")):
        value = parameters(part.get(header, "")).get(parameter)
        if value:
            return value.strip()
    return ""


def parameters(value: str) -> dict[str, str]:
    """Read the parameters of a MIME header, continuations joined and decoded (RFC 2231)."""
    plain: dict[str, str] = {}
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for found in _PARAMETER.finditer(value[: headers.MAX_LENGTH]):
        name, text = found[1].lower(), found[2].strip()
        if text.startswith('"'):
            text = re.sub(r"\\([\"\\])", r"\1", text[1:].removesuffix('"'))
        continued = _CONTINUED.match(name)
        if continued:
            piece = (int(continued[2][:6]), bool(continued[3]), text)
            pieces.setdefault(continued[1], []).append(piece)
        elif name.endswith("*"):
            pieces.setdefault(name[:-1], []).append((0, True, text))
        else:
            plain.setdefault(name, headers.decode(text))
    for name, parts in pieces.items():
        plain[name] = _joined(sorted(parts))
    return plain


def _joined(parts: list[tuple[int, bool, str]]) -> str:
    declared = ""
    data = b""
    for index, (_, is_encoded, text) in enumerate(parts):
        if is_encoded and index == 0 and text.count("'") >= 2:  # noqa: PLR2004  # charset'language'text
            declared, _, text = text.split("'", 2)  # noqa: PLW2901
        piece = text.encode("utf-8", "surrogateescape")
        data += unquote_to_bytes(piece) if is_encoded else piece
    text = charset.decode(data, declared)
    return headers.decode(text) if "=?" in text else text


def _text(part: Message, data: bytes) -> str:
    given = parameters(part.get("Content-Type", ""))
    text = charset.decode(data, given.get("charset", ""))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if given.get("format", "").lower() == "flowed" and content_type(part) == "text/plain":
        return _unflowed(text, drop_space=given.get("delsp", "").lower() == "yes")
    return text


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
        block = _from_uuencode(data[begin.start() : end + 1])
        if not block:
            continue
        name = charset.decode(begin[1].strip())
        found.attachments.append(
            Attachment(name=name, content_type="application/octet-stream", size=len(block))
        )
        found.contents.append(block)
        start = text.find(f"{begin[0].decode('ascii', 'replace').rstrip()}\n")
        stop = text.find("\nend", start)
        if 0 <= start < stop:
            text = text[:start] + text[stop + 4 :]
    return text


def _from_base64(data: bytes) -> bytes:
    # What stands behind the padding is a signature of a list server or the like.
    body, padded, _ = data.partition(b"=")
    clean = _BASE64_NOISE.sub(b"", body)
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    try:
        decoded = binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))
    except binascii.Error:
        return b""
    # Some clients encode each line or block alone, each with its own padding.
    if padded and len(data) - len(body) > 4:  # noqa: PLR2004
        rest = data[len(body) :].lstrip(b"=\r\n \t")
        if rest and b"=" in rest and len(_BASE64_NOISE.sub(b"", rest)) > len(rest) // 2:
            decoded += b"".join(_whole_blocks(rest))
    return decoded


def _whole_blocks(data: bytes) -> Iterator[bytes]:
    for block in data.split(b"="):
        clean = _BASE64_NOISE.sub(b"", block)
        if clean:
            clean = clean[: len(clean) - (len(clean) % 4 == 1)]
            yield base64.b64decode(clean + b"=" * (-len(clean) % 4))


def _from_uuencode(data: bytes) -> bytes:
    out: list[bytes] = []
    started = False
    for line in data.splitlines():
        if not started:
            started = line.startswith(b"begin ")
        elif line.strip() in (b"end", b"`", b""):
            if line.strip() == b"end":
                break
        else:
            try:
                out.append(binascii.a2b_uu(line))
            except binascii.Error:
                # Workaround for broken encoders: the length says how much of the line counts.
                length = (((line[0] - 32) & 63) * 4 + 5) // 3
                try:
                    out.append(binascii.a2b_uu(line[: length + 1]))
                except binascii.Error:
                    break
    return b"".join(out)


def _flattened(message: Message) -> bytes:
    try:
        return message.as_bytes(unixfrom=False)
    except Exception:  # noqa: BLE001  # what cannot be written again is shown as far as it is text
        return str(message.get_payload()).encode("utf-8", "replace")
