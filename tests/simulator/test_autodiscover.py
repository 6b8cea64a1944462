"""Autodiscover in its three forms, by hand and as exchangelib asks for it."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import exchangelib
import pytest
import requests
from exchangelib.autodiscover import Autodiscovery, discovery
from exchangelib.autodiscover.protocol import AutodiscoverProtocol
from exchangelib.protocol import close_connections
from lxml import etree

from exchange_simulator import Exchange
from exchange_simulator.autodiscover import Form
from tests.simulator.mails import mail

BOB = "bob@example.com"
POX = (
    '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">'
    "<Request><EMailAddress>{}</EMailAddress></Request></Autodiscover>"
)
SOAP = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:a="http://schemas.microsoft.com/exchange/2010/Autodiscover"><s:Body>'
    "<a:GetUserSettingsRequestMessage><a:Request><a:Users><a:User><a:Mailbox>{}</a:Mailbox></a:User></a:Users>"
    "<a:RequestedSettings>{}</a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage></s:Body></s:Envelope>"
)
SIGNED_IN = {"Authorization": "Basic " + base64.b64encode(f"{BOB}:secret".encode()).decode()}


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    made = Exchange()
    made.account(BOB)
    made.mailbox(BOB).deliver(mail("Found", message_id="<1@x>"))
    yield made
    made.close()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow none."""


def ask(url: str, body: str | None = None, *, signed_in: bool = True) -> tuple[int, bytes, str]:
    request = urllib.request.Request(  # noqa: S310
        url, data=body.encode() if body else None, headers=SIGNED_IN if signed_in else {}
    )
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=10) as answer:
            return answer.status, answer.read(), ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers.get("Location", "")


def pox(address: str, mailbox: str = BOB, *, signed_in: bool = True) -> tuple[int, bytes, str]:
    url = f"{address}/Autodiscover/AutoDiscover.XML"
    return ask(url, POX.format(mailbox), signed_in=signed_in)


def texts(body: bytes, name: str) -> list[str | None]:
    return [found.text for found in etree.fromstring(body).iter(f"{{*}}{name}")]


def test_plain_old_xml_names_the_ews(exchange: Exchange) -> None:
    with exchange.serve() as address:
        assert pox(address, signed_in=False)[0] == 401
        _, body, _ = pox(address)
        assert set(texts(body, "EwsUrl")) == {f"{address}/EWS/Exchange.asmx"}
        assert texts(pox(address, "nobody@example.com")[1], "ErrorCode") == ["500"]
    assert exchange.requests.count("autodiscover:xml") == 2


def test_it_redirects(exchange: Exchange) -> None:
    settings = exchange.autodiscover
    with exchange.serve() as address:
        settings.redirect_addresses[BOB] = "bob@example.org"
        assert texts(pox(address)[1], "RedirectAddr") == ["bob@example.org"]
        settings.redirect_addresses.clear()
        settings.redirect_url = "https://b.example.com/autodiscover/autodiscover.xml"
        assert texts(pox(address)[1], "RedirectUrl") == [settings.redirect_url]
        settings.location = settings.redirect_url
        assert pox(address, signed_in=False)[::2] == (302, settings.location)


def test_it_answers_wrongly(exchange: Exchange) -> None:
    with exchange.serve() as address:
        exchange.autodiscover.page = b"<html>Welcome"
        assert pox(address)[1] == b"<html>Welcome"
        exchange.autodiscover.forms = frozenset({Form.SOAP})
        assert pox(address)[0] == 404


def test_json_answers_anybody(exchange: Exchange) -> None:
    with exchange.serve() as address:
        place = f"{address}/autodiscover/autodiscover.json/v1.0/"
        _, body, _ = ask(f"{place}{BOB}?Protocol=EWS", signed_in=False)
        assert json.loads(body) == {"Protocol": "EWS", "Url": f"{address}/EWS/Exchange.asmx"}
        assert ask(f"{place}nobody@example.com?Protocol=EWS", signed_in=False)[0] == 404


def test_soap_answers_what_is_asked_for_and_names_what_there_is_not(exchange: Exchange) -> None:
    wanted = ("AutoDiscoverSMTPAddress", "ExternalEwsUrl", "ExternalUMUrl")
    settings = "".join(f"<a:Setting>{name}</a:Setting>" for name in wanted)
    with exchange.serve() as address:
        url = f"{address}/autodiscover/autodiscover.svc"
        _, body, _ = ask(url, SOAP.format(BOB, settings))
        assert texts(body, "Name") == ["AutoDiscoverSMTPAddress", "ExternalEwsUrl"]
        assert texts(body, "Value") == [BOB, f"{address}/EWS/Exchange.asmx"]
        assert texts(body, "SettingName") == ["ExternalUMUrl"]
        assert texts(body, "ErrorCode") == ["NoError", "NoError", "SettingIsNotAvailable"]


@pytest.mark.stranger
@pytest.mark.parametrize("address", [BOB, "moved@example.com"])
def test_exchangelib_finds_the_way_from_the_address_alone(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Only the names of hosts are taken for the simulator's address, on the way to the wire."""
    exchange.autodiscover.redirect_addresses["moved@example.com"] = BOB
    send = requests.adapters.HTTPAdapter.send
    with exchange.serve() as served:
        ours = urlsplit(served)

        def redirected(adapter: Any, request: Any, **options: Any) -> Any:
            url = urlsplit(request.url)
            if url.hostname == "example.com":
                request.url = url._replace(scheme=ours.scheme, netloc=ours.netloc).geturl()
            return send(adapter, request, **options)

        monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", redirected)
        monkeypatch.setattr(Autodiscovery, "_ensure_valid_hostname", lambda *_, **__: None)
        monkeypatch.setattr(discovery, "autodiscover_cache", _Cache())
        account = exchangelib.Account(
            address,
            credentials=exchangelib.Credentials(BOB, "secret"),
            autodiscover=True,
            access_type="delegate",
        )
        assert account.primary_smtp_address == BOB
        assert [item.subject for item in account.inbox.all()] == ["Found"]
        close_connections()
    assert exchange.requests.count("autodiscover:svc") == (1 if address == BOB else 2)


class _Cache(dict[Any, Any]):
    """What exchangelib found, without its file."""

    def __enter__(self) -> None:
        """Lock nothing."""

    def __exit__(self, *_: object) -> None:
        """Unlock nothing."""


@pytest.mark.stranger
def test_exchangelib_finds_the_mailbox(exchange: Exchange) -> None:
    credentials = exchangelib.Credentials(BOB, "secret")
    with exchange.serve() as address:
        configuration = exchangelib.Configuration(
            service_endpoint=f"{address}/autodiscover/autodiscover.svc",
            credentials=credentials,
            auth_type="basic",
            retry_policy=exchangelib.FailFast(),
        )
        protocol = AutodiscoverProtocol(config=configuration)
        found = protocol.get_user_settings(user=BOB)
        other = protocol.get_user_settings(user="nobody@example.com")
        exchange.autodiscover.redirect_addresses[BOB] = "bob@example.org"
        elsewhere = protocol.get_user_settings(user=BOB)
        protocol.close()
        assert found.user_settings["grouping_information"]
        assert other.error_code == "InvalidUser"
        assert elsewhere.redirect_address == "bob@example.org"
        account = exchangelib.Account(
            BOB,
            config=exchangelib.Configuration(
                service_endpoint=found.ews_url, credentials=credentials, auth_type="basic"
            ),
            autodiscover=False,
            access_type="delegate",
        )
        assert [item.subject for item in account.inbox.all()] == ["Found"]
        close_connections()
