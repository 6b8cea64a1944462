"""What a comment is found by: its properties, who sent it, its language, its hour; and which of that somebody wants."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from mailmine.model.comment_filter import (
    CommentFilter,
    Messages,
    People,
    Property,
    Timestamp,
    Value,
    address,
)

MAILBOX = "string:Mailbox"
FOLDER = "string:Folder"
HAS_ATTACHMENTS = "string:Has Attachments"
SENDER = "sender"
"""The address, in lower case."""
DOMAIN = "domain"
LANGUAGE = "language"
ATTACHMENTS = "attachments"
"""`Yes` or `No`."""
HOUR = "hour"
"""Of the week, UTC: 0 is Monday, midnight to one o'clock; 167 the last of Sunday."""
ANSWER = "answer"
"""How long it took until somebody else wrote in the same conversation: see `ANSWERS`."""

ANSWERS: Mapping[str, float] = {
    "1h": 3_600,
    "4h": 14_400,
    "1d": 86_400,
    "3d": 259_200,
    "1w": 604_800,
    "later": float("inf"),
}
"""Names of response times, and the seconds under which each is."""
UNANSWERED = "none"

HOURS = 168
_THURSDAY = 72
"""Hours from the beginning of a week to that of 1970."""

Facts = dict[str, Value]
"""All that is known of one comment, by the names above and those of its user properties."""


class _Message(Struct, rename={"from_": "from"}):
    from_: str | None = None
    language: str | None = None


class _Something(Struct):
    """An attachment: that it is there."""


class _Comment(Struct):
    messages: list[_Message]
    user_properties: Facts
    attachments: list[_Something]
    thread_id: str | None = None


_decoder = msgspec.json.Decoder(_Comment)


def read(json: bytes, seconds: int) -> tuple[Facts, str | None]:
    """Tell what a comment is found by, and its conversation; `seconds` since 1970 are its timestamp."""
    comment = _decoder.decode(json)
    facts = comment.user_properties
    facts[ATTACHMENTS] = "Yes" if comment.attachments else "No"
    facts[HOUR] = (seconds // 3_600 + _THURSDAY) % HOURS
    if comment.messages:
        message = comment.messages[0]
        if message.language:
            facts[LANGUAGE] = message.language
        if message.from_:
            facts[SENDER], domain = sender(message.from_)
            if domain:
                facts[DOMAIN] = domain
    return facts, comment.thread_id


@functools.lru_cache(maxsize=16_384)
def sender(written: str) -> tuple[str, str]:
    """Give the address and the domain of `Name <address>`, in lower case; of a name alone, that and no domain."""
    found = address(written).casefold()
    return found, found.rpartition("@")[2] if "@" in found else ""


def answer(seconds: float | None) -> str:
    """Name how long an answer took."""
    if seconds is None:
        return UNANSWERED
    return next(name for name, under in ANSWERS.items() if seconds < under)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which comments somebody wants to see: all parts must match, and of each any value does."""

    words: str = ""
    """To be searched for, as `store.search` reads it."""
    since: datetime | None = None
    """Inclusive."""
    until: datetime | None = None
    """Exclusive."""
    chosen: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Values as text, by the name of the fact."""

    @property
    def is_plain(self) -> bool:
        """Whether the time alone decides."""
        return not self.words and not self.chosen

    def misses(self, facts: Facts) -> list[str]:
        """Name the facts that are not as they are wanted."""
        return [
            name for name, values in self.chosen.items() if str(facts.get(name, "")) not in values
        ]

    def as_filter(self) -> tuple[CommentFilter, tuple[str, ...]]:
        """Write it as the filter of a stream, and name what no such filter can say."""
        properties: dict[str, Property] = {}
        people = People()
        left: list[str] = ["words"] if self.words else []
        for name, values in self.chosen.items():
            texts = tuple(sorted(values))
            if name == SENDER:
                people = msgspec.structs.replace(people, one_of=texts)
            elif name == DOMAIN:
                people = msgspec.structs.replace(people, domain_one_of=texts)
            elif name == ATTACHMENTS:
                properties[HAS_ATTACHMENTS] = Property(one_of=texts)
            elif name.startswith("string:"):
                properties[name] = Property(one_of=texts)
            elif name.startswith("number:"):
                properties[name] = Property(one_of=tuple(map(_number, texts)))
            else:
                left.append(name)
        timestamp = None
        if self.since or self.until:
            last = self.until - timedelta(microseconds=1) if self.until else None
            timestamp = Timestamp(minimum=self.since, maximum=last)
        wanted = CommentFilter(
            timestamp=timestamp,
            messages=Messages(from_=people) if people != People() else None,
            user_properties=properties,
        )
        return wanted, tuple(left)


def _number(text: str) -> Value:
    try:
        return float(text)
    except ValueError:
        return text


def of_filter(written: CommentFilter) -> Wanted | None:
    """Read a filter that says no more than `Wanted` can; None for any other."""
    chosen: dict[str, frozenset[str]] = {}
    people = written.messages.from_ if written.messages else None
    if people is not None:
        chosen |= {SENDER: frozenset(people.one_of)} if people.one_of else {}
        chosen |= {DOMAIN: frozenset(people.domain_one_of)} if people.domain_one_of else {}
    for name, wanted in written.user_properties.items():
        chosen[name] = frozenset(map(_text, wanted.one_of))
    until = written.until + timedelta(microseconds=1) if written.until else None
    read_back = Wanted(since=written.since, until=until, chosen=chosen)
    return read_back if read_back.as_filter()[0] == written else None


def _text(value: Value) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def hour_of(at: datetime) -> int:
    """Give the hour of the week."""
    at = at.astimezone(UTC)
    return at.weekday() * 24 + at.hour
