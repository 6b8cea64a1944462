"""Keeps what was made of a large request on disk until all of it is there, and can be written at once."""

import struct
from collections.abc import Iterator, Sequence
from tempfile import TemporaryFile
from types import TracebackType
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

_LENGTH = struct.Struct(">I")


class Spool(Generic[T]):
    """Pieces of things of the type `shape`, in the order in which they were added."""

    def __init__(self, shape: type[T]) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._encode = msgspec.msgpack.Encoder().encode
        self._decoder: msgspec.msgpack.Decoder[list[T]] = msgspec.msgpack.Decoder(list[shape])  # type: ignore[valid-type]

    def __enter__(self) -> "Spool[T]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, piece: Sequence[T]) -> None:
        """Keep a piece."""
        data = self._encode(piece)
        self._file.write(_LENGTH.pack(len(data)) + data)

    def __iter__(self) -> Iterator[list[T]]:
        """Give the pieces back, one at a time."""
        self._file.seek(0)
        while head := self._file.read(_LENGTH.size):
            yield self._decoder.decode(self._file.read(_LENGTH.unpack(head)[0]))
