"""Which lines are new, and which are history: the heart of refining.

Each line gets a kind. Marks of the markup and `>` are believed; besides them three things tell where
history begins: a header block, an attribution (`On Monday, Ann wrote:`), a divider.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailmine.refine import headerblock, labels
from mailmine.refine.headerblock import Block
from mailmine.refine.lines import Line, Mark
from mailmine.refine.result import Kind

MAX_CHECKED = 1_000
"""Characters of a line that are looked at: no line that opens a history is longer."""

MAX_ATTRIBUTION = 500
"""Characters of an attribution, all its lines together."""

MAX_ATTRIBUTION_LINES = 5

MAX_ENDS = 300
"""Lines with which an attribution might end that are looked at."""

MAX_OPENINGS = 10_000
"""Lines of an email in which a history is looked for."""

MAX_DIVIDER = 60
"""Characters of a divider without dashes."""

_EDGE = " \t\xa0*_|\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
_DASHES = "-=~\u2013\u2014>#"
_OPENERS = frozenset(_EDGE + _DASHES)
"""Characters with which a dashed line begins."""

_DASHED = re.compile(
    r"[ \t>*#|\ufeff]{0,10}(?:[-_=~\u2013\u2014]{2,}|-(?=[^-]{3,40}-{3}))[ \t]{0,4}(?=[^\s\-_=~\u2013\u2014])"
)
_FRAMED = re.compile(r"[ \t]*[-_=*]{4,}[^\-_=*]{2,60}[-_=*]{4,}[ \t]*$")
_RULE = re.compile(r"[ \t]*(?:[-\u2013\u2014]{3,}|[_=*~#]{4,}|(?:[-_*=] ){3,}[-_*=]?)[ \t]*$")
_DATE = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}"
    r"|\d{1,2}[:.h]\d{2}"
    r"|\d{1,2}(?:\.|st|nd|rd|th)?[ \xa0-](?:de |of )?[^\W\d]{3,12}\.?,?[ \xa0-](?:de |del )?\d{2,4}"
    r"|[^\W\d]{3,12}\.?[ \xa0]\d{1,2}(?:st|nd|rd|th)?,?[ \xa0]\d{4}"
    r"|\d{4}[\u5e74\ub144]"
)
_DIGIT = re.compile(r"\d")
_LOOSE_DATE = re.compile(r"\d{4}|\d{1,2}[:./]\d{1,2}")
_ENDS_IN_ADDRESS = re.compile(r"@[^\s@]{1,200}[>)\]]?[\"']?[ \t\u202c\u200f]*[:\uff1a]$")
_GMAIL_WITHOUT_COLON = re.compile(r"\d{4}-\d{2}-\d{2} \d{1,2}:\d{2} GMT[+-]\d{2}:\d{2} \S.{0,80}$")
_STAMP = re.compile(r">>> .{1,200} \d{1,2}:\d{2} ?(?:[AP]M)? >>>[ \t]*$")
_LINK = re.compile(r"[ \t]*[(<\[]?https?://\S+[ \t]*[)>\]]*[ \t]*$")
_ATTACHED = re.compile(r"[ \t]*(?:- .{1,80}\.\w{2,4}|<<.{1,80}>>)[ \t]*$")
_LABELS_ON_ONE_LINE = 3
_AFTER_VERB = 90
"""Characters that may follow the verb: `wrote on Monday, 3 March 2026 at 10:15:`."""

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


def label(given: Sequence[Line]) -> Labelled:
    """Say of each line whether it is new or what kind of history it is."""
    lines = list(given)
    is_marked = any(line.depth or line.mark is Mark.QUOTE for line in lines)
    if is_marked:
        lines = _without_shared_lines(lines)
    done = Labelled(lines, [Kind.NEW] * len(lines))
    kinds = done.kinds
    ends = _possible_ends(lines)
    asks = _asks_to_reply_above("\n".join([line.text for line in lines]))
    for at, line in enumerate(lines):
        if line.depth or line.mark is Mark.QUOTE:
            kinds[at] = Kind.QUOTED
        elif (
            kinds[at] is Kind.NEW
            and at < MAX_OPENINGS
            and line.text
            and not line.text.isspace()
            and _history_begins(done, at, ends, asks=asks)
        ):
            break
    _attributions_in_containers(done)
    if is_marked:
        _mend(done)
    return done


def _history_begins(done: Labelled, at: int, ends: set[int], *, asks: bool) -> bool:
    """Look for what opens a history at this line; True where everything from here on is."""
    line = done.lines[at]
    if line.mark is Mark.REST or line.mark is Mark.ATTRIBUTION:
        return _marked(done, at)
    if asks and len(line.text) < MAX_ATTRIBUTION and _asks_to_reply_above(line.text):
        _cut(done, at, Kind.QUOTED)
        return True
    return _opens(done, at) or (bool(ends) and _attributed(done, at, ends))


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


def _without_shared_lines(lines: list[Line]) -> list[Line]:
    """Part words and attribution on one line: `I agree. On Wed, 4 Apr 2012, Ann wrote:`."""
    for at in range(min(len(lines), MAX_OPENINGS) - 1, -1, -1):
        line = lines[at]
        text = line.text
        if (
            not line.depth
            and len(text) < MAX_ATTRIBUTION
            and text.endswith(":")
            and _quote_follows(lines, at + 1)
            and not labels.starts().match(text)
            and (inner := labels.starts_within().search(text))
            and not _DIGIT.search(text, 0, inner.start())
            and _is_attribution(text[inner.end() :], quoted=True)
        ):
            words = text[: inner.start()].rstrip()
            lines[at : at + 1] = [
                replace(line, text=words, raw=words),
                replace(line, text=text[inner.end() :], raw=text[len(words) :]),
            ]
    return lines


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
                if quoted or text[-1] in ":\uff1a" or (text[0] == "2" and " GMT" in text):
                    ends.add(at)
                quoted = False
    return ends if len(ends) <= MAX_ENDS else set(sorted(ends)[:MAX_ENDS])


def _asks_to_reply_above(text: str) -> bool:
    text = text.lower()
    return any(phrase in text for phrase in labels.reply_above())


def _opens(done: Labelled, at: int) -> bool:
    """Cut at a divider or a header block that begins with this line."""
    text = done.lines[at].text[:MAX_CHECKED]
    if ":" not in text and text[0] not in _OPENERS and "\uff1a" not in text:
        return False
    kind = _divider(text) if _DASHED.match(text) else None
    if kind is None and text.startswith(">>>") and _STAMP.match(text):
        _cut(done, at + 1, Kind.QUOTED)
        done.kinds[at] = Kind.ATTRIBUTION
        return True
    if kind is None and headerblock.field(text):
        block = headerblock.find(done.lines, at)
        if block:
            _cut_at_block(done, block)
            return True
    if kind is None and _bare_divider(text) is Kind.FORWARDED:
        kind = Kind.FORWARDED
    if kind and _quote_follows(done.lines, at + 1):
        # What it announces is marked, so there may be more words below.
        done.kinds[at] = Kind.DIVIDER
        done.is_forward = done.is_forward or kind is Kind.FORWARDED
        return False
    if kind:
        _cut(done, at, kind)
    return kind is not None


def _divider(text: str) -> Kind | None:
    """Say what a dashed line with words announces."""
    core = text.strip(_EDGE + _DASHES)
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
    bare = text.strip(_EDGE + "-:\uff1a")
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


def _attributed(done: Labelled, at: int, ends: set[int]) -> bool:
    """Mark an attribution that begins at this line; cut there, unless what it quotes is marked."""
    if ends.isdisjoint(range(at, at + MAX_ATTRIBUTION_LINES)):
        return False
    span = _attribution(done.lines, at)
    if not span:
        return False
    start, end, quoted = span
    if not quoted:
        _cut(done, end, Kind.QUOTED)
    done.kinds[start:end] = [Kind.ATTRIBUTION] * (end - start)
    return not quoted


def _attribution(lines: Sequence[Line], at: int) -> tuple[int, int, bool] | None:
    """Find the attribution that begins at this line: its first line, its end, whether a quote follows."""
    text = lines[at].text[:MAX_CHECKED].strip(_EDGE)
    opens = bool(labels.starts().match(text))
    spans_blanks = opens and bool(_DATE.search(text))
    if _GMAIL_WITHOUT_COLON.match(text) and _stands_alone(lines, at):
        return at, at + 1, False
    joined = ""
    for end in range(at, min(at + MAX_ATTRIBUTION_LINES, len(lines))):
        line = lines[end]
        piece = line.text[:MAX_CHECKED].strip(_EDGE)
        if line.depth or not (piece or spans_blanks):
            break
        joined = f"{joined} {piece}".strip()
        if len(joined) > MAX_ATTRIBUTION:
            break
        quoted = _quote_follows(lines, end + 1)
        if piece and _is_attribution(joined, quoted=quoted):
            if not opens and any(
                _begins_later(lines, later, end, quoted=quoted) for later in range(at + 1, end + 1)
            ):
                return None
            return at, end + 1, quoted
    return None


def _begins_later(lines: Sequence[Line], start: int, end: int, *, quoted: bool) -> bool:
    """Whether a later line begins the attribution better: the lines above it are words."""
    shorter = " ".join(line.text.strip(_EDGE) for line in lines[start : end + 1])
    if not _is_attribution(shorter, quoted=quoted):
        return False
    return bool(labels.starts().match(shorter)) or (
        "@" in shorter and bool(labels.wrote().search(shorter))
    )


def _is_attribution(text: str, *, quoted: bool) -> bool:
    ends = text.endswith((":", "\uff1a"))
    if not ends and not quoted:
        return False
    date = _DATE.search(text)
    address = "@" in text
    verbs = list(labels.wrote().finditer(text))
    if verbs and len(text) - verbs[-1].end() < _AFTER_VERB:
        if ends:
            return bool(address or date or (quoted and len(text) < 120))  # noqa: PLR2004
        return bool(quoted and (address or date))
    if ends and date and _ENDS_IN_ADDRESS.search(text):
        return True
    if ends and quoted:
        return bool(date or address)
    return bool(quoted and address and _LOOSE_DATE.search(text) and len(text) < 200)  # noqa: PLR2004


def _stands_alone(lines: Sequence[Line], at: int) -> bool:
    return (at == 0 or not lines[at - 1].text.strip()) and (
        at + 1 == len(lines) or not lines[at + 1].text.strip()
    )


def _quote_follows(lines: Sequence[Line], at: int) -> bool:
    for line in lines[at : at + 4]:
        if line.depth or line.mark is Mark.QUOTE:
            return True
        if line.text.strip():
            return False
    return False


def _attributions_in_containers(done: Labelled) -> None:
    """Take what a container says before its quote for an attribution, in whatever language."""
    lines, kinds = done.lines, done.kinds
    at = next((at for at, line in enumerate(lines) if line.mark is Mark.HISTORY), len(lines))
    while at < len(lines):
        if lines[at].mark is not Mark.HISTORY or lines[at].depth or kinds[at] is not Kind.NEW:
            at += 1
            continue
        end = at
        while end < len(lines) and lines[end].mark is Mark.HISTORY and not lines[end].depth:
            end += 1
        quoted = _quote_follows(lines, end)
        opens = at == 0 or lines[at - 1].mark is not Mark.HISTORY
        if opens and at and (not quoted or end - at <= MAX_ATTRIBUTION_LINES):
            kinds[at:end] = [Kind.ATTRIBUTION if quoted else Kind.QUOTED] * (end - at)
        at = end


def _mend(done: Labelled) -> None:
    """Look at the whole again: what single lines could not tell."""
    lines, kinds = done.lines, done.kinds
    _mend_wraps(done)
    written = [at for at, line in enumerate(lines) if line.text.strip()]
    own = [at for at in written if kinds[at] is Kind.NEW]
    plain = not any(kind in (Kind.ATTRIBUTION, Kind.HEADER_BLOCK, Kind.DIVIDER) for kind in kinds)
    while own and own[-1] > written[0] and _ATTACHED.match(lines[own[-1]].text):
        # Names of attachments that a client appended below a history are nobody's words.
        if all(kinds[at] is Kind.NEW for at in range(own[-1])):
            break
        kinds[own.pop()] = Kind.QUOTED
    if not plain or tells_of_history(lines):
        return
    last = own[-1] if own else len(lines)
    for at, line in enumerate(lines):
        if kinds[at] is Kind.QUOTED and (not own or (at < last and line.raw == line.text)):
            # Nothing says whose words these are: the author quotes them, they are no history.
            kinds[at] = Kind.NEW


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
        if _is_attribution(text.strip(_EDGE), quoted=False):
            return True
    return False


def _mend_wraps(done: Labelled) -> None:
    """Take a short line between two quoted ones for one that was wrapped off the first."""
    lines, kinds = done.lines, done.kinds
    for at in range(1, len(lines) - 1):
        if kinds[at] is not Kind.NEW or not lines[at - 1].depth or not lines[at + 1].depth:
            continue
        text = lines[at].text
        wrapped = len(lines[at - 1].raw) >= 60 and len(text) < 25  # noqa: PLR2004
        if text.strip() and (wrapped or done.is_forward or _LINK.match(text)):
            kinds[at] = Kind.QUOTED
