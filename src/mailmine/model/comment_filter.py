"""Which comments a stream or a query is about (Communications Mining, section 2.4).

All parts of a filter must match. Within one, any of `one_of` does, and none of `not_one_of` may. Addresses and
domains match without regard to case; properties as they are written.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Value = str | float
Values = Annotated[tuple[Value, ...], Meta(max_length=128)]
Texts = Annotated[tuple[str, ...], Meta(max_length=128)]


def address(person: str) -> str:
    """Give the address of `Name <address>`; whatever else it is stays as it is.

    Not `email.utils.parseaddr`: names are written here without quotes, and a comma in one is no end of it.
    """
    _, bracket, rest = person.rpartition("<")
    return rest[:-1].strip() if bracket and rest.endswith(">") else person.strip()


class Timestamp(Struct, frozen=True, omit_defaults=True):
    """When the email was sent; both bounds are inclusive. Without an offset they are UTC."""

    minimum: datetime | None = None
    maximum: datetime | None = None

    @property
    def since(self) -> datetime | None:
        """The lower bound, aware."""
        return _aware(self.minimum)

    @property
    def until(self) -> datetime | None:
        """The upper bound, aware."""
        return _aware(self.maximum)


class People(Struct, frozen=True, omit_defaults=True):
    """Who it is from, or who it went to."""

    one_of: Texts = ()
    not_one_of: Texts = ()
    domain_one_of: Texts = ()
    domain_not_one_of: Texts = ()

    def matches(self, people: Iterable[str]) -> bool:
        """Tell whether these people, `Name <address>` or an address, are those that are meant."""
        written = [one.casefold() for one in people]
        addresses = {address(one) for one in written} | set(written)
        domains = {one.rpartition("@")[2] for one in addresses if "@" in one}
        return (
            (not self.one_of or bool(addresses & _folded(self.one_of)))
            and not addresses & _folded(self.not_one_of)
            and (not self.domain_one_of or bool(domains & _folded(self.domain_one_of)))
            and not domains & _folded(self.domain_not_one_of)
        )


class Messages(Struct, frozen=True, omit_defaults=True, rename={"from_": "from"}):
    """The people of the first message."""

    from_: People | None = None
    to: People | None = None
    cc: People | None = None
    bcc: People | None = None
    recipient: People | None = None
    """To, cc or bcc."""

    def matches(self, message: Mapping[str, Any]) -> bool:
        """Tell whether a message's people are those that are meant."""
        to, cc, bcc = (message.get(name) or () for name in ("to", "cc", "bcc"))
        sender = (message["from"],) if message.get("from") else ()
        wanted = (
            (self.from_, sender),
            (self.to, to),
            (self.cc, cc),
            (self.bcc, bcc),
            (self.recipient, (*to, *cc, *bcc)),
        )
        return all(people is None or people.matches(found) for people, found in wanted)


class Property(Struct, frozen=True, omit_defaults=True):
    """A user property. A comment without it matches only what excludes values."""

    one_of: Values = ()
    not_one_of: Values = ()
    minimum: float | None = None
    maximum: float | None = None

    def matches(self, value: Value | None) -> bool:
        """Tell whether the value is one that is meant."""
        if value in self.not_one_of:
            return False
        if self.one_of and value not in self.one_of:
            return False
        if self.minimum is None and self.maximum is None:
            return True
        if not isinstance(value, int | float):
            return False
        return (self.minimum is None or value >= self.minimum) and (
            self.maximum is None or value <= self.maximum
        )


class Annotations(Struct, frozen=True, omit_defaults=True):
    """Labels. Without a trained model no comment has any, so whoever asks for one gets no comment."""

    labels: Any = None


class CommentFilter(Struct, frozen=True, omit_defaults=True):
    """What clients send as `comment_filter` or `filter`."""

    timestamp: Timestamp | None = None
    reviewed: Literal["only_reviewed", "only_unreviewed"] | None = None
    """No comment is ever reviewed here."""
    sources: Annotated[tuple[str, ...], Meta(max_length=128)] = ()
    """Ids; none = all."""
    messages: Messages | None = None
    user_properties: dict[Annotated[str, Meta(pattern="^(string|number):")], Property] = {}
    annotations: Annotations | None = None

    @property
    def since(self) -> datetime | None:
        """The earliest timestamp that can match."""
        return self.timestamp.since if self.timestamp else None

    @property
    def until(self) -> datetime | None:
        """The latest timestamp that can match."""
        return self.timestamp.until if self.timestamp else None

    @property
    def looks_inside(self) -> bool:
        """Whether it takes more than the source and the timestamp to tell."""
        return bool(
            self.messages
            or self.user_properties
            or self.reviewed == "only_reviewed"
            or (self.annotations and self.annotations.labels)
        )

    def reads(self, source_id: str) -> bool:
        """Tell whether comments of this source can match."""
        return not self.sources or source_id in self.sources

    def matches(self, comment: Mapping[str, Any]) -> bool:
        """Tell whether a comment, as its JSON was decoded, is meant; its source is not looked at."""
        if self.reviewed == "only_reviewed" or (self.annotations and self.annotations.labels):
            return False
        if self.timestamp and not self._is_in_time(datetime.fromisoformat(comment["timestamp"])):
            return False
        messages: Sequence[Mapping[str, Any]] = comment["messages"]
        if self.messages and not self.messages.matches(messages[0] if messages else {}):
            return False
        properties: Mapping[str, Value] = comment["user_properties"]
        return all(
            wanted.matches(properties.get(name)) for name, wanted in self.user_properties.items()
        )

    def _is_in_time(self, at: datetime) -> bool:
        return (self.since is None or at >= self.since) and (self.until is None or at <= self.until)


def _aware(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _folded(texts: Iterable[str]) -> set[str]:
    return {text.casefold() for text in texts}
