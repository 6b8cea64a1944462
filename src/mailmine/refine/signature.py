"""What stands below the words: a signature, a line of the device, a footer of the list.

Looked for from the bottom of the new lines only. What people write themselves each time (`Thanks,
Ann`) stays with their words; what their client appends goes: the block of contact data, whatever
stands below `-- `, `Sent from my phone`.
"""

import re
from collections.abc import Sequence
from itertools import groupby

from mailmine.model.email import Address
from mailmine.refine import labels
from mailmine.refine.lines import Line, Mark
from mailmine.refine.result import Kind

MAX_LINES = 20
"""Lines, blank ones not counted, that a signature may have."""

MAX_REGIONS = 1_000
"""Runs of new lines, between quotes, that are looked at."""

MAX_LINE = 80
"""Characters of a line in a signature; longer ones are sentences or disclaimers."""

MAX_WORDS = 9
"""Words of a line in a block of contact data."""

_DELIMITER = re.compile(r"[ \t]*(?:--|\u2014|\u2013\u2013|__)[ \t]*$")
_DASHES = re.compile(r"[ \t]*(?:[-\u2013\u2014]{2,}|_{3,}|={3,}|\*{3,}|~{3,})[ \t]*$")
_DASH_NAME = re.compile(
    r"(?:-{1,2}|[\u2013~\u2014])[ \t]?[^\W\d_][\w.'-]{0,30}(?: [^\W\d_][\w.'-]{0,30}){0,2}$"
)
_CONTACT = re.compile(
    r"\+?\(?\d[\d \t()./-]{6,}\d"  # a telephone number
    r"|\b[xX][ -]?\d{4,5}\b|\b\d-\d{4}\b"  # an extension
    r"|[\w.+-]{1,64}@[\w-]{1,64}\."
    r"|\bwww\.|https?://"
    r"|\b(?:tel|fax|phone|mobile|mobil|cell|pager|handy|t\u00e9l|telefon|tlf|skype|aim)\b[ .:)]"
    r"|\b(?:Inc|Corp|LLC|LLP|GmbH|Ltd|AG|S\.A|B\.V|AB|Oy|ApS|SpA|Sarl|Co)\b\.?[,]?(?:$| )",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?;]$")
_ABBREVIATED = re.compile(r"(?:\b\w{1,4}|\.\w{2,3})\.$")
_ORNAMENTS = " \t*_-\u2013\u2014[]<>()"
_MARKDOWN_LINK = re.compile(r"\[([^\[\]]{1,100})\]\([^()]{0,500}\)|<?https?:\S*")


def label(lines: Sequence[Line], kinds: list[Kind], sender: Address | None) -> None:
    """Find signatures among the new lines, and change their kinds."""
    for at, line in enumerate(lines):
        if line.mark is Mark.SIGNATURE and kinds[at] is Kind.NEW:
            kinds[at] = Kind.SIGNATURE
    first = True
    for start, end in _regions(kinds)[:MAX_REGIONS]:
        own = [at for at in range(start, end) if lines[at].text.strip()]
        if own:
            _label_region(lines, kinds, own, end, sender if first else None, is_first=first)
            first = False


def _regions(kinds: Sequence[Kind]) -> list[tuple[int, int]]:
    """Find the runs of new lines: above a history, between quotes, below."""
    regions = []
    at = 0
    for is_new, run in groupby(kinds, key=lambda kind: kind is Kind.NEW):
        length = len(list(run))
        if is_new:
            regions.append((at, at + length))
        at += length
    return regions


def _label_region(
    lines: Sequence[Line],
    kinds: list[Kind],
    own: list[int],
    end: int,
    sender: Address | None,
    *,
    is_first: bool,
) -> None:
    _device_lines(lines, kinds, own)
    own = [at for at in own if kinds[at] is Kind.NEW]
    if not own:
        return
    start = _delimited(lines, own, is_first=is_first)
    if start is None:
        start = _named(lines, own, sender)
    if start is None:
        start = _contact_block(lines, own)
    if start is not None:
        for at in range(start, end):
            if kinds[at] is Kind.NEW:
                kinds[at] = Kind.SIGNATURE


