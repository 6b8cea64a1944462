"""Oddities of HTTP that real servers, their proxies and load balancers show."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from exchange_simulator import Exchange, Mailbox
from tests.simulator.client import Client, inbox_of


@pytest.mark.parametrize(
    "location",
    [
        "https://mail2.example.com/EWS/Exchange.asmx",
        "/ews/genericerrorpage.htm?aspxerrorpath=/ews/exchange.asmx",
        "/internalsite/internalerror.asp",
    ],
)
def test_it_can_send_elsewhere(exchange: Exchange, client: Client, location: str) -> None:
    exchange.fail(status=302, headers={"Location": location})
    answer = client.sync()
    assert (answer.status, answer.headers["Location"]) == (302, location)
    assert client.sync().status == 200


def test_overload_can_look_like_a_wrong_password(exchange: Exchange, client: Client) -> None:
    exchange.fail(status=401, headers={"WWW-Authenticate": "NTLM"}, times=2)
    assert [client.sync().status for _ in range(3)] == [401, 401, 200]
    exchange.fail(status=401, body="The referenced account is currently locked out")
    assert b"currently locked out" in client.sync().body


@pytest.mark.parametrize("status", [407, 429, 449, 456, 503])
def test_it_can_answer_with_any_status(exchange: Exchange, client: Client, status: int) -> None:
    exchange.fail(status=status, headers={"X-CasErrorCode": "EndpointNotFound"}, body="<html/>")
    answer = client.sync()
    assert (answer.status, answer.headers["X-CasErrorCode"]) == (status, "EndpointNotFound")
    assert answer.body == b"<html/>"


def test_a_session_stays_with_its_mailbox(exchange: Exchange, bob: Mailbox, client: Client) -> None:
    exchange.mailbox("carl@example.com").grant(bob.address)
    cookie = client.sync().headers["Set-Cookie"].partition(";")[0]
    assert cookie == f"X-BackEndCookie={bob.guid}"
    exchange.checks_cookies = True
    client.headers = {"Cookie": cookie}
    assert client.sync().codes == ["NoError"]
    other = client.sync(inbox_of("carl@example.com"))
    assert (other.status, other.codes) == (500, ["ErrorInternalServerTransientError"])
    client.headers = {}
    assert client.sync(inbox_of("carl@example.com")).codes == ["NoError"]


def test_2010_calls_its_cookie_otherwise(exchange: Exchange, client: Client) -> None:
    exchange.version = type(exchange.version).EXCHANGE_2010_SP2
    assert client.sync().headers["Set-Cookie"].startswith("exchangecookie=")


def test_who_prefers_affinity_is_told_the_server(client: Client) -> None:
    client.headers = {"X-PreferServerAffinity": "true"}
    answer = client.ask("<m:GetRoomLists/>")
    assert answer.headers["Set-Cookie"].startswith("X-BackEndOverrideCookie=")


def test_no_more_synchronise_at_once_than_allowed(exchange: Exchange, client: Client) -> None:
    exchange.concurrent_sync_calls, exchange.latency = 2, 0.2
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.sync(), range(4)))
    refused = [answer for answer in answers if answer.codes == ["ErrorServerBusy"]]
    assert 1 <= len(refused) <= 2
    assert refused[0].text(".//t:MessageXml/t:Value[@Name='BackOffMilliseconds']") == "5000"
    assert "ConcurrentSyncCalls" in (refused[0].text(".//e:Message") or "")


def test_a_hint_may_be_to_wait_no_time_at_all(exchange: Exchange, client: Client) -> None:
    exchange.throttle(back_off=0)
    busy = client.sync()
    assert busy.text(".//t:MessageXml/t:Value[@Name='BackOffMilliseconds']") == "0"
