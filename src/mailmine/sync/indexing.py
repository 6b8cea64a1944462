"""Indexes for the search what is lined up for it, beside all other work."""

import asyncio
import time
from typing import Final

from mailmine.repeating import repeat
from mailmine.store import search_index
from mailmine.store.database import Database
from mailmine.store.errors import StoreError

PIECE: Final = 200
"""Comments of one transaction."""
LOOK: Final = 1.0
"""Seconds between two looks for something to do."""


class Indexing:
    """Lets comments be found soon that came too many at a time; any number of processes do so together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop`. Where nothing is ever lined up, there is nothing to do."""
        if self._database.dialect == "sqlite":
            await stop.wait()
            return
        await repeat(self.step, stop, what="indexing", pause=LOOK, expected=(StoreError,))

    async def step(self) -> bool:
        """Index a piece; whether there may be more. Raises StoreError."""
        began = time.perf_counter()
        is_more = await asyncio.to_thread(self._catch_up) == PIECE
        if is_more:
            # As long again for all others: what arrives goes before what is searched.
            await asyncio.sleep(time.perf_counter() - began)
        return is_more

    def _catch_up(self) -> int:
        with self._database.write() as tx:
            return search_index.catch_up(tx, most=PIECE)
