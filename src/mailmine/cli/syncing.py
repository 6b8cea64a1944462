"""What a process does beside answering: it reads the mailboxes, fills and removes sources, watches, and tells people.

All that is due stands in the database, and so does who does it: any number of processes share the work.
"""

import asyncio

from mailmine.access.permissions import sees_integrations
from mailmine.cli.installation import Installation
from mailmine.notify.channel import Channels
from mailmine.notify.notifier import Notifier
from mailmine.sync.analyzing import Analyzing
from mailmine.sync.daily import Daily
from mailmine.sync.enabling import Enabling
from mailmine.sync.filling import Filling
from mailmine.sync.indexing import Indexing
from mailmine.sync.keeping import Keeping
from mailmine.sync.refinery import Apart, Refinery
from mailmine.sync.removal import Removing
from mailmine.sync.room import Room
from mailmine.sync.runner import Runner
from mailmine.sync.settings import SyncSettings
from mailmine.sync.watch import Watch


class Syncing:
    """Does all this for one installation. `refinery` refines what is not fresh mail."""

    def __init__(self, here: Installation, channels: Channels, refinery: Refinery) -> None:
        self._here = here
        self._channels = channels
        self._refinery = refinery

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop`; what is under way ends in peace, or is taken up by another."""
        here = self._here
        given = here.settings
        settings = SyncSettings(poll_interval=given.poll_interval, learns=given.learn)
        room = Room(given.data, settings.warnings)
        runner = Runner(
            here.database,
            here.blobs,
            reach=here.reach,
            refinery=Apart(),
            settings=settings,
            has_room=room.is_left,
        )
        watch = Watch(
            here.database,
            secret_of=here.secret_of,
            has_room=room.is_left,
            worker_id=runner.worker_id,
            settings=settings,
        )
        filling = Filling(here.database, refinery=self._refinery, learns=settings.learns)
        notifier = Notifier(
            here.database,
            self._channels,
            may_see=sees_integrations,
            public_url=given.public_url,
            worker_id=runner.worker_id,
        )
        keeping = Keeping(here.database, here.blobs)
        removing = Removing(here.database)
        daily = Daily(here.database, Enabling(here.database, here.secret_of, here.connection_of))
        await asyncio.gather(
            runner.run(stop),
            filling.run(stop),
            notifier.run(stop),
            watch.run(stop),
            daily.run(stop),
            keeping.run(stop),
            removing.run(stop),
            Indexing(here.database).run(stop),
            Analyzing(here.database).run(stop),
        )
