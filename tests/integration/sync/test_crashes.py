"""The sync dies at every step there is, and at random moments by SIGKILL: nothing is lost, nothing doubled."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from exchange_simulator import Exchange
from mailmine.exchange.faults import Fault
from mailmine.exchange.reader import (
    ChangePage,
    CursorLost,
    Fetched,
    Folder,
    FolderTree,
    Item,
    Reader,
)
from mailmine.model.email import Attachment
from mailmine.model.ids import Cursor, FolderId, ItemId
from mailmine.model.integration import Backend
from mailmine.store import mailboxes
from mailmine.store.database import Database
from mailmine.sync.settings import SyncSettings
from tests.integration.sync.conftest import CLAIMS, ORDERS, World, eml


class Crash(BaseException):
    """The process dies here; nothing in it may catch this."""


class Fuse:
    """Burns down with every step, and ends everything with the last."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def burn(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Crash


class DyingDatabase(Database):
    """Dies before a transaction, in it just before it is committed, and after it."""

    fuse: Fuse

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self.fuse.burn()
        with super().read() as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.fuse.burn()
        with super().write() as tx:
            yield tx
            self.fuse.burn()
        self.fuse.burn()


class DyingReader:
    """Dies before and after each answer of Exchange."""

    def __init__(self, reader: Reader, fuse: Fuse) -> None:
        self._reader = reader
        self._fuse = fuse

    @property
    def keeps_ids(self) -> bool:
        return self._reader.keeps_ids

    @property
    def version(self) -> str | None:
        return self._reader.version

    def assume(self, version: str | None) -> None:
        self._reader.assume(version)

    async def outlines(self, items: Sequence[ItemId]) -> Mapping[ItemId, Item]:
        self._fuse.burn()
        return await self._reader.outlines(items)

    async def locate(self, items: Sequence[ItemId]) -> Mapping[ItemId, FolderId | None]:
        self._fuse.burn()
        return await self._reader.locate(items)

    async def folders(self) -> FolderTree:
        self._fuse.burn()
        return await self._reader.folders()

    async def search_folders(self) -> tuple[Folder, ...]:
        return await self._reader.search_folders()

    async def changes(
        self,
        folder: FolderId,
        cursor: Cursor | None,
        *,
        limit: int,
        since: datetime | None = None,
        outlined: bool = False,
    ) -> ChangePage | CursorLost | Fault:
        self._fuse.burn()
        return await self._reader.changes(
            folder, cursor, limit=limit, since=since, outlined=outlined
        )

    async def newest(
        self, folder: FolderId, *, since: datetime, limit: int
    ) -> tuple[ItemId, ...] | Fault:
        self._fuse.burn()
        return await self._reader.newest(folder, since=since, limit=limit)

    async def fetch(self, items: Sequence[ItemId]) -> AsyncIterator[Sequence[Fetched]]:
        async for batch in self._reader.fetch(items):
            self._fuse.burn()
            yield batch

    async def attachment(self, item: ItemId, attachment: Attachment) -> AsyncGenerator[bytes, None]:
        async for piece in self._reader.attachment(item, attachment):
            self._fuse.burn()
            yield piece

    async def aclose(self) -> None:
        await self._reader.aclose()


MAILS = 6
STEPS = 400


def fill(world: World) -> Callable[[], None]:
    """Deliver some mail; gives what people do with it later."""
    orders = world.exchange.mailbox(ORDERS)
    messages = [orders.deliver(eml(number, attachment=b"%PDF")) for number in range(MAILS)]
    orders.make_folder("Work")
    copy = messages[1].copy("Work")

    def stir() -> None:
        messages[0].move("Done")
        messages[0].move("Inbox")
        messages[2].move("Work")
        copy.delete()
        orders.rename_folder("Work", "Play")
        orders.deliver(eml(MAILS))

    return stir


def look(world: World) -> dict[str, tuple[str, bool]]:
    """Give what the comments say: their Folder, and whether the attachment is there."""
    return {
        str(one.user_properties["string:Message ID"]): (
            str(one.user_properties["string:Folder"]),
            all(attachment.attachment_reference for attachment in one.attachments),
        )
        for one in world.comments()
    }


EXPECTED = {
    f"<{number}@example.com>": ("Play (/ Play)" if number == 2 else "Inbox (/ Inbox)", True)
    for number in range(MAILS + 1)
}


