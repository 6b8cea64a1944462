"""The line above a quote that says who wrote it: `On Monday, 3 March 2026, Ann wrote:`.

It may be wrapped over several lines, stand behind the words on their last line, have no verb, and be
in any language. What is no more than a sentence that ends in a colon must not be taken for one.
"""

import re
from collections.abc import Sequence

from mailmine.refine import labels
from mailmine.refine.lines import Line, Mark

_QUOTE = Mark.QUOTE  # said for each line: until Python 3.12 it is found slowly

MAX_CHECKED = 1_000
"""Characters of a line that are looked at: no line that opens a history is longer."""

MAX_ATTRIBUTION = 500
"""Characters of an attribution, all its lines together."""

MAX_ATTRIBUTION_LINES = 5

MAX_NAME_WORDS = 6
"""Words of a name, `Smith, Ann (Example Ltd)`."""

MAX_PARTED = 10_000
"""Lines of an email in which words and attribution on one line are looked for."""

MAX_ENDS = 300
"""Lines with which an attribution might end that are looked at."""

EDGE = " \t\xa0*_|\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
"""What may surround a line without being part of it: white space, emphasis, marks of direction."""

_DAY = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,4}\. \d{1,2}\. \d{2,4}"
    r"|\d{1,2}(?:\.|st|nd|rd|th)?[ \xa0-](?:de |of |d\u2019)?[^\W\d]{3,12}\.?,?[ \xa0-](?:de |del )?\d{2,4}"
    r"|[^\W\d]{3,12}\.?[ \xa0]\d{1,2}(?:st|nd|rd|th)?,?[ \xa0]\d{4}"
    r"|\d{4}(?:[\u5e74\ub144]|\. ?(?:g\.|[^\W\d]{3,10}\.? \d)| m\.)"
)
_DATE = re.compile(rf"{_DAY.pattern}|\d{{1,2}}[:.h]\d{{2}}")
_DAY_FIRST = re.compile(rf"(?:[^\W\d]{{1,14}}[.,]{{0,2}}[ \xa0]){{0,2}}(?:{_DAY.pattern})")
"""A day at the beginning, its name before it: `czw., 28 paź 2021`."""

_SENTENCE = re.compile(r"(?:[!?]|\w\w\.)$")
_STUB = re.compile(r"(?:[^\W\d][^\d.!?]{0,11},|[^\W\d]{1,8})$")
"""What may be left of an attribution above a day that was wrapped: `On Thu,`."""

_DAY_STUB = re.compile(
    r"(?:[^\W\d]{1,14}[.,]{0,2}[ \xa0]){0,3}\d{1,2}\.?(?:[ \xa0][^\W\d]{3,10}\.?)?,?$"
)
"""The same above a year: `Thu, 28 Oct`."""

_DIGIT = re.compile(r"\d")
_LOOSE_DATE = re.compile(r"\d{4}|\d{1,2}[:./]\d{1,2}")
_ENDS_IN_ADDRESS = re.compile(r"@[^\s@]{1,200}[>)\]]?[\"']?[ \t\u202c\u200f]*[:\uff1a]$")
_GMAIL_WITHOUT_COLON = re.compile(r"\d{4}-\d{2}-\d{2} \d{1,2}:\d{2} GMT[+-]\d{2}:\d{2} \S.{0,80}$")
_AFTER_VERB = 90
"""Characters that may follow the verb: `wrote on Monday, 3 March 2026 at 10:15:`."""


def possible_ends(lines: Sequence[Line]) -> dict[int, bool]:
    """Find the lines with which an attribution may end: few, so that little else need be looked at.

    Each with whether it is an attribution by itself, so that none begins on a line above it.
    """
    candidates: list[tuple[int, str, bool]] = []
    quoted = False
    for at in range(len(lines) - 1, -1, -1):
        line = lines[at]
        if line.depth or line.mark is _QUOTE:
            quoted = True
        elif line.text:
            text = line.text.rstrip(EDGE)
            if text:
                if quoted or text[-1] in ":\uff1a" or _is_of_gmail(text):
                    candidates.append((at, text, quoted))
                quoted = False
    ends: dict[int, bool] = {}
    for at, text, quoted in reversed(candidates):
        if quoted or _is_of_gmail(text) or _may_end(lines, at, text):
            ends[at] = _is_whole(lines, at, quoted=quoted)
            if len(ends) == MAX_ENDS:
                break
    return ends


def _is_of_gmail(text: str) -> bool:
    """Whether a line looks like `2014-03-20 8:48 GMT+01:00 Ann`, which may have no colon."""
    return text[0] == "2" and " GMT" in text


