"""What stands around the words: a signature, a line of the device, a legal notice, a warning of the server.

Looked for from the bottom of the new lines only. What people write themselves each time (`Thanks,
Ann`) stays with their words; what their client appends goes: the block of contact data, whatever
stands below `-- `, `Sent from my phone`.
"""

import re
from collections.abc import Sequence
from itertools import groupby

from mailmine.model.email import Address
from mailmine.refine import labels
from mailmine.refine.lines import Line, Mark
from mailmine.refine.result import Kind

_NEW = Kind.NEW
_SIGNATURE = Mark.SIGNATURE
# said for each line: until Python 3.12 the members of an enumeration are found slowly

MAX_LINES = 20
"""Lines, blank ones not counted, that a signature may have."""

MAX_REGIONS = 1_000
"""Runs of new lines, between quotes, that are looked at."""

MAX_LINE = 80
"""Characters of a line in a signature; longer ones are sentences or disclaimers."""

_LONGEST_DEVICE = 120
"""Characters of a line of a device, links not counted."""

MAX_FOOTER = 4
"""Lines below a line of dashes that need no other proof."""

MAX_NAME = 200
"""Characters of a sender's name that are looked at."""

MAX_NAMES = 3
"""Lines below a closing that may say who closes: a name, what he is."""

MIN_NOTICE = 60
"""Characters of a legal notice."""

MIN_NOTICE_UNSPACED = 30
"""The same where a character is a word, as in Chinese."""

MAX_NOTICE = 60
"""Lines of one paragraph of it."""

MAX_NOTICE_LINE = 4_000
"""Characters of a line of it that are looked at."""

NOTICE_WORDS = 3
"""Different words of legal notices that make one."""

MAX_CAUTION = 8
"""Lines of a warning above the words."""

MIN_WRAPPED = 35
"""Characters of a line that may have been wrapped."""

MAX_TAG = 60
"""Characters of a warning that is only a tag: `[EXTERNAL EMAIL]`."""

CAUTION_WORDS = 2
"""Different words of warnings that make one."""

MAX_WORDS = 9
"""Words of a line in a block of contact data."""

_DELIMITER = re.compile(r"[ \t]*(?:--|\u2014|\u2013\u2013|__)[ \t]*$")
_RFC_DELIMITER = "-- "
"""With the blank it is nothing else (RFC 3676, 4.3)."""

_DASHES = re.compile(r"[ \t]*(?:[-\u2013\u2014]{2,}|_{3,}|={3,}|\*{3,}|~{3,}|#{5,})[ \t]*$")
_DASHED = frozenset(" \t-\u2013\u2014_=*~#")
"""Characters with which it begins."""

_DASH_NAME = re.compile(
    r"(?:-{1,2}|[\u2013~\u2014])[ \t]?[^\W\d_][\w.'-]{0,30}(?: [^\W\d_][\w.'-]{0,30}){0,2}$"
)
_WORD = re.compile(r"\w+")
_REACHED_BY = "tel|fax|phone|mobile|mobil|cell|pager|handy|t\u00e9l|telefon|tlf|skype|aim|im|icq|whatsapp|linkedin"
_CONTACT = re.compile(
    r"\+?\(?\d[\d \t()./-]{6,}\d"  # a telephone number
    r"|\b[xX][ -]?\d{4,5}\b|\b\d-\d{4}\b"  # an extension
    r"|[\w.+-]{1,64}@[\w-]{1,64}\."
    rf"|\b(?:{_REACHED_BY})\b[ .:)]",
    re.IGNORECASE,
)
_CONTACT_WORDS = frozenset(_REACHED_BY.split("|"))
_DIGIT_OR_AT = re.compile(r"[\d@]")
"""What a line of contact data holds that has none of the words."""

_URL = re.compile(r"https?://\S*")
_COMPANIES = r"Inc|Corp|LLC|LLP|GmbH|Ltd|AG|S\.A|B\.V|AB|Oy|ApS|SpA|Sarl|Co"
_PLACE = re.compile(
    rf"\bwww\.|https?://|\b(?:{_COMPANIES})\b\.?[,]?(?:$| )",
    re.IGNORECASE,
)
"""A web site or a company: in a signature, but alone none."""

