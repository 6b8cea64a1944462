"""A mailbox in which nothing happens is asked one thing, and looked up nowhere; whatever happens in it ends that."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self

import pytest

from exchange_simulator import Message
from mailmine.exchange.faults import Fault, Scope, Where
from mailmine.exchange.reader import Account, Folder, FolderTree, Reader
from mailmine.model.ids import FolderId, ItemId
from mailmine.model.integration import Backend
from mailmine.store import failures, folders, mailboxes
from mailmine.sync import rest
from mailmine.sync.desk import Desk
from mailmine.sync.hints import MOST, PROOFS
from mailmine.sync.round import Outcome
from tests.integration.sync.conftest import ORDERS, World, both, eml

LATER = timedelta(seconds=30)


@dataclass
class Watched:
    """One reader of one mailbox, as a runner keeps it."""

    world: World
    account: Account = field(init=False)
    reader: Reader = field(init=False)

    async def __aenter__(self) -> Self:
        self.world.now = datetime.now(UTC)
        self.account = self.world.account()
        self.reader = self.account.reader(ORDERS)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.account.aclose()

    async def poll(self, after: timedelta = LATER) -> Outcome:
        """Run the next round."""
        self.world.now = self.world.time() + after
        return await self.world.round(reader=self.reader)

    async def folders_read(self, after: timedelta) -> int:
        """Run a round then, and count the times that it asks for the changes of a folder."""
        asked: list[FolderId] = []
        changes = self.reader.changes

        async def counted(folder_id: FolderId, *of: Any, **more: Any) -> Any:
            asked.append(folder_id)
            return await changes(folder_id, *of, **more)

        self.reader.changes = counted  # type: ignore[method-assign,assignment]
        await self.poll(after)
        self.reader.changes = changes  # type: ignore[method-assign]
        return len(asked)

    async def come_to_rest(self) -> None:
        """Run rounds until there is nothing to do."""
        for _ in range(6):
            if (await self.poll()).rest is not None:
                return
        raise AssertionError("it does not come to rest")


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no round look anything up, or write anything."""

    async def refused(*_: object) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(Desk, "read", refused)
    monkeypatch.setattr(Desk, "write", refused)


@both
async def test_a_mailbox_at_rest_is_looked_up_nowhere(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = world.exchange.mailbox(ORDERS)
    for number in range(3):
        orders.deliver(eml(number), folder="Inbox/Orders" if number else "Inbox")
    world.configure(sync_attachments=True)
    async with Watched(world) as watched:
        await watched.come_to_rest()
        forbid(monkeypatch)
        # The folders are as they were: they look as they did.
        monkeypatch.setattr(rest, "looks", None)
        for _ in range(3):
            outcome = await watched.poll()
            assert outcome.rest is not None
            assert not outcome.is_unfinished


def _deliver(message: Message, world: World) -> None:
    del message
    world.exchange.mailbox(ORDERS).deliver(eml(2))


def _move(message: Message, world: World) -> None:
    del world
    message.move("Done")


def _rename(message: Message, world: World) -> None:
    del message
    world.exchange.mailbox(ORDERS).rename_folder("Inbox/Orders", "Chairs")


EVENTS: dict[str, tuple[Callable[[Message, World], None], str, int]] = {
    "an email arrives": (_deliver, "Orders", 2),
    "one is moved": (_move, "Done", 1),
    "its folder gets another name": (_rename, "Chairs", 1),
}
"""What happens, in which folder the first email lies then, and how many comments there are."""


@both
@pytest.mark.parametrize("event", EVENTS)
async def test_what_happens_in_it_ends_its_rest(world: World, event: str) -> None:
    happen, folder, comments = EVENTS[event]
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("Done")
    message = orders.deliver(eml(1), folder="Inbox/Orders")
    world.configure()
    async with Watched(world) as watched:
        await watched.come_to_rest()
        happen(message, world)
        while (await watched.poll()).is_unfinished:
            pass
        assert world.folder_of(1) == folder
        assert len(world.comments()) == comments
        await watched.come_to_rest()


@both
async def test_every_folder_is_read_from_time_to_time_all_the_same_an_empty_one_seldom(
    world: World,
) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure()
    interval = world.settings.full_pass_interval
    async with Watched(world) as watched:
        await watched.come_to_rest()
        assert await watched.folders_read(LATER) == 0
        assert await watched.folders_read(interval) == 1
        await watched.come_to_rest()
        assert await watched.folders_read(MOST * interval) > 1


async def test_folders_that_changed_long_ago_are_read_once(world: World) -> None:
    """Of others a second reading has to make sure: a hint counts whole seconds."""
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure()
    async with Watched(world) as watched:
        assert await watched.folders_read(timedelta(hours=2)) > 0
        assert await watched.folders_read(LATER) == 0
        assert len(world.comments()) == 1
        world.exchange.mailbox(ORDERS).deliver(eml(2))
        assert await watched.folders_read(LATER) > 0
        assert len(world.comments()) == 2


@both
async def test_hints_that_proved_to_be_right_are_relied_on_for_longer(world: World) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(0))
    world.configure()
    interval = world.settings.full_pass_interval
    async with Watched(world) as watched:
        await watched.come_to_rest()
        for number in range(1, PROOFS + 1):
            world.exchange.mailbox(ORDERS).deliver(eml(number))
            await watched.poll()
        assert len(world.comments()) == PROOFS + 1
        await watched.come_to_rest()
        assert await watched.folders_read(interval) == 0
        assert await watched.folders_read(interval) > 0


