"""Which lines are new, and which are history: the heart of refining.

Each line gets a kind. Marks of the markup and `>` are believed; besides them three things tell where
history begins: a header block, an attribution (`On Monday, Ann wrote:`), a divider.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailmine.model.email import Email
from mailmine.refine import attribution, headerblock, labels
from mailmine.refine.attribution import EDGE, MAX_ATTRIBUTION, MAX_ATTRIBUTION_LINES, MAX_CHECKED
from mailmine.refine.headerblock import Block
from mailmine.refine.lines import Line, Mark
from mailmine.refine.result import Kind

_NEW, _QUOTED = Kind.NEW, Kind.QUOTED
_QUOTE, _HISTORY = Mark.QUOTE, Mark.HISTORY
# said for each line: until Python 3.12 the members of an enumeration are found slowly

MAX_OPENINGS = 10_000
"""Lines of an email in which a history is looked for."""

MAX_ASKING = 100
"""Characters of a line that asks to reply above it."""

MAX_DIVIDER = 60
"""Characters of a divider without dashes."""

_DASHES = "-=~\u2013\u2014>#"
_OPENERS = frozenset(EDGE + _DASHES)
"""Characters with which a dashed line begins."""

_DASHED = re.compile(
    r"[ \t>*#|\ufeff]{0,10}(?:[-_=~\u2013\u2014]{2,}|\*{2,}|-(?=[^-]{3,40}-{3}))[ \t]{0,4}(?=[^\s\-_=~\u2013\u2014])"
)
_FRAMED = re.compile(r"[ \t]*[-_=*]{4,}[^\-_=*]{2,60}[-_=*]{4,}[ \t]*$")
_RULE = re.compile(r"[ \t]*(?:[-\u2013\u2014]{3,}|[_=*~#]{4,}|(?:[-_*=] ){3,}[-_*=]?)[ \t]*$")
_STAMP = re.compile(
    r"(?:>>> )?.{1,200} \d{1,2}:\d{2}(?::\d{2})? ?(?:[AP]M)? >>>[ \t]*$", re.IGNORECASE
)
_LINK = re.compile(r"[ \t]*[(<\[]?https?://\S+[ \t]*[)>\]]*[ \t]*$")
_ATTACHED = re.compile(r"[ \t]*(?:- .{1,80}\.\w{2,4}|<<.{1,80}>>)[ \t]*$")
_ANNOUNCED = frozenset({Kind.ATTRIBUTION, Kind.HEADER_BLOCK, Kind.DIVIDER})
_LABELS_ON_ONE_LINE = 3
_OPENING = 8
"""Lines of a history in which its header block is looked for."""


@dataclass(slots=True)
class Labelled:
    """The lines with their kinds, and what tells of the history."""

    lines: list[Line]
    """Those given; one more where a client put an attribution behind the words."""
    kinds: list[Kind]
    block: Block | None = None
    """The header block of the history at the author's own level."""
    is_forward: bool = False


def label(given: Sequence[Line], email: Email | None = None) -> Labelled:
    """Say of each line whether it is new or what kind of history it is.

    The headers of the `email` tell whether there is an earlier one that it may quote; where nobody knows, there is.
    """
    lines = list(given)
    is_marked = any(line.depth or line.mark is _QUOTE for line in lines)
    if is_marked:
        lines = attribution.parted(lines)
    done = Labelled(lines, [_NEW] * len(lines))
    kinds = done.kinds
    ends = attribution.possible_ends(lines)
    near = {at for end in ends for at in range(end + 1 - MAX_ATTRIBUTION_LINES, end + 1)}
    asks = _asks_to_reply_above(
        "\n".join([line.text for line in lines if len(line.text) <= MAX_ASKING])
    )
    for at, line in enumerate(lines):
        mark, text = line.mark, line.text
        if line.depth or mark is _QUOTE:
            kinds[at] = _QUOTED
        elif (
            text
            and (mark or asks or at in near or _may_open(text))
            and kinds[at] is _NEW
            and at < MAX_OPENINGS
            and not text.isspace()
            and _history_begins(done, at, ends, asks=asks)
        ):
            break
    _attributions_in_containers(done)
    if is_marked:
        _mend(done, email)
        _rules_above_quotes(done)
    return done


def _history_begins(done: Labelled, at: int, ends: dict[int, bool], *, asks: bool) -> bool:
    """Look for what opens a history at this line; True where everything from here on is."""
    line = done.lines[at]
    if line.mark is Mark.REST or line.mark is Mark.ATTRIBUTION:
        return _marked(done, at)
    if asks and len(line.text) <= MAX_ASKING and _asks_to_reply_above(line.text):
        if _has_words(done.lines[:at]):
            _cut(done, at, Kind.QUOTED)
            return True
        # A ticket system wrote to its customer: the words are below.
        done.kinds[: at + 1] = [Kind.DIVIDER] * (at + 1)
        return False
    if _opens(done, at):
        return True
    return done.kinds[at] is _NEW and _attributed(done, at, ends)


