"""The query of a request to Graph: its system query options, and what they select."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from exchange_simulator.graph.errors import GraphError
from exchange_simulator.graph.filters import Test

MOST = 1000
DEFAULT_PAGE = 10
"""What a page holds where the client does not say (delta query; paging)."""


@dataclass(frozen=True)
class Query:
    """The options of one request."""

    options: Mapping[str, str] = field(default_factory=dict)
    prefer: str = ""

    @classmethod
    def read(cls, text: str, prefer: str) -> "Query":
        """Read a query string; `$` of the names may be left out."""
        given: dict[str, str] = {}
        for name, value in parse_qsl(text, keep_blank_values=True):
            key = name.removeprefix("$").lower()
            given[key] = value
        return cls(given, prefer)

    def get(self, name: str) -> str | None:
        """Give an option by its name, without `$`, in lower case."""
        return self.options.get(name)

    @property
    def select(self) -> tuple[str, ...] | None:
        """The properties that are asked for; None = the usual ones."""
        text = self.options.get("select")
        if not text:
            return None
        return tuple(name.strip() for name in text.split(",") if name.strip())

    @property
    def is_immutable(self) -> bool:
        """Whether ids are to outlast a move (Prefer: IdType="ImmutableId")."""
        return re.search(r'IdType\s*=\s*"?ImmutableId"?', self.prefer, re.IGNORECASE) is not None

    @property
    def wants_text(self) -> bool:
        """Whether bodies are to be plain text (Prefer: outlook.body-content-type="text")."""
        found = re.search(r'outlook\.body-content-type\s*=\s*"?(\w+)', self.prefer, re.IGNORECASE)
        return found is not None and found[1].lower() == "text"

    @property
    def max_page_size(self) -> int | None:
        """How many a page may hold (Prefer: odata.maxpagesize); None where the client does not say."""
        found = re.search(r"odata\.maxpagesize\s*=\s*(\d+)", self.prefer, re.IGNORECASE)
        return min(max(1, int(found[1])), MOST) if found else None

    @property
    def applied(self) -> str:
        """Which preferences are met, as `Preference-Applied` tells them (RFC 7240, 3)."""
        met = {
            'IdType="ImmutableId"': self.is_immutable,
            'outlook.body-content-type="text"': self.wants_text,
            f"odata.maxpagesize={self.max_page_size}": self.max_page_size is not None,
        }
        return ", ".join(name for name, is_met in met.items() if is_met)

    def number(self, name: str) -> int | None:
        """Give an option that is a number."""
        text = self.options.get(name)
        if text is None:
            return None
        if not text.isdecimal():
            raise GraphError(400, "BadRequest", f"Invalid value '{text}' for ${name}.")
        return int(text)


_PART = re.compile(r'(?:(?P<field>\w+)(?::|(?=[<>=])))?(?P<value>"[^"]*"|\S+)')
_SEARCHED: dict[str, tuple[str, ...]] = {
    "": ("from", "subject", "body"),
    "body": ("body",),
    "subject": ("subject",),
    "from": ("from",),
    "to": ("toRecipients",),
    "cc": ("ccRecipients",),
    "bcc": ("bccRecipients",),
    "recipients": ("toRecipients", "ccRecipients", "bccRecipients"),
    "participants": ("from", "toRecipients", "ccRecipients", "bccRecipients"),
    "importance": ("importance",),
    "hasattachments": ("hasAttachments",),
}
"""Which properties of a message hold the words that `$search` looks for ("Use the $search query parameter", messages)."""


def read_search(text: str) -> Test:
    """Read a `$search`: beginnings of words, each anywhere or in one property, joined by AND (or by nothing), OR and NOT.

    Exchange knows more of KQL. Raises GraphError for what nothing is searched by here.
    """
    plain = text.strip()
    if len(plain) > 1 and plain[0] == plain[-1] == '"':
        plain = plain[1:-1].replace('\\"', '"').strip("'")
    either: list[list[Test]] = [[]]
    is_negated = False
    for found in _PART.finditer(plain):
        value = found["value"]
        if found["field"] is None and value in ("AND", "OR", "NOT"):
            is_negated |= value == "NOT"
            if value == "OR":
                either.append([])
            continue
        names = _SEARCHED.get((found["field"] or "").lower())
        if names is None or value[0] in "()<>=":
            raise GraphError(400, "BadRequest", f"Searching by {found[0]} is not simulated.")
        either[-1].append(_holding(names, _plain(value), is_negated=is_negated))
        is_negated = False
    wanted = [tests for tests in either if tests] or [[]]
    return lambda get: any(all(test(get) for test in tests) for tests in wanted)


def _holding(names: tuple[str, ...], words: str, *, is_negated: bool) -> Test:
    return lambda get: (
        any(words in text for name in names for text in _texts(get(name))) is not is_negated
    )


def _plain(text: str) -> str:
    """Leave of a text its words, with a space before each."""
    return "".join(f" {word}" for word in re.findall(r"\w+", text.lower()))


def _texts(value: Any) -> Iterator[str]:
    """Yield the words in a property, text by text."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif value is not None:
        yield _plain(str(value))