async def test_hints_that_kept_something_back_are_relied_on_no_more(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.deliver(eml(0))
    world.configure()
    interval = world.settings.full_pass_interval
    async with Watched(world) as watched:
        for number in range(1, PROOFS + 3):
            await watched.poll()
            orders.deliver(eml(number))
        await watched.come_to_rest()
        same = await watched.reader.folders()

        async def folders() -> FolderTree:
            return same

        watched.reader.folders = folders  # type: ignore[method-assign]
        orders.deliver(eml(99))
        assert await watched.folders_read(interval) == 0
        assert await watched.folders_read(interval) > 0
        assert len(world.comments()) == PROOFS + 4, "found by who looked all the same"
        await watched.come_to_rest()
        assert await watched.folders_read(interval) > 0


async def test_what_failed_is_tried_again_when_it_is_time_to(world: World) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure()
    async with Watched(world) as watched:
        await watched.come_to_rest()
        mailbox, now = world.mailbox(), world.time()
        again = now + timedelta(minutes=5)
        with world.database.write() as tx:
            inbox = folders.of_mailbox(tx, mailbox.id)[0]
            failures.record(
                tx,
                mailbox.id,
                inbox.key,
                ItemId("gone"),
                code="ErrorItemCorrupt",
                message="It is damaged.",
                at=now,
                next_try_at=again,
            )
            mailboxes.wake(tx, mailbox.id, now)
        outcome = await watched.poll()
        assert outcome.rest is not None
        assert outcome.rest.until == again
        world.exchange.requests.clear()
        await watched.poll(timedelta(minutes=5))
        assert world.exchange.requests.count("GetItem") == 1


async def test_a_folder_that_cannot_be_read_leaves_no_rest(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.deliver(eml(1), folder="Inbox/Orders")
    world.configure()
    async with Watched(world) as watched:
        await watched.come_to_rest()
        orders.deliver(eml(2), folder="Inbox/Orders")
        denied = Fault(where=Where.EWS, code="ErrorAccessDenied", message="No.", scope=Scope.FOLDER)

        async def refused(*_: object, **__: object) -> Fault:
            return denied

        watched.reader.changes = refused  # type: ignore[method-assign]
        for _ in range(3):
            assert (await watched.poll()).rest is None


def test_folders_whose_changes_a_server_does_not_tell_have_no_looks() -> None:
    folder = partial(folder_of, last_change="1")
    tree = FolderTree(folders=(folder("a"), folder("b")), is_complete=True)
    assert rest.looks(tree, Backend.EWS) == rest.looks(tree, Backend.EWS) is not None
    other = FolderTree(folders=(folder("a"), folder_of("b", last_change=None)), is_complete=True)
    assert rest.looks(other, Backend.EWS) is None
    assert rest.looks(tree, Backend.EWS) != rest.looks(tree, Backend.GRAPH)


def folder_of(name: str, *, last_change: str | None) -> Folder:
    return Folder(id=FolderId(name), path=(name,), total=1, last_change=last_change)
