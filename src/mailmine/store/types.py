"""How values of ours become columns, alike in both databases."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary, Text as SqlText
from sqlalchemy.types import TypeDecorator

from mailmine.store.text import clean, clean_all

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Number = BigInteger().with_variant(Integer, "sqlite")
"""64 bits in both; SQLite numbers rows by itself only where a column says INTEGER."""

Bytes = LargeBinary


def new_id() -> str:
    """Make an id: sixteen hex digits."""
    return secrets.token_hex(8)


def microseconds(at: datetime) -> int:
    """Count the microseconds since 1970; raises TypeError for a datetime that is not aware."""
    return (at - EPOCH) // MICROSECOND


def moment(value: int) -> datetime:
    """Turn `microseconds` back."""
    return EPOCH + timedelta(microseconds=value)


class Text(TypeDecorator[str]):
    """Text without what the databases refuse."""

    impl = SqlText
    cache_ok = True

    # The processor itself and not `process_bind_param`, which takes two calls more for each value; so below.
    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:
        """Clean it."""
        del dialect
        return lambda value: None if value is None else clean(value)


class Moment(TypeDecorator[datetime]):
    """A moment as microseconds since 1970: exact, sorts and compares alike in both databases."""

    impl = BigInteger
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], int | None]:
        """Count."""
        del dialect
        return lambda value: None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Make it a datetime again."""
        del dialect
        return None if value is None else moment(value)


class Json(TypeDecorator[Any]):
    """A value of the type `shape` as JSON text."""

    impl = SqlText
    cache_ok = True

    def __init__(self, shape: Any) -> None:
        super().__init__()
        self.shape = shape
        self._decoder = msgspec.json.Decoder(shape)

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Encode it."""
        del dialect
        return None if value is None else encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Decode it."""
        del dialect
        return None if value is None else self._decoder.decode(value)


_encoder = msgspec.json.Encoder()


def encode(value: Any) -> bytes:
    """Write `value` as JSON whose texts the databases take."""
    try:
        json = _encoder.encode(value)
    except UnicodeEncodeError:
        json = b"\\u0000"
    if b"\\u0000" in json:
        return _encoder.encode(clean_all(msgspec.to_builtins(value)))
    return json
