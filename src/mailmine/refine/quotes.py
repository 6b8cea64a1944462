"""Which lines are new, and which are history: the heart of refining.

Each line gets a kind. Marks of the markup and `>` are believed; besides them three things tell where
history begins: a header block, an attribution (`On Monday, Ann wrote:`), a divider.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field as dataclass_field

from mailmine.refine import headerblock, labels
from mailmine.refine.headerblock import Block
from mailmine.refine.lines import Line, Mark
from mailmine.refine.result import Earlier, Kind

MAX_CHECKED = 1_000
"""Characters of a line that are looked at: no line that opens a history is longer."""

MAX_ATTRIBUTION = 500
"""Characters of an attribution, all its lines together."""

MAX_ATTRIBUTION_LINES = 5

MAX_DIVIDER = 60
"""Characters of a divider without dashes."""

_EDGE = " \t\xa0*_|\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
_OPENERS = frozenset(" \t>*#|-_=~\u2013\u2014\xa0")
"""Characters with which a dashed line begins."""

_DASHED = re.compile(r"[ \t>*#|]{0,10}[-_=~\u2013\u2014]{2,}[ \t]{0,4}(?=[^\s\-_=~\u2013\u2014])")
_RULE = re.compile(r"[ \t]*(?:[-\u2013\u2014]{3,}|[_=*~#]{4,}|(?:[-_*=] ){3,}[-_*=]?)[ \t]*$")
_DATE = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,2}[:.h]\d{2}|\d{1,2}(?:\.|st|nd|rd|th)?(?:[ \xa0-](?:de |of )?)"
    r"[^\W\d]{3,12}\.?,?[ \xa0-](?:de |del )?\d{2,4}|[^\W\d]{3,12}\.?[ \xa0]\d{1,2}(?:st|nd|rd|th)?,?[ \xa0]\d{4}|\d{4}[年년]"
)
_LOOSE_DATE = re.compile(r"\d{4}|\d{1,2}[:./]\d{1,2}")
_ENDS_IN_ADDRESS = re.compile(r"@[^\s@]{1,200}[>)\]]?[\"']?[ \t\u202c\u200f]*[:\uff1a]$")
_AFTER_VERB = 90
"""Characters that may follow the verb: `wrote on Monday, 3 March 2026 at 10:15:`."""


@dataclass(slots=True)
class Labelled:
    """The lines with their kinds, and the header blocks that were found on the way."""

    kinds: list[Kind]
    blocks: list[Block] = dataclass_field(default_factory=list)
    """Of the history at the author's own level; the first one only."""
    is_forward: bool = False


def label(lines: Sequence[Line]) -> Labelled:
    """Say of each line whether it is new or what kind of history it is."""
    done = Labelled([Kind.NEW] * len(lines))
    kinds = done.kinds
    ends = _possible_ends(lines)
    asks = _asks_to_reply_above(lines)
    at = 0
    while at < len(lines):
        line = lines[at]
        mark = line.mark
        if line.depth or mark is Mark.QUOTE:
            kinds[at] = Kind.QUOTED
        elif mark is Mark.REST:
            _cut(lines, done, at, Kind.QUOTED)
            break
        elif mark is Mark.ATTRIBUTION:
            kinds[at] = Kind.ATTRIBUTION
            if _forward_divider(line.text):
                _cut(lines, done, at, Kind.FORWARDED)
                break
        elif (text := line.text) and not text.isspace():
            if asks and len(text) < MAX_ATTRIBUTION and labels.reply_above().search(text):
                _cut(lines, done, at, Kind.QUOTED)
                break
            if (":" in text or text[0] in _OPENERS or "\uff1a" in text) and _opens(lines, done, at):
                break
            if not ends.isdisjoint(range(at, at + MAX_ATTRIBUTION_LINES)) and _attributed(
                lines, done, at
            ):
                break
        at += 1
    _attributions_in_containers(lines, kinds)
    _mend_wraps(lines, kinds)
    return done


