"""The query of a request to Graph: its system query options, and what they select."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from exchange_simulator.graph.errors import GraphError

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
    def max_page_size(self) -> int:
        """How many a page may hold (Prefer: odata.maxpagesize)."""
        found = re.search(r"odata\.maxpagesize\s*=\s*(\d+)", self.prefer, re.IGNORECASE)
        return min(max(1, int(found[1])), MOST) if found else DEFAULT_PAGE

    def number(self, name: str) -> int | None:
        """Give an option that is a number."""
        text = self.options.get(name)
        if text is None:
            return None
        if not text.isdecimal():
            raise GraphError(400, "BadRequest", f"Invalid value '{text}' for ${name}.")
        return int(text)


Test = Callable[[Callable[[str], Any]], bool]

_COMPARE = re.compile(
    r"""\s*(?P<field>[\w/]+)\s+(?P<op>eq|ne|gt|ge|lt|le)\s+
        (?P<value>'(?:[^']|'')*'|true|false|null|[\w:.+-]+)\s*""",
    re.VERBOSE,
)
_CALL = re.compile(
    r"\s*(?P<op>startswith|endswith|contains)\((?P<field>[\w/]+)\s*,\s*(?P<value>'(?:[^']|'')*')\)\s*"
)


def read_filter(text: str) -> Test:
    """Read a `$filter`: comparisons and calls, joined by `and`. Raises GraphError for all else."""
    tests: list[Test] = []
    rest = text.strip()
    while True:
        found = _CALL.match(rest) or _COMPARE.match(rest)
        if found is None:
            raise GraphError(400, "BadRequest", f"Invalid filter clause: {text}")
        tests.append(_test(found["field"], found["op"], _value(found["value"])))
        rest = rest[found.end() :]
        if not rest:
            return lambda get: all(test(get) for test in tests)
        if not rest.startswith("and "):
            raise GraphError(400, "BadRequest", f"Invalid filter clause: {text}")
        rest = rest[4:]


_PART = re.compile(r'(?:(?P<field>\w+):)?(?P<value>"[^"]*"|\S+)')
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
    """Read a `$search`: beginnings of words that must all be there, each anywhere or in one property.

    Exchange knows more of KQL. Raises GraphError for a property by which nothing is searched here.
    """
    plain = text.strip()
    if len(plain) > 1 and plain[0] == plain[-1] == '"':
        plain = plain[1:-1].replace('\\"', '"').strip("'")
    wanted: list[tuple[tuple[str, ...], str]] = []
    for found in _PART.finditer(plain):
        names = _SEARCHED.get((found["field"] or "").lower())
        if names is None:
            raise GraphError(400, "BadRequest", f"Searching by {found['field']} is not simulated.")
        wanted.append((names, _plain(found["value"])))
    return lambda get: all(
        any(words in text for name in names for text in _texts(get(name)))
        for names, words in wanted
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


def _value(text: str) -> Any:
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    return {"true": True, "false": False, "null": None}.get(text, text)


def _test(name: str, op: str, value: Any) -> Test:
    def test(get: Callable[[str], Any]) -> bool:
        found = get(name)
        if op in ("eq", "ne"):
            if isinstance(found, str) and isinstance(value, str):
                return (found.lower() == value.lower()) is (op == "eq")
            return bool(found == value) is (op == "eq")
        if not isinstance(found, str) or not isinstance(value, str):
            return False
        if op in ("startswith", "endswith", "contains"):
            low, wanted = found.lower(), value.lower()
            return {
                "startswith": low.startswith(wanted),
                "endswith": low.endswith(wanted),
                "contains": wanted in low,
            }[op]
        one, other = _moment(found), _moment(value)
        return {"gt": one > other, "ge": one >= other, "lt": one < other, "le": one <= other}[op]

    return test


def _moment(text: str) -> str:
    """Make times that are written with and without fractions comparable."""
    return text.rstrip("Z").partition(".")[0].partition("+")[0]