_PLACE_WORDS = frozenset({"www", *re.findall(r"(?<![\w.])\w+", _COMPANIES.lower())})
"""The words with which these begin; `https` may stand within one."""

_ENTRY = re.compile(r"[\w .#/-]{2,40}?[ \t]*:[ \t]")
"""`Request ID : 4711`: a line of data."""

_BESIDE_NAME = re.compile(r"\s*[(\[|/].*|\s+[-\u2013]\s.*|\s+(?:via|c/o)\s.*", re.DOTALL)
"""What mail systems put behind a name: the company, the list."""

_NAME_IN_ADDRESS = re.compile(r"([^\W\d_]{2,20}(?:[._][^\W\d_]{2,20}){1,2})@")
"""`ann.smith@example.com`"""

_TITLES = re.compile(r"(?:[^\W\d_]{1,5}\.[ -]{0,2}){0,5}")
"""`i.A. `, `Dr. `, `Dipl.-Ing. ` before it."""

_PARTED = re.compile("[|\u2022\u00b7\u25aa]")
"""Between the parts of a signature on one line."""

_NAME = re.compile(r"[^\W\d_a-z][\w.'&|,()-]*(?: [\w.'&|,()/-]+){0,7}$")
_SENTENCE_END = re.compile(r"[.!?;]$")
_ABBREVIATED = re.compile(r"(?:\b\w{1,4}|\.\w{2,3})\.$")
_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Thai, Japanese, Chinese and Korean: their first word is no word of its own."""

_ENDS = tuple(".!?:;)]}>*\u3002\uff01\uff1f\uff1a")
"""With which a sentence, or a line of its own, ends."""

_BRACKETS = tuple("[]()<>*{}")
_POSTAL_CODE = re.compile(r"\b\d{4,6}\b")
_CLOSING_END = " ,.!;:-\u3002\uff01\uff0c\u3001"
_ATTACHED = re.compile(r"[ \t]*(?:- .{1,80}\.\w{2,4}|<<.{1,80}>>)[ \t]*$")
_ORNAMENTS = " \t*_-\u2013\u2014[]<>()"
_MARKDOWN_LINK = re.compile(r"\[([^\[\]]{1,100})\]\([^()]{0,500}\)|<?https?:\S*")


def label(
    lines: Sequence[Line], kinds: list[Kind], sender: Address | None, *, may_be_all: bool = False
) -> None:
    """Find signatures among the new lines, and change their kinds.

    An email that passes another one on may hold nothing else (`may_be_all`).
    """
    for at, line in enumerate(lines):
        if line.mark is _SIGNATURE and kinds[at] is _NEW:
            kinds[at] = Kind.SIGNATURE
    _cautions(lines, kinds)
    _disclaimers(lines, kinds)
    first = True
    for start, end in _regions(kinds)[:MAX_REGIONS]:
        own = [at for at in range(start, end) if lines[at].text.strip()]
        if own:
            may_be_all = may_be_all and end < len(lines)
            _label_region(
                lines,
                kinds,
                own,
                end,
                sender if first else None,
                keeps_first=first and not may_be_all,
            )
            _label_closing(lines, kinds, [at for at in own if kinds[at] is _NEW])
            first = False


def _cautions(lines: Sequence[Line], kinds: list[Kind]) -> None:
    """Mark the warnings that stand above the words."""
    at = marked = 0
    while True:
        while at < len(lines) and is_between(lines[at].text):
            at += 1
        end = _caution_end(lines, kinds, at)
        if end == at:
            return
        kinds[marked:end] = [Kind.CAUTION] * (end - marked)
        at = marked = end


def _caution_end(lines: Sequence[Line], kinds: Sequence[Kind], at: int) -> int:
    """Find the end of the warning that begins at this line; the line itself where none does.

    In HTML the words stand right below it, with no blank line between.
    """
    last = at
    while (
        last < min(at + MAX_CAUTION, len(lines))
        and kinds[last] is Kind.NEW
        and not is_between(lines[last].text)
    ):
        last += 1
    texts = [line.text[:MAX_NOTICE_LINE].strip() for line in lines[at:last]]
    if not texts:
        return at
    if _is_caution_tag(texts[0]):
        return at + 1
    said = labels.cautions().found_in
    if len(said(" ".join(texts))) < CAUTION_WORDS or not (said(texts[0]) or _goes_on(texts[0])):
        return at
    count = next(
        count
        for count in range(1, len(texts) + 1)
        if len(said(" ".join(texts[:count]))) >= CAUTION_WORDS
    )
    while count < len(texts) and (
        _goes_on(texts[count - 1]) or len(said(texts[count])) >= CAUTION_WORDS
    ):
        count += 1
    return at + count


def _goes_on(text: str) -> bool:
    """Whether a line looks as if its sentence were wrapped onto the next one."""
    return len(text) >= MIN_WRAPPED and not text.endswith(_ENDS)


def _is_caution_tag(text: str) -> bool:
    """Whether a line is only a tag: `[EXTERNAL]`, `*** External sender ***`, `EXTERNAL EMAIL`."""
    if len(text) > MAX_TAG:
        return False
    in_brackets = text.startswith(_BRACKETS) and text.endswith(_BRACKETS)
    if not in_brackets and not text.isupper():
        return False
    bare = text.strip(_ORNAMENTS + "{}:").lower()
    said = labels.cautions().found_in(bare)
    return bare in labels.caution_tags() or bare in said or (in_brackets and bool(said))


def _disclaimers(lines: Sequence[Line], kinds: list[Kind]) -> None:
    """Mark the legal notices at the end of new lines, paragraph by paragraph upwards."""
    for start, end in _regions(kinds)[:MAX_REGIONS]:
        at = end
        while at > start:
            last = at
            while last > start and is_between(lines[last - 1].text):
                last -= 1
            first = last
            while first > start and not is_between(lines[first - 1].text):
                first -= 1
            if not _is_disclaimer(lines[first:last]):
                break
            begins = _notice_begins(lines, first, last)
            if begins != first and not _is_disclaimer(lines[begins:last]):
                break
            first = begins
            is_whole = first == start or is_between(lines[first - 1].text)
            while first > start and is_between(lines[first - 1].text):
                first -= 1
            if first == start:
                break  # an email of nothing else is not without words
            kinds[first:end] = [Kind.DISCLAIMER] * (end - first)
            at = first
            if not is_whole:
                break  # words or a signature stand right above


def _notice_begins(lines: Sequence[Line], first: int, last: int) -> int:
    """Find where a notice begins in its paragraph: a signature, or the words, may stand right above it."""
    said = labels.disclaimers().found_in
    closings = [at for at in range(first, last) if is_closing(lines[at].text)]
    top = closings[-1] + 1 if closings else first
    at = next((at for at in range(top, last) if said(lines[at].text[:MAX_NOTICE_LINE])), last)
    while top < at < last:
        above = lines[at - 1].text.rstrip()
        if not _goes_on(above) or _is_contact(above):
            break
        at -= 1
    return at


def is_between(text: str) -> bool:
    """Whether a line parts paragraphs: it is blank, or a rule."""
    return not text or text.isspace() or (text[0] in _DASHED and bool(_DASHES.match(text)))


def _is_disclaimer(paragraph: Sequence[Line]) -> bool:
    if len(paragraph) > MAX_NOTICE:
        return False
    text = " ".join(line.text[:MAX_NOTICE_LINE] for line in paragraph)
    if len(text) < (MIN_NOTICE_UNSPACED if _UNSPACED.search(text[:MIN_NOTICE]) else MIN_NOTICE):
        return False
    return len(labels.disclaimers().found_in(text)) >= NOTICE_WORDS


def _regions(kinds: Sequence[Kind]) -> list[tuple[int, int]]:
    """Find the runs of new lines: above a history, between quotes, below."""
    regions = []
    start = 0
    for kind, run in groupby(kinds):
        end = start + len(list(run))
        if kind is _NEW:
            regions.append((start, end))
        start = end
    return regions


def _label_region(
    lines: Sequence[Line],
    kinds: list[Kind],
    own: list[int],
    end: int,
    sender: Address | None,
    *,
    keeps_first: bool,
) -> None:
    _device_lines(lines, kinds, own)
    own = [at for at in own if kinds[at] is _NEW]
    while len(own) > 1 and _ATTACHED.match(lines[own[-1]].text):
        end = own.pop()  # it stands below a signature, but is none
    while len(own) > 1 and _is_bare_rule(lines[own[-1]].text):
        if own[-1] + 1 < len(kinds) and kinds[own[-1] + 1] is Kind.DEVICE_LINE:
            kinds[own[-1]] = Kind.DEVICE_LINE
        own.pop()
    if not own:
        return
    top = own if keeps_first else [own[0] - 1, *own]
    start = _delimited(lines, own, keeps_first=keeps_first)
    if start is None and (names := _full_names(sender)):
        # One that is all that there is hides no words.
        within = [own[0] - 1, *own] if _is_all_short(lines, own) else top
        start = _named(lines, within, names, is_sure=_has_full_name(sender))
    if start is None:
        start = _contact_block(lines, top, sender)
    if start is not None:
        for at in range(start, end):
            if kinds[at] is _NEW:
                kinds[at] = Kind.SIGNATURE


def _is_all_short(lines: Sequence[Line], own: Sequence[int]) -> bool:
    return len(own) <= MAX_LINES and all(may_hold(lines[at].text) for at in own)


def _is_bare_rule(text: str) -> bool:
    return bool(_DASHES.match(text)) and not _DELIMITER.match(text)


def may_hold(text: str) -> bool:
    """Whether a line may be one of a signature: it is short, and no sentence."""
    text = text.strip()
    return is_closing(text) or _fits(text)


def _label_closing(lines: Sequence[Line], kinds: list[Kind], own: list[int]) -> None:
    """Mark the closing with the name below it, where they end the words."""
    for at in reversed(own[1:][-MAX_NAMES - 1 :]):
        text = lines[at].text.strip()
        if is_closing(text):
            kinds[at : own[-1] + 1] = [Kind.CLOSING] * (own[-1] + 1 - at)
            return
        if len(text.split()) > MAX_WORDS // 2 or not _fits(text):
            return


def is_closing(text: str) -> bool:
    """Whether a line is nothing but a closing, or one in two languages: `Mit freundlichen Grüßen / Kind regards`."""
    text = text.rstrip(_CLOSING_END)
    if len(text) > MAX_LINE or not text:
        return False
    if text.isascii() and not (
        (word := _WORD.search(text)) and word[0].lower() in labels.closing_firsts()
    ):
        return False
    if _is_known_closing(text):
        return True
    parts = [part.strip(_CLOSING_END) for part in labels.between_closings().split(text)]
    return len(parts) > 1 and all(map(_is_known_closing, parts))


def _is_known_closing(text: str) -> bool:
    text = text.lower()
    if text in labels.closings() or labels.without_accents(text) in labels.plain_closings():
        return True
    return text.startswith(labels.closing_beginnings()) and len(text.split()) <= MAX_WORDS // 2 + 1


def _device_lines(lines: Sequence[Line], kinds: list[Kind], own: list[int]) -> None:
    """Mark the lines of devices at the end; and what follows one that stands alone."""
    last = len(own)
    for count in range(len(own) - 1, -1, -1):
        at = own[count]
        if _is_device_line(lines[at].text):
            alone = at > 0 and not lines[at - 1].text.strip()
            if count + 1 < last and not (alone and count):
                break
            for below in own[count + 1 : last]:
                kinds[below] = Kind.QUOTED
            kinds[at] = Kind.DEVICE_LINE
            last = count


def _is_device_line(text: str) -> bool:
    if len(text) > 4 * MAX_LINE:
        return False
    text = text.strip(_ORNAMENTS).strip()
    if not text or (len(text) > _LONGEST_DEVICE and "http" not in text and "](" not in text):
        return False
    firsts, lasts = labels.device_hints()
    first = text.split(None, 1)[0].lower()
    if (
        first not in firsts
        and text.rsplit(None, 1)[-1].lower().rstrip(".!") not in lasts
        and (text.isascii() or not _UNSPACED.search(text))
    ):
        return False
    text = _MARKDOWN_LINK.sub(r"\1", text).strip(_ORNAMENTS)
    if len(text) > _LONGEST_DEVICE:
        return False
    is_of_first = text.isascii() and first in firsts and not any(map(text.lower().count, lasts))
    if not labels.device(first if is_of_first else "").match(text):
        return False
    _, comma, more = text.partition(", ")
    return not comma or bool(labels.excuses().search(more) or labels.device().match(more))


def _delimited(lines: Sequence[Line], own: list[int], *, keeps_first: bool) -> int | None:
    """Find `-- ` (RFC 3676, 4.3), a line of dashes with a footer below it, or `- Ann`."""
    found = None
    own_texts = {lines[at].raw for at in own[-MAX_FOOTER - 1 :]}
    for count, at in enumerate(reversed(own)):
        if count > MAX_LINES:
            break
        text = lines[at].text
        if (
            _DELIMITER.match(text)
            or (
                count
                and _DASHES.match(text)
                and not _is_underline(lines, at)
                and _is_footer(lines, own, count)
            )
            or (count == 0 and _DASH_NAME.match(text) and not _is_item(lines, own))
        ):
            found = at
        elif len(text) > MAX_LINE and not (
            (count < MAX_FOOTER and _RFC_DELIMITER in own_texts)
            or _is_below_delimiter(lines, own, count)
        ):
            break
    if found is None or (keeps_first and found == own[0]):
        return None
    return found


def _is_underline(lines: Sequence[Line], at: int) -> bool:
    """Whether a line of dashes only makes the one above it a heading: it is as long."""
    above = lines[at - 1].text.strip() if at else ""
    return bool(above) and abs(len(above) - len(lines[at].text.strip())) <= 1


def _is_below_delimiter(lines: Sequence[Line], own: list[int], count: int) -> bool:
    """Whether a long line, the one `count` above the last, is of a footer with a delimiter above it."""
    this = len(own) - 1 - count
    above = own[max(0, this - MAX_FOOTER) : this]
    return any(_DELIMITER.match(lines[at].text) for at in above) and bool(
        labels.footers().found_in(lines[own[this]].text)
    )


def _is_footer(lines: Sequence[Line], own: list[int], count: int) -> bool:
    """Whether the last `count` lines are short enough for a footer, or say what only footers say."""
    below = [lines[at].text for at in own[len(own) - count :]]
    if labels.footers().found_in(" ".join(below[:MAX_FOOTER])):
        return True
    if count <= MAX_FOOTER:
        return True
    return (
        count <= MAX_LINES // 2 + MAX_FOOTER
        and all(len(text.split()) <= MAX_WORDS for text in below)
        and any(_is_contact(text) for text in below)
    )


def _is_item(lines: Sequence[Line], own: list[int]) -> bool:
    """Whether the last line is one of a list: the line above begins with a dash as well, or announces it."""
    above = lines[own[-2]].text.strip() if len(own) > 1 else ""
    return above.startswith("-") or above.endswith(":")


def _named(
    lines: Sequence[Line], own: list[int], names: frozenset[str], *, is_sure: bool
) -> int | None:
    """Find the line that is nothing but the sender's full name, near the end."""
    for at in reversed(own[1:][-MAX_LINES:]):
        text = lines[at].text
        if len(text) > MAX_LINE:
            return None
        text = _as_name(text.strip(" ,.*_"))
        for name in names:
            if text.endswith(name) and _TITLES.fullmatch(text, 0, len(text) - len(name)):
                return at if is_sure else _below_closing(lines, own, at)
    return None


