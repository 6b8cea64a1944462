"""What stands in the query of a request: checked as bodies are, for the routes that are asked all the time."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from fastapi import Request

from mailmine.api.bodies import words
from mailmine.api.errors import InvalidError

T = TypeVar("T")

_FINER = re.compile(r"(?<=\.[0-9]{6})[0-9]+")
"""What a time says beyond the microsecond."""


def asks(shape: type[T]) -> Callable[[Request], Awaitable[T]]:
    """Make the dependency that reads a query of this shape, each field at most once. Raises InvalidError."""

    async def read(request: Request) -> T:
        try:
            # Rounded, the end of a day as .NET writes it (23:59:59.9999999) would be the beginning of the next.
            given = {name: _FINER.sub("", one) for name, one in request.query_params.items()}
            return msgspec.convert(given, shape, strict=False)
        except msgspec.ValidationError as error:
            raise InvalidError(words(error, plus="%2B")) from error

    read.__dict__["asks"] = shape
    return read


def asked_by(dependency: Callable[..., Any] | None) -> type | None:
    """Tell what a dependency made by `asks` reads."""
    shape: type | None = getattr(dependency, "asks", None)
    return shape
