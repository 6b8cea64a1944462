"""The words by which mail is taken apart, in all languages (`labels/*.toml`).

Loaded once, and compiled to one expression a purpose: which language an email is in is not asked,
because a reply in one language often quotes another.
"""

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib import resources

_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Scripts in which a word is not set off by spaces."""


_PREFIXED = re.compile("[\u0590-\u08ff]")
"""Arabic and Hebrew: articles and prepositions are written onto their words."""

_WORD = re.compile(r"\w{3,}")
_COLON = re.compile("[:\uff1a]")
_TOKEN = re.compile(r"\w+")
_KEY = 3
"""Letters by which phrases are looked up."""


class Phrases:
    """Phrases to look for, far quicker than an expression of hundreds of choices."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self._anywhere: list[str] = []
        self._by_key: dict[str, list[str]] = {}
        for phrase in map(str.lower, phrases):
            if _UNSPACED.search(phrase) or _PREFIXED.search(phrase) or len(phrase) < _KEY:
                self._anywhere.append(phrase)
            else:
                self._by_key.setdefault(phrase[:_KEY], []).append(phrase)

    def found_in(self, text: str) -> set[str]:
        """Give the different phrases that a text holds."""
        text = text.lower()
        if not text.isascii():
            text = text.replace("\u2019", "'").replace("\xa0", " ")
        keys = {word[:_KEY] for word in _WORD.findall(text)}
        found = {
            phrase
            for key in keys & self._by_key.keys()
            for phrase in self._by_key[key]
            if phrase in text
        }
        if not text.isascii():
            found.update(phrase for phrase in self._anywhere if phrase in text)
        return found


@cache
def _tables() -> tuple[dict[str, dict[str, list[str]]], ...]:
    folder = resources.files(__package__).joinpath("labels")
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".toml")),
        key=lambda file: file.name,
    )
    return tuple(tomllib.loads(file.read_text(encoding="utf-8")) for file in files)


def _words(table: str, entry: str) -> tuple[str, ...]:
    """Give the words of all languages, the longest first."""
    # Kept in their case: lower-case is no way back for the Turkish İ.
    found = {word.lower(): word for tables in _tables() for word in tables[table].get(entry, ())}
    return tuple(sorted(found.values(), key=len, reverse=True))


def _lower(table: str, entry: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _words(table, entry))


def _one_of(words: tuple[str, ...]) -> str:
    """Build an expression that matches any of the words, whole; `*` stands for a few more words."""
    spaced = [_escaped(word) for word in words if not _UNSPACED.search(word)]
    unspaced = [_escaped(word) for word in words if _UNSPACED.search(word)]
    choices = [rf"(?<!\w)(?:{'|'.join(spaced)})(?!\w)"] if spaced else []
    return "(?:" + "|".join([*choices, *unspaced]) + ")"


def _escaped(word: str) -> str:
    return re.escape(word).replace(r"\*", "[^\n]{0,60}").replace(r"\ ", r"[ \xa0]{1,3}")


@cache
def header_fields() -> dict[str, str]:
    """Give, for a label in lower case, the field it names: `von` → `from`."""
    fields: dict[str, str] = {}
    for entry in ("from", "sent", "to", "cc", "bcc", "subject", "reply_to", "other"):
        for word in _lower("header", entry):
            fields.setdefault(word, entry)
    return fields


@cache
def glued_field() -> re.Pattern[str]:
    """Match a label with its colon where several stand on one line, even without a space between.

    After another value the colon may be missing: `…CETAssunto Order 12`.
    """
    fields = ("from", "sent", "to", "cc", "bcc", "subject", "reply_to")
    words = {word for tables in _tables() for field in fields for word in tables["header"][field]}
    whole = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?:^|(?<=\s))({whole})\s?[:\uff1a]|(?<=\S)({whole})(?:\s?[:\uff1a]|\s)")


@cache
def respond_to() -> re.Pattern[str]:
    """Match how Notes begins a line that says whom to answer."""
    return re.compile(_one_of(_words("header", "respond_to")), re.IGNORECASE)


@cache
def prefix(kind: str) -> re.Pattern[str]:
    """Match the prefixes of a subject, repeated ones too; `kind` is `reply` or `forward`."""
    return re.compile(
        rf"\s*(?:{_one_of(_words('header', f'{kind}_prefix'))}(?:\[\d+\])?\s?[:\uff1a]\s*)+",
        re.IGNORECASE,
    )


def passes_on(subject: str, label: str) -> bool:
    """Whether a subject says that its email passes another one on.

    `VS` does in Danish, but in Finnish it answers: a label of the email below tells the language.
    """
    if not prefix("forward").match(subject):
        return False
    word = _COLON.split(subject, maxsplit=1)[0].strip()
    answers = _languages_of(word, ("reply_prefix",))
    if not answers:
        return True
    within = _languages_of(label, ("from", "sent", "to", "subject"))
    return not within & answers or bool(within & _languages_of(word, ("forward_prefix",)))


def _languages_of(word: str, entries: tuple[str, ...]) -> set[str]:
    """Give the names of the languages in which a word of a header stands for one of the entries."""
    word = word.lower()
    return {
        str(tables["name"])
        for tables in _tables()
        if any(word == known.lower() for entry in entries for known in tables["header"][entry])
    }


@cache
def wrote() -> re.Pattern[str]:
    """Match the verb of an attribution."""
    return re.compile(_one_of(_words("attribution", "wrote")), re.IGNORECASE)


@cache
def _telling_words() -> frozenset[str]:
    """Give the longest word of each such verb that is set off by spaces."""
    return frozenset(
        max(_TOKEN.findall(verb), key=len)
        for verb in _lower("attribution", "wrote")
        if not _UNSPACED.search(verb)
    )


