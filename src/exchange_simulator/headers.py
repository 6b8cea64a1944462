"""The headers of a mail: decoded, and read for what Exchange makes of them."""

import base64
import binascii
import email.errors
import email.header
import email.utils
import hashlib
import re
from datetime import UTC, datetime

import msgspec

FIRST_YEAR, LAST_YEAR = 1601, 4500
"""What MAPI can date."""
INDEX_SIZE = 22
"""Bytes of a ConversationIndex without replies (MS-OXOMSG 2.2.1.3)."""


class Address(msgspec.Struct, frozen=True):
    """A mailbox as named in a header."""

    name: str
    address: str


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
    return aware.replace(microsecond=0) if FIRST_YEAR < aware.year < LAST_YEAR else None


def normalized_subject(subject: str | None) -> str:
    """Strip the prefixes of replies and forwards: what Exchange calls the conversation topic."""
    return _PREFIX.sub("", subject or "").strip()


_PREFIX = re.compile(r"\A(?:\s{0,5}[^\s:]{1,3}:)+\s{0,5}")


_FOLD = re.compile(r"[\r\n]+[ \t]*")


def unfold(value: str) -> str:
    """Put a folded header on one line."""
    return _FOLD.sub(" ", value).strip()


def header_text(value: object) -> str:
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


def decoded(value: str | None) -> str | None:
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


def addresses(headers: list[tuple[str, str]], name: str) -> list[Address]:
    """Read the mailboxes of all headers of a name."""
    values = [value for key, value in headers if key.lower() == name]
    try:
        parsed = email.utils.getaddresses(values)
    except RecursionError:  # comments within comments, a thousand deep
        parsed = []
    found = [
        Address((decoded(display) or "").strip() or address, address.strip())
        for display, address in parsed
        if display or address
    ]
    if not found:
        # Where the parser gives up, Exchange shows the whole line as a name without an address.
        found = [
            Address(decoded(v) or v, "") for v in values if v and not v.rstrip().endswith(":;")
        ]
    return found


def importance(first: dict[str, str]) -> str:
    """Tell High, Normal or Low."""
    value = (first.get("importance") or "").strip().lower()
    if value in ("high", "low"):
        return value.capitalize()
    priority = (first.get("x-priority") or "").strip()[:1]
    return {"1": "High", "2": "High", "4": "Low", "5": "Low"}.get(priority, "Normal")


def sensitivity(first: dict[str, str]) -> str:
    """Tell Normal, Personal, Private or Confidential."""
    value = (first.get("sensitivity") or "").strip().lower()
    known = {
        "personal": "Personal",
        "private": "Private",
        "company-confidential": "Confidential",
        "confidential": "Confidential",
    }
    return known.get(value, "Normal")


def categories(first: dict[str, str]) -> list[str]:
    """Read the categories that Exchange writes as Keywords."""
    words = (decoded(first.get("keywords")) or "").split(",")
    return [word.strip() for word in words if word.strip()]


def conversation_id(first: dict[str, str], topic: str) -> bytes:
    """Name the thread by the first message that it knows of."""
    ids = re.findall(r"<[^<>\s]{1,998}>", first.get("references") or first.get("in-reply-to") or "")
    root = ids[0] if ids else first.get("message-id") or topic
    return hashlib.md5(root.encode("utf-8", "replace"), usedforsecurity=False).digest()


def conversation_index(first: dict[str, str], topic: str) -> bytes:
    """Give the Thread-Index, or make one."""
    try:
        given = base64.b64decode(first.get("thread-index") or "", validate=True)
    except (binascii.Error, ValueError):
        given = b""
    if len(given) >= INDEX_SIZE:
        return given
    return b"\x01\xd0\x00\x00\x00\x00" + conversation_id(first, topic)
