"""The top of a long chain: a comment shows nothing of what stands below the first history.

Outlook puts an answer above all that went before. Where the header block of that is found, and nothing is marked as
quoted around it, no line below it can change what is above; so the rest of the body is not even parsed.
"""

from mailmine.refine.lines import Line, Mark
from mailmine.refine.quotes import Labelled

_BEGINNINGS = ("border-top:solid", "divRplyFwdMsg")
"""What stands in the markup where Outlook begins a history; a hint only."""

_BELOW = 2_500
"""Characters that are read below it: the header block, and some lines."""

_WORTHWHILE = 1_000
"""Characters that must be saved: the top is read in vain where it does not tell enough."""

_ENOUGH = 12
"""Lines with words, from the header block on: more than any look ahead from a line above it takes in.

Only the search for more labels looks further. It can make a header block longer, but it begins where it did.
"""

_TELLING = frozenset({Mark.QUOTE, Mark.HISTORY, Mark.ATTRIBUTION})


def of_html(html: str) -> str | None:
    """Give a body up to some lines of its first history; None where that is not worth it."""
    found = [at for at in map(html.find, _BEGINNINGS) if at >= 0]
    end = min(found, default=len(html)) + _BELOW
    if end + _WORTHWHILE > len(html):
        return None
    beginning = html[:end]
    # In a table that is not closed yet, words further down can come to stand above it.
    is_in_table = beginning.count("<table") != beginning.count("</table")
    return None if is_in_table or "<blockquote" in beginning else beginning


def is_enough(done: Labelled) -> bool:
    """Whether the rest of the body cannot change what is new in these lines, the last of which may be half a one."""
    if done.block is None or "from" not in done.block.fields:
        return False
    if any(line.depth or (line.mark and line.mark in _TELLING) for line in done.lines):
        return False
    return sum(map(_has_words, done.lines[done.block.start : -1])) >= _ENOUGH


def _has_words(line: Line) -> bool:
    return bool(line.text and not line.text.isspace())