def _marked(done: Labelled, at: int) -> bool:
    """Believe what the markup says of this line."""
    if done.lines[at].mark is Mark.REST:
        _cut(done, at, Kind.QUOTED)
        return True
    done.kinds[at] = Kind.ATTRIBUTION
    if _divider(done.lines[at].text) is Kind.FORWARDED:
        _cut(done, at, Kind.FORWARDED)
        return True
    return False


def _has_words(lines: Sequence[Line]) -> bool:
    return any(char.isalnum() for line in lines for char in line.text)


def _asks_to_reply_above(text: str) -> bool:
    text = text.lower()
    by_word, others = labels.reply_above()
    return any(
        any(map(text.__contains__, phrases)) for word, phrases in by_word.items() if word in text
    ) or (not text.isascii() and any(map(text.__contains__, others)))


def _may_open(text: str) -> bool:
    """Whether a line has what every divider and header block has."""
    text = text[:MAX_CHECKED]
    return ":" in text or text[0] in _OPENERS or "\uff1a" in text


def _opens(done: Labelled, at: int) -> bool:
    """Cut at a divider or a header block that begins with this line."""
    text = done.lines[at].text[:MAX_CHECKED]
    if not _may_open(text):
        return False
    kind = _divider(text) if _DASHED.match(text) else None
    if kind is None and text.rstrip().endswith(" >>>") and _STAMP.match(text):
        _cut(done, at + 1, Kind.QUOTED)
        done.kinds[at] = Kind.ATTRIBUTION
        return True
    if kind is None and headerblock.field(text):
        block = headerblock.find(done.lines, at)
        if block:
            _cut_at_block(done, block)
            return True
    if kind is None and text[0].isdigit() and (columns := headerblock.find_columns(done.lines, at)):
        _cut_at_block(done, columns)
        return True
    if kind is None and _bare_divider(text) is Kind.FORWARDED:
        kind = Kind.FORWARDED
    if kind and attribution.quote_follows(done.lines, at + 1):
        # What it announces is marked, so there may be more words below.
        done.kinds[at] = Kind.DIVIDER
        done.is_forward = done.is_forward or kind is Kind.FORWARDED
        return False
    if kind:
        _cut(done, at, kind)
    return kind is not None


def _divider(text: str) -> Kind | None:
    """Say what a dashed line with words announces."""
    core = text.strip(EDGE + _DASHES)
    if labels.forwarded().match(core):
        return Kind.FORWARDED
    if labels.original().match(core):
        return Kind.QUOTED
    if core.count(":") >= _LABELS_ON_ONE_LINE and "from" in (
        fields := headerblock.of_one_line(core)
    ):
        return Kind.FORWARDED if "subject" in fields else None
    # `---- On Wed, 24 Feb 2021, Ann wrote ----`
    if len(core) < MAX_ATTRIBUTION and text.rstrip()[-1:] in "-\u2013\u2014":
        for verb in labels.wrote().finditer(core):
            if verb.end() == len(core.rstrip(":")):
                return Kind.QUOTED
    return None


def _bare_divider(text: str) -> Kind | None:
    """Say what a line announces that is nothing but a divider's words."""
    bare = text.strip(EDGE + "-:\uff1a")
    if len(bare) > MAX_DIVIDER:
        return None
    if labels.forwarded().fullmatch(bare):
        return Kind.FORWARDED
    return Kind.QUOTED if labels.original().fullmatch(bare) else None


def _cut(done: Labelled, at: int, kind: Kind) -> None:
    """Take everything from this line on for history."""
    done.is_forward = done.is_forward or kind is Kind.FORWARDED
    _open_above(done, at)
    done.kinds[at:] = [kind] * (len(done.lines) - at)
    if at < len(done.lines) and (
        _DASHED.match(done.lines[at].text) or _bare_divider(done.lines[at].text)
    ):
        done.kinds[at] = Kind.DIVIDER
    for ahead in range(at, min(at + _OPENING, len(done.lines))):
        if headerblock.field(done.lines[ahead].text[:MAX_CHECKED]):
            block = headerblock.find(done.lines, ahead)
            if block:
                done.block = block
                done.kinds[block.start : block.end] = [Kind.HEADER_BLOCK] * (
                    block.end - block.start
                )
            break


def _cut_at_block(done: Labelled, block: Block) -> None:
    done.block = block
    _open_above(done, block.start)
    done.kinds[block.start : block.end] = [Kind.HEADER_BLOCK] * (block.end - block.start)
    done.kinds[block.end :] = [Kind.QUOTED] * (len(done.lines) - block.end)


def _open_above(done: Labelled, at: int) -> None:
    """Take what stands right above a history, and belongs to it, for a divider."""
    start = at
    while start > 0 and _is_opening(done.lines[start - 1]):
        start -= 1
    done.kinds[start:at] = [Kind.DIVIDER] * (at - start)


def _is_opening(line: Line) -> bool:
    """Whether a line above a header block belongs to it: blank, a rule, a divider without dashes."""
    text = line.text
    if not text or text.isspace() or line.mark is Mark.RULE:
        return True
    if line.depth or len(text) > MAX_CHECKED:
        return False
    return bool(_RULE.match(text) or _FRAMED.match(text)) or _bare_divider(text) is not None


