"""A database whose process is killed at one of its transactions."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from mailmine.store.database import Database


class Killed(BaseException):
    """The process is dead: whatever it still does, it writes nothing."""


class Fuse:
    """Burns down with every step of every thread; once it is burnt, each further step kills."""

    def __init__(self) -> None:
        self._left: int | None = None
        self._lock = threading.Lock()

    @property
    def is_burnt(self) -> bool:
        """Whether the process is dead."""
        return self._left == 0

    def light(self, steps: int) -> None:
        """Let it burn for so many steps; 0 kills at once."""
        with self._lock:
            self._left = steps

    def burn(self) -> None:
        """Do a step. Raises Killed."""
        with self._lock:
            if self._left:
                self._left -= 1
            if self._left == 0:
                raise Killed


class MortalDatabase(Database):
    """Dies before a transaction, in it just before it is committed, or after it."""

    fuse: Fuse

    @classmethod
    def of(cls, url: str, fuse: Fuse) -> "MortalDatabase":
        """Open the database at `url`."""
        mortal = cls.open(url)
        assert isinstance(mortal, cls)
        mortal.fuse = fuse
        return mortal

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that writes nothing. Raises Killed."""
        self.fuse.burn()
        with super().read() as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction. Raises Killed."""
        self.fuse.burn()
        with super().write() as tx:
            yield tx
            self.fuse.burn()
        self.fuse.burn()
