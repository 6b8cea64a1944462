"""What the token endpoint may answer, and what stands in its place."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from multidict import CIMultiDict

from mailmine.exchange.faults import Code, ExchangeError, Where
from mailmine.exchange.http import Request, Response
from mailmine.exchange.oauth import RENEW_AT, USUAL_LIFE, Bearer
from mailmine.exchange.session import is_refused
from mailmine.model.integration import AuthType, Backend, Connection
from tests.unit.exchange.fakes import FakeClock

LOGIN = "https://login.microsoftonline.com/contoso.example"
ENDPOINTS = {
    "authorization_endpoint": f"{LOGIN}/oauth2/v2.0/authorize",
    "token_endpoint": f"{LOGIN}/oauth2/v2.0/token",
    "issuer": f"{LOGIN}/v2.0",
}
GRAPH = Connection(
    endpoint="https://graph.microsoft.com",
    backend=Backend.GRAPH,
    auth=AuthType.CLIENT_SECRET,
    username="",
    tenant_id="contoso.example",
    client_id="6731de76-14a6-49ae-97bc-6eba6914391e",
)


class FakeLogin:
    """A transport that answers where the endpoints are, and what is asked for a token."""

    def __init__(self, said: Any, *, status: int = 200, endpoints: Any = ENDPOINTS) -> None:
        self._said, self._status, self._endpoints = said, status, endpoints

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Response]:
        is_token = request.url.endswith("/token")
        said = self._said if is_token else self._endpoints

        async def pieces() -> AsyncIterator[bytes]:
            yield said if isinstance(said, bytes) else json.dumps(said).encode()

        yield Response(
            status=self._status if is_token else 200, headers=CIMultiDict(), pieces=pieces()
        )

    async def aclose(self) -> None:
        """Nothing to let go of."""


async def signed_in(login: FakeLogin) -> Bearer:
    bearer = Bearer(GRAPH, "geheim", transport=login, clock=FakeClock())
    assert await anext(bearer.flow()) == {"Authorization": "Bearer t"}
    return bearer


@pytest.mark.parametrize(
    ("life", "seconds"), [(1000, 1000), ("1000", 1000), (1000.5, 1000.5), ("", USUAL_LIFE)]
)
async def test_the_life_of_a_token_is_read_however_it_is_written(life: Any, seconds: float) -> None:
    said = {"access_token": "t", "token_type": "Bearer"} | ({"expires_in": life} if life else {})
    bearer = await signed_in(FakeLogin(said))
    assert bearer._token is not None
    assert bearer._token.renew_at == pytest.approx(RENEW_AT * seconds)


async def test_a_byte_order_mark_stands_in_nobodys_way() -> None:
    await signed_in(FakeLogin(b'\xef\xbb\xbf{"access_token": "t", "expires_in": 60}'))


@pytest.mark.parametrize(
    "login",
    [
        FakeLogin(b"<html><form action=login>"),
        FakeLogin(b"null"),
        FakeLogin(["t"]),
        FakeLogin(b"[" * 100_000),
        FakeLogin({"access_token": "t", "expires_in": None}),
        FakeLogin({}, endpoints=b"<html>"),
        FakeLogin({}, endpoints=None),
        FakeLogin({}, endpoints={}),
    ],
)
async def test_whatever_stands_in_its_place_refuses_nobody(login: FakeLogin) -> None:
    with pytest.raises(ExchangeError) as raised:
        await signed_in(login)
    fault = raised.value.fault
    assert (fault.where, fault.code) == (Where.TOKEN, Code.MALFORMED_ANSWER)
    assert not is_refused(fault)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"error": "invalid_client", "error_codes": ["7000215"]}, "invalid_client"),
        ({"error": "x", "error_description": "AADSTS7000222: expired"}, "AADSTS7000222"),
        ({"error": {"code": "x"}}, Code.TOKEN_FAILED),
        ({"access_token": None, "expires_in": 60}, Code.TOKEN_FAILED),
    ],
)
async def test_a_refusal_has_a_code_however_it_is_said(said: Any, code: str) -> None:
    with pytest.raises(ExchangeError) as raised:
        await signed_in(FakeLogin(said, status=200 if "access_token" in said else 401))
    assert raised.value.fault.code == code
