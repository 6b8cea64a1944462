"""Hints by streaming notifications: told at once, made anew whatever happens to them, and never in the way."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from exchange_simulator import Exchange
from mailmine.exchange import Limits, open_account
from mailmine.exchange.faults import ExchangeError
from mailmine.exchange.http import HttpPool
from mailmine.exchange.pace import Clock
from mailmine.exchange.reader import Account
from mailmine.exchange.tls import make_context
from mailmine.model.integration import AccessType, AuthType, Connection
from tests.integration.exchange.test_signing_in import CLAIMS, ORDERS, PASSWORD, SERVICE, ews
from tests.integration.sync.conftest import eml
from tests.integration.sync.test_runner import until
from tests.unit.exchange.fakes import FakeClock

WAIT = 10.0


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    exchange = Exchange()
    exchange.account(SERVICE, password=PASSWORD)
    exchange.allow_impersonation(SERVICE)
    for address in (ORDERS, CLAIMS):
        exchange.mailbox(address)
        exchange.grant(SERVICE, mailbox=address)
    yield exchange
    exchange.close()


class Listener:
    """Listens, keeps what it is told, and reads each mailbox that it is told of."""

    def __init__(self, exchange: Exchange, account: Account, mailboxes: list[str]) -> None:
        self.exchange = exchange
        self.account = account
        self.told: list[str] = []
        self._mailboxes = mailboxes

    async def listen(self) -> None:
        async with aclosing(self.account.hints(self._mailboxes)) as hints:
            async for mailbox in hints:
                self.told.append(mailbox)
                with suppress(ExchangeError):
                    await self.account.reader(mailbox).folders()

    async def is_listening(self, times: int = 1) -> None:
        await until(lambda: self.exchange.requests.count("Subscribe") >= times, WAIT)
        await until(lambda: bool(self.exchange.subscriptions.streams), WAIT)

    async def is_told(self, *mailboxes: str) -> None:
        await until(lambda: set(mailboxes) <= set(self.told), WAIT)


@asynccontextmanager
async def listening(
    exchange: Exchange, connection: Connection, *mailboxes: str, clock: Clock | None = None
) -> AsyncIterator[Listener]:
    account = open_account(connection, PASSWORD, limits=Limits(first_pause=0.01), clock=clock)
    listener = Listener(exchange, account, list(mailboxes or (ORDERS, CLAIMS)))
    for mailbox in listener._mailboxes:
        if exchange.find_mailbox(mailbox):
            await account.reader(mailbox).folders()
    task = asyncio.create_task(listener.listen())
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await account.aclose()


@pytest.fixture
def address(exchange: Exchange) -> Iterator[str]:
    with exchange.serve() as address:
        yield address


@pytest.mark.parametrize("access", list(AccessType))
@pytest.mark.parametrize("auth", [AuthType.BASIC, AuthType.NTLM])
async def test_what_happens_in_any_folder_is_told_at_once(
    exchange: Exchange, address: str, access: AccessType, auth: AuthType
) -> None:
    exchange.offers = ("NTLM", "Basic")
    connection = replace(ews(address, auth), access=access)
    exchange.mailbox(CLAIMS).make_folder("Inbox/Work")
    async with listening(exchange, connection) as listener:
        await listener.is_listening(2)
        exchange.mailbox(ORDERS).deliver(eml(1))
        await listener.is_told(ORDERS)
        assert CLAIMS not in listener.told
        exchange.mailbox(CLAIMS).deliver(eml(2), folder="Inbox/Work")
        await listener.is_told(CLAIMS)
    assert exchange.requests.count("GetStreamingEvents") <= 1


@pytest.mark.parametrize("ending", ["", "ErrorReadEventsFailed"])
async def test_a_connection_that_ends_is_made_anew_and_what_was_missed_made_up_for(
    exchange: Exchange, address: str, ending: str
) -> None:
    async with listening(exchange, ews(address, AuthType.BASIC)) as listener:
        await listener.is_listening(2)
        exchange.subscriptions.end_streams(ending)
        await listener.is_told(ORDERS, CLAIMS)
        listener.told.clear()
        await until(lambda: bool(exchange.subscriptions.streams), 2 * WAIT)
        exchange.mailbox(ORDERS).deliver(eml(1))
        await listener.is_told(ORDERS)


async def test_connections_that_last_and_are_cut_are_not_waited_for_longer_and_longer(
    exchange: Exchange, address: str
) -> None:
    async with listening(exchange, ews(address, AuthType.BASIC)) as listener:
        for number in range(11):  # doubled so often, a hundredth of a second is ten
            await until(lambda: bool(exchange.subscriptions.streams), WAIT)
            await listener.account.reader(ORDERS).folders()
            listener.told.clear()
            exchange.mailbox(ORDERS).deliver(eml(number))
            await listener.is_told(ORDERS)
            asked = exchange.requests.count("GetStreamingEvents")
            exchange.subscriptions.end_streams("")
            await until(lambda: exchange.requests.count("GetStreamingEvents") > asked, WAIT)  # noqa: B023


async def test_subscriptions_that_the_server_forgot_are_taken_out_again(
    exchange: Exchange, address: str
) -> None:
    async with listening(exchange, ews(address, AuthType.BASIC)) as listener:
        await listener.is_listening(2)
        exchange.subscriptions.clear()
        await listener.is_told(ORDERS, CLAIMS)
        await listener.is_listening(4)


async def test_a_mailbox_that_may_not_be_listened_to_stops_no_other(
    exchange: Exchange, address: str
) -> None:
    connection = ews(address, AuthType.BASIC)
    async with listening(exchange, connection, "nobody@example.com", ORDERS) as listener:
        await listener.is_listening(2)
        exchange.mailbox(ORDERS).deliver(eml(1))
        await listener.is_told(ORDERS)


async def test_hanging_connections_use_up_no_place_of_those_that_read(
    exchange: Exchange, address: str
) -> None:
    connection = ews(address, AuthType.BASIC)
    account = open_account(connection, PASSWORD, limits=Limits(in_flight=1))
    listener = Listener(exchange, account, [ORDERS])
    task = asyncio.create_task(listener.listen())
    await listener.is_listening()
    async with asyncio.timeout(WAIT):
        assert (await account.reader(ORDERS).folders()).folders
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await account.aclose()


@pytest.mark.parametrize("refusal", ["too many", "closed at once"])
async def test_a_server_that_lets_nobody_listen_is_left_alone_for_a_while(
    exchange: Exchange, address: str, refusal: str
) -> None:
    if refusal == "too many":  # for more connections than one, which another process has
        exchange.hanging_connection_limit = 0
    else:
        exchange.streaming_minute = 0.0
    account = open_account(ews(address, AuthType.BASIC), PASSWORD, limits=Limits(first_pause=60))
    listener = Listener(exchange, account, [ORDERS])
    task = asyncio.create_task(listener.listen())
    await until(lambda: exchange.requests.count("GetStreamingEvents") >= 1, WAIT)
    for _ in range(20):
        await account.reader(ORDERS).folders()
    assert exchange.requests.count("GetStreamingEvents") == 1
    assert exchange.requests.count("Subscribe") == 1
    assert not listener.told
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await account.aclose()


class Quick(FakeClock):
    """A quarter of an hour passes with each pause: so long a refused password is kept back."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds + 900)
        await asyncio.sleep(0)


