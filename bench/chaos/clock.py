"""The time of the campaign: it stands still, and goes on in steps."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

BEGIN: Final = datetime(2026, 3, 2, 8, tzinfo=UTC)
SHORT: Final = 2.0
"""Seconds that somebody may wait for while the clock stands still: they pass at once."""
LOOK: Final = 0.02
"""Real seconds between two looks of who waits for longer."""


class Clock:
    """Tells the time to the simulated Exchange, to mailmine and to its accounts. May be read by any thread."""

    def __init__(self) -> None:
        self._time = BEGIN

    def time(self) -> datetime:
        """Tell the time."""
        return self._time

    def now(self) -> float:
        """Tell it as `mailmine.exchange.pace.Clock` does."""
        return (self._time - BEGIN).total_seconds()

    def go_on(self, by: timedelta) -> None:
        """Let it be later."""
        self._time += by

    async def sleep(self, seconds: float) -> None:
        """Wait until it is so much later."""
        if seconds <= SHORT:
            await asyncio.sleep(0)
            return
        until = self.now() + seconds
        while self.now() < until:
            await asyncio.sleep(LOOK)
