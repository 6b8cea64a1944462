"""The email that stands below the new words: replied to, or passed on."""

import re
from collections.abc import Sequence
from dataclasses import replace

from mailmine.refine import headerblock, labels, quotes
from mailmine.refine.lines import Line
from mailmine.refine.quotes import Labelled
from mailmine.refine.result import Earlier, Kind

_ADDRESS = re.compile(
    r"[<\[(]?(?:mailto:)?([^\s<>\[\]()\"']{1,200}@[^\s<>\[\]()\"',;:]{1,200})[>\])]?"
)
_MAILTO = re.compile(r"[<\[]?mailto:([^\s<>\[\]]{1,300})[>\]]{0,2}")
_EDGE = ' \t\xa0*_|,:;-\u2013\u2014"\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e'


def earlier(done: Labelled) -> Earlier | None:
    """Read the email directly below the new words, as far as its header block or attribution tells."""
    if done.block:
        return _of_fields(done.block.fields, done.lines[done.block.end :])
    found = _of_attribution(done) or _of_one_line(done)
    return found or _of_quoted(done)


def _of_fields(fields: dict[str, str], below: Sequence[Line]) -> Earlier:
    return Earlier(
        from_=_plain(fields.get("from", "")),
        to=_plain(fields.get("to", "")),
        cc=_plain(fields.get("cc", "")),
        subject=fields.get("subject", ""),
        date=fields.get("sent", ""),
        text=_joined(below),
    )


def _of_one_line(done: Labelled) -> Earlier | None:
    """Yahoo puts a divider and all labels on one line."""
    for at, kind in enumerate(done.kinds):
        if kind is Kind.DIVIDER and done.lines[at].text.count(":") > 1:
            fields = headerblock.of_one_line(done.lines[at].text)
            return _of_fields(fields, done.lines[at + 1 :]) if "from" in fields else None
    return None


def _of_attribution(done: Labelled) -> Earlier | None:
    """`On Monday, 3 March 2026, Ann <ann@example.com> wrote:`, and what is quoted below it."""
    span = [at for at, kind in enumerate(done.kinds) if kind is Kind.ATTRIBUTION]
    if not span:
        return None
    end = span[0]
    while end + 1 < len(done.kinds) and done.kinds[end + 1] is Kind.ATTRIBUTION:
        end += 1
    text = " ".join(done.lines[at].text.strip() for at in range(span[0], end + 1))
    below = [
        _unquoted(line)
        for line, kind in zip(done.lines[end + 1 :], done.kinds[end + 1 :], strict=True)
        if kind is Kind.QUOTED
    ]
    who, when = _who_and_when(text)
    return Earlier(from_=who, to="", cc="", subject="", date=when, text=_joined(below))


def _who_and_when(text: str) -> tuple[str, str]:
    """Part an attribution into somebody and a time: the address tells where somebody ends."""
    text = labels.wrote().sub(" ", text).strip(_EDGE)
    found = _ADDRESS.search(text)
    if not found:
        return "", text
    before, after = text[: found.start()].strip(_EDGE), text[found.end() :].strip(_EDGE)
    name_at = max(
        (gap.end() for gap in re.finditer(r"\d[\w:.]*,?\s+(?:[AP]M,?\s+)?|,\s+", before)), default=0
    )
    name = before[name_at:].strip(_EDGE)
    if not any(char.isalpha() for char in name):
        name = ""
    when = f"{before[:name_at]} {after}".strip(_EDGE)
    return (f"{name} <{found[1]}>" if name else found[1]), when


def _of_quoted(done: Labelled) -> Earlier | None:
    """Look for a header block inside what is quoted (Apple Mail, Ionos)."""
    quoted = [
        _unquoted(line)
        for line, kind in zip(done.lines, done.kinds, strict=True)
        if kind is Kind.QUOTED and line.depth
    ]
    if not quoted:
        return None
    inner = quotes.label(quoted)
    if inner.block and not any(
        kind is Kind.NEW and line.text.strip()
        for line, kind in zip(inner.lines, inner.kinds, strict=True)
    ):
        return _of_fields(inner.block.fields, inner.lines[inner.block.end :])
    return None


def _unquoted(line: Line) -> Line:
    return replace(line, depth=max(0, line.depth - 1), mark=None)


def _plain(value: str) -> str:
    """Write `Ann [mailto:ann@example.com]` as everybody else does."""
    if "mailto:" not in value:
        return value
    value = re.sub(r"(<[^<>]{1,200})<mailto:[^<>]{1,300}>", r"\1", value)
    return _MAILTO.sub(r"<\1>", value)


def _joined(lines: Sequence[Line]) -> str:
    return "\n".join(
        ">" * line.depth + " " * bool(line.depth) + line.text for line in lines
    ).strip()
