"""Checks what a client uploads, piece by piece: thousands of comments are never in memory at once."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import msgspec

from mailmine.api.bodies import words
from mailmine.api.errors import BadRequestError, InvalidError

PIECE = 500
"""Comments that are checked and written at a time; a request is one transaction all the same."""
PIECE_OF_EMAILS = 100
"""Emails that are refined and written at a time."""

T = TypeVar("T")


def pieces(
    raw: Sequence[msgspec.Raw], shape: type[T], field: str, size: int = PIECE
) -> Iterator[list[T]]:
    """Check what a client put, piece by piece. Raises InvalidError that says where something is wrong."""
    decode: Callable[[msgspec.Raw], T] = msgspec.json.Decoder(shape).decode
    for start in range(0, len(raw), size):
        piece: list[T] = []
        for index, one in enumerate(raw[start : start + size], start):
            try:
                piece.append(decode(one))
            except msgspec.ValidationError as error:
                raise InvalidError(words(error, within=f"{field}[{index}]")) from error
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise BadRequestError(f"{field}[{index}] is no JSON: {error}.") from error
            except RecursionError as error:
                raise BadRequestError(
                    f"The lists and objects of {field}[{index}] lie too deep in each other."
                ) from error
        yield piece
