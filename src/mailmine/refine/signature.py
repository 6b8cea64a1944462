"""What stands below the words: a signature, a line of the device, a footer of the list.

Looked for from the bottom of the new lines only, and never so much that no words are left.
"""

import re
from collections.abc import Sequence

from mailmine.model.email import Address
from mailmine.refine import labels
from mailmine.refine.lines import Line, Mark
from mailmine.refine.result import Kind

MAX_LINES = 20
"""Lines, blank ones not counted, that a signature may have."""

MAX_LINE = 80
"""Characters of a line in a signature; longer ones are sentences or disclaimers."""

_DELIMITER = re.compile(r"(?:--|\u2014|\u2013\u2013|__) ?$")
_DASHES = re.compile(r"[ \t]*(?:[-\u2013\u2014]{2,}|_{3,}|={3,}|\*{3,}|~{3,})[ \t]*$")
_DASH_NAME = re.compile(r"(?:-{1,2}|[\u2013\u2014~])[ \t]?[^\W\d_][\w .'-]{0,30}$")


def label(lines: Sequence[Line], kinds: list[Kind], _sender: Address | None) -> None:
    """Find the signature among the new lines, and change their kinds."""
    new = [at for at, kind in enumerate(kinds) if kind is Kind.NEW]
    while new and not lines[new[-1]].text.strip():
        new.pop()
    if not new:
        return
    for at in new:
        if lines[at].mark is Mark.SIGNATURE:
            kinds[at] = Kind.SIGNATURE
    _device_lines(lines, kinds, new)
    own = [at for at in new if lines[at].text.strip() and kinds[at] is Kind.NEW]
    start = _delimiter(lines, own) or _closing(lines, own)
    if start is not None:
        for at in new:
            if at >= start and kinds[at] is Kind.NEW:
                kinds[at] = Kind.SIGNATURE


def _device_lines(lines: Sequence[Line], kinds: list[Kind], new: list[int]) -> None:
    seen = 0
    for at in reversed(new):
        text = lines[at].text.strip(" \t*_-\u2013\u2014[]<>")
        if not text:
            continue
        seen += 1
        if seen > 3:  # noqa: PLR2004  # a device writes last
            break
        if len(text) < 120 and labels.device().match(text):  # noqa: PLR2004
            kinds[at] = Kind.DEVICE_LINE
            seen -= 1


def _delimiter(lines: Sequence[Line], own: list[int]) -> int | None:
    """Find `-- ` (RFC 3676, 4.3), or a line of dashes, with little below it."""
    found = None
    for count, at in enumerate(reversed(own)):
        if count > MAX_LINES:
            break
        text = lines[at].text
        if _DELIMITER.match(text) or (count and _DASHES.match(text)):
            found = at
    return found if found is not None and found != own[0] else None


def _closing(lines: Sequence[Line], own: list[int]) -> int | None:
    """Find a closing (`Kind regards,`) with short lines below it."""
    known = labels.closings()
    for count, at in enumerate(reversed(own[1:])):
        text = lines[at].text.strip()
        if count > MAX_LINES or len(text) > MAX_LINE:
            return None
        if text.rstrip(" ,.!;:-\u2013\u2014").lower() in known:
            return at
        if count == 0 and _DASH_NAME.match(text):
            return at
    return None
