"""What an email has in common with others of its bucket, and what that tells of its lines.

The lines that a sender ends two or more emails with are his signature, in any language; those that two or more
senders of one domain end theirs with are a legal notice; lines of the email replied to are quoted, even when nothing
marks them. Lines are known by hashes, and whoever refines is given them: nothing is looked up here.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailmine.refine import signature
from mailmine.refine.lines import Line
from mailmine.refine.result import Kind

_NEW = Kind.NEW  # said for each line: until Python 3.12 it is found slowly

MAX_TAIL = 15
"""Lines at the end of an email that are remembered."""

MAX_LINES = 200
"""Lines of an email that are remembered for those that answer it."""

MAX_SEEN = 150
"""Lines that are remembered of one sender, or one domain."""

REPEATED = 0
"""Stands for the witness of a line that has more than one."""

MIN_NOTICE = 60
"""Characters of what a domain repeats: less may be a greeting."""

MIN_QUOTED = 40
"""Characters of two or more lines that stand in the email replied to; `MIN_QUOTED_LINE` of one alone."""
MIN_QUOTED_LINE = 80


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an email before it is refined: hashes of lines."""

    signature: frozenset[int] = frozenset()
    """Lines that other emails of its sender end with."""
    notice: frozenset[int] = frozenset()
    """Lines that emails of others of its domain end with."""
    parent: frozenset[int] = frozenset()
    """Lines of the email that it answers."""


def hash_of(text: str) -> int:
    """Name a line, whatever its case and its white space."""
    text = text.lower()
    # Where all is printable there is no white space but blanks.
    if "  " in text or not text.isprintable():
        text = " ".join(text.split())
    return zlib.crc32(text.strip().encode("utf-8", "replace"))


class Names(dict[int, int]):
    """The names of the lines of an email by their number: each is made when it is first asked for, and once."""

    def __init__(self, lines: Sequence[Line]) -> None:
        super().__init__()
        self.lines = lines

    def __missing__(self, at: int) -> int:
        """Make one."""
        self[at] = name = hash_of(self.lines[at].text)
        return name


def tail(names: Names, kinds: Sequence[Kind], own: frozenset[Kind]) -> tuple[int, ...]:
    """Name the last lines of the kinds that are the author's `own`."""
    found = []
    for at in range(len(kinds) - 1, -1, -1):
        if kinds[at] in own and names.lines[at].text.strip():
            found.append(names[at])
            if len(found) == MAX_TAIL:
                break
    return tuple(found)


def all_of(names: Names) -> tuple[int, ...]:
    """Name the first lines of a body, for the emails that answer it."""
    written = [at for at, line in enumerate(names.lines[: 2 * MAX_LINES]) if line.text.strip()]
    return tuple(dict.fromkeys([names[at] for at in written[:MAX_LINES]]))


def learn(seen: dict[int, int], lines: Iterable[int], witness: int) -> bool:
    """Remember lines that `witness` ends with: an email for a sender, a sender for a domain; whether that is news.

    Said again, or in another order, it comes to the same.
    """
    is_news = False
    for line in lines:
        known = seen.get(line)
        if known is None:
            seen[line] = witness or 1
            is_news = True
        elif known not in (REPEATED, witness or 1):
            seen[line] = REPEATED
            is_news = True
    for line in [line for line, known in seen.items() if known != REPEATED] if is_news else ():
        if len(seen) <= MAX_SEEN:
            break
        del seen[line]  # the oldest of which nobody knows whether they come again
    while len(seen) > MAX_SEEN:
        del seen[next(iter(seen))]
    return is_news


def repeated(seen: dict[int, int]) -> frozenset[int]:
    """Give the lines that more than one witness ends with."""
    return frozenset(line for line, witness in seen.items() if witness == REPEATED)


def label(names: Names, kinds: list[Kind], known: Known) -> None:
    """Change the kinds of new lines that tell of themselves by being known."""
    if known.parent:
        _label_quotes(names, kinds, known.parent)
    if known.signature or known.notice:
        _label_tail(names, kinds, known)


def _label_quotes(names: Names, kinds: list[Kind], parent: frozenset[int]) -> None:
    """Mark runs of lines that stand in the email replied to; never all that is new."""
    lines = names.lines
    new = [at for at, kind in enumerate(kinds) if kind is _NEW and lines[at].text.strip()]
    runs: list[list[int]] = [[]]
    for at in new:
        if names[at] in parent:
            runs[-1].append(at)
        elif runs[-1]:
            runs.append([])
    found = [run for run in runs if _is_quote([lines[at].text for at in run])]
    if sum(map(len, found)) == len(new):
        return
    for run in found:
        for at in range(run[0], run[-1] + 1):
            if kinds[at] is Kind.NEW:
                kinds[at] = Kind.QUOTED


def _is_quote(texts: list[str]) -> bool:
    return sum(map(len, texts)) >= (MIN_QUOTED if len(texts) > 1 else MIN_QUOTED_LINE)


def _label_tail(names: Names, kinds: list[Kind], known: Known) -> None:
    """Mark the signature at the end of the new words, and the notice below it."""
    lines = names.lines
    first_history = next((at for at, kind in enumerate(kinds) if kind is not _NEW), len(kinds))
    own = [at for at in range(first_history) if lines[at].text.strip()]
    end = len(own)
    notice = end
    while notice > 1 and names[own[notice - 1]] in known.notice:
        notice -= 1
    while notice < end and not _may_begin_notice(names, own, notice, known):
        notice += 1
    if sum(len(lines[at].text) for at in own[notice:]) < MIN_NOTICE:
        notice = end
    start = notice
    while (
        start > 1
        and names[own[start - 1]] in known.signature
        and signature.may_hold(lines[own[start - 1]].text)
    ):
        start -= 1
    while start < notice and signature.is_closing(lines[own[start]].text.strip()):
        start += 1  # what its author wrote
    if start < notice:
        kinds[own[start] : own[notice - 1] + 1] = [Kind.SIGNATURE] * (
            own[notice - 1] + 1 - own[start]
        )
    if notice < end:
        kinds[own[notice] : own[-1] + 1] = [Kind.DISCLAIMER] * (own[-1] + 1 - own[notice])


def _may_begin_notice(names: Names, own: Sequence[int], at: int, known: Known) -> bool:
    """Whether a notice may begin with this line: below a signature, in a paragraph of its own."""
    above = names.lines[own[at] - 1].text
    return signature.is_between(above) and (
        names[own[at - 1]] in known.signature or signature.may_hold(names.lines[own[at - 1]].text)
    )