def _possible_ends(lines: Sequence[Line]) -> set[int]:
    """Find the lines with which an attribution may end: few, so that little else need be looked at."""
    ends = set()
    quoted = False
    for at in range(len(lines) - 1, -1, -1):
        line = lines[at]
        if line.depth or line.mark is Mark.QUOTE:
            quoted = True
        elif line.text:
            text = line.text.rstrip(_EDGE)
            if text:
                if quoted or text[-1] in ":\uff1a":
                    ends.add(at)
                quoted = False
    return ends


def _asks_to_reply_above(lines: Sequence[Line]) -> bool:
    whole = "\n".join([line.text for line in lines]).lower()
    return any(phrase in whole for phrase in labels.reply_above_phrases())


def _opens(lines: Sequence[Line], done: Labelled, at: int) -> bool:
    """Cut at a divider or a header block that begins with this line."""
    text = lines[at].text[:MAX_CHECKED]
    kind = _divider(text) if _DASHED.match(text) else None
    if kind is None and headerblock.field(text):
        block = headerblock.find(lines, at)
        if block:
            _cut_at_block(lines, done, block)
            return True
    kind = kind or _bare_divider(text)
    if kind:
        _cut(lines, done, at, kind)
    return kind is not None


def _attributed(lines: Sequence[Line], done: Labelled, at: int) -> bool:
    """Mark an attribution that begins at this line; cut there, unless what it quotes is marked."""
    span = _attribution(lines, at)
    if not span:
        return False
    start, end, quoted = span
    if not quoted:
        _cut(lines, done, end, Kind.QUOTED)
    done.kinds[start:end] = [Kind.ATTRIBUTION] * (end - start)
    return not quoted


def _bare_divider(text: str) -> Kind | None:
    """Say what a line announces that is nothing but a divider's words."""
    bare = text.strip(_EDGE + "-:\uff1a")
    if len(bare) > MAX_DIVIDER:
        return None
    if labels.forwarded().fullmatch(bare):
        return Kind.FORWARDED
    return Kind.QUOTED if labels.original().fullmatch(bare) else None


def _divider(text: str) -> Kind | None:
    """Say what a dashed line with words announces."""
    core = text.strip(_EDGE + "-=~\u2013\u2014>#")
    if labels.forwarded().match(core):
        return Kind.FORWARDED
    if labels.original().match(core):
        return Kind.QUOTED
    return None


def _forward_divider(text: str) -> bool:
    return bool(labels.forwarded().match(text.strip(_EDGE + "-=~\u2013\u2014>#")))


def _cut(lines: Sequence[Line], done: Labelled, at: int, kind: Kind) -> None:
    """Everything from this line on is history."""
    done.is_forward = done.is_forward or kind is Kind.FORWARDED
    start = at
    while start > 0 and _is_opening(lines[start - 1]):
        start -= 1
    for line in range(start, at):
        done.kinds[line] = Kind.DIVIDER
    done.kinds[at:] = [kind] * (len(lines) - at)
    if at < len(lines) and (_DASHED.match(lines[at].text) or _forward_divider(lines[at].text)):
        done.kinds[at] = Kind.DIVIDER
    for ahead in range(at, min(at + 8, len(lines))):
        if headerblock.field(lines[ahead].text[:MAX_CHECKED]):
            block = headerblock.find(lines, ahead)
            if block:
                done.blocks.append(block)
                done.kinds[block.start : block.end] = [Kind.HEADER_BLOCK] * (
                    block.end - block.start
                )
            break


def _cut_at_block(lines: Sequence[Line], done: Labelled, block: Block) -> None:
    done.blocks.append(block)
    start = block.start
    while start > 0 and _is_opening(lines[start - 1]):
        start -= 1
    done.kinds[start : block.start] = [Kind.DIVIDER] * (block.start - start)
    done.kinds[block.start : block.end] = [Kind.HEADER_BLOCK] * (block.end - block.start)
    done.kinds[block.end :] = [Kind.QUOTED] * (len(lines) - block.end)


def _is_opening(line: Line) -> bool:
    """Whether a line above a header block belongs to it: blank, a rule, a divider without dashes."""
    text = line.text
    if not text or text.isspace() or line.mark is Mark.RULE:
        return True
    if line.depth or len(text) > MAX_CHECKED:
        return False
    if _RULE.match(text):
        return True
    return _bare_divider(text) is not None


