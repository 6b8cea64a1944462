"""What was made fit for transfer becomes bytes again (RFC 2045, 6; uuencode), as far as it can be."""

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from typing import Final

AS_IT_STANDS: Final = frozenset({"", "7bit", "8bit", "binary"})
"""Encodings that change nothing."""

_UUENCODE: Final = frozenset({"x-uuencode", "uuencode", "uue", "x-uue"})
_BASE64_NOISE = re.compile(rb"[^A-Za-z0-9+/]")


def decode(data: bytes, encoding: str) -> bytes:
    """Undo a transfer encoding; one that nobody knows counts as none. Never raises."""
    if encoding == "base64":
        return _from_base64(data)
    if encoding == "quoted-printable":
        return quopri.decodestring(data)
    if encoding in _UUENCODE:
        return from_uuencode(data)
    return data


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


def from_uuencode(data: bytes) -> bytes:
    """Decode from the line `begin` to the line `end`, or to the first that is neither data."""
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
