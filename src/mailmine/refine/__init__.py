"""An email becomes a comment. Pure functions: no I/O, nothing raised for what an email holds."""

from itertools import groupby

from mailmine.model.email import Email
from mailmine.refine import html, lines as line_model, quotes, signature
from mailmine.refine.language import language
from mailmine.refine.lines import Line
from mailmine.refine.result import VERSION, Earlier, Kind, Refined, Zone

__all__ = ["VERSION", "Earlier", "Kind", "Refined", "Zone", "refine"]

_OWN = frozenset({Kind.NEW, Kind.SIGNATURE, Kind.DEVICE_LINE})
_SIGNED = frozenset({Kind.SIGNATURE, Kind.DEVICE_LINE})
_HISTORY = frozenset({Kind.QUOTED, Kind.FORWARDED})


def refine(email: Email) -> Refined:
    """Tell the new words of an email's author from everything else in its body. Never raises."""
    lines = html.lines(email.html) if email.html else []
    if not any(line.raw for line in lines):
        lines = line_model.of_text(email.text or "")
    labelled = quotes.label(lines)
    kinds = labelled.kinds
    signature.label(lines, kinds, email.from_)
    text = _text(lines, kinds, {Kind.NEW})
    reply = _text(lines, kinds, _OWN)
    shows_forwarded = not text
    if not text:
        # Mail that has text never becomes an empty comment.
        text = reply or _text(lines, kinds, _HISTORY) or _text(lines, kinds, frozenset(Kind))
        shows_forwarded = bool(text) and not reply
    return Refined(
        text=text,
        reply=reply,
        signature=_text(lines, kinds, _SIGNED),
        language=language(text),
        zones=tuple(
            Zone(kind, "\n".join(line.raw for line, _ in run))
            for kind, run in groupby(zip(lines, kinds, strict=True), key=lambda pair: pair[1])
        ),
        is_forward=labelled.is_forward,
        shows_forwarded=shows_forwarded,
        earlier=quotes.earlier(lines, labelled),
    )


def _text(lines: list[Line], kinds: list[Kind], wanted: frozenset[Kind] | set[Kind]) -> str:
    """Put lines together, one blank line at most between them."""
    out: list[str] = []
    for line, kind in zip(lines, kinds, strict=True):
        if kind in wanted:
            text = line.text.rstrip()
            if text or (out and out[-1]):
                out.append(text)
    while out and not out[-1]:
        out.pop()
    return "\n".join(out)