def _attribution(lines: Sequence[Line], at: int) -> tuple[int, int, bool] | None:
    """Find the attribution that begins at this line: its first line, its end, whether a quote follows."""
    text = lines[at].text[:MAX_CHECKED]
    joined = ""
    for end in range(at, min(at + MAX_ATTRIBUTION_LINES, len(lines))):
        line = lines[end]
        piece = line.text[:MAX_CHECKED].strip(_EDGE)
        if not piece or line.depth:
            break
        joined = f"{joined} {piece}".strip()
        if len(joined) > MAX_ATTRIBUTION:
            break
        quoted = _quote_follows(lines, end + 1)
        if _is_attribution(joined, quoted=quoted):
            if end > at and not labels.starts().match(text.strip(_EDGE)):
                # It begins with a line of its own where a shorter one says as much.
                for later in range(at + 1, end + 1):
                    shorter = " ".join(each.text.strip(_EDGE) for each in lines[later : end + 1])
                    if _is_attribution(shorter, quoted=quoted):
                        return None
            return at, end + 1, quoted
    return None


def _is_attribution(text: str, *, quoted: bool) -> bool:
    ends = text.endswith((":", "\uff1a"))
    if not ends and not quoted:
        return False
    date = _DATE.search(text)
    address = "@" in text
    verb = None
    for verb in labels.wrote().finditer(text):  # noqa: B007  # the last one counts
        pass
    if verb and len(text) - verb.end() < _AFTER_VERB:
        if ends:
            return bool(address or date or (quoted and len(text) < 120))  # noqa: PLR2004
        return bool(quoted and (address or date))
    if ends and date and _ENDS_IN_ADDRESS.search(text):
        return True
    if ends and quoted:
        return bool(date or address)
    return bool(quoted and address and _LOOSE_DATE.search(text) and len(text) < 200)  # noqa: PLR2004


def _quote_follows(lines: Sequence[Line], at: int) -> bool:
    for line in lines[at : at + 4]:
        if line.depth or line.mark is Mark.QUOTE:
            return True
        if line.text.strip():
            return False
    return False


def _attributions_in_containers(lines: Sequence[Line], kinds: list[Kind]) -> None:
    """Take what a container says before its quote for an attribution, in whatever language."""
    at = 0
    while at < len(lines):
        if lines[at].mark is not Mark.HISTORY or lines[at].depth or kinds[at] is not Kind.NEW:
            at += 1
            continue
        end = at
        while end < len(lines) and lines[end].mark is Mark.HISTORY and not lines[end].depth:
            end += 1
        quoted = _quote_follows(lines, end)
        opens = at == 0 or lines[at - 1].mark is not Mark.HISTORY
        if opens and (not quoted or end - at <= MAX_ATTRIBUTION_LINES):
            kinds[at:end] = [Kind.ATTRIBUTION if quoted else Kind.QUOTED] * (end - at)
        at = end


def _mend_wraps(lines: Sequence[Line], kinds: list[Kind]) -> None:
    """Take a short line between two quoted ones for one that was wrapped off the first."""
    for at in range(1, len(lines) - 1):
        if (
            kinds[at] is Kind.NEW
            and lines[at - 1].depth
            and lines[at + 1].depth
            and lines[at].text.strip()
            and len(lines[at - 1].raw) >= 60  # noqa: PLR2004
            and len(lines[at].text) < 25  # noqa: PLR2004
        ):
            kinds[at] = Kind.QUOTED


def earlier(lines: Sequence[Line], labelled: Labelled) -> Earlier | None:
    """Give the email directly below the new words, as its header block tells of it."""
    if not labelled.blocks:
        return None
    block = labelled.blocks[0]
    return Earlier(
        from_=block.fields.get("from", ""),
        to=block.fields.get("to", ""),
        cc=block.fields.get("cc", ""),
        subject=block.fields.get("subject", ""),
        date=block.fields.get("sent", ""),
        text="\n".join(line.text for line in lines[block.end :]).strip(),
    )
