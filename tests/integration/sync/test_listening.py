"""What a server tells of its mailboxes brings their next round forward, and nothing depends on it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Self

import pytest

from mailmine.exchange import open_account
from mailmine.exchange.ews.streaming import MOST_TOGETHER
from mailmine.exchange.reader import Account, Reader
from mailmine.model.ids import MailboxId
from mailmine.model.integration import Connection
from mailmine.store import integrations, leases, mailboxes
from mailmine.sync import listening
from mailmine.sync.listening import Listening
from mailmine.sync.reach import by_secret
from mailmine.sync.runner import Runner
from mailmine.sync.settings import SyncSettings
from tests.integration.sync.conftest import ACCOUNT, CLAIMS, ORDERS, World, eml
from tests.integration.sync.test_runner import running, until
from tests.integration.sync.test_side_by_side import are_done

SELDOM = SyncSettings(
    together=timedelta(),
    poll_interval=timedelta(hours=1),
    listen_after=timedelta(),
    heartbeat=timedelta(seconds=0.1),
)


class Telling:
    """An account whose server tells what it is given to tell."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.told: asyncio.Queue[str] = asyncio.Queue()
        self.listened_for: list[set[str]] = []
        self.listening: list[set[str]] = []
        self.breaks = False
        self.is_closed = False
        self.forgotten: list[str] = []
        self.closing: asyncio.Barrier | None = None

    def reader(self, mailbox: str) -> Reader:
        return self._account.reader(mailbox)

    async def hints(self, mailboxes: Sequence[str]) -> AsyncGenerator[str, None]:
        self.listened_for.append(set(mailboxes))
        if self.breaks:
            raise RuntimeError("a bug in a reader")
        self.listening.append(self.listened_for[-1])
        try:
            while True:
                yield await self.told.get()
        finally:
            self.listening.remove(set(mailboxes))

    async def password_ends(self, mailbox: str) -> datetime | None:
        return await self._account.password_ends(mailbox)

    async def forget(self, mailbox: str) -> None:
        self.forgotten.append(mailbox)
        if self.closing is not None:
            await self.closing.wait()
        await self._account.forget(mailbox)

    async def aclose(self) -> None:
        self.is_closed = True
        await self._account.aclose()


class Run:
    """A runner on accounts that tell."""

    def __init__(self, world: World, *, breaks: bool = False) -> None:
        self.accounts: list[Telling] = []
        self._breaks = breaks
        self._stop = asyncio.Event()
        self._runner = Runner(
            world.database,
            world.blobs,
            reach=by_secret(lambda _: world.password),
            settings=SELDOM,
            open_account=self._open,
            now=world.time,
        )

    def _open(self, connection: Connection, secret: str) -> Telling:
        account = Telling(open_account(connection, secret))
        account.breaks = self._breaks
        self.accounts.append(account)
        return account

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._runner.run(self._stop))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await self._task


def is_read(world: World, address: str) -> bool:
    return world.mailbox(address).last_round_at is not None


async def test_a_mailbox_is_read_when_its_server_tells_of_news(world: World) -> None:
    world.configure()
    async with Run(world) as run:
        await until(lambda: is_read(world, ORDERS))
        await until(lambda: bool(run.accounts[0].listened_for))
        world.exchange.mailbox(ORDERS).deliver(eml(1))
        run.accounts[0].told.put_nowait(ORDERS.upper())
        await until(lambda: len(world.comments()) == 1)
    assert run.accounts[0].listened_for == [{ORDERS}]