def has_verb(text: str) -> bool:
    """Whether a text holds such a verb: mostly its words tell, far quicker than the expression."""
    if (text.isascii() or not _UNSPACED.search(text)) and _telling_words().isdisjoint(
        _TOKEN.findall(text.lower())
    ):
        return False
    return bool(wrote().search(text))


@cache
def starts() -> re.Pattern[str]:
    """Match, at its beginning, a line with which an attribution may begin: a word, soon a number."""
    words = "|".join(_escaped(word) for word in _words("attribution", "starts"))
    return re.compile(rf"(?:(?:{words})(?!\w)|(?=[\d\[(<])).{{0,30}}?\d", re.IGNORECASE)


@cache
def starts_within() -> re.Pattern[str]:
    """Match an attribution's beginning in the middle of a line, where a client made no new one."""
    words = "|".join(_escaped(word) for word in _words("attribution", "starts") if word.isalpha())
    return re.compile(rf"(?:(?<=\s)|-{{2,}}[ \t]?)(?=(?i:{words})\s[^\n]{{0,14}}\d)")


@cache
def before_name() -> re.Pattern[str]:
    """Match what an attribution says right before the name: `Op 3 maart heeft Ann geschreven:`."""
    return re.compile(rf"{_one_of(_words('attribution', 'before_name'))}\s+", re.IGNORECASE)


@cache
def original() -> re.Pattern[str]:
    """Match what stands above an email that is replied to."""
    return re.compile(_one_of(_words("divider", "original")), re.IGNORECASE)


@cache
def forwarded() -> re.Pattern[str]:
    """Match what stands above an email that is passed on."""
    return re.compile(_one_of(_words("divider", "forwarded")), re.IGNORECASE)


@cache
def reply_above() -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Give, in lower case, what ticket systems write to ask people to write above it.

    Phrases in ASCII are given by a word that many of them have, as few of them are looked for then; and the others.
    """
    phrases = _lower("divider", "reply_above")
    in_ascii = list(filter(str.isascii, phrases))
    counts = Counter(word for phrase in in_ascii for word in phrase.split())
    by_word: dict[str, list[str]] = {}
    for phrase in in_ascii:
        common = max(phrase.split(), key=lambda word: (counts[word], word))
        by_word.setdefault(common, []).append(phrase)
    return by_word, tuple(phrase for phrase in phrases if not phrase.isascii())


@cache
def closings() -> frozenset[str]:
    """Give what people write above their name, in lower case."""
    return frozenset(word for word in _lower("signature", "closings") if "*" not in word)


@cache
def closing_beginnings() -> tuple[str, ...]:
    """Give, in lower case, with what closings begin that go on with a place: `greetings from `."""
    return tuple(
        word.removesuffix("*") for word in _lower("signature", "closings") if word.endswith(" *")
    )


@cache
def closing_firsts() -> frozenset[str]:
    """Give the first words of all of these, as they are written in ASCII: without one a line in ASCII is no closing."""
    phrases = (*plain_closings(), *map(without_accents, closing_beginnings()))
    return frozenset(word[0] for phrase in phrases if (word := _TOKEN.search(phrase)))


@cache
def between_closings() -> re.Pattern[str]:
    """Match what stands between two closings on one line: `Thanks and best regards`."""
    words = "|".join(map(_escaped, _words("signature", "and")))
    return re.compile(rf"\s(?:{words})\s|\s?[/|,\u2022\u00b7]\s?", re.IGNORECASE)


@cache
def plain_closings() -> frozenset[str]:
    """Give the same without accents, as many write them in a hurry: `Z powazaniem`."""
    return frozenset(map(without_accents, closings()))


_UNDECOMPOSED = str.maketrans("\u0142\u00f8\u0111\u0131", "lodi")


def without_accents(text: str) -> str:
    """Write letters without what stands above, below or through them."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFD", text.translate(_UNDECOMPOSED))
    return "".join(char for char in parts if not unicodedata.combining(char))


@cache
def device(first: str = "") -> re.Pattern[str]:
    """Match, from its beginning, a line that a telephone or an app appended.

    Of these only such as begin with the word `first` of `device_hints`, if it is given: to try all takes twenty times as long.
    """
    words = "|".join(
        _escaped(word)
        for word in _words("signature", "device")
        if not first or (_first_of(word.lower()) == first and not word.startswith("*"))
    )
    return re.compile(rf"(?:{words})", re.IGNORECASE)


def _first_of(phrase: str) -> str:
    return phrase.split(maxsplit=1)[0].strip("*")


@cache
def device_hints() -> tuple[frozenset[str], frozenset[str]]:
    """Give the first words of such lines, and the last words of those that begin with anything.

    A line with none of them is none: that is far quicker to tell.
    """
    words = _lower("signature", "device")
    firsts = {_first_of(word) for word in words if not word.startswith("*")}
    lasts = {word.strip("* ").split()[-1] for word in words if word.startswith("*")}
    return frozenset(firsts), frozenset(lasts)


@cache
def excuses() -> re.Pattern[str]:
    """Match what such a line may go on with after a comma."""
    return re.compile(_one_of(_words("signature", "excuses")), re.IGNORECASE)


@cache
def footers() -> Phrases:
    """Give what only disclaimers and the footers of lists say."""
    return Phrases(_words("signature", "footers"))


@cache
def disclaimers() -> Phrases:
    """Give what legal notices say; it takes several of them to make one."""
    return Phrases(_words("signature", "disclaimers"))


@cache
def cautions() -> Phrases:
    """Give what servers write above email from outside."""
    return Phrases(_words("banner", "cautions"))


@cache
def caution_tags() -> frozenset[str]:
    """Give, in lower case, the words that are such a warning where they stand alone, in brackets or capitals."""
    return frozenset(_lower("banner", "tags"))