def _device_lines(lines: Sequence[Line], kinds: list[Kind], own: list[int]) -> None:
    """Mark the lines of devices at the end; and what follows one that stands alone."""
    last = len(own)
    for count in range(len(own) - 1, -1, -1):
        at = own[count]
        if _is_device_line(lines[at].text):
            alone = at > 0 and not lines[at - 1].text.strip()
            if count + 1 < last and not (alone and count):
                break
            for below in own[count + 1 : last]:
                kinds[below] = Kind.QUOTED
            kinds[at] = Kind.DEVICE_LINE
            last = count


def _is_device_line(text: str) -> bool:
    if len(text) > 4 * MAX_LINE:
        return False
    text = text.strip(_ORNAMENTS)
    words = text.lower().split()
    if not words:
        return False
    firsts, lasts = labels.device_hints()
    if text.isascii() and words[0] not in firsts and words[-1].rstrip(".!") not in lasts:
        return False
    text = _MARKDOWN_LINK.sub(r"\1", text).strip(_ORNAMENTS)
    if len(text) > 1.5 * MAX_LINE or not labels.device().match(text):
        return False
    _, comma, more = text.partition(", ")
    return not comma or bool(labels.excuses().search(more))


def _delimited(lines: Sequence[Line], own: list[int], *, is_first: bool) -> int | None:
    """Find `-- ` (RFC 3676, 4.3), a line of dashes with little below it, or `- Ann`."""
    found = None
    for count, at in enumerate(reversed(own)):
        if count > MAX_LINES:
            break
        text = lines[at].text
        if (
            _DELIMITER.match(text)
            or (count and _DASHES.match(text))
            or (count == 0 and _DASH_NAME.match(text))
        ):
            found = at
        elif len(text) > MAX_LINE:
            break
    if found is None or (is_first and found == own[0]):
        return None
    return found


def _is_item(lines: Sequence[Line], own: list[int]) -> bool:
    """Whether the last line is one of a list: the line above begins with a dash as well."""
    return len(own) > 1 and lines[own[-2]].text.lstrip().startswith("-")


def _named(lines: Sequence[Line], own: list[int], sender: Address | None) -> int | None:
    """Find the line that is nothing but the sender's full name, near the end."""
    name = " ".join(sender.name.lower().split()) if sender else ""
    if " " not in name:
        return None
    for at in reversed(own[1:][-MAX_LINES:]):
        text = lines[at].text
        if len(text) > MAX_LINE:
            return None
        if text.strip(" ,.*_").lower() == name:
            return at
    return None


def _contact_block(lines: Sequence[Line], own: list[int]) -> int | None:
    """Find the block of short lines at the end that says who somebody is and where to reach him."""
    known = labels.closings()
    start = None
    has_contact = False
    for count, at in enumerate(reversed(own)):
        text = lines[at].text.strip()
        if count >= MAX_LINES or len(text) > MAX_LINE or text.rstrip(" ,.!;:-").lower() in known:
            break
        contact = bool(_CONTACT.search(text))
        if not contact and (
            len(text.split()) > MAX_WORDS
            or text.endswith((":", ","))
            or (_SENTENCE_END.search(text) and not _ABBREVIATED.search(text))
        ):
            break
        if start is not None and not contact and at + 1 < start and not _goes_on(lines, start):
            break
        has_contact = has_contact or contact
        start = at
    if not has_contact or start is None:
        return None
    return start if start != own[0] else None


def _goes_on(lines: Sequence[Line], start: int) -> bool:
    """Whether the block found so far may be only the lower half: its first line is no name."""
    return bool(_CONTACT.search(lines[start].text))
