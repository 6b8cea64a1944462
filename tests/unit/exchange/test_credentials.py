"""How an account proves who it is, also in more than one step."""

import base64
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace

import pytest

from mailmine.exchange import Limits
from mailmine.exchange.challenge import Challenged as SignedIn
from mailmine.exchange.credentials import Basic, Headers, make_credentials
from mailmine.exchange.ews.account import EwsAccount
from mailmine.exchange.faults import ExchangeError
from mailmine.exchange.http import Response
from mailmine.exchange.reader import ChangePage
from mailmine.exchange.session import Session
from mailmine.exchange.www_authenticate import offered
from mailmine.model.ids import FolderId
from mailmine.model.integration import AuthType
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


@pytest.mark.parametrize(
    ("written", "ways"),
    [
        (["Negotiate", "NTLM"], {"negotiate": "", "ntlm": ""}),
        (["Negotiate, NTLM"], {"negotiate": "", "ntlm": ""}),
        (["NTLM TlRM==, Negotiate"], {"ntlm": "TlRM==", "negotiate": ""}),
        (
            ['Basic realm="a, NTLM", charset="UTF-8", Negotiate oQc='],
            {"basic": 'realm="a, NTLM", charset="UTF-8"', "negotiate": "oQc="},
        ),
        (
            ['Bearer trusted_issuers="a@b, c@d", uri="https://l/x=1"', 'BASIC charset = "UTF-8"'],
            {
                "bearer": 'trusted_issuers="a@b, c@d", uri="https://l/x=1"',
                "basic": 'charset = "UTF-8"',
            },
        ),
        (
            ['Digest realm="a\\"b, NTLM", nonce = "x"'],
            {"digest": 'realm="a\\"b, NTLM", nonce = "x"'},
        ),
        (["", " , ", "realm=x", " NTLM  TlRM "], {"ntlm": "TlRM"}),
        ([], {}),
    ],
)
def test_ways_of_signing_in_are_found_in_one_header_or_in_many(
    written: list[str], ways: dict[str, str]
) -> None:
    assert dict(offered(written)) == ways


NTLM_CHALLENGE = base64.b64encode(b"NTLMSSP\0\2\0\0\0" + b"\xff" * 40).decode()
SPNEGO_REJECTS = "oQcwBaADCgEC"


async def nothing() -> AsyncIterator[bytes]:
    return
    yield


def refusal(*challenges: str) -> Response:
    return Response(status=401, headers={}, pieces=nothing(), challenges=challenges)


async def steps_of(auth: AuthType, *answers: Response) -> int:
    """Count what is sent to a server that answers so, before there is no more to say."""
    flow = SignedIn(replace(CONNECTION, auth=auth), "geheim").flow()
    assert await anext(flow) == {}
    for sent, answer in enumerate(answers):
        try:
            headers = await flow.asend(answer)
        except StopAsyncIteration:
            return sent
        assert headers["Authorization"].lower().startswith(f"{auth} ")
    return len(answers)


@pytest.mark.parametrize(
    "challenge", [f"NTLM {NTLM_CHALLENGE}", f"Negotiate, NTLM {NTLM_CHALLENGE}, Basic"]
)
async def test_a_challenge_is_found_among_others_in_its_header(challenge: str) -> None:
    assert await steps_of(AuthType.NTLM, refusal("NTLM"), refusal(challenge)) == 2


@pytest.mark.parametrize(
    ("auth", "challenge"),
    [
        (AuthType.NEGOTIATE, f"Negotiate {SPNEGO_REJECTS}"),
        (AuthType.NEGOTIATE, "Negotiate YWJj"),
        (AuthType.NTLM, "NTLM YWJj"),
        (AuthType.NTLM, "NTLM a"),
        (AuthType.NTLM, "NTLM"),
    ],
)
async def test_a_server_that_says_no_in_a_token_refuses_like_any_other(
    auth: AuthType, challenge: str
) -> None:
    assert await steps_of(auth, refusal(f"{auth}"), refusal(challenge)) == 1