def _has_full_name(sender: Address | None) -> bool:
    name = sender.name.strip() if sender else ""
    return " " in name or bool(_UNSPACED.search(name))


def _below_closing(lines: Sequence[Line], own: Sequence[int], at: int) -> int:
    """Leave a name with the closing right above it, where only an address tells that it is one, as any other there."""
    below = own.index(at) + 1
    by_hand = at > 0 and is_closing(lines[at - 1].text.strip()) and below < len(own)
    return own[below] if by_hand else at


def _full_names(sender: Address | None) -> frozenset[str]:
    """Give the sender's name as he may sign: `Smith, Ann (Example Ltd)` is Ann Smith, and so is ann.smith@example.com.

    A name of one word is none, unless its script writes no spaces.
    """
    if sender is None:
        return frozenset()
    name = _BESIDE_NAME.sub("", sender.name[:MAX_NAME]).strip()
    last, comma, first = name.partition(",")
    if comma and "," not in first:
        name = f"{first} {last}".strip()
    if " " not in name and (local := _NAME_IN_ADDRESS.match(sender.address[:MAX_NAME])):
        name = " ".join(re.split("[._]", local[1]))
    first, space, last = name.rpartition(" ")
    if space:
        return frozenset({_as_name(name), _as_name(f"{last} {first}")})
    return frozenset({_as_name(name)} if len(name) > 1 and _UNSPACED.search(name) else ())


