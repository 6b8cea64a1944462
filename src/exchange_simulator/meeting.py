"""What a meeting request says of its meeting (RFC 5545)."""

import re
from datetime import UTC, datetime

import msgspec


class Meeting(msgspec.Struct):
    """What a meeting request says of its meeting."""

    method: str
    uid: str | None
    start: datetime | None
    end: datetime | None
    location: str | None
    organizer: str | None
    rule: str | None
    """RRULE, where it recurs."""
    answer: str | None = None
    """PARTSTAT of an attendee: what a response says."""


def read_meeting(calendar: str | None) -> Meeting | None:
    """Read the few properties of a VEVENT (RFC 5545) that an item shows; times in UTC only."""
    if calendar is None:
        return None
    unfolded = re.sub(r"\r?\n[ \t]", "", calendar)
    event = unfolded.partition("BEGIN:VEVENT")[2] or unfolded

    def value(name: str, text: str = event) -> str | None:
        found = re.search(rf"^{name}(?:;[^:\r\n]*)?:([^\r\n]*)", text, re.MULTILINE | re.IGNORECASE)
        return found[1].strip() or None if found else None

    organizer = value("ORGANIZER")
    return Meeting(
        method=(value("METHOD", unfolded) or "REQUEST").upper(),
        uid=value("UID"),
        start=_calendar_time(value("DTSTART")),
        end=_calendar_time(value("DTEND")),
        location=value("LOCATION"),
        rule=value("RRULE"),
        answer=participation(event),
        organizer=re.sub(r"(?i)\Amailto:", "", organizer) if organizer else None,
    )


def participation(calendar: str) -> str | None:
    """Tell what the attendee of a response says: ACCEPTED, DECLINED or TENTATIVE as a rule (PARTSTAT)."""
    unfolded = re.sub(r"\r?\n[ \t]", "", calendar)
    found = re.search(
        r"^ATTENDEE[^:\r\n]*;PARTSTAT=([A-Z-]+)", unfolded, re.MULTILINE | re.IGNORECASE
    )
    return found[1].upper() if found else None


def _calendar_time(value: str | None) -> datetime | None:
    found = re.match(r"(\d{8})(?:T(\d{6}))?", value or "")
    if not found:
        return None
    try:
        return datetime.strptime(found[1] + (found[2] or "000000"), "%Y%m%d%H%M%S").replace(
            tzinfo=UTC
        )
    except ValueError:
        return None
