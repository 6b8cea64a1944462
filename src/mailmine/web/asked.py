"""What of a source somebody asked to see, as the address of the page says it; and addresses for seeing more or less.

The address is all there is: it can be kept, sent to somebody, and taken back by the browser's own button.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from mailmine.model.facts import (
    ANSWER,
    ATTACHMENTS,
    DOMAIN,
    FOLDER,
    HOUR,
    LANGUAGE,
    MAILBOX,
    SENDER,
    Wanted,
)
from mailmine.web import words
from mailmine.web.language import N_, NP_, _, pgettext

LONGEST_QUERY = 500
"""Characters of a search, or of one value, that are looked at."""
MOST_VALUES = 64
"""Values of an address that are looked at."""

TYPED_NAME = "by"
TYPED_VALUE = "is"
"""Fields of a form in which a filter is typed."""

SHORT = {"mailbox": MAILBOX, "folder": FOLDER}
"""What addresses call them."""
_LONG = {name: short for short, name in SHORT.items()}

LABELS = {
    MAILBOX: N_("Mailbox"),
    FOLDER: N_("Folder"),
    SENDER: N_("Sender"),
    DOMAIN: N_("Domain"),
    LANGUAGE: N_("Language"),
    ATTACHMENTS: N_("Attachments"),
    HOUR: N_("Hour"),
    ANSWER: N_("Answered"),
}

ANSWER_WORDS = {
    "1h": N_("within an hour"),
    "4h": N_("within 4 hours"),
    "1d": N_("within a day"),
    "3d": N_("within 3 days"),
    "1w": N_("within a week"),
    "later": N_("later"),
    "none": N_("not yet"),
}

DAYS = (
    NP_("day", "Mon"),
    NP_("day", "Tue"),
    NP_("day", "Wed"),
    NP_("day", "Thu"),
    NP_("day", "Fri"),
    NP_("day", "Sat"),
    NP_("day", "Sun"),
)

_NAMES = frozenset({SENDER, DOMAIN, LANGUAGE, ATTACHMENTS, HOUR, ANSWER})
_NUMBER = "number:"
_FOLDED = frozenset({SENDER, DOMAIN})
_KEY = re.compile(r"-?[0-9]{1,18}")
_HOUR = re.compile(r"(?P<day>\w+)\.? (?P<hour>[0-9]{1,2})(:00)?")
_DAY = timedelta(days=1)

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Chip:
    """A part of what is asked, to be shown and taken off."""

    label: str
    text: str
    without: str
    """The query of the address without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked, in the order of the address."""

    words: str = ""
    since: str = ""
    """A day, or a day and a time, UTC."""
    until: str = ""
    """The same; a day is meant to its end, a time is not included."""
    chosen: Pairs = ()
    """Names of facts, and values."""

    @classmethod
    def read(cls, params: QueryParams | Mapping[str, str]) -> "Asked":
        """Read an address; what makes no sense is not there."""
        given = params.multi_items() if isinstance(params, QueryParams) else list(params.items())
        if typed := params.get(TYPED_VALUE, "").strip():
            given.append((params.get(TYPED_NAME, ""), typed))
        chosen: dict[tuple[str, str], None] = {}
        for key, written in given[-2 * MOST_VALUES :]:
            name, value = SHORT.get(key, key), written[:LONGEST_QUERY]
            if value and (name in _NAMES or name.startswith(("string:", _NUMBER))):
                chosen[name, _value(name, value)] = None
        since, until = (params.get(name, "").strip() for name in ("since", "until"))
        return cls(
            words=params.get("q", "").strip()[:LONGEST_QUERY],
            since=since if _moment(since) else "",
            until=until if _moment(until, is_end=True) else "",
            chosen=tuple(list(chosen)[:MOST_VALUES]),
        )

    @classmethod
    def of(cls, wanted: Wanted) -> "Asked":
        """Write what is wanted as an address would."""
        return cls(
            words=wanted.words,
            since=_written(wanted.since) if wanted.since else "",
            until=_written(wanted.until, is_end=True) if wanted.until else "",
            chosen=tuple(
                (name, value)
                for name, values in sorted(wanted.chosen.items())
                for value in sorted(values)
            ),
        )

    def __bool__(self) -> bool:
        """Tell whether anything is asked."""
        return bool(self.words or self.since or self.until or self.chosen)

    @property
    def wanted(self) -> Wanted:
        """Give it to the store."""
        chosen: dict[str, set[str]] = {}
        for name, value in self.chosen:
            chosen.setdefault(name, set()).add(value)
        return Wanted(
            words=self.words,
            since=_moment(self.since),
            until=_moment(self.until, is_end=True),
            chosen={name: frozenset(values) for name, values in chosen.items()},
        )

    @property
    def pairs(self) -> Pairs:
        """Give the names and values of the address, for a form that is to keep them."""
        once = (("q", self.words), ("since", self.since), ("until", self.until))
        return (
            *((name, value) for name, value in once if value),
            *((_LONG.get(name, name), value) for name, value in self.chosen),
        )

    @property
    def query(self) -> str:
        """Write it as the query of an address: `?…`, or nothing."""
        return _query(self.pairs)

    def further(self, before: int) -> str:
        """Write the query of the page behind a time key."""
        return _query((*self.pairs, ("before", str(before))))

    def kept(self, *but: str) -> Pairs:
        """Give all but some names."""
        return tuple(pair for pair in self.pairs if pair[0] not in but)

    def has(self, name: str, value: str) -> bool:
        """Tell whether this is chosen."""
        return (name, value) in self.chosen

    def also(self, name: str, value: str) -> str:
        """Write the query with one value more."""
        if self.has(name, value):
            return self.query
        return replace(self, chosen=(*self.chosen, (name, value))).query

    def without(self, name: str, value: str) -> str:
        """Write the query without a value."""
        left = tuple(pair for pair in self.chosen if pair != (name, value))
        return replace(self, chosen=left).query

    def between(self, since: datetime, until: datetime) -> str:
        """Write the query for a time, the end not included."""
        return replace(self, since=_written(since), until=_written(until, is_end=True)).query

    @property
    def chips(self) -> list[Chip]:
        """Tell each part in words."""
        found = []
        if self.words:
            found.append(Chip(_("Words"), words.plain(self.words), replace(self, words="").query))
        if self.since:
            found.append(
                Chip(pgettext("time", "From"), _told(self.since), replace(self, since="").query)
            )
        if self.until:
            label = (
                pgettext("time", "To") if len(self.until) == _DATE else pgettext("time", "Before")
            )
            found.append(Chip(label, _told(self.until), replace(self, until="").query))
        return found + [
            Chip(label_of(name), value_of(name, value), self.without(name, value))
            for name, value in self.chosen
        ]


def _value(name: str, written: str) -> str:
    """Read a value as people write it, too."""
    if name in _FOLDED:
        return written.casefold()
    if name == HOUR and (match := _HOUR.fullmatch(written.casefold())):
        day = _day_number(match["day"])
        return written if day is None else str(24 * day + int(match["hour"]) % 24)
    if name == ANSWER:
        keys = {said.casefold(): key for key, said in ANSWER_WORDS.items()}
        keys |= {_(said).casefold(): key for key, said in ANSWER_WORDS.items()}
        return keys.get(written.casefold(), written)
    if name == ATTACHMENTS:
        return written.capitalize()
    return written


def _day_number(written: str) -> int | None:
    """Tell which day of the week somebody wrote, in English or in his language."""
    for number, day in enumerate(DAYS):
        if written.startswith(day.casefold()) or written == pgettext("day", day).casefold():
            return number
    return None


def place(params: QueryParams) -> int | None:
    """Read `before`: the key of the last comment seen, below zero before 1970. What is no key is no place."""
    text = params.get("before", "")
    return int(text) if _KEY.fullmatch(text) else None


def label_of(name: str) -> str:
    """Say what kind of fact it is."""
    label = LABELS.get(name)
    return _(label) if label else words.property_name(name)


def value_of(name: str, value: str) -> str:
    """Say a value in words."""
    if name == ANSWER:
        said = ANSWER_WORDS.get(value)
        return _(said) if said else words.plain(value)
    if name == HOUR and value.isascii() and value.isdigit() and int(value) < 24 * len(DAYS):
        return hour_words(int(value))
    if name == FOLDER:
        return words.folder_path(value)
    if name.startswith(_NUMBER):
        return words.plain(value.removesuffix(".0"))
    return words.plain(value)


def hour_words(hour: int) -> str:
    """Name an hour of the week."""
    return f"{pgettext('day', DAYS[hour // 24])} {hour % 24:02}:00"


_DATE = len("2026-11-30")


def _moment(text: str, *, is_end: bool = False) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
        if is_end and len(text) == _DATE:
            at += _DAY
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at.replace(microsecond=0)


def _written(at: datetime, *, is_end: bool = False) -> str:
    at = at.astimezone(UTC)
    if at.hour or at.minute or at.second:
        return f"{at:%Y-%m-%dT%H:%M}" if not at.second else f"{at:%Y-%m-%dT%H:%M:%S}"
    return f"{at - _DAY if is_end else at:%Y-%m-%d}"


def _told(text: str) -> str:
    at = _moment(text)
    if at is None:
        return words.plain(text)
    return words.day(at) if len(text) == _DATE else words.full(at)


def _query(pairs: Iterable[tuple[str, str]]) -> str:
    written = urlencode(list(pairs))
    return f"?{written}" if written else ""
