"""Keeps PostgreSQL knowing how much there is, while much arrives."""

import asyncio
from typing import Final

from mailmine.repeating import repeat
from mailmine.store import statistics
from mailmine.store.database import Database
from mailmine.store.errors import StoreError

LOOK: Final = 2.0
"""Seconds between two looks for tables that have doubled."""


class Analyzing:
    """Any number of processes do so together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop`. SQLite needs nothing of it."""
        if self._database.dialect == "sqlite":
            await stop.wait()
            return
        await repeat(self.step, stop, what="analyzing", pause=LOOK, expected=(StoreError,))

    async def step(self) -> None:
        """Look once. Raises StoreError."""
        await asyncio.to_thread(self._refresh)

    def _refresh(self) -> None:
        with self._database.write() as tx:
            statistics.refresh(tx)
