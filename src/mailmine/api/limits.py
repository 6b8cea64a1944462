"""What names and texts may look like (Communications Mining, sections 0 and 2.3)."""

from typing import Annotated, Any, TypeVar

import orjson
from msgspec import UNSET, Meta, Struct, UnsetType

from mailmine.api.errors import InvalidError
from mailmine.model.names import NAME
from mailmine.sync import making

END = r"$(?!\n)"
"""The end of a text in a pattern. In Python `$` alone lets a line break stand there; elsewhere this says no more than it."""

Name = Annotated[str, Meta(pattern=f"^{NAME.pattern}{END}")]
Title = Annotated[str, Meta(max_length=128)]
Description = Annotated[str, Meta(max_length=16_384)]
CommentIdText = Annotated[
    str, Meta(min_length=1, max_length=1_024, pattern=rf"^[\w\x21-\x2e\x3a-\x7e]+{END}")
]

Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""A whole number that can be written again, and read by all clients."""
Octets = Annotated[int, Meta(ge=0, le=2**63 - 1)]

MOST_COMMENTS = 16_384
"""Comments or documents of one request."""


class Anything(Struct, frozen=True):
    """A body that says nothing we need: `{}`."""


T = TypeVar("T", str, bool)


def said(given: T | UnsetType | None, before: T) -> T:
    """Give what a client says from now on: what it does not name stays, and null empties it."""
    return before if given is UNSET else given or type(before)()


def check_name(name: str, what: str) -> None:
    """Refuse a name that is to be given to something new. Raises InvalidError."""
    try:
        making.check_name(name, what)
    except making.NotMade as fault:
        raise InvalidError(str(fault)) from None


_DEEPEST = 254
"""Levels that JSON may have where it is written."""
_AROUND = 16
"""Of these, what stands around a value that a client gives."""


def check_json(value: Any, place: str) -> None:
    """Refuse JSON that could be read but not be written again. Raises InvalidError."""
    around = value
    for _ in range(_AROUND):
        around = [around]
    try:
        orjson.dumps(around)
    except TypeError as error:
        raise InvalidError(
            f"{place}: this cannot be kept. A whole number may have 64 bits, and lists and objects may lie "
            f"{_DEEPEST - _AROUND} deep."
        ) from error


def mapping(value: Any) -> dict[str, Any]:
    """Give a JSON object, or nothing for null."""
    return value if isinstance(value, dict) else {}