async def test_who_listens_adds_no_try_to_a_password_that_was_refused(
    exchange: Exchange, address: str
) -> None:
    """A poll finds out whether it still holds, and nobody listens before one was let in."""
    async with listening(exchange, ews(address, AuthType.BASIC), clock=Quick()) as listener:
        await listener.is_listening(2)
        account = exchange.account(SERVICE, password="another")
        exchange.subscriptions.end_streams("")
        await until(lambda: account.wrong_passwords > 0, WAIT)
        await asyncio.sleep(0.1)  # many pauses of this clock
        assert account.wrong_passwords <= 3, "the tries of polls that it was told of"
        assert listener.told == [ORDERS, CLAIMS, ORDERS], "what was missed, and one for a poll"


async def test_who_listens_no_more_keeps_no_connection(
    exchange: Exchange, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each holds what TLS needs, and listening begins anew whenever mailboxes are added."""
    is_open: list[HttpPool] = []

    class Pool(HttpPool):
        def __init__(self, *of: Any, **more: Any) -> None:
            super().__init__(*of, **more)
            is_open.append(self)

        async def aclose(self) -> None:
            is_open.remove(self)
            await super().aclose()

    monkeypatch.setattr("mailmine.exchange.HttpPool", Pool)
    account = open_account(ews(address, AuthType.BASIC), PASSWORD)
    (of_polls,) = is_open
    for times in (1, 2):
        listener = Listener(exchange, account, [ORDERS, CLAIMS])
        task = asyncio.create_task(listener.listen())
        await listener.is_listening(2 * times)
        assert len(is_open) == 2
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert is_open == [of_polls]
    await account.aclose()
    assert is_open == []


async def test_all_connections_of_an_account_share_what_tls_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By NTLM each mailbox has a connection of its own, and there may be thousands."""
    made: list[Connection] = []

    def counted(connection: Connection) -> ssl.SSLContext:
        made.append(connection)
        return make_context(connection)

    monkeypatch.setattr("mailmine.exchange.make_context", counted)
    nobody = Connection(endpoint="https://127.0.0.1:1/", username=SERVICE, auth=AuthType.NTLM)
    account = open_account(nobody, PASSWORD)
    for mailbox in (ORDERS, CLAIMS):
        with pytest.raises(ExchangeError):
            await account.reader(mailbox).folders()
    await account.aclose()
    assert made == [nobody]
