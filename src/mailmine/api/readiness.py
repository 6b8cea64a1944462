"""Whether what we need is there."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

import anyio.to_thread
from structlog import get_logger

from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.store.errors import StoreError

_log = get_logger(__name__)

HOLDS = timedelta(seconds=5)
"""How long an answer is given again: whoever asks all the time costs nothing."""
PATIENCE = 5.0
"""Seconds for each check."""

DATABASE = "the database cannot be used"
SCHEMA = "the schema of the database is not that of this version"
BLOBS = "contents cannot be kept"


class Readiness:
    """What is missing, as of some seconds ago at most.

    Everybody may ask, so the answer names no host, no path and no error; the log does.
    """

    def __init__(self, database: Database, blobs: Blobs, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._found: tuple[datetime, tuple[str, ...]] | None = None
        self._one_at_a_time = asyncio.Lock()

    async def reasons(self) -> tuple[str, ...]:
        """Give the reasons for which nothing can be served; none where all is well."""
        async with self._one_at_a_time:
            now = self._clock()
            if self._found is None or not timedelta() <= now - self._found[0] < HOLDS:
                found = (await self._database_reasons(), await self._blob_reasons())
                self._found = now, tuple(reason for reason in found if reason)
            return self._found[1]

    async def _database_reasons(self) -> str | None:
        # A thread that waits for a database does so for long: it is left alone.
        look = partial(anyio.to_thread.run_sync, self._database.is_usable, abandon_on_cancel=True)
        is_usable = await self._tried(look(), DATABASE)
        return DATABASE if is_usable is None else None if is_usable else SCHEMA

    async def _blob_reasons(self) -> str | None:
        async def keep() -> bool:
            await self._blobs.check()
            return True

        return None if await self._tried(keep(), BLOBS) else BLOBS

    async def _tried(self, check: Awaitable[bool], what: str) -> bool | None:
        try:
            async with asyncio.timeout(PATIENCE):
                return await check
        except (StoreError, TimeoutError) as error:
            _log.warning("not_ready", reason=what, error=str(error) or type(error).__name__)
            return None
