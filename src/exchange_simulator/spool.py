"""Bytes on disk: what a simulated Exchange holds would not fit into memory."""

import os
import tempfile
import weakref
from pathlib import Path
from typing import NamedTuple


class Span(NamedTuple):
    """Where some bytes lie in a spool."""

    offset: int
    length: int


class Spool:
    """One file that is only ever appended to, and vanishes with its process.

    Reads and appends may come from several threads; appends must not come at the same time.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file, path = tempfile.mkstemp(prefix="exchange-", dir=folder)
        Path(path).unlink()
        self._close = weakref.finalize(self, os.close, self._file)
        self._end = 0

    def put(self, data: bytes) -> Span:
        """Append `data` and say where it lies."""
        span = Span(self._end, len(data))
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        self._end += span.length
        return span

    def get(self, span: Span) -> bytes:
        """Read what `put` wrote."""
        return os.pread(self._file, span.length, span.offset)

    def close(self) -> None:
        """Let go of the file; it is gone then."""
        self._close()
