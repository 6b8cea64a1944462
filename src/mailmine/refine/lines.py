"""The one model for HTML and text: lines that know where they came from."""

import re
from enum import Enum, auto
from itertools import islice

from msgspec import Struct

from mailmine.refine import labels

MAX_LINES = 50_000
"""Lines that are looked at; the rest of a longer text follows its last line."""

MAX_TEXT = 3_000_000
"""Characters of a plain-text body that are looked at; a comment holds far fewer."""

_INITIALS = re.compile(r"^[ \t]{0,2}([^\W\d_]{1,4})>", re.MULTILINE)
"""Whose words a line quotes, as The Bat! writes it: `AS> Is it there?`."""

_MAX_INITIALS = 200
"""Lines that begin like this and are looked at."""

_ADDRESS_LINES = 3
"""Lines that an address in an attribution may take."""

_QUOTE_PREFIX = re.compile(r"[ \t]{0,8}>(?:[ \t]{0,2}>)*[ \t]?")


class Mark(Enum):
    """What the markup says of a line."""

    QUOTE = auto()
    """In a container that holds nothing but what is quoted."""
    HISTORY = auto()
    """In a container that holds a quote and perhaps answers in between (Gmail)."""
    REST = auto()
    """From here on everything is history (Outlook)."""
    ATTRIBUTION = auto()
    CITED = auto()
    """In a quotation that the author made with a button of the editor (Gmail)."""
    SIGNATURE = auto()
    RULE = auto()
    """A horizontal rule, or a border drawn above."""


class Line(Struct, gc=False):
    """One line as a person sees it. An email has a hundred, so they are of what is made quickest."""

    text: str
    """Without the marks of quoting."""
    raw: str
    """As it stands in the body."""
    depth: int = 0
    """How many times it is quoted."""
    mark: Mark | None = None


def of_text(body: str) -> list[Line]:
    """Split a plain-text body."""
    lines: list[Line] = []
    above = ""
    body = body[:MAX_TEXT]
    quoting = _quoting(body)
    for raw in body.split("\n", MAX_LINES):
        if quoting is not None and (prefix := quoting.match(raw)):
            lines.append(Line(raw[prefix.end() :], raw, prefix[0].count(">")))
            continue
        text, depth = raw, 0
        if (
            ">" in raw[:9]
            and (prefix := _QUOTE_PREFIX.match(raw))
            and not _is_tail(above, raw)
            and not (":" in raw[-3:] and _ends_attribution(lines, raw))
        ):
            text, depth = raw[prefix.end() :], prefix[0].count(">")
        lines.append(Line(text, raw, depth))
        above = raw if not depth else ""
    return lines


def _quoting(text: str) -> re.Pattern[str] | None:
    """Match the beginning of lines that are quoted with somebody's initials, where an attribution announces them.

    Nothing else tells them from what stands behind a prompt (`SQL> select …`).
    """
    found: set[str] = set()
    for line in islice(_INITIALS.finditer(text), _MAX_INITIALS):
        if line[1].isupper() and line[1] not in found:
            above = text[max(0, line.start() - 200) : line.start()].rstrip()
            if above.endswith(":") and labels.wrote().search(above[-90:]):
                found.add(line[1])
    if not found:
        return None
    return re.compile(rf"[ \t]{{0,2}}(?:{'|'.join(sorted(found))})>+(?:[ \t]{{0,2}}>)*[ \t]?")


def _is_tail(above: str, raw: str) -> bool:
    """Whether `>` only closes an address that was wrapped, or is an ornament (`>>> here <<<`)."""
    return above.rfind("<") > above.rfind(">") or raw.rstrip().endswith("<<") or _is_stamp(raw)


def _ends_attribution(lines: list[Line], raw: str) -> bool:
    """Whether `> wrote:` closes an address that began some lines above, as Polymail writes it."""
    text = raw.strip("> \t")
    if not text.endswith(":") or not labels.wrote().fullmatch(text.rstrip(": \xa0")):
        return False
    above = "".join(line.raw for line in lines[-_ADDRESS_LINES:] if not line.depth)
    return above.count("<") == above.count(">") + 1


def _is_stamp(raw: str) -> bool:
    """Whether a line is GroupWise's attribution: `>>> Ann <a@b> 12/14/00 08:47AM >>>`."""
    return raw.startswith(">>> ") and raw.rstrip().endswith(" >>>")
