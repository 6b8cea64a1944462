"""Whatever goes wrong at whichever step of a round, the mailbox is complete in the end."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from exchange_simulator import Exchange, Message
from exchange_simulator.versions import Version
from mailmine.exchange.ews.codes import WORDS as EWS_WORDS
from mailmine.exchange.faults import ExchangeError
from mailmine.exchange.graph.codes import WORDS as GRAPH_WORDS
from mailmine.model.integration import Backend
from mailmine.store import failures
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.sync.settings import SyncSettings
from tests.integration.sync.conftest import ACCOUNT, APP, ORDERS, PASSWORD, TENANT, World, eml

FOLDERS = ("Inbox", "Done", "Inbox/Work")
CONTENT = b"%PDF-1.7"
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
            number = len(messages)
            content = CONTENT if number % 3 == 0 else None
            messages.append(orders.deliver(eml(number, attachment=content), folder=self.folder))
            return
        message = messages[self.number % len(messages)]
        if message.folder is not None and self.what == "move":
            message.move(self.folder)
        elif message.folder is not None and self.what == "back and forth":
            here = message.folder
            message.move(self.folder)
            message.move(here)


class Trouble(Protocol):
    """Something goes wrong at one of the next requests."""

    def strike(self, world: World) -> None: ...


@dataclass(frozen=True)
class Failing:
    """A request, or what it says of one thing, fails."""

    operation: str | None
    code: str
    status: int | None = None
    body: str = ""
    inner: str | None = None
    as_fault: bool = False
    disconnect: bool = False
    skip: int = 0

    def strike(self, world: World) -> None:
        world.exchange.fail(
            self.operation,
            self.code,
            times=1 + self.skip,
            status=self.status,
            body=self.body,
            inner=self.inner,
            as_fault=self.as_fault,
            disconnect=self.disconnect,
        )


@dataclass(frozen=True)
class Busy:
    """The server wants to be left alone, for a moment or without saying for how long."""

    hint: float | None

    def strike(self, world: World) -> None:
        world.exchange.throttle(back_off=self.hint)
        world.exchange.throttle_graph(retry_after=self.hint)


@dataclass(frozen=True)
class Odd:
    """Graph gives a page as it should not."""

    kind: str

    def strike(self, world: World) -> None:
        world.exchange.quirk(self.kind)


@dataclass(frozen=True)
class Forgotten:
    """The server no longer knows our tokens, or our place."""

    what: str

    def strike(self, world: World) -> None:
        if self.what == "tokens":
            world.exchange.revoke_tokens()
        else:
            world.exchange.graph_forgets_before += 1


@dataclass(frozen=True)
class Older:
    """The mailbox moves to an older server, or to one that is like the others."""

    version: Version | None

    def strike(self, world: World) -> None:
        world.exchange.mailbox(ORDERS).version = self.version


Story = list[Happening | Trouble | None]

happenings = st.builds(
    Happening,
    st.sampled_from(["deliver", "deliver", "move", "back and forth"]),
    st.integers(0, 9),
    st.sampled_from(FOLDERS),
)
BELIEVED = frozenset({"ErrorItemNotFound", "ErrorMessageNotFound", "itemNotFound"})
"""Who says of an item that it is not there is believed: it is told of again when it is."""
EWS_CODES = sorted(frozenset(EWS_WORDS) - BELIEVED)
GRAPH_CODES = sorted(frozenset(GRAPH_WORDS) - BELIEVED)
STATUSES = (302, 400, 401, 403, 404, 407, 408, 410, 429, 449, 456, 500, 501, 502, 503, 504)
BODIES = ("", "<html>Sorry</html>", "<Envelope", "{}", "\x00")

skips = st.integers(0, 1)
of_ews_requests = st.sampled_from(
    [None, "FindFolder", "GetFolder", "FindItem", "SyncFolderItems", "GetItem", "GetAttachment"]
)
of_graph_requests = st.sampled_from(
    [
        "graph:",
        "graph:$batch",
        "graph:mailFolders",
        "graph:mailFolders/delta",
        "graph:messages",
        "graph:messages/delta",
        "graph:message",
        "graph:attachments",
        "graph:attachments/$value",
    ]
)
of_ews = st.one_of(
    st.builds(
        Failing, of_ews_requests, st.sampled_from(EWS_CODES), as_fault=st.booleans(), skip=skips
    ),
    st.builds(
        Failing,
        of_ews_requests,
        st.just("ErrorInternalServerError"),
        inner=st.sampled_from(EWS_CODES),
        skip=skips,
    ),
    st.builds(
        Failing,
        of_ews_requests,
        st.just("NoError"),
        status=st.sampled_from((200, *STATUSES)),
        body=st.sampled_from(BODIES),
        disconnect=st.booleans(),
        skip=skips,
    ),
    st.builds(Busy, st.sampled_from([None, 0.0, 0.01])),
    st.builds(Older, st.sampled_from([None, Version.EXCHANGE_2010, Version.EXCHANGE_2010_SP1])),
)
of_graph = st.one_of(
    st.builds(
        Failing,
        of_graph_requests,
        st.sampled_from(GRAPH_CODES),
        status=st.sampled_from(STATUSES),
        disconnect=st.booleans(),
        skip=skips,
    ),
    st.builds(
        Failing,
        of_graph_requests,
        st.just("NoError"),
        status=st.sampled_from((200, *STATUSES)),
        body=st.sampled_from(BODIES),
        skip=skips,
    ),
    st.builds(Busy, st.sampled_from([None, 0.0, 0.01])),
    st.builds(Odd, st.sampled_from(["empty page", "repeated link", "twice"])),
    st.builds(Forgotten, st.sampled_from(["tokens", "place"])),
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
            case None:
                await a_round(world)
            case _:
                one.strike(world)
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
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.timeout(600)
@given(story(of_ews))
@patiently
def test_a_mailbox_of_ews_is_complete_in_the_end(told: Story) -> None:
    is_complete_in_the_end(told, Backend.EWS)


@pytest.mark.timeout(600)
@given(story(of_graph))
@patiently
def test_a_mailbox_of_graph_is_complete_in_the_end(told: Story) -> None:
    is_complete_in_the_end(told, Backend.GRAPH)


def is_complete_in_the_end(told: Story, backend: Backend) -> None:
    with a_world(backend) as world:
        world.configure(sync_attachments=True)
        world.settings = SyncSettings(page=3)
        world.now = datetime.now(UTC)
        messages = asyncio.run(tell(world, told))
        world.exchange.heal()
        world.exchange.graph_forgets_before = 0
        asyncio.run(recover(world))
        found = {
            str(one.user_properties["string:Message ID"]): str(one.user_properties["string:Folder"])
            for one in world.comments()
        }
        assert len(world.comments()) == len(messages)
        assert found == {str(message.message_id): shown(message.folder) for message in messages}
        for one in world.comments():
            assert all(attachment.content_hash for attachment in one.attachments)
        assert sum(len(one.attachments) for one in world.comments()) == len(messages[::3])


def shown(path: str | None) -> str:
    """Write a folder as comments do."""
    assert path is not None
    return f"{path.rpartition('/')[2]} (/ {path.replace('/', ' / ')})"
