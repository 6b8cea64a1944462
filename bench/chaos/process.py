"""One life of a process of mailmine: as `mailmine serve` runs it, until it is stopped or killed."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from bench.chaos.mortal import Fuse, Killed, MortalDatabase
from bench.chaos.world import World
from mailmine.access.permissions import sees_integrations
from mailmine.exchange import open_account
from mailmine.notify.channel import Channels
from mailmine.notify.notifier import Notifier
from mailmine.sync.filling import Filling
from mailmine.sync.reach import by_secret
from mailmine.sync.refinery import Here
from mailmine.sync.runner import Runner
from mailmine.sync.settings import SyncSettings, WarningSettings
from mailmine.sync.watch import Watch

LOOK: Final = 0.02
"""Real seconds between two looks of what runs beside the sync."""
GRACE: Final = 30.0
"""Real seconds in which one that is dead finds out."""
SETTINGS: Final = SyncSettings(
    together=timedelta(),
    listen_after=timedelta(milliseconds=100),
    page=7,
    newest=5,
    lease=timedelta(minutes=2),
    drain=timedelta(seconds=2),
    warnings=WarningSettings(look=timedelta(seconds=LOOK)),
)


class Process:
    """A process that lives."""

    def __init__(self, world: World, channels: Channels, jitter: Callable[[], float]) -> None:
        self.fuse = Fuse()
        self._database = MortalDatabase.of(world.database.url, self.fuse)
        self._stop = asyncio.Event()
        self.runner = Runner(
            self._database,
            world.blobs,
            reach=by_secret(world.secret_of),
            settings=SETTINGS,
            open_account=partial(open_account, clock=world.clock),
            now=world.clock.time,
            jitter=jitter,
        )
        filling = Filling(self._database, refinery=Here(), look=LOOK)
        notifier = Notifier(
            self._database, channels, may_see=sees_integrations, now=world.clock.time, look=LOOK
        )
        watch = Watch(
            self._database, secret_of=world.secret_of, settings=SETTINGS, now=world.clock.time
        )
        self._tasks = [
            asyncio.create_task(runs.run(self._stop))
            for runs in (self.runner, filling, notifier, watch)
        ]

    @property
    def is_over(self) -> bool:
        """Whether something of it has ended."""
        return any(task.done() for task in self._tasks)

    async def end(self) -> None:
        """Stop it in peace; where it was killed meanwhile, it is dead. Raises what it died of otherwise."""
        self._stop.set()
        self.runner.wake()
        try:
            for result in await asyncio.gather(*self._tasks, return_exceptions=True):
                if not isinstance(result, Killed | asyncio.CancelledError | None):
                    raise result
        finally:
            self._database.close()

    async def kill(self) -> None:
        """Kill it now."""
        self.fuse.light(0)
        self.runner.wake()
        _, late = await asyncio.wait(self._tasks, timeout=GRACE)
        for task in late:
            task.cancel()
        await self.end()
