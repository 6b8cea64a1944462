"""Figures, times and hostile text as people read them. Filters of the templates."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta

from mailmine.store.about import About

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

FIRST_WORDS = 240
"""Characters of a body that a list shows."""

KIB = 1024

DISGUISES = re.compile("[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Characters that turn or hide text: `invoice<U+202E>gpj.exe` reads like an image (Unicode TR 36)."""


def ago(at: datetime, now: datetime) -> str:
    """Say how long ago: `2 s ago`, `5 min ago`, `3 h ago`, `12 d ago`."""
    seconds = max(0, round((now - at).total_seconds()))
    if seconds < MINUTE:
        return f"{seconds} s ago"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min ago"
    if seconds < DAY:
        return f"{seconds // HOUR} h ago"
    return f"{seconds // DAY} d ago"


def when(at: datetime, now: datetime) -> str:
    """Say when, as a list does: `14:32` today, `3 Nov` this year, `3 Nov 2024` before. UTC."""
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    if at.date() == now.date():
        return f"{at:%H:%M}"
    return f"{at.day} {at:%b}" if at.year == now.year else f"{at.day} {at:%b %Y}"


def full(at: datetime) -> str:
    """Say exactly when, in UTC: `3 Nov 2026, 14:32 UTC`."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def size(octets: int) -> str:
    """Say how large: `812 B`, `1.4 MB`."""
    amount = float(octets)
    for unit in ("B", "KB", "MB"):
        if amount < KIB:
            return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"  # noqa: PLR2004
        amount /= KIB
    return f"{amount:.1f} GB"


def span(duration: timedelta) -> str:
    """Say how long, roughly: `40 s`, `5 min`, `3 h 20 min`, `2 d 4 h`."""
    seconds = round(duration.total_seconds())
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min"
    if seconds < DAY:
        hours, minutes = divmod(seconds // MINUTE, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(seconds // HOUR, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def count(number: int) -> str:
    """Write a number with separators: `12,345`; `about 1,200,000` where it was estimated."""
    return f"about {number:,}" if isinstance(number, About) else f"{number:,}"


def plain(text: str) -> str:
    """Show what would disguise a name: characters that turn or hide text become `\N{REPLACEMENT CHARACTER}`."""
    return DISGUISES.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))


def first_words(body: str) -> str:
    """Give the beginning of a body as one line."""
    return " ".join(body[: FIRST_WORDS * 4].split())[:FIRST_WORDS]


def name_of(person: str | None) -> str:
    """Shorten `Ann Lee <ann@example.com>` to `Ann Lee`; an address alone stays whole."""
    if not person:
        return "(unknown sender)"
    name, bracket, _ = person.rpartition(" <")
    return plain(name if bracket and name.strip() else person).strip('"') or "(unknown sender)"


def address_of(person: str | None) -> str:
    """Give the address of `Ann Lee <ann@example.com>`; empty where there is no name besides it."""
    name, bracket, address = (person or "").rpartition(" <")
    return plain(address.removesuffix(">")) if bracket and name.strip() else ""


def folder_path(folder: str) -> str:
    """Take the path out of the property: `Orders (/ Inbox / Orders)` becomes `Inbox / Orders`."""
    path = folder.rpartition(" (/ ")[2].removesuffix(")") if " (/ " in folder else folder
    return plain(path)


def property_name(name: str) -> str:
    """Drop the kind from the name of a user property: `string:Folder` becomes `Folder`."""
    return plain(name.partition(":")[2] or name)


def is_blank(text: str | None) -> bool:
    """Tell whether nothing would be seen of `text`."""
    return not text or all(
        char.isspace() or unicodedata.category(char) in {"Cc", "Cf"} for char in text
    )
