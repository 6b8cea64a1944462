"""Where the EWS of a mailbox is looked for, what is believed, and where a password never goes."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import cast
from urllib.parse import urlsplit

import pytest
from multidict import CIMultiDict

from exchange_simulator import Exchange
from exchange_simulator.autodiscover import Form
from exchange_simulator.versions import Version
from mailmine.exchange import open_account
from mailmine.exchange.autodiscover import DiscoveringAccount
from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.exchange.http import HttpPool, Request, Response, fault_of
from mailmine.exchange.reader import Account
from mailmine.model.integration import AuthType, Connection
from tests.unit.exchange.fakes import FakeClock

ADDRESS, PASSWORD = "orders@example.com", "sécret"
CONNECTION = Connection(endpoint="", username="svc@example.com")
FOUND = "https://mail.corp.example/EWS/Exchange.asmx"
POX = "/autodiscover/autodiscover.xml"
SOAP = "/autodiscover/autodiscover.svc"


@dataclass(frozen=True)
class Said:
    status: int = 200
    body: str = ""
    location: str = ""
    challenge: str = 'Basic realm="x"'


def settings(url: str = FOUND, *, kind: str = "EXPR") -> Said:
    return Said(
        body="<Autodiscover><Response><Account><Action>settings</Action><Protocol>"
        f"<Type>{kind}</Type><EwsUrl>{url}</EwsUrl></Protocol></Account></Response></Autodiscover>"
    )


def redirect(*, url: str = "", address: str = "") -> Said:
    action = "redirectUrl" if url else "redirectAddr"
    return Said(
        body=f"<Autodiscover><Response><Account><Action>{action}</Action><RedirectUrl>{url}</RedirectUrl>"
        f"<RedirectAddr>{address}</RedirectAddr></Account></Response></Autodiscover>"
    )


def soap(inside: str) -> Said:
    return Said(
        body="<Envelope><Body><GetUserSettingsResponseMessage><Response><UserResponses>"
        f"<UserResponse>{inside}</UserResponse></UserResponses></Response>"
        "</GetUserSettingsResponseMessage></Body></Envelope>"
    )


@dataclass
class Internet:
    """Places that answer whoever has signed in; all else is a name that is not known."""

    places: Mapping[str, Said | Callable[[Request], Said]]
    open_to_all: frozenset[str] = frozenset()
    refuses: bool = False
    asked: list[Request] = field(default_factory=list)

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Response]:
        self.asked.append(request)
        place = request.url.partition("?")[0]
        if place not in self.places:
            raise ExchangeError(fault_of(OSError(), request.url))
        there = self.places[place]
        said = there(request) if callable(there) else there
        is_let_in = "Authorization" in request.headers and not self.refuses
        if not is_let_in and place not in self.open_to_all and said.status < 300:
            said = replace(said, status=401, body="")

        async def pieces() -> AsyncIterator[bytes]:
            yield said.body.encode()

        yield Response(
            status=said.status,
            headers=CIMultiDict({"Location": said.location}),
            pieces=pieces(),
            challenges=(said.challenge,),
        )

    async def aclose(self) -> None:
        """Nothing to let go of."""

    @property
    def signed_in_at(self) -> set[str]:
        return {
            urlsplit(one.url).hostname or "" for one in self.asked if "Authorization" in one.headers
        }


def opened(internet: Internet, connection: Connection = CONNECTION) -> DiscoveringAccount:
    account = open_account(connection, PASSWORD, transport=internet, clock=FakeClock())
    assert isinstance(account, DiscoveringAccount)
    return account


async def fault_when(internet: Internet, connection: Connection = CONNECTION) -> Fault:
    with pytest.raises(ExchangeError) as raised:
        await opened(internet, connection).endpoint(ADDRESS)
    assert PASSWORD not in raised.value.fault.message
    return raised.value.fault


async def test_the_host_named_autodiscover_is_asked_first() -> None:
    internet = Internet({f"https://autodiscover.example.com{POX}": settings()})
    assert await opened(internet).endpoint(ADDRESS) == FOUND
    assert urlsplit(internet.asked[0].url).hostname == "autodiscover.example.com"


async def test_what_is_seen_from_outside_is_preferred() -> None:
    inside = "<Protocol><Type>EXCH</Type><EwsUrl>https://inside/EWS</EwsUrl></Protocol>"
    both = Said(body=settings().body.replace("<Protocol>", f"{inside}<Protocol>"))
    internet = Internet({f"https://example.com{POX}": both})
    assert await opened(internet).endpoint(ADDRESS) == FOUND


async def test_the_soap_form_is_understood() -> None:
    setting = f"<UserSetting><Name>InternalEwsUrl</Name><Value>{FOUND}</Value></UserSetting>"
    said = soap(f"<ErrorCode>NoError</ErrorCode><UserSettings>{setting}</UserSettings>")
    internet = Internet({f"https://autodiscover.example.com{SOAP}": said})
    assert await opened(internet).endpoint(ADDRESS) == FOUND
    assert b"<a:Mailbox>orders@example.com</a:Mailbox>" in internet.asked[-1].body


async def test_a_place_without_autodiscover_never_sees_the_password() -> None:
    internet = Internet(
        {
            f"https://autodiscover.example.com{SOAP}": Said(404),
            f"https://autodiscover.example.com{POX}": Said(404),
            f"https://example.com{SOAP}": Said(body="<html>Welcome to our shop"),
            f"https://example.com{POX}": Said(403),
        },
        open_to_all=frozenset({f"https://example.com{SOAP}"}),
    )
    got = await fault_when(internet)
    assert internet.signed_in_at == set()
    assert (got.code, got.scope) == (Code.AUTODISCOVER_FAILED, Scope.MAILBOX)
    for words in ("https://autodiscover.example.com (pox) has nothing (404)", "(403)", "endpoint"):
        assert words in got.message


async def test_a_redirect_by_plain_http_within_the_domain_is_followed() -> None:
    there = f"https://mail.example.com{POX}"
    internet = Internet(
        {
            f"http://autodiscover.example.com{POX}": Said(302, location=there),
            there: settings(),
        }
    )
    assert await opened(internet).endpoint(ADDRESS) == FOUND
    plain = [one for one in internet.asked if one.url.startswith("http://")]
    assert [(one.method, one.body, "Authorization" in one.headers) for one in plain] == [
        ("GET", b"", False)
    ]


@pytest.mark.parametrize(
    ("location", "words"),
    [
        (f"https://mail.evil.example{POX}", "mail.evil.example"),
        (f"https://example.com.evil.example{POX}", "evil.example"),
        (f"https://notexample.com{POX}", "notexample.com"),
        (f"http://mail.example.com{POX}", "without HTTPS"),
        (f"https://[bad{POX}", "without HTTPS"),
        ("ftp://mail.example.com/", "without HTTPS"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_password_does_not_follow_a_redirect_to_strangers(
    scheme: str, location: str, words: str
) -> None:
    internet = Internet(
        {
            f"{scheme}://autodiscover.example.com{POX}": Said(302, location=location),
            location: settings(),
        }
    )
    got = await fault_when(internet)
    assert words in got.message
    assert internet.signed_in_at == set()
    assert location not in [one.url for one in internet.asked]


async def test_a_redirect_in_the_answer_to_a_stranger_is_not_followed_either() -> None:
    there = f"https://mail.evil.example{POX}"
    first = redirect(url=there)
    internet = Internet({f"https://autodiscover.example.com{POX}": first, there: settings()})
    assert "mail.evil.example" in (await fault_when(internet)).message
    assert internet.signed_in_at == {"autodiscover.example.com"}


async def test_another_address_is_asked_for_at_its_own_domain() -> None:
    internet = Internet(
        {
            f"https://autodiscover.example.com{POX}": redirect(address="orders@corp.example"),
            f"https://autodiscover.corp.example{POX}": settings(),
        }
    )
    assert await opened(internet).endpoint(ADDRESS) == FOUND
    assert b"orders@corp.example" in internet.asked[-1].body


STRANGE = "orders@evil.example"


async def test_a_mailbox_of_another_domain_is_asked_for_at_that_of_the_account() -> None:
    internet = Internet(
        {
            f"https://autodiscover.example.com{POX}": settings(),
            f"https://autodiscover.evil.example{POX}": settings(),
        }
    )
    assert await opened(internet).endpoint(STRANGE) == FOUND
    assert STRANGE.encode() in internet.asked[-1].body
    assert internet.signed_in_at == {"autodiscover.example.com"}


@pytest.mark.parametrize("is_open", [True, False])
async def test_who_adds_a_mailbox_of_his_own_domain_is_not_sent_the_password(
    *, is_open: bool
) -> None:
    first = f"https://autodiscover.evil.example{POX}"
    said = redirect(address="orders@worse.example") if is_open else settings()
    places = {first: said, f"https://autodiscover.worse.example{POX}": settings()}
    internet = Internet(places, open_to_all=frozenset([first] if is_open else []))
    with pytest.raises(ExchangeError, match="no password is carried") as raised:
        await opened(internet).endpoint(STRANGE)
    assert "example.com, the domain of the account" in raised.value.fault.message
    assert internet.signed_in_at == set()


async def test_an_account_without_a_domain_signs_in_at_that_of_the_mailbox() -> None:
    internet = Internet({f"https://autodiscover.example.com{POX}": settings()})
    account = replace(CONNECTION, username="CORP\\svc")
    assert await opened(internet, account).endpoint(ADDRESS) == FOUND


async def test_a_mailbox_in_the_cloud_is_told_apart() -> None:
    away = redirect(address="orders@corp.mail.onmicrosoft.com")
    got = await fault_when(Internet({f"https://autodiscover.example.com{POX}": away}))
    assert "backend = graph" in got.message


async def test_circles_end() -> None:
    a, b = (f"https://{name}.example.com{POX}" for name in ("autodiscover", "b"))
    internet = Internet({a: redirect(url=b), b: redirect(url=a)})
    assert "in a circle" in (await fault_when(internet)).message
    to_itself = Internet({a: redirect(address=ADDRESS)})
    assert "in a circle" in (await fault_when(to_itself)).message


async def test_a_chain_ends_after_ten_redirects() -> None:
    def on(request: Request) -> Said:
        number = int((urlsplit(request.url).path[1:].partition("/")[0]) or 0)
        return Said(302, location=f"https://example.com/{number + 1}{POX}")

    places = {f"https://example.com/{number}{POX}": on for number in range(50)}
    first = Said(302, location=f"https://example.com/0{POX}")
    internet = Internet({f"https://autodiscover.example.com{POX}": first, **places})
    assert "after 10 redirects" in (await fault_when(internet)).message
    assert len(internet.asked) < 20


async def test_a_wrong_password_is_tried_once_for_all_places_and_mailboxes() -> None:
    """exchange.md, part C, row 1."""
    places = [
        f"https://{h}{path}"
        for h in ("autodiscover.example.com", "example.com")
        for path in (SOAP, POX)
    ]
    internet = Internet(dict.fromkeys(places, settings()), refuses=True)
    account = opened(internet)
    for mailbox in (ADDRESS, ADDRESS, "sales@example.com"):
        with pytest.raises(ExchangeError) as raised:
            await account.reader(mailbox).folders()
        assert raised.value.fault.code == "http_401"
    assert sum("Authorization" in one.headers for one in internet.asked) == 1


async def test_a_way_of_signing_in_that_is_not_offered_is_not_tried() -> None:
    place = f"https://autodiscover.example.com{POX}"
    internet = Internet({place: replace(settings(), challenge="Negotiate")})
    assert "does not let us sign in by basic" in (await fault_when(internet)).message
    assert internet.signed_in_at == set()


async def test_a_way_of_signing_in_is_found_in_a_header_with_others() -> None:
    place = f"https://autodiscover.example.com{POX}"
    internet = Internet({place: replace(settings(), challenge='Negotiate, NTLM, Basic realm="x"')})
    assert await opened(internet).endpoint(ADDRESS) == FOUND


async def test_an_ews_without_https_is_not_believed() -> None:
    place = f"https://autodiscover.example.com{POX}"
    internet = Internet({place: settings("http://mail.example.com/EWS/Exchange.asmx")})
    assert "names an EWS without HTTPS" in (await fault_when(internet)).message


@pytest.mark.parametrize("body", ["", "not xml", "<a/>", "<!DOCTYPE a><a/>", "<Autodiscover/>"])
async def test_nonsense_is_no_answer(body: str) -> None:
    internet = Internet({f"https://autodiscover.example.com{POX}": Said(body=body)})
    assert "not as Autodiscover does" in (await fault_when(internet)).message


async def test_an_application_asks_exchange_online_without_signing_in() -> None:
    place = f"https://outlook.office365.com/autodiscover/autodiscover.json/v1.0/{ADDRESS}"
    said = Said(
        body='{"Protocol": "EWS", "Url": "https://outlook.office365.com/EWS/Exchange.asmx"}'
    )
    internet = Internet({place: said}, open_to_all=frozenset({place}))
    connection = Connection(endpoint="", auth=AuthType.CLIENT_SECRET, tenant_id="t", client_id="c")
    found = await opened(internet, connection).endpoint(ADDRESS)
    assert found == "https://outlook.office365.com/EWS/Exchange.asmx"
    assert [one.method for one in internet.asked] == ["GET"]
    unknown = Internet({place: Said(404)}, open_to_all=frozenset({place}))
    assert "(404)" in (await fault_when(unknown, connection)).message
    endless = Internet({place: Said(body="[" * 20_000)}, open_to_all=frozenset({place}))
    assert (await fault_when(endless, connection)).code == Code.AUTODISCOVER_FAILED


async def test_where_one_mailbox_was_found_the_next_is_asked_for_first() -> None:
    internet = Internet({f"https://example.com{POX}": settings()})
    account = opened(internet)
    await account.endpoint(ADDRESS)
    before = len(internet.asked)
    await account.endpoint("sales@example.com")
    assert len(internet.asked) - before == 2  # without and with the password


async def test_what_was_found_is_forgotten_when_it_is_not_there_any_more() -> None:
    place = f"https://example.com{POX}"
    internet = Internet({place: settings()})
    account = opened(internet)
    await account.endpoint(ADDRESS)
    gone = Fault(where=Where.HTTP, code="http_404", message="", scope=Scope.CONNECTION)
    internet.places = {place: settings("https://new.example.com/EWS/Exchange.asmx")}
    account.failed(ADDRESS, replace(gone, code="http_503"))
    assert await account.endpoint(ADDRESS) == FOUND
    account.failed(ADDRESS, gone)
    assert await account.endpoint(ADDRESS) == "https://new.example.com/EWS/Exchange.asmx"


class ToSimulator:
    """Has all names of example.com lead to the simulator."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._pool = HttpPool(Connection(endpoint=address, plain_http=True), connections=4)

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Response]:
        parts = urlsplit(request.url)
        if (parts.hostname or "").endswith("example.com"):
            local = urlsplit(self._address)
            moved = parts._replace(scheme=local.scheme, netloc=local.netloc)
            request = replace(request, url=moved.geturl())
        async with self._pool.send(request) as response:
            yield response

    async def aclose(self) -> None:
        await self._pool.aclose()


