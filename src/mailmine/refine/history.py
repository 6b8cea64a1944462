"""The email that stands below the new words: replied to, or passed on."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import groupby

from mailmine.model.email import Email
from mailmine.refine import headerblock, labels, quotes
from mailmine.refine.headerblock import Block
from mailmine.refine.lines import Line, of_text
from mailmine.refine.quotes import Labelled
from mailmine.refine.result import Earlier, Kind, Posting

_QUOTED, _ATTRIBUTION, _DIVIDER = Kind.QUOTED, Kind.ATTRIBUTION, Kind.DIVIDER
# said for each line: until Python 3.12 the members of an enumeration are found slowly

_ADDRESS = re.compile(
    r"[<\[(]?(?:mailto:)?([^\s<>\[\]()\"']{1,200}@[^\s<>\[\]()\"',;:]{1,200})[>\])]?"
)
_MAILTO = re.compile(r"[<\[]?mailto:([^\s<>\[\]]{1,300})[>\]]{0,2}")
_TWICE = re.compile(r"(<[^<>]{1,200})<mailto:[^<>]{1,300}>>?")
_NAMED_TWICE = re.compile(r"<\s?mailto:[^<>@]{0,100}(<[^<>]{1,200}>)\s?>")
"""`Bob < mailto:Bob <bob@example.com> >`"""
_IN_QUOTES = re.compile(
    '["\u00ab\u201e\u201c\u201d]\\s?([^"\u00ab\u00bb\u201c\u201d\u201e]{1,100}?)\\s?["\u00bb\u201c\u201d][\\s<(]*$'
)
_NAME_GAP = re.compile(r"\d[\w:.]*,?\s+(?:[AP]M,?\s+)?|,\s+|[\u060c\u3001\uff0c]\s*")
"""What ends a date, before a name."""

_BIDI = dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202b\u202c\u202d\u202e"))
_MAX_PREFIXES = 10
MAX_MESSAGES = 100
"""Emails of one conversation that are told apart."""

MAX_READ = 1_000_000
"""Characters that are read for it, those of an email for each one above it once more."""

_TOLD = frozenset({Kind.QUOTED, Kind.FORWARDED})
_PREAMBLE = 6
"""Lines that may stand above the header block inside a quote."""

_EDGE = ' \t\xa0*_|,:;-\u2013\u2014"\u00ab\u00bb\u201c\u201d\u201e\uff1a\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e'


def earlier(done: Labelled, subject: str) -> Earlier | None:
    """Read the email directly below the new words, as far as its header block or attribution tells.

    `subject` is that of the email itself: it names the other one, too, where nothing else does.
    """
    found = (
        (
            _of_fields(done.block.fields, done.lines[done.block.start :], done.block)
            if done.block
            else None
        )
        or _of_one_line(done)
        or _of_attribution(done)
        or _of_quoted(done)
        or _of_divider(done)
    )
    if found and not found.subject:
        return replace(found, subject=bare_subject(subject))
    return found


def messages(first: Earlier | None) -> tuple[Earlier, ...]:
    """Part an email and all below it into the emails of the conversation, the latest first.

    One that was passed on within another is one of them.
    """
    found: list[Earlier] = []
    left = MAX_READ
    while first is not None and len(found) < MAX_MESSAGES and len(first.text) <= left:
        left -= len(first.text)
        done = quotes.label(of_text(first.text))
        below = earlier(done, first.subject)
        own = [
            line
            for line, kind in zip(done.lines, done.kinds, strict=True)
            if kind is Kind.NEW or below is None
        ]
        found.append(replace(first, text=_joined(own)))
        first = below
    return tuple(found)


def posting(kinds: Sequence[Kind], own: Collection[Kind]) -> Posting:
    """Say where the words of the `own` kinds stand."""
    runs = [
        is_own
        for is_own, _ in groupby(kind in own for kind in kinds if kind in _TOLD or kind in own)
    ]
    match runs:
        case []:
            return Posting.NONE
        case [True]:
            return Posting.ALONE
        case [False]:
            return Posting.NONE
        case [True, False]:
            return Posting.TOP
        case [False, True]:
            return Posting.BOTTOM
        case _:
            return Posting.BETWEEN


def is_forward(done: Labelled, found: Earlier | None, email: Email) -> bool:
    """Tell passing on from replying: both look alike in Outlook, and the subject tells."""
    if says_forward(done, email.subject):
        return True
    if found is None or email.in_reply_to:
        return False
    is_reply = bool(labels.prefix("reply").match(email.subject))
    if not done.block and not found.to:  # only an attribution tells of it
        return not is_reply and not any(line.depth for line in done.lines)
    return not is_reply or bare_subject(found.subject) != bare_subject(email.subject)


def says_forward(done: Labelled, subject: str) -> bool:
    """Whether a divider or the subject says that somebody else's email is passed on."""
    first = done.lines[done.block.start].text if done.block else ""
    return done.is_forward or labels.passes_on(subject, headerblock.label_of(first))