def _as_name(text: str) -> str:
    """Write a name so that it can be compared."""
    text = labels.without_accents(text.lower())
    return text.replace(" ", "") if _UNSPACED.search(text) else " ".join(text.split())


def _contact_block(lines: Sequence[Line], own: list[int], sender: Address | None) -> int | None:
    """Find the block of short lines at the end that says who somebody is and where to reach him."""
    block = _contact_lines(lines, own)
    start = _block_begins(lines, block)
    if start is not None and start != block[0] and _is_first_name(lines[start].text, sender):
        # A first name alone was written by hand.
        return block[block.index(start) - 1]
    return start


def _contact_lines(lines: Sequence[Line], own: list[int]) -> list[int]:
    """Collect the lines of such a block, from the last one upwards; none where nobody can be reached by it."""
    block: list[int] = []
    has_contact = False
    for at in reversed(own[1:][-MAX_LINES:]):
        text = lines[at].text.strip()
        if is_closing(text) or not _fits(text):
            break
        contact = _is_contact(text)
        has_gap = bool(block) and block[-1] - at > 1
        if has_gap and not contact and not _is_tail(lines[block[-1]].text):
            break  # a paragraph of its own, above a block that is whole
        has_contact = has_contact or contact
        block.append(at)
    return block if has_contact else []