@pytest.mark.parametrize("form", [Form.SOAP, Form.POX])
async def test_a_mailbox_of_the_simulator_is_found_and_read(form: Form) -> None:
    exchange = Exchange()
    exchange.account("svc@example.com", password=PASSWORD)
    exchange.grant("svc@example.com", mailbox=ADDRESS)
    exchange.autodiscover.forms = frozenset({form})
    with exchange.serve() as address:
        connection = replace(CONNECTION, plain_http=True)
        account = open_account(connection, PASSWORD, transport=ToSimulator(address))
        tree = await account.reader(ADDRESS).folders()
        assert ("Inbox",) in [folder.path for folder in tree.folders]
        await account.reader(ADDRESS).folders()
        await account.aclose()
    assert exchange.requests.count(f"autodiscover:{form}") == 1
    exchange.close()


async def test_a_version_is_assumed_before_the_endpoint_is_found_but_not_at_another_one() -> None:
    exchange = Exchange()
    exchange.account("svc@example.com", password=PASSWORD)
    exchange.grant("svc@example.com", mailbox=ADDRESS)
    exchange.mailbox(ADDRESS).version = Version.EXCHANGE_2010
    with exchange.serve() as address:
        connection = replace(CONNECTION, plain_http=True)
        account = open_account(connection, PASSWORD, transport=ToSimulator(address))
        assert isinstance(account, DiscoveringAccount)
        reader = account.reader(ADDRESS)
        reader.assume("Exchange2010")
        await reader.folders()
        assert {request.code for request in exchange.requests} == {"NoError"}
        endpoint = await account.endpoint(ADDRESS)
        moved = Fault(where=Where.HTTP, code="http_404", message="", scope=Scope.CONNECTION)
        account.failed(ADDRESS, moved)
        exchange.mailbox(ADDRESS).version = None
        exchange.autodiscover.ews_url = endpoint.lower()
        await reader.folders()
        assert reader.version is None
        await account.aclose()
    exchange.close()


async def test_a_mailbox_that_is_forgotten_is_forgotten_where_it_was_found() -> None:
    forgotten: list[str] = []

    class There:
        def reader(self, mailbox: str) -> str:
            return f"reader of {mailbox}"

        async def forget(self, mailbox: str) -> None:
            forgotten.append(mailbox)

    async def find(_: str) -> str:
        return FOUND

    account = DiscoveringAccount(find, lambda _: cast("Account", There()))
    await account.forget(ADDRESS)
    assert forgotten == []
    await account.reader_there(ADDRESS)
    reader = account.reader(ADDRESS)
    assert account.reader(ADDRESS.upper()) is reader
    await account.forget(ADDRESS)
    assert forgotten == [ADDRESS]
    assert account.reader(ADDRESS) is not reader
