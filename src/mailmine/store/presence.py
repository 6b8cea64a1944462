"""Which processes read mailboxes by one SQLite database: so that what a killed one left is nobody's.

Each holds a lock on one file beside the database, shared with the others. The kernel takes it from a process
that dies in whatever way, and SQLite (WAL) needs all its processes on one machine; so whoever can have the lock
for himself knows that no other reads. PostgreSQL's processes may be anywhere: there leases run out by themselves.
"""

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from mailmine.store import leases, workers
from mailmine.store.database import Database


class Presence:
    """That this process reads mailboxes, until `leave` or its end."""

    def __init__(self, file: IO[bytes] | None) -> None:
        self._file = file

    @classmethod
    def enter(cls, database: Database) -> "Presence":
        """Be there; take back what processes had that died, if no other is there. Raises StoreError."""
        path = database.path
        if path is None:
            return cls(None)
        with ExitStack() as opened:
            try:
                file = opened.enter_context(Path(f"{path}-readers").open("ab"))
                _take_back(file, database)
                # Whoever comes in between finds no lease of ours: none was taken yet.
                fcntl.flock(file, fcntl.LOCK_SH)
            except OSError:
                return cls(None)  # no locks on this file system: leases run out by themselves
            opened.pop_all()
            return cls(file)

    @classmethod
    @contextmanager
    def alone(cls, database: Database) -> Iterator[bool]:
        """Tell whether no process reads mailboxes; if none does, none begins until the end."""
        path = database.path
        if path is None:
            yield False
            return
        with Path(f"{path}-readers").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                is_alone = False
            else:
                is_alone = True
            yield is_alone

    def leave(self) -> None:
        """Be there no more."""
        if self._file is not None:
            self._file.close()


def _take_back(file: IO[bytes], database: Database) -> None:
    """End all leases where no other process is there, and forget those that had them."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    with database.write() as tx:
        leases.end_leases(tx)
        workers.forget_all(tx)