def _block_begins(lines: Sequence[Line], block: list[int]) -> int | None:
    """Find the line with which the block begins."""
    # It begins with a name, and not in the middle of a paragraph.
    for at in reversed(block):
        above = lines[at - 1].text.strip()
        text = lines[at].text.strip()
        if is_closing(above):
            # The first name right below a closing was written with it.
            is_name = at != block[0] and _NAME.match(text) and not _is_contact(text)
            return block[block.index(at) - 1] if above and is_name else at
        if not above:
            return at
        if _SENTENCE_END.search(above) and _NAME.match(text) and not _is_contact(text):
            return at
    return None


def _is_first_name(text: str, sender: Address | None) -> bool:
    """Whether a line is one word that is a part of the sender's name."""
    name = text.strip(" ,.*_-").lower()
    if sender is None or not name.isalpha():
        return False
    return name in re.split(
        r"[\W\d_]+", f"{sender.name} {sender.address.partition('@')[0]}".lower()
    )


def _fits(text: str) -> bool:
    """Whether a line may stand in such a block: short, no sentence, no data."""
    if len(text) > MAX_LINE:
        return False
    if _is_contact(text):
        text = _PARTED.sub(" ", text)
        return len(text.split()) <= (MAX_WORDS // 2 if text.endswith(".") else MAX_WORDS + 3)
    if _is_place(text) or (_POSTAL_CODE.search(text) and "," in text):
        return len(text.split()) <= MAX_WORDS + 3
    if len(text.split()) > MAX_WORDS or text.endswith((":", ",")) or _ENTRY.match(text):
        return False
    return not _SENTENCE_END.search(text) or bool(_ABBREVIATED.search(text))


def _is_tail(text: str) -> bool:
    """Whether the line with which the block begins so far is no name: more must stand above."""
    return bool(_is_contact(text) or _is_place(text) or text.lstrip()[:1].isdigit())


def _is_contact(text: str) -> bool:
    if "://" in text:
        text = _URL.sub("", text)
    if not _DIGIT_OR_AT.search(text) and _has_none_of(_CONTACT_WORDS, text):
        return False
    return bool(_CONTACT.search(text))


def _is_place(text: str) -> bool:
    if "://" not in text and _has_none_of(_PLACE_WORDS, text):
        return False
    return bool(_PLACE.search(text))


def _has_none_of(words: frozenset[str], text: str) -> bool:
    """Whether a text in ASCII has none of the words: that is far quicker to tell than by an expression."""
    return text.isascii() and words.isdisjoint(_WORD.findall(text.lower()))
