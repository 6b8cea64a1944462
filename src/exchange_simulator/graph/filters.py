"""The `$filter` of a request to Graph (OData 4.01, part 2, 5.1.1), with the operators and functions that Graph names.

Comparisons, `in`, `startswith`, `endswith`, `contains`, `any` and `all`, joined by `and` and `or`, negated by `not`, in brackets.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from exchange_simulator.graph.errors import GraphError

Get = Callable[[str], Any]
"""Reads a property of what is filtered, by its path."""
Test = Callable[[Get], bool]

_TOKEN: Final = re.compile(
    r"""\s*(?: (?P<text>'(?:[^']|'')*')
             | (?P<time>\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?)
             | (?P<word>[\w/.+-]+)
             | (?P<mark>[(),:]) )\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_NAMED: Final = {"true": True, "false": False, "null": None}
_FUNCTIONS: Final[dict[str, Callable[[str, str], bool]]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": str.__contains__,
}
_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "gt": lambda one, other: one > other,
    "ge": lambda one, other: one >= other,
    "lt": lambda one, other: one < other,
    "le": lambda one, other: one <= other,
}


def read_filter(text: str) -> Test:
    """Make the test that a `$filter` is. Raises GraphError for what is none."""
    try:
        return _Reader(text).read()
    except (ValueError, RecursionError) as error:
        raise GraphError(400, "BadRequest", f"Invalid filter clause: {text}") from error


_WORDS: Final = frozenset(
    [
        "and",
        "or",
        "not",
        "in",
        "eq",
        "ne",
        "gt",
        "ge",
        "lt",
        "le",
        "true",
        "false",
        "null",
        "startswith",
        "endswith",
        "contains",
    ]
)


def names_in(text: str) -> list[str]:
    """Name the properties that a `$filter` is about, each once, in its order."""
    plain = re.sub(r"'(?:[^']|'')*'", "''", text)
    found = re.findall(r"(?<![\w:.-])[A-Za-z][\w/]*", plain)
    return list(dict.fromkeys(name for name in found if name.lower() not in _WORDS))


class _Reader:
    """Reads one filter from its beginning to its end. What makes no sense raises ValueError."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                raise ValueError(text)
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self._tokens.reverse()

    def read(self) -> Test:
        test = self._either()
        if self._tokens:
            raise ValueError
        return test

    def _next(self, kind: str = "", wanted: str = "") -> tuple[str, str]:
        found = self._tokens.pop() if self._tokens else ("", "")
        if found[0] != (kind or found[0]) or found[1].lower() != (wanted or found[1].lower()):
            raise ValueError(found[1])
        return found

    def _takes(self, kind: str, wanted: str) -> bool:
        is_next = bool(self._tokens) and (kind, wanted) == (
            self._tokens[-1][0],
            self._tokens[-1][1].lower(),
        )
        if is_next:
            self._tokens.pop()
        return is_next

    def _either(self) -> Test:
        tests = [self._both()]
        while self._takes("word", "or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda get: any(test(get) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._takes("word", "and"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda get: all(test(get) for test in tests)

    def _one(self) -> Test:
        if self._takes("word", "not"):
            test = self._one()
            return lambda get: not test(get)
        if self._takes("mark", "("):
            if self._is_bracketed_name():
                _, name = self._next("word")
                self._next("mark", ")")
                return self._comparison(name)
            test = self._either()
            self._next("mark", ")")
            return test
        _, name = self._next("word")
        if self._takes("mark", "("):
            return self._call(name)
        return self._comparison(name)

    def _is_bracketed_name(self) -> bool:
        """Tell `(from/emailAddress/address) eq …`, as Microsoft's own examples write it."""
        return [kind for kind, _ in self._tokens[-2:]] == ["mark", "word"] and self._tokens[-2][
            1
        ] == ")"

    def _comparison(self, name: str) -> Test:
        _, operator = self._next("word")
        if operator.lower() == "in":
            self._next("mark", "(")
            values = self._values()
            return lambda get: any(_is_same(get(name), value) for value in values)
        value = self._value()
        if name.endswith("DateTime") and not isinstance(value, datetime | None):
            raise ValueError(name)  # a time in quotation marks is a text to Graph
        return _compared(name, operator.lower(), value)

    def _call(self, name: str) -> Test:
        collection, _, quantifier = name.rpartition("/")
        if quantifier.lower() in ("any", "all") and collection:
            return self._of_each(collection, any if quantifier.lower() == "any" else all)
        function = _FUNCTIONS.get(name.lower())
        if function is None:
            raise ValueError(name)
        _, path = self._next("word")
        self._next("mark", ",")
        (value,) = self._values()
        is_wanted = self._value() if self._takes("word", "eq") else True
        wanted = str(value).lower()

        def test(get: Get) -> bool:
            found = get(path)
            return (isinstance(found, str) and function(found.lower(), wanted)) is is_wanted

        return test

    def _of_each(self, collection: str, quantified: Callable[[list[bool]], bool]) -> Test:
        _, variable = self._next("word")
        self._next("mark", ":")
        test = self._either()
        self._next("mark", ")")
        return lambda get: quantified(
            [test(partial(_of_element, get, variable, one)) for one in get(collection) or ()]
        )

    def _values(self) -> list[Any]:
        """Read values up to the closing bracket."""
        values = [self._value()]
        while self._takes("mark", ","):
            values.append(self._value())
        self._next("mark", ")")
        return values

    def _value(self) -> Any:
        kind, text = self._next()
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "time":
            return _moment(text)
        if text.lower() in _NAMED:
            return _NAMED[text.lower()]
        return text if "." not in text and not text.lstrip("-").isdecimal() else float(text)


def _of_element(get: Get, variable: str, element: Any, path: str) -> Any:
    """Read what a path means within `any` or `all`: something of the element, or of what holds it."""
    first, *steps = path.split("/")
    if first != variable:
        return get(path)
    for step in steps:
        element = element.get(step) if isinstance(element, dict) else None
    return element


def _compared(name: str, operator: str, value: Any) -> Test:
    if operator in ("eq", "ne"):
        return lambda get: _is_same(get(name), value) is (operator == "eq")
    order = _ORDERS.get(operator)
    if order is None:
        raise ValueError(operator)

    def test(get: Get) -> bool:
        one, other = _alike(get(name), value)
        return type(one) is type(other) and one is not None and order(one, other)

    return test


def _is_same(found: Any, value: Any) -> bool:
    one, other = _alike(found, value)
    return bool(one == other)


def _alike(found: Any, value: Any) -> tuple[Any, Any]:
    """Make what was found comparable with a value: times as times, text without regard to case."""
    if isinstance(found, str):
        found = _moment_or_text(found) if isinstance(value, datetime) else found.lower()
    elif isinstance(found, int) and not isinstance(found, bool):
        found = float(found)
    return found, value.lower() if isinstance(value, str) else value


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _moment_or_text(text: str) -> datetime | str:
    try:
        return _moment(text)
    except ValueError:
        return text