async def survive(world: World, steps: int) -> bool:
    """Run rounds, die after so many steps, and begin anew; tells whether it died."""
    fuse = Fuse(steps)
    healthy, dying = world.database, DyingDatabase.open(world.database.url)
    assert isinstance(dying, DyingDatabase)
    dying.fuse = fuse
    account = world.account()
    reader = DyingReader(account.reader(ORDERS), fuse)
    world.memories.clear()
    try:
        while (await world.round(reader=reader, database=dying)).is_unfinished:
            pass
    except Crash:
        return True
    finally:
        await account.aclose()
        dying.close()
        # The lease of the dead runs out.
        world.now = world.time() + timedelta(minutes=1)
        assert world.database is healthy
    return False


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_crash_at_each_step_loses_and_doubles_nothing(world: World) -> None:
    """Each k in turn: die at step k of the first load, then at step k of the round after people were busy."""
    world.settings = SyncSettings(page=3)
    world.configure(sync_attachments=True)
    stir = fill(world)
    steps, stirred = 0, False
    while True:
        died = await survive(world, steps)
        found = look(world)
        assert set(found) <= set(EXPECTED)
        assert len(world.comments()) == len(found)
        steps += 1
        if not died and stirred:
            break
        if not died:
            stir()
            steps, stirred = 0, True
        assert steps < STEPS
    assert look(world) == EXPECTED


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_crash_at_each_step_of_a_fresh_start(world: World, tmp_path: Path) -> None:
    """Each k apart: a new store, one crash at step k, one run to the end."""
    fill(world)()
    world.settings = SyncSettings(page=3)
    for steps in range(0, STEPS, 5):
        world.database.close()
        world.database = Database.open(f"sqlite:///{tmp_path / f'crash{steps}.db'}")
        world.database.migrate()
        world.configure(sync_attachments=True)
        died = await survive(world, steps)
        await world.sync()
        assert look(world) == EXPECTED, f"after a crash at step {steps}"
        if not died:
            return
    pytest.fail("the sync needs more steps than were thought")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_crash_at_each_step_of_a_switch_loses_and_doubles_nothing(world: World) -> None:
    """Each k in turn: die at step k of what the mailbox takes to be read another way, and go on with the next."""
    world.settings = SyncSettings(page=3)
    world.configure(sync_attachments=True)
    stir = fill(world)
    await world.sync()
    stir()
    world.backend = Backend.GRAPH
    world.configure(sync_attachments=True)
    for steps in range(STEPS):
        died = await survive(world, steps)
        assert set(look(world)) <= set(EXPECTED)
        assert len(world.comments()) == len(look(world))
        if not died:
            break
    assert look(world) == EXPECTED


CHILD = """
import asyncio, sys
from datetime import timedelta
import structlog
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.sync.reach import by_secret
from mailmine.sync.runner import Runner
from mailmine.sync.settings import SyncSettings

# Nobody reads stdout after the first line: a log written there would fail, and that would look like a bug in each round.
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
database = Database.open(sys.argv[1])
settings = SyncSettings(
    page=5, poll_interval=timedelta(seconds=0.2), lease=timedelta(seconds=0.5),
    lease_renewal=timedelta(seconds=0.1), slice=timedelta(seconds=0.1),
)
runner = Runner(database, Blobs.open(sys.argv[2]), reach=by_secret(lambda _: "secret"), settings=settings)
print("ready", flush=True)
asyncio.run(runner.run(asyncio.Event()))
"""

KILLS = 6


@pytest.mark.timeout(300)
def test_killed_many_times_nothing_is_lost_and_nothing_doubled(world: World) -> None:
    chance = random.Random(19)  # noqa: S311 - a seeded game, no secret
    world.configure(ORDERS, CLAIMS, sync_attachments=True)
    people = People(world.exchange, chance)
    people.deliver(60)
    for _ in range(KILLS):
        child = start_child(world)
        people.be_busy()
        wait(child, chance.uniform(0.05, 1.2))
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    child = start_child(world)
    try:
        people.be_busy()
        deadline = world.time() + timedelta(seconds=60)
        while not people.is_all_shown(world):
            assert world.time() < deadline, people.difference(world)
            wait(child, 0.2)
    finally:
        child.kill()
        child.wait()
    with world.database.read() as tx:
        assert all(mailbox.enabled for mailbox in mailboxes.list_all(tx))


def start_child(world: World) -> "subprocess.Popen[str]":
    blobs = str(world.folder / "blobs")
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, world.database.url, blobs],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.stdout.close()
    return child


def wait(child: "subprocess.Popen[str]", seconds: float) -> None:
    """Let the child work for a while; it must not end by itself."""
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(timeout=seconds)


class People:
    """They deliver, move, copy and delete, and remember where everything lies."""

    FOLDERS = ("Inbox", "Done", "Inbox/Orders", "Archive")

    def __init__(self, exchange: Exchange, chance: random.Random) -> None:
        self.exchange = exchange
        self.chance = chance
        self.delivered = 0
        self.lying: dict[int, list[tuple[Any, str]]] = {}

    def deliver(self, count: int) -> None:
        for _ in range(count):
            number = self.delivered
            self.delivered += 1
            address = self.chance.choice((ORDERS, CLAIMS))
            folder = self.chance.choice(self.FOLDERS)
            raw = eml(number, attachment=b"%PDF" if number % 10 == 0 else None)
            self.lying[number] = [(self.exchange.mailbox(address).deliver(raw, folder), folder)]

    def be_busy(self) -> None:
        self.deliver(3)
        for _ in range(12):
            number = self.chance.randrange(self.delivered)
            message, _ = self.lying[number][0]
            folder = self.chance.choice(self.FOLDERS)
            match self.chance.randrange(4):
                case 0 | 1:
                    message.move(folder)
                    self.lying[number][0] = (message, folder)
                case 2:
                    self.lying[number].append((message.copy(folder), folder))
                case _ if len(self.lying[number]) > 1:
                    gone, _ = self.lying[number].pop()
                    gone.delete()

    def is_all_shown(self, world: World) -> bool:
        return not self.difference(world)

    def difference(self, world: World) -> str:
        """Say what is not as it should be yet; nothing, if all is."""
        shown: dict[int, str] = {}
        for comment in world.comments():
            number = int(str(comment.user_properties["string:Message ID"])[1:].partition("@")[0])
            assert number not in shown, f"email {number} has two comments"
            folder = str(comment.user_properties["string:Folder"])
            shown[number] = folder.partition("(/ ")[2].removesuffix(")").replace(" / ", "/")
            if not all(attachment.attachment_reference for attachment in comment.attachments):
                shown[number] = "content is missing"
        wrong = [
            f"{number}: {shown.get(number)} and not {[folder for _, folder in places]}"
            for number, places in self.lying.items()
            if shown.get(number) not in {folder for _, folder in places}
        ]
        return "; ".join(wrong)
