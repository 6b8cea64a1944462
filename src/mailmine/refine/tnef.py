"""`winmail.dat`: what Outlook wraps into a format of its own (MS-OXTNEF) is read: bodies and attachments.

A stream of attributes, two of which hold properties of MAPI. Input is hostile: every length is checked against what is
there, the walk only goes on, and whatever does not fit ends it, with what was read so far.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mailmine.refine import charset, rtf

SIGNATURE: Final = b"\x78\x9f\x3e\x22"

TYPES: Final = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})

NAME: Final = "winmail.dat"

MAX_ATTACHMENTS: Final = 1_000
MAX_PROPERTIES: Final = 10_000
MAX_DEPTH: Final = 8
"""Messages within one another that are followed."""

_HEAD: Final = struct.Struct("<BIi")
_SUBJECT, _BODY, _PROPERTIES = 0x00018004, 0x0002800C, 0x00069003
_CODE_PAGE = 0x00069007
_BEGINS, _TITLE, _DATA, _ATTACHMENT = 0x00069002, 0x00018010, 0x0006800F, 0x00069005

_SHOWN_SUBJECT, _SHOWN_BODY, _HTML, _RTF, _INTERNET_CODE_PAGE = (
    0x0037,
    0x1000,
    0x1013,
    0x1009,
    0x3FDE,
)
_DISPLAY_NAME, _CONTENT, _FILENAME, _LONG_FILENAME = 0x3001, 0x3701, 0x3704, 0x3707
_MIME_TYPE, _CONTENT_ID = 0x370E, 0x3712

_SIZES: Final = {
    0x02: 4,
    0x03: 4,
    0x04: 4,
    0x05: 8,
    0x06: 8,
    0x07: 8,
    0x0A: 4,
    0x0B: 4,
    0x14: 8,
    0x40: 8,
    0x48: 16,
}
"""Of the types whose values are of one size; with padding."""
_OF_ANY_SIZE: Final = frozenset({0x0D, 0x1E, 0x1F, 0x102})
_OBJECT, _STRING, _UNICODE = 0x0D, 0x1E, 0x1F
_INTERFACE: Final = 16
"""Bytes that say what kind of object it is."""


@dataclass(slots=True)
class Attached:
    """An attachment: a file, or a message."""

    name: str = ""
    content_type: str = ""
    content_id: str = ""
    content: bytes = b""
    message: "Wrapped | None" = None


@dataclass(slots=True)
class Wrapped:
    """What was wrapped."""

    subject: str = ""
    text: str = ""
    html: str = ""
    rtf: bytes = b""
    """Unpacked."""
    attachments: list[Attached] = field(default_factory=list)


def read(data: bytes, *, depth: int = 0) -> Wrapped | None:
    """Read what is wrapped; None where this is no TNEF."""
    if not data.startswith(SIGNATURE) or depth > MAX_DEPTH:
        return None
    reading = _Reading(depth)
    for kind, value in _attributes(data):
        reading.take(kind, value)
    return reading.done()


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = len(SIGNATURE) + 2
    while at + _HEAD.size <= len(data):
        _, kind, size = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if size < 0:
            return
        yield kind, data[at : at + size]
        at += size + 2  # a checksum, which is wrong in too many of them


class _Reading:
    """One way through the attributes: what was read, and what is open."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._code_page = "cp1252"
        self._found = Wrapped()
        self._body = b""

    def take(self, kind: int, value: bytes) -> None:
        """Take in an attribute."""
        attached = self._found.attachments
        if kind == _CODE_PAGE and len(value) >= 4:  # noqa: PLR2004  # 32 bits
            self._code_page = rtf.code_page(int.from_bytes(value[:4], "little"))
        elif kind == _SUBJECT:
            self._found.subject = self._decoded(value)
        elif kind == _BODY:
            self._body = value
        elif kind == _PROPERTIES:
            self._message(dict(_properties(value)))
        elif kind == _BEGINS and len(attached) < MAX_ATTACHMENTS:
            attached.append(Attached())
        elif attached and kind == _TITLE:
            attached[-1].name = attached[-1].name or self._decoded(value)
        elif attached and kind == _DATA:
            attached[-1].content = attached[-1].content or value
        elif attached and kind == _ATTACHMENT:
            self._attachment(attached[-1], dict(_properties(value)))

    def done(self) -> Wrapped:
        """Give what was read."""
        self._found.text = self._found.text or self._decoded(self._body)
        return self._found

    def _message(self, found: dict[int, tuple[int, bytes]]) -> None:
        page = self._code_page
        if _INTERNET_CODE_PAGE in found:
            page = rtf.code_page(int.from_bytes(found[_INTERNET_CODE_PAGE][1][:4], "little"))
        into = self._found
        into.subject = self._text(found, _SHOWN_SUBJECT) or into.subject
        into.text = self._text(found, _SHOWN_BODY) or into.text
        into.html = self._text(found, _HTML, page) or into.html
        into.rtf = rtf.unpack(found[_RTF][1]) if _RTF in found else into.rtf

    def _attachment(self, into: Attached, found: dict[int, tuple[int, bytes]]) -> None:
        names = (self._text(found, one) for one in (_LONG_FILENAME, _FILENAME, _DISPLAY_NAME))
        into.name = next(filter(None, names), into.name)
        into.content_type = self._text(found, _MIME_TYPE)
        into.content_id = self._text(found, _CONTENT_ID)
        kind, value = found.get(_CONTENT, (0, b""))
        if kind == _OBJECT:
            value = value[_INTERFACE:]
            into.message = read(value, depth=self._depth + 1)
        into.content = value or into.content

    def _text(self, found: dict[int, tuple[int, bytes]], wanted: int, page: str = "") -> str:
        kind, value = found.get(wanted, (0, b""))
        if kind == _UNICODE:
            return charset.scrub(value.decode("utf-16-le", "replace").rstrip("\0"))
        return self._decoded(value, page)

    def _decoded(self, value: bytes, page: str = "") -> str:
        return charset.decode(value.rstrip(b"\0"), page or self._code_page)


def _properties(data: bytes) -> Iterator[tuple[int, tuple[int, bytes]]]:
    """Read properties: their ids, and of each the type and the first value."""
    try:
        count, at = int.from_bytes(data[:4], "little"), 4
        for _ in range(min(count, MAX_PROPERTIES)):
            kind, name = struct.unpack_from("<HH", data, at)
            at += 4
            if name >= 0x8000:  # noqa: PLR2004  # named by a GUID, and a number or a text
                is_text = struct.unpack_from("<I", data, at + 16)[0]
                size = struct.unpack_from("<I", data, at + 20)[0]
                at += 24 + (_padded(size) if is_text else 0)
            values, at = _values(kind, data, at)
            yield name, (kind & 0xFFF, values)
    except (struct.error, ValueError):
        return


def _values(kind: int, data: bytes, at: int) -> tuple[bytes, int]:
    """Read the values of a property; give the first, and where the next property begins."""
    of_any_size = kind & 0xFFF in _OF_ANY_SIZE
    count = 1
    if of_any_size or kind & 0x1000:
        count = struct.unpack_from("<I", data, at)[0]
        at += 4
    first = b""
    for index in range(count):
        if of_any_size:
            size = struct.unpack_from("<I", data, at)[0]
            at += 4
        elif kind & 0xFFF in _SIZES:
            size = _SIZES[kind & 0xFFF]
        else:
            raise ValueError
        if at + size > len(data):
            raise ValueError
        if index == 0:
            first = data[at : at + size]
        at += _padded(size)
    return first, at


def _padded(size: int) -> int:
    return size + -size % 4
