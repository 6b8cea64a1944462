"""What was made fit for transfer becomes bytes again (RFC 2045, 6; uuencode), as far as it can be."""

import binascii
import quopri
import string
from typing import Final

AS_IT_STANDS: Final = frozenset({"", "7bit", "8bit", "binary"})
"""Encodings that change nothing."""

_UUENCODE: Final = frozenset({"x-uuencode", "uuencode", "uue", "x-uue"})
_BASE64: Final = (string.ascii_letters + string.digits + "+/=").encode()
_NO_BASE64: Final = bytes(set(range(256)) - set(_BASE64))


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
    # Large attachments come this way: each step that copies takes their size in memory.
    clean = data.translate(None, _NO_BASE64)
    end = clean.find(b"=")
    if end < 0:
        return _block(clean)
    if len(clean) % 4 == 0 and len(clean) - end <= 2:  # noqa: PLR2004  # as it should be
        return binascii.a2b_base64(clean)
    decoded = _block(clean[:end])
    rest = clean[end:].lstrip(b"=")
    # Some clients encode each line or block alone, each with its own padding. Anything else that
    # stands behind the padding is the footer of a list server or the like.
    if b"=" in rest and len(rest) > len(data[data.find(b"=") :]) // 2:
        decoded += b"".join(map(_block, rest.split(b"=")))
    return decoded


def _block(clean: bytes) -> bytes:
    """Decode what holds nothing but Base64, and no padding; a single character at the end is none."""
    over = len(clean) % 4
    if over == 1:
        clean = clean[:-1]
    elif over:
        clean += b"=" * (4 - over)
    return binascii.a2b_base64(clean)


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