def _is_whole(lines: Sequence[Line], at: int, *, quoted: bool) -> bool:
    text = lines[at].text[:MAX_CHECKED].strip(EDGE)
    # A line that begins with an address or an hour, or has no date, may go on with the one above.
    if not _has_date(text) or not is_attribution(text, quoted=quoted):
        return False
    if text[:1].isalpha() and labels.starts().match(text):
        return True
    return bool(_tells_who(text) and _DAY_FIRST.match(text)) and not _is_stub_above(lines, at, text)


def _is_stub_above(lines: Sequence[Line], at: int, text: str) -> bool:
    """Whether what was wrapped off an attribution's beginning stands above the line at which `text` begins."""
    if _is_complete(text):
        return False
    above = lines[at - 1].text.strip(EDGE) if at else ""
    return bool(_STUB.match(above) and labels.starts().match(f"{above} 1"))


def _is_complete(text: str) -> bool:
    """Whether nothing can stand before an attribution: it begins with a known word, a day's name, or somebody's."""
    if not text[:1].isalpha() and not text.startswith(('"', "\u201c", "\u00ab")):
        return False
    if labels.starts().match(text) or _DAY_FIRST.match(text):
        return True
    return "@" in text and bool(_DAY.search(text)) and labels.has_verb(text)


def _tells_who(text: str) -> bool:
    """Whether a text holds an address or the verb."""
    return "@" in text or labels.has_verb(text)


def _may_end(lines: Sequence[Line], at: int, text: str) -> bool:
    """Whether the last words of a line that ends in a colon are an address, or hold a verb."""
    if "@" in text[-_AFTER_VERB:]:
        return True
    above = " ".join(line.text for line in lines[max(0, at + 1 - MAX_ATTRIBUTION_LINES) : at])
    return labels.has_verb(f"{above[-_AFTER_VERB:]} {text[-2 * _AFTER_VERB :]}")


def parted(lines: list[Line]) -> list[Line]:
    """Part words and attribution that stand on one line: `I agree. On Wed, 4 Apr 2012, Ann wrote:`."""
    for at in range(min(len(lines), MAX_PARTED) - 1, -1, -1):
        line = lines[at]
        text = line.text
        if (
            not line.depth
            and len(text) < MAX_ATTRIBUTION
            and text.endswith(":")
            and quote_follows(lines, at + 1)
            and not labels.starts().match(text)
            and (inner := labels.starts_within().search(text))
            and not _DIGIT.search(text, 0, inner.start())
            and _tells_who(text[inner.end() :])
            and ("@" in text[inner.end() :] or "@" not in text)
            and not any(
                verb.start() < inner.start() < verb.end() for verb in labels.wrote().finditer(text)
            )
            and is_attribution(text[inner.end() :], quoted=True)
        ):
            words = text[: inner.start()].rstrip()
            lines[at : at + 1] = [
                Line(words, words, line.depth, line.mark),
                Line(text[inner.end() :], text[len(words) :], line.depth, line.mark),
            ]
    return lines


def find(lines: Sequence[Line], at: int) -> tuple[int, int, bool] | None:
    """Find the attribution that begins at this line: its first line, its end, whether a quote follows."""
    text = lines[at].text[:MAX_CHECKED].strip(EDGE)
    opens = bool(labels.starts().match(text))
    spans_blanks = opens and bool(_DATE.search(text))
    opens = opens or _is_opened_by_day(text)
    if _GMAIL_WITHOUT_COLON.match(text) and _stands_alone(lines, at):
        return at, at + 1, False
    joined = ""
    for end in range(at, min(at + MAX_ATTRIBUTION_LINES, len(lines))):
        line = lines[end]
        piece = line.text[:MAX_CHECKED].strip(EDGE)
        if line.depth or not (piece or spans_blanks):
            break
        if line.mark is Mark.HISTORY and lines[at].mark is not Mark.HISTORY:
            break  # the words end where the container begins
        joined = f"{joined} {piece}".strip()
        if len(joined) > MAX_ATTRIBUTION:
            break
        quoted = quote_follows(lines, end + 1)
        if (
            piece
            and is_attribution(joined, quoted=quoted)
            and not _is_open(lines, end, joined)
            and (opens or quoted or "@" in joined or _begins_with_name(joined))
        ):
            begins = _begins_anew if opens else _begins_later
            if not spans_blanks and any(
                begins(lines, at, later, end, quoted=quoted) for later in range(at + 1, end + 1)
            ):
                return None
            return at, end + 1, quoted
    return None


