"""Figures, times and hostile text as people read them. Filters of the templates."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta

from mailmine.web.language import NP_, _, ngettext, pgettext

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

FIRST_WORDS = 240
"""Characters of a body that a list shows."""

KIB = 1024

MONTHS = (
    NP_("month", "Jan"),
    NP_("month", "Feb"),
    NP_("month", "Mar"),
    NP_("month", "Apr"),
    NP_("month", "May"),
    NP_("month", "Jun"),
    NP_("month", "Jul"),
    NP_("month", "Aug"),
    NP_("month", "Sep"),
    NP_("month", "Oct"),
    NP_("month", "Nov"),
    NP_("month", "Dec"),
)

DISGUISES = re.compile("[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Characters that turn or hide text: `invoice<U+202E>gpj.exe` reads like an image (Unicode TR 36)."""


def ago(at: datetime, now: datetime) -> str:
    """Say how long ago: `2 s ago`, `5 min ago`, `3 h ago`, `12 d ago`."""
    seconds = max(0, round((now - at).total_seconds()))
    if seconds < MINUTE:
        return _("%(number)d s ago") % {"number": seconds}
    if seconds < HOUR:
        return _("%(number)d min ago") % {"number": seconds // MINUTE}
    if seconds < DAY:
        return _("%(number)d h ago") % {"number": seconds // HOUR}
    return _("%(number)d d ago") % {"number": seconds // DAY}


def when(at: datetime, now: datetime) -> str:
    """Say when, as a list does: `14:32` today, `3 Nov` this year, `3 Nov 2024` before. UTC."""
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    if at.date() == now.date():
        return f"{at:%H:%M}"
    return day(at) if at.year != now.year else day_of_year(at)


def day(at: datetime) -> str:
    """Name a day: `3 Nov 2026`. UTC."""
    return _("%(day)d %(month)s %(year)d") % {
        "day": at.day,
        "month": month(at),
        "year": at.year,
    }


def day_of_year(at: datetime) -> str:
    """Name a day of the running year: `3 Nov`. UTC."""
    return _("%(day)d %(month)s") % {"day": at.day, "month": month(at)}


def month(at: datetime) -> str:
    """Name a month, shortly."""
    return pgettext("month", MONTHS[at.month - 1])


def full(at: datetime) -> str:
    """Say exactly when, in UTC: `3 Nov 2026, 14:32 UTC`."""
    at = at.astimezone(UTC)
    return _("%(day)s, %(time)s UTC") % {"day": day(at), "time": f"{at:%H:%M}"}


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
        return _("%(number)d s") % {"number": seconds}
    if seconds < HOUR:
        return _("%(number)d min") % {"number": seconds // MINUTE}
    if seconds < DAY:
        hours, minutes = divmod(seconds // MINUTE, 60)
        whole = _("%(number)d h") % {"number": hours}
        return f"{whole} {_('%(number)d min') % {'number': minutes}}" if minutes else whole
    days, hours = divmod(seconds // HOUR, 24)
    whole = _("%(number)d d") % {"number": days}
    return f"{whole} {_('%(number)d h') % {'number': hours}}" if hours else whole


def count(number: int) -> str:
    """Write a number with separators: `12,345`."""
    return f"{number:,}".replace(",", pgettext("between thousands", ","))


def counted(singular: str, plural: str, number: int) -> str:
    """Say how many there are, by a message with `%(number)s`: `1 comment`, `12,345 comments`."""
    return ngettext(singular, plural, number) % {"number": count(number)}


def plain(text: str) -> str:
    """Show what would disguise a name: characters that turn or hide text become `\N{REPLACEMENT CHARACTER}`."""
    return DISGUISES.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))


def first_words(body: str) -> str:
    """Give the beginning of a body as one line."""
    return " ".join(body[: FIRST_WORDS * 4].split())[:FIRST_WORDS]


def name_of(person: str | None) -> str:
    """Shorten `Ann Lee <ann@example.com>` to `Ann Lee`; an address alone stays whole."""
    if not person:
        return _("(unknown sender)")
    name, bracket, _address = person.rpartition(" <")
    return plain(name if bracket and name.strip() else person).strip('"') or _("(unknown sender)")


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
