"""What S/MIME wraps a mail in (CMS, RFC 5652): told apart, and the content of a signature read.

No signature is checked and nothing is decrypted: whom to trust is not ours to say. `cryptography` reads DER alone, while mail
comes in BER as well (lengths that are told by an end mark, contents in pieces), so the few values on the way to the
content are walked here. Input is hostile: every step is checked, and the walk is as long as the data at most.
"""

from enum import Enum
from typing import Final


class Kind(Enum):
    """What a piece of CMS is, by its object identifier."""

    SIGNED = bytes.fromhex("2a864886f70d010702")
    ENVELOPED = bytes.fromhex("2a864886f70d010703")
    AUTHENTICATED = bytes.fromhex("2a864886f70d0109100117")
    """Encrypted as well, with a cipher that also authenticates (RFC 5083)."""


ENCRYPTED: Final = frozenset({Kind.ENVELOPED, Kind.AUTHENTICATED})

BEGINNING: Final = 64
"""Bytes that tell the kind."""

MAX_DEPTH: Final = 16
"""Values within values that are followed."""

_SEQUENCE, _SET, _OBJECT, _OCTETS, _CONTENT = 0x30, 0x31, 0x06, 0x04, 0xA0
_CONSTRUCTED: Final = 0x20
_LONG: Final = 0x80
_END: Final = b"\x00\x00"


class MalformedError(ValueError):
    """This is not BER, or breaks off."""


def kind(data: bytes) -> Kind | None:
    """Tell what `data` is by its first bytes; None for anything else."""
    try:
        return _kind(_Walk(data[:BEGINNING]))
    except ValueError:
        return None


def signed_content(data: bytes) -> bytes | None:
    """Give what was signed; None where the signature stands apart from it, and for what is no signature."""
    walk = _Walk(data)
    try:
        if _kind(walk) is not Kind.SIGNED:
            return None
        walk.enter(_CONTENT)
        walk.enter(_SEQUENCE)
        walk.skip()  # the version
        walk.skip()  # the digests
        inside = walk.enter(_SEQUENCE)
        walk.skip()  # the type of the content
        if inside == walk.at or walk.tag() != _CONTENT:
            return None
        walk.enter(_CONTENT)
        return walk.octets()
    except ValueError:
        return None


def _kind(walk: "_Walk") -> Kind:
    walk.enter(_SEQUENCE)
    return Kind(walk.primitive(_OBJECT))


class _Walk:
    """A place in BER-encoded data, that only goes on. Every step may raise MalformedError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def tag(self) -> int:
        """Give the tag of the value that comes next."""
        if self.at >= len(self._data):
            raise MalformedError
        return self._data[self.at]

    def enter(self, tag: int) -> int | None:
        """Go into the next value; give where it ends, None where an end mark tells."""
        if self._tag() != tag:
            raise MalformedError
        return self._end()

    def primitive(self, tag: int) -> bytes:
        """Give the bytes of the next value, and go behind it."""
        end = self.enter(tag)
        if end is None or end > len(self._data):
            raise MalformedError
        start, self.at = self.at, end
        return self._data[start:end]

    def skip(self, depth: int = 0) -> None:
        """Go behind the next value."""
        tag = self._tag()
        end = self._end()
        if end is not None:
            self.at = end
            return
        if depth > MAX_DEPTH or not tag & _CONSTRUCTED:
            raise MalformedError
        while not self._is_at_end_mark():
            self.skip(depth + 1)

    def octets(self) -> bytes:
        """Give the bytes of the next octet string, of one in pieces put together, and go behind it."""
        pieces: list[bytes] = []
        self._octets(pieces, 0)
        return b"".join(pieces)

    def _octets(self, pieces: list[bytes], depth: int) -> None:
        if self.tag() == _OCTETS:
            pieces.append(self.primitive(_OCTETS))
            return
        end = self.enter(_OCTETS | _CONSTRUCTED)
        if depth > MAX_DEPTH:
            raise MalformedError
        while not self._is_at_end_mark() if end is None else self.at < end:
            self._octets(pieces, depth + 1)

    def _is_at_end_mark(self) -> bool:
        """Tell whether an end mark comes next, and go behind it."""
        if self._data[self.at : self.at + 2] != _END:
            return False
        self.at += 2
        return True

    def _tag(self) -> int:
        tag = self.tag()
        self.at += 1
        return tag

    def _end(self) -> int | None:
        """Read a length; give where the value ends, None where an end mark tells."""
        length = self._tag()
        if length == _LONG:
            return None
        if length > _LONG:
            size = length - _LONG
            digits = self._data[self.at : self.at + size]
            if size > 8 or len(digits) < size:  # noqa: PLR2004  # 64 bits
                raise MalformedError
            length = int.from_bytes(digits)
            self.at += size
        return self.at + length