def _begins_with_name(text: str) -> bool:
    """Whether a name stands before the verb: `Ann Smith wrote on 3 March 2026:`, and not `The customer wrote …`."""
    verb = labels.wrote().search(text)
    words = re.findall(r"[^\W\d_][^\W\d_.'-]*", text[: verb.start()]) if verb else []
    cased = [word for word in words if word.lower() != word.upper()]
    return len(cased) <= MAX_NAME_WORDS and not any(word.islower() for word in cased)


def _is_open(lines: Sequence[Line], end: int, joined: str) -> bool:
    """Whether a bracket is only closed on the next line: `Ann wrote (on:` and `3 March 2026):`."""
    if joined.count("(") <= joined.count(")") or end + 1 >= len(lines):
        return False
    return lines[end + 1].text.rstrip(EDGE).endswith("):")


def _is_opened_by_day(text: str) -> bool:
    """Whether a line begins with a day, and ends with an hour, a name or in the middle of something: it is no sentence."""
    return (
        bool(_DAY_FIRST.match(text))
        and not _SENTENCE.search(text)
        and (text.endswith((":", "\uff1a")) or not text.rsplit(None, 1)[-1].islower())
    )


def _begins_later(lines: Sequence[Line], at: int, start: int, end: int, *, quoted: bool) -> bool:
    """Whether a later line begins the attribution better: the lines above it are words."""
    shorter = _together(lines, start, end + 1)
    if shorter.startswith(("<", "(<")) or _is_stub_above(lines, start, shorter):
        return False  # a name, or the day's name, stands above
    above = lines[start - 1].text.strip(EDGE)
    if _DAY_STUB.match(above) and not _DAY.search(shorter):
        return False
    if not is_attribution(shorter, quoted=quoted):
        return False
    opens = bool(labels.starts().match(shorter))
    if not _tells_who(shorter):
        opens = opens or bool(_DAY.search(shorter) or _SENTENCE.search(above))
        return opens and not _tells_who(_together(lines, at, start))
    if opens:
        return True
    verb = labels.has_verb(shorter)
    sign = bool(_DAY.search(shorter) or _SENTENCE.search(above))
    return verb or sign if "@" in shorter else verb and sign


def _together(lines: Sequence[Line], start: int, end: int) -> str:
    return " ".join(line.text.strip(EDGE) for line in lines[start:end])


def _begins_anew(lines: Sequence[Line], at: int, start: int, end: int, *, quoted: bool) -> bool:
    """Whether a later line begins with a date of its own, so that the one above only looks like it."""
    text = _together(lines, start, end + 1)
    return (
        (_is_complete(text) or bool(_DAY_FIRST.match(text)))
        and bool(_DATE.search(text))
        and _begins_later(lines, at, start, end, quoted=quoted)
    )


def is_attribution(text: str, *, quoted: bool) -> bool:
    """Whether a text is one; where a marked quote follows (`quoted`), less proof is asked for."""
    ends = text.endswith((":", "\uff1a"))
    if not ends and not quoted:
        return False
    address = "@" in text
    verbs = list(labels.wrote().finditer(text, max(0, len(text) - _AFTER_VERB)))
    if verbs or (address and (verbs := list(filter(None, [labels.wrote().match(text)])))):
        tells_on = _tells_on(text[verbs[-1].end() :])
        if address or _has_date(text):
            return quoted or not tells_on
        return ends and quoted and not tells_on and len(text) < 120  # noqa: PLR2004
    if ends and address and _ENDS_IN_ADDRESS.search(text) and _has_date(text):
        return True
    if ends:
        return quoted and (address or _has_date(text))
    return address and bool(_LOOSE_DATE.search(text)) and len(text) < 200  # noqa: PLR2004


def _tells_on(text: str) -> bool:
    """Whether what follows the verb is neither a time nor somebody: `wrote to us:`, `wrote that he agrees. So do we:`."""
    words = text.rstrip(":\uff1a \t\xa0").split()
    if not words or _DIGIT.search(text) or "@" in text:
        return False
    return all(word.isalpha() and word.islower() for word in words) or any(
        word.endswith((".", "!", "?")) for word in words
    )


def _has_date(text: str) -> bool:
    return bool(_DIGIT.search(text) and _DATE.search(text))


def _stands_alone(lines: Sequence[Line], at: int) -> bool:
    return (at == 0 or not lines[at - 1].text.strip()) and (
        at + 1 == len(lines) or not lines[at + 1].text.strip()
    )


def quote_follows(lines: Sequence[Line], at: int) -> bool:
    """Whether the next line with words, from this one on, is marked as quoted."""
    for line in lines[at : at + 4]:
        if line.depth or line.mark is _QUOTE:
            return True
        if line.text.strip():
            return False
    return False
