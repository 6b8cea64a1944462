"""Does the work of the store in threads, so that reading from Exchange goes on meanwhile."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from sqlalchemy import Connection as Transaction

from mailmine.store.database import Database
from mailmine.store.errors import Conflict

T = TypeVar("T")

READERS = 2
TRIES = 3
"""How often what another worker crossed is written before it is an error."""


class Desk:
    """One thread writes, in the order in which it was asked; few others read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="mailmine-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="mailmine-reader")

    async def write(self, act: Callable[[Transaction], T]) -> T:
        """Do `act` in a transaction of its own, again where it met a Conflict. Raises StoreError."""
        return await self._in(self._writer, self._write, act)

    async def read(self, act: Callable[[Transaction], T]) -> T:
        """Do `act`, which writes nothing, in a transaction of its own. Raises StoreError."""
        return await self._in(self._readers, self._read, act)

    async def _in(
        self,
        threads: ThreadPoolExecutor,
        do: Callable[[Callable[[Transaction], T]], T],
        act: Callable[[Transaction], T],
    ) -> T:
        # With the context, so that what is logged there names the round too.
        return await asyncio.get_running_loop().run_in_executor(
            threads, copy_context().run, do, act
        )

    def close(self) -> None:
        """Wait for what was begun; the database stays open."""
        self._writer.shutdown()
        self._readers.shutdown()

    def _write(self, act: Callable[[Transaction], T]) -> T:
        for _ in range(TRIES - 1):
            try:
                with self._database.write() as tx:
                    return act(tx)
            except Conflict:
                continue
        with self._database.write() as tx:
            return act(tx)

    def _read(self, act: Callable[[Transaction], T]) -> T:
        with self._database.read() as tx:
            return act(tx)
