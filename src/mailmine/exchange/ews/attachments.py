"""The content of an attachment, taken out of the answer while it arrives.

The base64 of a large attachment is one text of the answer. It is cut out before any parser sees it, decoded piece by piece
and handed on; the little that remains is an ordinary answer and parsed as such.
"""

import binascii
import re
from collections.abc import Iterator
from typing import Final

MOST_AROUND: Final = 4 << 20
"""Bytes that an answer may hold besides the content."""

_START: Final = re.compile(rb"<(?:[\w.-]+:)?(?:Content|MimeContent)(?:\s[^<>]*)?(/?)>")
_WHITE: Final = b" \t\r\n"


class DamagedError(ValueError):
    """The content is not base64."""


class TooLongError(ValueError):
    """There is more around the content than there can be."""


class ContentCutter:
    """Cuts the content out of an answer that is fed to it."""

    def __init__(self) -> None:
        self._around = bytearray()
        self._rest = b""
        self._is_inside = False
        self.was_found = False
        """Whether the answer held content, be it empty."""

    @property
    def around(self) -> bytes:
        """The answer without the content."""
        return bytes(self._around)

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take the next piece of the answer and give what of the content is in it, decoded."""
        if not self._is_inside:
            self._around += piece
            if self.was_found or (start := _START.search(self._around)) is None:
                self._check_length()
                return
            self.was_found = True
            if start[1]:
                return
            piece = bytes(self._around[start.end() :])
            del self._around[start.end() :]
            self._is_inside = True
        end = piece.find(b"<")
        if end >= 0:
            self._is_inside = False
            self._around += piece[end:]
            piece = piece[:end]
        text = self._rest + piece.translate(None, _WHITE)
        whole = len(text) if end >= 0 else len(text) // 4 * 4
        self._rest = text[whole:]
        if whole:
            yield self._decode(text[:whole])
        self._check_length()

    def finish(self) -> None:
        """Raise DamagedError where the content broke off."""
        if self._is_inside:
            raise DamagedError("the answer ends within the content")

    def _decode(self, text: bytes) -> bytes:
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error as error:
            raise DamagedError(str(error)) from error

    def _check_length(self) -> None:
        if len(self._around) > MOST_AROUND:
            raise TooLongError("too long")
