"""The lines that a client writes above an email that it quotes or passes on.

From: Ann <ann@example.com>        or, in Notes        Ann Smith
Sent: Monday, 3 March 2026 10:15                       03/03/2026 10:15 AM
To: Bob                                                To: Bob
Subject: Order 12                                      cc:
                                                       Subject: Order 12
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailmine.refine import labels
from mailmine.refine.lines import Line

MAX_LABEL = 40
"""Characters before the colon."""

MAX_BLOCK = 400
"""Lines of one block; some mail names hundreds of recipients."""

MAX_ONE_LINE = 5_000

MAX_COLUMNS = 20
"""Lines of a block in columns."""

_WRAPPED = 60
"""Lines over which the recipients of one label may be wrapped."""

_AHEAD = 3
"""Blank lines between two labels."""

_LABEL_EDGE = " \t*_>|\xa0\u200e\u200f\u202a\u202b\u202c\u202d\u202e\ufeff"
_HALF_DATE = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?(?: ?[AP]M)?$")
_ADDRESS_FIRST = re.compile(r"[ \t]*<[^\s<>@]{1,64}@[^\s<>]{1,200}>")
_VALUE_END = " \t*_|\xa0"
_BIDI = dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202b\u202c\u202d\u202e"))
_COLON = re.compile(r"[:\uff1a]")
_TIME = re.compile(r"\d{1,2}[:.]\d{2}")
_NOTES_DATE = re.compile(
    r"(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,2} \w{3,9} \d{4}|\w{3,9} \d{1,2}, \d{4})"
    r"[ \t]+(?:at )?\d{1,2}[:.]\d{2}"
)


@dataclass(frozen=True, slots=True)
class Block:
    """A header block: lines `start` up to, and without, `end`."""

    start: int
    end: int
    fields: dict[str, str]
    """Values by field (`from`, `sent`, `to`, `cc`, `bcc`, `subject`, `reply_to`, `other`)."""


def label_of(text: str) -> str:
    """Give what stands before the colon of a line."""
    return _COLON.split(text, maxsplit=1)[0].strip(_LABEL_EDGE)


def field(text: str) -> tuple[str, str] | None:
    """Split a line into the field that its label names, and the value."""
    if ":" not in text and "\uff1a" not in text:
        return None
    colon = _COLON.search(text, 0, MAX_LABEL)
    if not colon:
        return None
    written = text[: colon.start()].strip(_LABEL_EDGE)
    name = labels.header_fields().get(written.lower()) or _of_garbled(written)
    if name is None:
        return None
    value = text[colon.end() :]
    if not value.isascii():
        value = value.translate(_BIDI)
    return name, value.lstrip(_LABEL_EDGE).rstrip(_VALUE_END)


def find_columns(lines: Sequence[Line], at: int) -> Block | None:
    """Read the block that Notes writes in columns, of which each label is a line: the line is a date below a name.

    Ann Smith <ann@example.com>
    03/03/2026 10:15 AM

    To
    Bob Jones <bob@example.com>
    cc

    Subject
    Order 12
    """
    if len(lines[at].text) > MAX_LABEL or not _NOTES_DATE.match(lines[at].text.strip(_LABEL_EDGE)):
        return None
    fields: dict[str, str] = {}
    last, end = "", at + 1
    for ahead in range(at + 1, min(at + MAX_COLUMNS, len(lines))):
        line = lines[ahead]
        text = line.text.lstrip(_LABEL_EDGE).rstrip(_VALUE_END)
        if line.depth != lines[at].depth:
            break
        if not text:
            continue
        label, _, value = text.partition("\t")
        named = labels.header_fields().get(label.lower())
        if named and named not in fields:
            fields[named], last = value.strip(), named
        elif not last or (last == "subject" and fields[last]):
            break
        else:
            fields[last] = f"{fields[last]} {text}".strip()
        end = ahead + 1
    if not {"to", "subject"} <= fields.keys() or not fields["subject"]:
        return None
    name = _name_above(lines, at, lines[at].depth)
    fields |= {
        "from": lines[name].text.strip() if name < at else "",
        "sent": lines[at].text.strip(),
    }
    return Block(name, end, fields)


def _of_garbled(label: str) -> str | None:
    """Look up a label whose UTF-8 some client on the way took for Latin-1."""
    if "\xc3" not in label:
        return None
    try:
        return labels.header_fields().get(label.encode("cp1252").decode().lower())
    except UnicodeError:
        return None


def find(lines: Sequence[Line], first: int) -> Block | None:
    """Read the block that begins at this line; None where there is none."""
    fields, end = _read(lines, first)
    if not _is_plausible(fields):
        return None
    if "from" in fields:
        _part_date(fields)
    start = first if "from" in fields else _notes_head(lines, first, fields)
    return None if start is None else Block(start, end, fields)


def _read(lines: Sequence[Line], first: int) -> tuple[dict[str, str], int]:
    depth = lines[first].depth
    fields: dict[str, str] = {}
    last = ""
    at = end = first
    while 0 <= at < min(len(lines), first + MAX_BLOCK) and lines[at].depth == depth:
        text = lines[at].text
        if not text.strip():
            at = _next_label(lines, at, depth)
            continue
        found = field(text)
        if found:
            last, value = found
            if last in fields and last != "other":
                break  # another block, or the text
            fields[last] = value
        elif last and _goes_on(lines, at, depth, last, fields[last]):
            more = text.lstrip(_LABEL_EDGE).rstrip(_VALUE_END)
            fields[last] = f"{fields[last]} {more}".strip()
        else:
            break
        at += 1
        end = at
    return fields, end


def _next_label(lines: Sequence[Line], at: int, depth: int) -> int:
    """Find the label after blank lines, or -1."""
    for ahead in range(at, min(at + _AHEAD + 1, len(lines))):
        line = lines[ahead]
        if line.depth != depth:
            return -1
        if line.text.strip():
            return ahead if field(line.text) else -1
    return -1


def _goes_on(lines: Sequence[Line], at: int, depth: int, last: str, value: str) -> bool:
    """Whether a line without a label belongs to the value above it: wrapped recipients, mostly."""
    text = lines[at].text
    if last in ("to", "cc", "bcc") and _ADDRESS_FIRST.match(text):
        return True
    if last in ("to", "cc", "bcc") and (value.endswith((",", ";", "<")) or not value):
        return "@" in text or "," in text or ";" in text or _labels_follow(lines, at, depth)
    return _labels_follow(lines, at, depth)


def _labels_follow(lines: Sequence[Line], at: int, depth: int) -> bool:
    for ahead in range(at + 1, min(at + _WRAPPED, len(lines))):
        line = lines[ahead]
        if line.depth != depth:
            return False
        if not line.text.strip():
            return _next_label(lines, ahead, depth) >= 0
        if field(line.text):
            return True
    return False


def _is_plausible(fields: dict[str, str]) -> bool:
    """Whether labels make a header and not, say, a timetable (`From: London / To: Paris`)."""
    named = fields.keys() & {"from", "sent", "to", "subject"}
    if "from" in named:
        if len(named) < 2:  # noqa: PLR2004  # From alone is not enough
            return False
    elif len(named) < 2 or "to" not in named:  # noqa: PLR2004
        return False
    return (
        "subject" in named
        or any("@" in value for value in fields.values())
        or bool(_TIME.search(fields.get("sent", "")))
    )


def _part_date(fields: dict[str, str]) -> None:
    """Part the name and the date that Notes writes behind `From:`."""
    name, gap, date = fields["from"].rpartition("  ")
    if gap and "sent" not in fields and _NOTES_DATE.match(date):
        fields["from"], fields["sent"] = name.rstrip(), date


NOTES_HEAD = 5
"""Lines of what Notes writes there: a name, who sent it, the date, whom to answer, a blank one."""


def _notes_head(lines: Sequence[Line], first: int, fields: dict[str, str]) -> int | None:
    """Find the name and the date that Notes writes above `To:` without a label."""
    depth = lines[first].depth
    at = first - 1
    seen = 0
    while at >= 0 and seen < NOTES_HEAD:
        line = lines[at]
        if line.depth != depth:
            break
        text = line.text.strip()
        if not text or field(text) or labels.respond_to().match(text):
            seen += 1
            at -= 1
            continue
        date = _NOTES_DATE.search(text)
        if not date and at > 0 and _HALF_DATE.match(text):
            # The date itself was wrapped.
            text = f"{lines[at - 1].text.strip()} {text}"
            date = _NOTES_DATE.search(text)
            at -= 1
        if not date:
            break
        fields["sent"] = text[date.start() :]
        name = text[: date.start()].removesuffix(" on ").removesuffix("on ").strip()
        if not name:
            at = _name_above(lines, at, depth)
            name = lines[at].text.strip() if at >= 0 else ""
        fields["from"] = name
        return max(at, 0)
    # A block of To, Date and Subject stands for itself.
    return first if "sent" in fields and "to" in fields else None


def _name_above(lines: Sequence[Line], at: int, depth: int) -> int:
    """Find the line of the name above the date; it may be followed by `Sent by:` and blank lines."""
    for above in range(at - 1, max(at - 5, -1), -1):
        line = lines[above]
        text = line.text.strip()
        if line.depth != depth:
            break
        if text and not field(text):
            if len(text) < 90 and not text.endswith((".", "!", "?", ":", "-")):  # noqa: PLR2004
                return above
            break
    return at


def of_one_line(text: str) -> dict[str, str]:
    """Read labels and values that run together on one line, as Yahoo writes them.

    `From: Ann <a@b>To: Bob <b@c>Sent: Monday, 10:15Subject: Order 12`
    """
    fields: dict[str, str] = {}
    found = list(labels.glued_field().finditer(text, 0, MAX_ONE_LINE))
    ends = [label.start() for label in found[1:]] + [len(text)] * bool(found)
    for label, end in zip(found, ends, strict=True):
        name = labels.header_fields()[(label[1] or label[2]).lower()]
        fields.setdefault(name, text[label.end() : end].lstrip(_LABEL_EDGE).rstrip(_VALUE_END))
    return fields