async def test_new_mail_of_many_mailboxes_is_there_long_before_the_next_poll(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a slow machine some are read after listening began.
    monkeypatch.setattr(listening, "NEXT_WAIT", 0.1)
    addresses = [f"box{number}@example.com" for number in range(12)]
    for address in addresses:
        world.exchange.mailbox(address)
        world.exchange.grant(ACCOUNT, mailbox=address)
    world.configure(*addresses)
    runner = Runner(
        world.database,
        world.blobs,
        reach=by_secret(lambda _: world.password),
        settings=SyncSettings(
            poll_interval=timedelta(hours=1), listen_after=timedelta(seconds=0.5)
        ),
    )
    stop = asyncio.Event()
    task = asyncio.create_task(runner.run(stop))
    await until(lambda: all(is_read(world, address) for address in addresses))
    await until(lambda: world.exchange.subscriptions.watched() >= set(addresses))
    for number, address in enumerate(addresses[:3]):
        world.exchange.mailbox(address).deliver(eml(number))
    await until(lambda: len(world.comments()) == 3)
    stop.set()
    await task


@pytest.mark.timeout(300)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_one_connection_tells_of_two_hundred_mailboxes_and_only_those_with_news_are_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "NEXT_WAIT", 1.0)
    addresses = [f"box{number}@example.com" for number in range(MOST_TOGETHER)]
    for address in addresses:
        world.exchange.grant(ACCOUNT, mailbox=address)
    world.configure(*addresses)
    settings = SyncSettings(poll_interval=timedelta(hours=1), listen_after=timedelta())
    async with running(world, settings):
        await until(lambda: are_done(world, addresses), seconds=120)
        await until(lambda: world.exchange.subscriptions.watched() >= set(addresses), seconds=60)
        world.exchange.requests.clear()
        for number in range(0, MOST_TOGETHER, 20):
            world.exchange.mailbox(addresses[number]).deliver(eml(number))
        await until(lambda: len(world.comments()) == MOST_TOGETHER / 20)
        asked = {one.mailbox for one in world.exchange.requests if one.operation == "GetItem"}
        listened = world.exchange.requests.count("GetStreamingEvents")
    assert asked == set(addresses[::20])
    assert listened <= 1


async def test_a_mailbox_in_trouble_is_not_tried_earlier_because_of_a_hint(world: World) -> None:
    world.configure(ORDERS, CLAIMS)
    world.exchange.fail(code="ErrorMailboxStoreUnavailable", mailbox=CLAIMS, times=None)
    async with Run(world) as run:
        await until(lambda: is_read(world, ORDERS) and world.mailbox(CLAIMS).trouble is not None)
        await until(lambda: bool(run.accounts[0].listened_for))
        world.exchange.requests.clear()
        world.exchange.mailbox(ORDERS).deliver(eml(1))
        for address in (CLAIMS, "nobody@example.com", ORDERS):
            run.accounts[0].told.put_nowait(address)
        await until(lambda: len(world.comments()) == 1)
    assert world.exchange.requests.count(mailbox=CLAIMS) == 0


async def test_a_broken_listening_stops_nothing(world: World) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure()
    async with Run(world, breaks=True) as run:
        await until(lambda: bool(run.accounts and run.accounts[0].listened_for))
        await until(lambda: len(world.comments()) == 1)
        world.exchange.mailbox(ORDERS).deliver(eml(2))
        with world.database.write() as tx:
            mailboxes.wake(tx, world.mailbox().id, world.time())
        await until(lambda: len(world.comments()) == 2)


async def test_a_mailbox_that_tells_all_the_time_is_not_read_all_the_time(world: World) -> None:
    world.configure()
    world.now = replace(world).time()  # the clock stands still
    async with Run(world) as run:
        await until(lambda: is_read(world, ORDERS))
        await until(lambda: bool(run.accounts[0].listened_for))
        world.exchange.requests.clear()
        for number in range(1, 4):
            world.exchange.mailbox(ORDERS).deliver(eml(number))
            run.accounts[0].told.put_nowait(ORDERS)
            await until(run.accounts[0].told.empty)
        await until(lambda: len(world.comments()) > 0)
    assert world.exchange.requests.count("FindFolder") == 1


async def test_an_address_is_told_in_whatever_case() -> None:
    told: list[MailboxId] = []
    account = Telling(None)  # type: ignore[arg-type]
    listening = Listening(account, told.append, after=timedelta())
    listening.add("Orders@example.com", MailboxId("1"))
    await until(lambda: bool(account.listened_for))
    account.told.put_nowait("orders@EXAMPLE.com")
    await until(lambda: bool(told))
    await listening.aclose()
    assert told == [MailboxId("1")]


