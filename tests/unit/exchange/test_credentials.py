"""How an account proves who it is, also in more than one step."""

import base64
from collections.abc import AsyncGenerator

import pytest

from mailmine.exchange import Limits
from mailmine.exchange.credentials import Basic, Headers, make_credentials
from mailmine.exchange.ews.account import EwsAccount
from mailmine.exchange.faults import ExchangeError
from mailmine.exchange.http import Response
from mailmine.exchange.reader import ChangePage
from mailmine.exchange.session import Session
from mailmine.model.ids import FolderId
from tests.unit.exchange.fakes import (
    ADDRESS,
    CONNECTION,
    Asked,
    FakeClock,
    FakeExchange,
    Said,
    changes,
)


class Challenged:
    """Credentials that answer one challenge, as those of more than one step do."""

    is_for_connection = False

    async def flow(self) -> AsyncGenerator[Headers, Response]:
        response = yield {"Authorization": "Hello"}
        yield {"Authorization": f"Answer to {response.headers['WWW-Authenticate']}"}


def account_with(exchange: FakeExchange) -> EwsAccount:
    return EwsAccount(
        Session(CONNECTION, Challenged(), transport=exchange, limits=Limits(), clock=FakeClock())
    )


async def test_basic_says_user_and_password_in_utf_8() -> None:
    flow = Basic("änn", "pä:ss").flow()
    headers = await anext(flow)
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode() == "änn:pä:ss"
    with pytest.raises(StopAsyncIteration):
        await anext(flow)


def test_no_credentials_show_their_secret() -> None:
    made = make_credentials(
        CONNECTION, "geheim", transport=FakeExchange(lambda _: ""), clock=FakeClock()
    )
    assert "geheim" not in repr(made)


async def test_a_challenge_is_answered_within_the_request() -> None:
    def answer(asked: Asked) -> str | Said:
        if asked.headers["Authorization"] == "Answer to 42":
            return changes()
        return Said(status=401, headers={"WWW-Authenticate": "42"})

    exchange = FakeExchange(answer)
    reader = account_with(exchange).reader(ADDRESS)
    assert isinstance(await reader.changes(FolderId("f"), None, limit=1), ChangePage)
    assert len(exchange.asked) == 2
    assert exchange.most_in_flight == 1


async def test_credentials_that_have_no_more_to_say_are_refused() -> None:
    exchange = FakeExchange(lambda _: Said(status=401, headers={"WWW-Authenticate": "42"}))
    with pytest.raises(ExchangeError, match="password"):
        await account_with(exchange).reader(ADDRESS).changes(FolderId("f"), None, limit=1)
    assert len(exchange.asked) == 2