def bare_subject(subject: str) -> str:
    """Give a subject without the prefixes of replies and forwards."""
    for _ in range(_MAX_PREFIXES):
        prefix = labels.prefix("reply").match(subject) or labels.prefix("forward").match(subject)
        if not prefix:
            break
        subject = subject[prefix.end() :]
    return subject.strip()


def _of_fields(
    fields: dict[str, str], lines: Sequence[Line], block: Block | None = None
) -> Earlier:
    """Compose it of the labels; `lines` begin with the block, if there is one."""
    below = lines
    if block:
        depth = lines[0].depth
        below = [_unquoted(line, depth) for line in lines[block.end - block.start :]]
    return Earlier(
        from_=_plain(fields.get("from", "")),
        to=_plain(fields.get("to", "")),
        cc=_plain(fields.get("cc", "")),
        reply_to=_plain(fields.get("reply_to", "")),
        subject=fields.get("subject", ""),
        date=fields.get("sent", ""),
        text=_joined(below),
    )


def _of_one_line(done: Labelled) -> Earlier | None:
    """Yahoo puts a divider and all labels on one line."""
    for at, kind in enumerate(done.kinds):
        if kind is _DIVIDER and done.lines[at].text.count(":") > 1:
            fields = headerblock.of_one_line(done.lines[at].text)
            return _of_fields(fields, done.lines[at + 1 :]) if "from" in fields else None
    return None


def _of_attribution(done: Labelled) -> Earlier | None:
    """`On Monday, 3 March 2026, Ann <ann@example.com> wrote:`, and what is quoted below it."""
    span = [at for at, kind in enumerate(done.kinds) if kind is _ATTRIBUTION]
    if not span:
        return None
    end = span[0]
    while end + 1 < len(done.kinds) and done.kinds[end + 1] is Kind.ATTRIBUTION:
        end += 1
    text = " ".join(done.lines[at].text.strip() for at in range(span[0], end + 1))
    below = [
        _unquoted(line, 1)
        for line, kind in zip(done.lines[end + 1 :], done.kinds[end + 1 :], strict=True)
        if kind is _QUOTED
    ]
    who, when = _who_and_when(text)
    return Earlier(from_=who, to="", cc="", reply_to="", subject="", date=when, text=_joined(below))


def _who_and_when(text: str) -> tuple[str, str]:
    """Part an attribution into somebody and a time: the address tells where somebody ends."""
    text = text.translate(_BIDI) if not text.isascii() else text
    text = _NAMED_TWICE.sub(r"\1", labels.wrote().sub(" ", text)).strip(_EDGE)
    word, _, rest = text.partition(" ")
    if word.isalpha() and labels.starts().match(f"{word} 1"):
        text = rest.strip(_EDGE)  # `On`, of a day
    found = _ADDRESS.search(text)
    if not found:
        return "", text
    before, after = text[: found.start()].strip(_EDGE), text[found.end() :].strip(_EDGE)
    in_quotes = _IN_QUOTES.search(text[: found.start()])
    if in_quotes:
        name, before = in_quotes[1], text[: in_quotes.start()].strip(_EDGE)
    else:
        gaps = (*_NAME_GAP.finditer(before), *labels.before_name().finditer(before))
        name_at = max((gap.end() for gap in gaps), default=0)
        name, before = before[name_at:].rstrip(" (").strip(_EDGE), before[:name_at].strip(_EDGE)
    if not any(char.isalpha() for char in name):
        name = ""
    return (f"{name} <{found[1]}>" if name else found[1]), f"{before} {after}".strip(_EDGE)


def _of_quoted(done: Labelled) -> Earlier | None:
    """Look for a header block or an attribution inside what is quoted (Apple Mail, Ionos)."""
    quoted = [
        _unquoted(line, 1)
        for line, kind in zip(done.lines, done.kinds, strict=True)
        if kind is _QUOTED
    ]
    if not quoted:
        return None
    inner = quotes.label(quoted)
    done.is_forward = done.is_forward or inner.is_forward
    if inner.block and inner.block.start < _PREAMBLE:
        block = inner.block
        return _of_fields(block.fields, inner.lines[block.start :], block)
    return _of_attribution(inner)


def _of_divider(done: Labelled) -> Earlier | None:
    """Take all below a divider that no header block follows."""
    if not done.is_forward or Kind.DIVIDER not in done.kinds:
        return None
    at = done.kinds.index(Kind.DIVIDER)
    return _of_fields({}, done.lines[at + 1 :])


def _unquoted(line: Line, depth: int) -> Line:
    return Line(line.text, line.raw, max(0, line.depth - depth)) if line.depth else line


def _plain(value: str) -> str:
    """Write `Ann [mailto:ann@example.com]` as everybody else does."""
    if "mailto:" not in value:
        return value
    return _MAILTO.sub(r"<\1>", _TWICE.sub(r"\1>", value))


def _joined(lines: Sequence[Line]) -> str:
    return "\n".join(
        ">" * line.depth + " " * bool(line.depth) + line.text for line in lines
    ).strip()
