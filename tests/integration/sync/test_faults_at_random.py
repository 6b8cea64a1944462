"""Whatever goes wrong at whichever step of a round, the mailbox is complete in the end."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings, strategies as st

from exchange_simulator import Exchange, Message
from mailmine.exchange.faults import ExchangeError
from mailmine.model.integration import Backend
from mailmine.store import failures
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.sync.settings import SyncSettings
from tests.integration.sync.conftest import ACCOUNT, APP, ORDERS, PASSWORD, TENANT, World, eml

FOLDERS = ("Inbox", "Done", "Inbox/Work")
TRIES = 30
"""Rounds after which a mailbox that nothing ails any more must be complete."""


@dataclass(frozen=True)
class Happening:
    """People do something in the mailbox."""

    what: str
    number: int
    folder: str

    def happen(self, world: World, messages: list[Message]) -> None:
        orders = world.exchange.mailbox(ORDERS)
        if self.what == "deliver" or not messages:
            messages.append(orders.deliver(eml(len(messages)), folder=self.folder))
            return
        message = messages[self.number % len(messages)]
        if message.folder is not None and self.what == "move":
            message.move(self.folder)
        elif message.folder is not None and self.what == "back and forth":
            here = message.folder
            message.move(self.folder)
            message.move(here)


@dataclass(frozen=True)
class Trouble:
    """Something goes wrong at one of the next requests."""

    operation: str | None
    code: str
    status: int | None
    as_fault: bool
    disconnect: bool
    skip: int

    def strike(self, world: World) -> None:
        world.exchange.fail(
            self.operation,
            self.code,
            times=1 + self.skip,
            status=self.status,
            as_fault=self.as_fault,
            disconnect=self.disconnect,
        )


Story = list[Happening | Trouble | None]

happenings = st.builds(
    Happening,
    st.sampled_from(["deliver", "deliver", "move", "back and forth"]),
    st.integers(0, 9),
    st.sampled_from(FOLDERS),
)
operations = st.sampled_from([None, "FindFolder", "GetFolder", "SyncFolderItems", "GetItem"])
of_graph = st.builds(
    Trouble,
    st.sampled_from(
        [
            "graph:",
            "graph:$batch",
            "graph:mailFolders/delta",
            "graph:messages",
            "graph:messages/delta",
            "graph:message",
        ]
    ),
    st.sampled_from(
        ["NoError", "UnknownError", "ServiceUnavailable", "SyncStateNotFound", "TooManyRequests"]
    ),
    st.sampled_from([500, 503, 504, 429, 410]),
    st.just(False),  # noqa: FBT003
    st.booleans(),
    st.integers(0, 1),
)
of_ews = st.one_of(
    st.builds(
        Trouble,
        operations,
        st.sampled_from(
            [
                "ErrorInternalServerError",
                "ErrorInternalServerTransientError",
                "ErrorMailboxStoreUnavailable",
                "ErrorTimeoutExpired",
                "ErrorItemCorrupt",
                "ErrorFolderNotFound",
                "ErrorInvalidSyncStateData",
                "ErrorServerBusy",
                "ErrorNotEnoughMemory",
                "ErrorAccessDenied",
            ]
        ),
        st.none(),
        st.booleans(),
        st.just(False),  # noqa: FBT003
        st.integers(0, 1),
    ),
    st.builds(
        Trouble,
        operations,
        st.just("NoError"),
        st.sampled_from([500, 503, 429, 404, 403, 302]),
        st.just(False),  # noqa: FBT003
        st.booleans(),
        st.integers(0, 1),
    ),
)


def story(troubles: st.SearchStrategy[Trouble]) -> st.SearchStrategy[Story]:
    """Tell what happens, what goes wrong, and when there is a round (None)."""
    return st.lists(st.one_of(happenings, troubles, st.just(None)), min_size=3, max_size=14)


@contextmanager
def a_world(backend: Backend) -> Iterator[World]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        exchange = Exchange(folder=folder)
        exchange.account(ACCOUNT, password=PASSWORD)
        exchange.application(APP, tenant=TENANT, secret=PASSWORD)
        orders = exchange.mailbox(ORDERS)
        for path in FOLDERS:
            if path != "Inbox":
                orders.make_folder(path)
        exchange.grant(ACCOUNT, mailbox=ORDERS)
        database = Database.open(f"sqlite:///{folder / 'mailmine.db'}")
        database.migrate()
        with exchange.serve() as address:
            blobs = Blobs.open(folder / "blobs")
            yield World(exchange, address, database, blobs, folder, backend=backend)
        database.close()
        exchange.close()


async def tell(world: World, told: Story) -> list[Message]:
    """Let it all happen; None is a round."""
    messages: list[Message] = []
    for one in told:
        match one:
            case Happening():
                one.happen(world, messages)
            case Trouble():
                one.strike(world)
            case None:
                await a_round(world)
    return messages


async def a_round(world: World) -> bool:
    """Run a round, well or badly; tells whether it ended well with all done.

    It is some time after the one before: the lease of one that failed has run out by then.
    """
    assert world.now is not None
    world.now += timedelta(minutes=20)
    try:
        return not (await world.round()).is_unfinished
    except ExchangeError:
        return False


def has_failures(world: World) -> bool:
    """Tell whether items are still to be tried again; one that is corrupt is kept without its body."""
    with world.database.read() as tx:
        found = failures.of_mailbox(tx, world.mailbox().id, 100)
    return any(failure.next_try_at is not None for failure in found)


async def recover(world: World) -> None:
    """Run rounds until nothing is left to do."""
    for _ in range(TRIES):
        if await a_round(world) and not has_failures(world):
            return
    raise AssertionError("the mailbox does not come to an end")


patiently = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@given(story(of_ews))
@patiently
def test_a_mailbox_of_ews_is_complete_in_the_end(told: Story) -> None:
    is_complete_in_the_end(told, Backend.EWS)


@given(story(of_graph))
@patiently
def test_a_mailbox_of_graph_is_complete_in_the_end(told: Story) -> None:
    is_complete_in_the_end(told, Backend.GRAPH)


def is_complete_in_the_end(told: Story, backend: Backend) -> None:
    with a_world(backend) as world:
        world.configure()
        world.settings = SyncSettings(page=3)
        world.now = datetime.now(UTC)
        messages = asyncio.run(tell(world, told))
        world.exchange.heal()
        asyncio.run(recover(world))
        found = {
            str(one.user_properties["string:Message ID"]): str(one.user_properties["string:Folder"])
            for one in world.comments()
        }
        assert len(world.comments()) == len(messages)
        assert found == {str(message.message_id): shown(message.folder) for message in messages}


def shown(path: str | None) -> str:
    """Write a folder as comments do."""
    assert path is not None
    return f"{path.rpartition('/')[2]} (/ {path.replace('/', ' / ')})"
