"""The opaque names that EWS gives to items, folders, attachments and places in changes.

They look and weigh like Exchange's own: base64 of over a hundred bytes, beginning with `AAMk`, case-sensitive.
"""

import base64
import binascii
import hashlib
import struct
import zlib
from typing import Literal, NamedTuple

Kind = Literal["item", "folder", "attachment", "immutable"]
_KINDS: dict[Kind, bytes] = {
    "item": b"\x00F",
    "folder": b"\x00.",
    "attachment": b"\x01F",
    "immutable": b"\x02F",
}
_END = struct.Struct(">QB")
"""Number, and how many places stand before it."""


KINDS: tuple[Kind, ...] = ("item", "folder", "attachment", "immutable")


class BadIdError(ValueError):
    """Not an id that this server gave."""


class Id(NamedTuple):
    """What an id names."""

    guid: str
    """Of the mailbox."""
    number: int
    places: tuple[int, ...]
    """Which attachment of the item, and which of that one's."""


def _encode(kind: Kind, guid: str, number: int, places: tuple[int, ...] = ()) -> str:
    numbers = struct.pack(f">{len(places)}HQB", *places, number, len(places))
    entry = hashlib.sha256(guid.encode() + numbers).digest()
    raw = (
        b"\x00\x03\x24\x00"
        + guid.encode()
        + _KINDS[kind]
        + entry
        + b"\x07\x00"
        + entry[:16]
        + numbers
    )
    return base64.b64encode(raw).decode()


def item_id(guid: str, number: int) -> str:
    """Name an item."""
    return _encode("item", guid, number)


def immutable_id(guid: str, serial: int) -> str:
    """Name an item for as long as it is in its mailbox."""
    return _encode("immutable", guid, serial)


def rest(text: str) -> str:
    """Write an id as Graph does: fit for a URL."""
    return text.translate(_TO_REST)


def of_rest(text: str) -> str:
    """Write an id of Graph as EWS does."""
    return text.translate(_OF_REST)


_TO_REST = str.maketrans("/+", "-_")
_OF_REST = str.maketrans("-_", "/+")


def folder_id(guid: str, number: int) -> str:
    """Name a folder."""
    return _encode("folder", guid, number)


def attachment_id(guid: str, number: int, places: tuple[int, ...]) -> str:
    """Name the attachment at this place in the item, or at a place in the message attached there."""
    return _encode("attachment", guid, number, places)


def read(kind: Kind, text: str) -> Id:
    """Tell what an id names; BadIdError where this server never gave it."""
    try:
        raw = base64.b64decode(text, validate=True)
        guid = raw[4:40].decode("ascii")
        number, depth = _END.unpack(raw[-_END.size :])
        places = struct.unpack(f">{depth}H", raw[-_END.size - 2 * depth : -_END.size])
    except (binascii.Error, ValueError, struct.error) as error:
        raise BadIdError(text) from error
    if _encode(kind, guid, number, places) != text:
        raise BadIdError(text)
    return Id(guid, number, places)


def guid(text: str) -> str:
    """Tell the mailbox of any id; empty where it is none."""
    for kind in KINDS:
        try:
            return read(kind, text).guid
        except BadIdError:
            continue
    return ""


def change_key(kind: Literal["item", "folder"], guid: str, change: int) -> str:
    """Name a version of an item or folder."""
    head = (
        b"\x09\x00\x00\x00\x16\x00\x00\x00"
        if kind == "item"
        else b"\x01\x00\x00\x00\x16\x00\x00\x00"
    )
    tail = hashlib.md5(guid.encode(), usedforsecurity=False).digest()
    return base64.b64encode(head + tail + change.to_bytes(6, "big")).decode()


_STATE = struct.Struct(">16sBQQQQ")


def sync_state(
    scope: str, change: int, below: tuple[int, int] | None = None, *, padding: int = 0
) -> str:
    """Write down a place in the changes of `scope` (a folder, or a hierarchy); at least `padding` bytes."""
    received, number = below or (0, 0)
    raw = _STATE.pack(
        hashlib.md5(scope.encode(), usedforsecurity=False).digest(),
        below is not None,
        change,
        received + (1 << 62),
        number,
        0,
    )
    raw += b"\x00" * padding
    return base64.b64encode(raw + struct.pack(">I", zlib.crc32(raw))).decode()


def read_sync_state(scope: str, text: str) -> tuple[int, tuple[int, int] | None]:
    """Read what `sync_state` wrote for the same scope; BadIdError for anything else."""
    try:
        raw = base64.b64decode(text, validate=True)
        body, (crc,) = raw[:-4], struct.unpack(">I", raw[-4:])
        owner, has_below, change, received, number, _ = _STATE.unpack_from(body)
    except (binascii.Error, ValueError, struct.error) as error:
        raise BadIdError("sync state") from error
    expected = hashlib.md5(scope.encode(), usedforsecurity=False).digest()
    if crc != zlib.crc32(body) or owner != expected:
        raise BadIdError("sync state")
    return change, (received - (1 << 62), number) if has_below else None
