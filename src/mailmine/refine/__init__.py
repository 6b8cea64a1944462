"""An email becomes a comment. Pure functions: no I/O, nothing raised for what an email holds."""

from collections.abc import Iterable
from itertools import groupby

from mailmine.model.email import Email
from mailmine.refine import (
    history,
    html,
    learning,
    lines as line_model,
    quotes,
    signature,
    top,
)
from mailmine.refine.language import language
from mailmine.refine.learning import Known
from mailmine.refine.lines import Line
from mailmine.refine.result import MEANINGS, VERSION, Earlier, Kind, Posting, Refined, Zone

__all__ = [
    "MEANINGS",
    "VERSION",
    "Earlier",
    "Kind",
    "Known",
    "Posting",
    "Refined",
    "Zone",
    "refine",
]

_WORDS = frozenset({Kind.NEW, Kind.CLOSING})
_APPENDED = frozenset({Kind.SIGNATURE, Kind.DEVICE_LINE, Kind.DISCLAIMER})
_OWN = _WORDS | _APPENDED
_SIGNED = frozenset({Kind.SIGNATURE, Kind.DEVICE_LINE})
_CLOSING = frozenset({Kind.CLOSING})
_HISTORY = frozenset({Kind.QUOTED, Kind.FORWARDED})


def refine(email: Email, *, whole: bool = True, known: Known | None = None) -> Refined:
    """Tell the new words of an email's author from everything else in its body. Never raises.

    Without `whole` the account of what was cut is left out (`zones`, `earlier`, `messages`, `is_forward`, `posting`): a comment does
    not show it, and it takes as long as a tenth of the rest. With `known` other emails are learned from, and the
    result says what this one has for them to learn.
    """
    if not whole and email.html and (beginning := top.of_html(email.html)):
        done = quotes.label(html.lines(beginning), email)
        if (
            top.is_enough(done)
            and (refined := _refined(done, email, whole=False, known=known)).reply
            and not refined.shows_forwarded
        ):
            return refined
    # Lexbor ends lines by LF on its own, as browsers do.
    lines = html.lines(email.html) if email.html else []
    if not any(line.raw for line in lines):
        lines = line_model.of_text(_unix(email.text or ""))
    return _refined(quotes.label(lines, email), email, whole=whole, known=known)


def _refined(done: quotes.Labelled, email: Email, *, whole: bool, known: Known | None) -> Refined:
    """Compose the result of the labelled lines."""
    lines, kinds = done.lines, done.kinds
    names = learning.Names(lines)
    if known is not None:
        learning.label(names, kinds, known)
    passes_on = history.says_forward(done, email.subject)
    signature.label(lines, kinds, email.from_, may_be_all=passes_on)
    there = set(kinds)
    text = _text(lines, kinds, _WORDS)
    reply = text
    if there & _APPENDED:
        reply = _text(lines, kinds, _OWN, up_to=_history_begins(kinds))
    earlier = history.earlier(done, email.subject) if whole or not text else None
    shows_forwarded = not text
    if not text:
        # Mail that has text never becomes an empty comment, and a signature is no words to pass on.
        text = _tidied(earlier.text) if earlier else ""
        if reply and not (passes_on and text):
            text, shows_forwarded = reply, False
        text = text or _text(lines, kinds, _HISTORY) or _text(lines, kinds, frozenset(Kind))
        shows_forwarded = shows_forwarded and bool(text)
    return Refined(
        text=text,
        reply=reply,
        signature=_text(lines, kinds, _SIGNED if there & _SIGNED else _CLOSING),
        language=language(text),
        zones=_zones(lines, kinds) if whole else (),
        is_forward=whole and history.is_forward(done, earlier, email),
        shows_forwarded=shows_forwarded,
        earlier=earlier if whole else None,
        messages=history.messages(earlier) if whole else (),
        tail=learning.tail(names, kinds, _OWN) if known is not None else (),
        lines=learning.all_of(names) if known is not None else (),
        posting=history.posting(_worded(lines, kinds), _WORDS) if whole else Posting.ALONE,
    )


def _worded(lines: list[Line], kinds: list[Kind]) -> list[Kind]:
    """Give the kinds of the lines that have words."""
    return [kind for line, kind in zip(lines, kinds, strict=True) if line.text.strip()]


def _zones(lines: list[Line], kinds: list[Kind]) -> tuple[Zone, ...]:
    return tuple(
        Zone(kind, "\n".join(line.raw for line, _ in run))
        for kind, run in groupby(zip(lines, kinds, strict=True), key=lambda pair: pair[1])
    )


def _unix(text: str) -> str:
    """End lines by LF: Exchange ends them by CRLF, and what ends a line must not look like a part of it."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    return text.replace("\r", "\n") if "\r" in text else text


def _history_begins(kinds: list[Kind]) -> int:
    """Find where the first history begins: a signature below it is none of the reply's."""
    return next((at for at, kind in enumerate(kinds) if kind not in _OWN), len(kinds))


def _text(
    lines: list[Line],
    kinds: list[Kind],
    wanted: frozenset[Kind],
    *,
    up_to: int | None = None,
) -> str:
    """Put lines together; signatures only `up_to` a line."""
    return _joined(
        [
            lines[at].text
            for at, kind in enumerate(kinds)
            if kind in wanted and (up_to is None or at < up_to or kind in _WORDS)
        ]
    )


def _tidied(text: str) -> str:
    return _joined(text.split("\n"))


def _joined(texts: Iterable[str]) -> str:
    """Put lines together, one blank line at most between them."""
    out: list[str] = []
    for text in map(str.rstrip, texts):
        if text or (out and out[-1]):
            out.append(text)
    return "\n".join(out).rstrip()