async def test_mailboxes_that_come_one_by_one_are_listened_to_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each part is a connection that hangs, and whoever listens anew subscribes to all of its mailboxes again."""
    monkeypatch.setattr(listening, "NEXT_WAIT", 0)
    account = Telling(None)  # type: ignore[arg-type]
    here = Listening(account, lambda _: None, after=timedelta())
    most = 0
    for number in range(200):
        here.add(f"box{number}@example.com", MailboxId(str(number)))
        await until(lambda: f"box{number}@example.com" in set().union(*account.listening))  # noqa: B023
        most = max(most, len(account.listening))
    assert set().union(*account.listening) == {f"box{number}@example.com" for number in range(200)}
    await here.aclose()
    assert most <= 4
    assert sum(map(len, account.listened_for)) < 200 * 200 / 10
    assert account.listening == []


async def test_of_what_is_not_wanted_any_more_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "NEXT_WAIT", 0)
    account = Telling(None)  # type: ignore[arg-type]
    told: list[MailboxId] = []
    here = Listening(account, told.append, after=timedelta())
    for name in "abcd":
        here.add(f"{name}@example.com", MailboxId(name))
    await until(lambda: [len(part) for part in account.listening] == [4])
    here.remove("A@example.com")
    for name in "ab":
        account.told.put_nowait(f"{name}@example.com")
    await until(lambda: bool(told))
    assert told == ["b"]
    assert len(account.listened_for) == 1  # not anew because of one
    for name in "bc":
        here.remove(f"{name}@example.com")
    await until(lambda: account.listening == [{"d@example.com"}])
    here.add("a@example.com", MailboxId("a"))
    await until(lambda: set().union(*account.listening) == {"a@example.com", "d@example.com"})
    for name in "ad":
        here.remove(f"{name}@example.com")
    await until(lambda: not account.listening)
    await here.aclose()


async def test_what_another_process_reads_is_forgotten(world: World) -> None:
    """Each of them would come to know all mailboxes, and listen for all, where these change hands."""
    world.exchange.grant(ACCOUNT, mailbox=CLAIMS)
    world.configure(ORDERS, CLAIMS)
    async with Run(world) as run:
        await until(lambda: is_read(world, ORDERS) and is_read(world, CLAIMS))
        now = world.time()
        with world.database.write() as tx:
            mailbox_id = world.mailbox(CLAIMS).id
            until_ = now + timedelta(minutes=5)
            leases.claim(tx, [mailbox_id], owner="another", now=now, until=until_)
        await until(lambda: run.accounts[0].forgotten == [CLAIMS])
        with world.database.write() as tx:
            leases.end_lease(tx, mailbox_id)
            mailboxes.wake(tx, mailbox_id, now)
        world.exchange.mailbox(CLAIMS).deliver(eml(1))
        await until(lambda: len(world.comments()) == 1)
    assert run.accounts[0].forgotten == [CLAIMS]


async def test_what_other_processes_read_is_let_go_of_together(world: World) -> None:
    """A connection that is slow to end would hold up all others, and the heartbeat."""
    world.exchange.grant(ACCOUNT, mailbox=CLAIMS)
    world.configure(ORDERS, CLAIMS)
    async with Run(world) as run:
        await until(lambda: is_read(world, ORDERS) and is_read(world, CLAIMS))
        run.accounts[0].closing = asyncio.Barrier(2)
        now = world.time()
        with world.database.write() as tx:
            ids = [world.mailbox(address).id for address in (ORDERS, CLAIMS)]
            leases.claim(tx, ids, owner="another", now=now, until=now + timedelta(minutes=5))
        await until(lambda: set(run.accounts[0].forgotten) == {ORDERS, CLAIMS})


async def test_nobody_listens_to_what_another_process_switched_off(world: World) -> None:
    """It would sign in again and again, with a password that may be the reason for it."""
    world.configure()
    async with Run(world) as run:
        await until(lambda: bool(run.accounts) and bool(run.accounts[0].listened_for))
        assert not run.accounts[0].is_closed
        with world.database.write() as tx:
            integrations.set_enabled(tx, world.integration().id, enabled=False)
        await until(lambda: run.accounts[0].is_closed)