def _attributed(done: Labelled, at: int, ends: dict[int, bool]) -> bool:
    """Mark an attribution that begins at this line; cut there, unless what it quotes is marked."""
    near = [end for end in range(at, at + MAX_ATTRIBUTION_LINES) if end in ends]
    if not near or (near[0] > at and ends[near[0]]):
        return False
    span = attribution.find(done.lines, at)
    if not span:
        return False
    start, end, quoted = span
    if not quoted:
        _cut(done, end, Kind.QUOTED)
    done.kinds[start:end] = [Kind.ATTRIBUTION] * (end - start)
    return not quoted


def _attributions_in_containers(done: Labelled) -> None:
    """Take what a container says before its quote for an attribution, in whatever language."""
    lines, kinds = done.lines, done.kinds
    at = next((at for at, line in enumerate(lines) if line.mark is _HISTORY), len(lines))
    while at < len(lines):
        if lines[at].mark is not _HISTORY or lines[at].depth or kinds[at] is not _NEW:
            at += 1
            continue
        end = at
        while end < len(lines) and lines[end].mark is _HISTORY and not lines[end].depth:
            end += 1
        quoted = attribution.quote_follows(lines, end)
        opens = at == 0 or lines[at - 1].mark is not _HISTORY
        if opens and at and (not quoted or end - at <= MAX_ATTRIBUTION_LINES):
            kinds[at:end] = [Kind.ATTRIBUTION if quoted else Kind.QUOTED] * (end - at)
        at = end


def _mend(done: Labelled, email: Email | None) -> None:
    """Look at the whole again: what single lines could not tell."""
    lines, kinds = done.lines, done.kinds
    _mend_wraps(done)
    written = [at for at, line in enumerate(lines) if line.text.strip()]
    own = [at for at in written if kinds[at] is _NEW]
    plain = _ANNOUNCED.isdisjoint(kinds)
    while own and own[-1] > written[0] and _ATTACHED.match(lines[own[-1]].text):
        # Names of attachments that a client appended below a history are nobody's words.
        if all(kinds[at] is _NEW for at in range(own[-1])):
            break
        kinds[own.pop()] = Kind.QUOTED
    if not plain or tells_of_history(lines):
        return
    last = own[-1] if own else len(lines)
    opens = email is not None and _opens_conversation(email)
    for at, line in enumerate(lines):
        if kinds[at] is not _QUOTED:
            continue
        if not own or line.mark is Mark.CITED or (at < last and line.raw == line.text):
            # Nothing says whose words these are: the author quotes them, they are no history.
            kinds[at] = Kind.NEW
        elif at < last and opens:
            kinds[at] = Kind.NEW
            lines[at] = Line(line.raw, line.raw)


def _rules_above_quotes(done: Labelled) -> None:
    """Take a rule, or a divider's words, right above what is quoted for a divider."""
    lines, kinds = done.lines, done.kinds
    for at in range(1, len(lines)):
        if kinds[at] is not _QUOTED or kinds[at - 1] is not _NEW or not lines[at].depth:
            continue
        start = at
        while start and kinds[start - 1] is _NEW and _is_opening(lines[start - 1]):
            start -= 1
        if _is_seen(lines[start:at]):
            kinds[start:at] = [Kind.DIVIDER] * (at - start)


def _is_seen(lines: Sequence[Line]) -> bool:
    return any(line.text and not line.text.isspace() for line in lines)


def _opens_conversation(email: Email) -> bool:
    """Whether an email answers none and passes none on, so that what its author quotes is from elsewhere."""
    if email.in_reply_to or email.references:
        return False
    return not any(labels.prefix(kind).match(email.subject) for kind in ("reply", "forward"))


def tells_of_history(lines: Sequence[Line]) -> bool:
    """Whether what is quoted begins with a divider, a header block or an attribution of its own."""
    first = next((at for at, line in enumerate(lines) if line.depth and line.text.strip()), None)
    if first is None:
        return False
    for at in range(first, min(first + _OPENING, len(lines))):
        text = lines[at].text[:MAX_CHECKED]
        if not text.strip():
            continue
        if (_DASHED.match(text) and _divider(text)) or _bare_divider(text):
            return True
        if headerblock.field(text) and headerblock.find(lines, at):
            return True
        if attribution.is_attribution(text.strip(EDGE), quoted=False):
            return True
    return False


def _mend_wraps(done: Labelled) -> None:
    """Take a short line between two quoted ones for one that was wrapped off the first."""
    lines, kinds = done.lines, done.kinds
    for at in range(1, len(lines) - 1):
        if kinds[at] is not _NEW or not lines[at - 1].depth or not lines[at + 1].depth:
            continue
        text = lines[at].text
        wrapped = len(lines[at - 1].raw) >= 60 and len(text) < 25  # noqa: PLR2004
        if text.strip() and (wrapped or done.is_forward or _LINK.match(text)):
            kinds[at] = Kind.QUOTED
