"""What people are told, and what they do about it: they look whether it can be read again, as `mailmine check` does."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bench.chaos.world import PROJECT, ROOM, TOWNS, Town, World
from mailmine.exchange.check import Name, Outcome, check
from mailmine.model.integration import Integration, Mailbox
from mailmine.model.notice import Notice, Topic
from mailmine.notify.channel import Channels, Message, NotDelivered
from mailmine.notify.decide import Room
from mailmine.store import events, mailboxes
from mailmine.store.events import Event
from mailmine.sync.resume import resume

STOPPED: Final = (Topic.INTEGRATION_DISABLED, Topic.MAILBOX_DISABLED)
MANY: Final = 1_000_000


@dataclass
class Inbox:
    """A channel that keeps what it gets; of the next messages some do not get through."""

    clock_of: World
    losing: int = 0
    deliveries: dict[str, tuple[datetime, tuple[Notice, ...]]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    async def send(self, message: Message) -> None:
        """Take a message. Raises NotDelivered."""
        if self.losing:
            self.losing -= 1
            raise NotDelivered("The receiver is away.")
        at = self.clock_of.clock.time()
        _, before = self.deliveries.setdefault(message.delivery, (at, message.notices))
        if before != message.notices:
            self.wrong.append(f"the delivery {message.delivery} came again, and was another")

    def channels(self) -> Channels:
        """Give it to the project as a room of its own."""
        room = Room(name=ROOM, project=PROJECT, topics=frozenset(Topic))
        return Channels(rooms={ROOM: (room, self)})

    def notices(self) -> list[Notice]:
        """List all that was told."""
        return [one for _, notices in self.deliveries.values() for one in notices]


class Operators:
    """They know what stopped when they are told, and let go on what can be read."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.inbox = Inbox(world)
        self._seen = 0
        self.disabled: Counter[str] = Counter()
        self.enabled: Counter[str] = Counter()
        """By the id of a mailbox or an integration: how often it was so."""
        self.stopped: Counter[str] = Counter()
        """By what happened and its code."""
        self._ids: dict[str, str] = {}
        with world.database.read() as tx:
            for town in TOWNS:
                integration = world.integration(town)
                self._ids[town.name] = integration.id
                for box in mailboxes.of_integration(tx, integration.id):
                    self._ids[box.address] = box.id

    def follow(self) -> list[Event]:
        """Count what stopped and went on since the last time; give what stopped."""
        with self._world.database.read() as tx:
            new = events.after(tx, self._seen, MANY)
        stopped = []
        for event in new:
            self._seen = event.id
            subject = event.mailbox_id or event.integration_id or ""
            if event.kind in STOPPED:
                self.disabled[subject] += 1
                self.stopped[f"{event.kind} {event.detail['code']}"] += 1
                stopped.append(event)
            elif event.kind in ("mailbox_enabled", "integration_enabled"):
                self.enabled[subject] += 1
        return stopped

    def told(self) -> tuple[Counter[str], Counter[str]]:
        """Count how often people were told that something stopped, and that it is read again."""
        stopped: Counter[str] = Counter()
        resolved: Counter[str] = Counter()
        for notice in self.inbox.notices():
            count = resolved if notice.topic is Topic.RESOLVED else stopped
            if notice.about in STOPPED:
                count.update(notice.mailbox_ids or [notice.integration_id])
        return stopped, resolved

    def is_known(self, subject: str) -> bool:
        """Tell whether people know all that is to be known of a mailbox (by its address) or a town."""
        stopped, _ = self.told()
        id_ = self._ids[subject]
        return stopped[id_] == self.disabled[id_]

    def is_settled(self, subject: str) -> bool:
        """Tell whether all is well with it, and people know."""
        _, resolved = self.told()
        id_ = self._ids[subject]
        return resolved[id_] == self.disabled[id_]

    def waiting(self) -> list[tuple[Town, list[Mailbox]]]:
        """Give the towns that are stopped, or of which mailboxes are, and those of their mailboxes of which people know."""
        found = []
        for town in TOWNS:
            integration = self._world.integration(town)
            with self._world.database.read() as tx:
                boxes = mailboxes.of_integration(tx, integration.id)
            is_stopped = not integration.enabled or any(not box.enabled for box in boxes)
            known = [box for box in boxes if box.enabled or self.is_known(box.address)]
            if not integration.enabled:
                if self.is_known(town.name):
                    found.append((town, known))
            elif is_stopped and (off := [box for box in known if not box.enabled]):
                found.append((town, off))
        return found

    async def try_out(self, town: Town, boxes: list[Mailbox]) -> str:
        """Let go on what can be read, as `mailmine check` does."""
        integration = self._world.integration(town)
        readable = await self._readable(integration, boxes)
        if readable:
            with self._world.database.write() as tx:
                resume(tx, integration, readable, at=self._world.clock.time())
        return f"checked {town.name}: {len(readable)} of {len(boxes)} can be read"

    async def _readable(self, integration: Integration, boxes: list[Mailbox]) -> list[Mailbox]:
        failed: set[str | None] = set()
        listed: set[str | None] = set()
        secret = self._world.secret_of(integration)
        addresses = [box.address for box in boxes]
        async for step in check(integration.connection, secret, addresses):
            if step.outcome is Outcome.FAILED:
                failed.add(step.mailbox)
            if step.name is Name.FOLDERS:
                listed.add(step.mailbox)
        return [box for box in boxes if box.address in listed - failed]
