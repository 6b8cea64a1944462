"""Kerberos as it is: tickets of a real key distribution center, taken by a simulated Exchange that has the key of its service."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from spnego.channel_bindings import GssChannelBindings

from exchange_simulator import Exchange
from mailmine.exchange import challenge, open_account
from mailmine.exchange.challenge import END_POINT
from mailmine.exchange.faults import ExchangeError, Fault
from mailmine.model.integration import AuthType, Connection
from tests import kerberos
from tests.integration.exchange.test_signing_in import ews

ORDERS = "orders@example.com"
USER = f"svc@{kerberos.REALM}"
PASSWORD = "geheim"


@pytest.fixture(scope="module")
def center() -> Iterator[kerberos.Center]:
    reason = kerberos.missing()
    if reason is not None:
        pytest.skip(f"NOT TESTED with Kerberos: {reason}")
    with kerberos.run() as center:
        center.user("svc", PASSWORD)
        center.service("HTTP/localhost")
        center.keep_key("svc")
        yield center


@pytest.fixture
def exchange(center: kerberos.Center, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    for name, value in center.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KRB5CCNAME", "MEMORY:nobody")
    exchange = Exchange()
    exchange.offers = ("Negotiate",)
    exchange.account(USER, password="another than that of the realm")
    exchange.mailbox(ORDERS)
    exchange.grant(USER, mailbox=ORDERS)
    yield exchange
    exchange.close()


@pytest.fixture
def connection(exchange: Exchange) -> Iterator[Connection]:
    with exchange.serve() as address:
        named = address.replace("127.0.0.1", "localhost")  # a ticket is for a service of a host
        yield replace(ews(named, AuthType.NEGOTIATE), username=USER)


async def read(connection: Connection, secret: str = PASSWORD) -> int:
    account = open_account(connection, secret)
    try:
        return len((await account.reader(ORDERS).folders()).folders)
    finally:
        await account.aclose()


async def test_a_name_and_a_password_get_a_ticket(connection: Connection) -> None:
    assert await read(connection)


async def test_without_a_name_the_ticket_of_the_machine_counts(
    connection: Connection, center: kerberos.Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRB5CCNAME", center.sign_in("svc", PASSWORD))
    assert await read(replace(connection, username=""), "")


async def test_without_a_name_the_keytab_of_the_machine_gets_a_ticket(
    connection: Connection, center: kerberos.Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRB5CCNAME", "MEMORY:of the keytab")
    monkeypatch.setenv("KRB5_CLIENT_KTNAME", str(center.client_keytab))
    assert await read(replace(connection, username=""), "")


async def test_a_ticket_is_bound_to_the_certificate_of_the_server(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.extended_protection = True
    with exchange.serve(tls=True) as address:
        named = address.replace("127.0.0.1", "localhost")
        connection = replace(ews(named, AuthType.NEGOTIATE), username=USER, verify_tls=False)
        assert await read(connection)
        another = GssChannelBindings(application_data=END_POINT + b"of another server")
        monkeypatch.setattr(challenge, "bindings", lambda _: another)
        assert (await fault_of(connection, PASSWORD)).code == "http_401"


async def fault_of(connection: Connection, secret: str) -> Fault:
    with pytest.raises(ExchangeError) as raised:
        await read(connection, secret)
    return raised.value.fault


async def test_a_wrong_password_is_tried_twice_at_most(
    exchange: Exchange, connection: Connection, center: kerberos.Center
) -> None:
    before = center.wrong_passwords()
    fault = await fault_of(connection, "wrong")
    assert fault.code == "http_401"
    account = exchange.find_account(USER)
    assert account is not None
    assert 1 <= center.wrong_passwords() - before + account.wrong_passwords <= 2


async def test_whoever_has_no_ticket_is_told_what_is_missing(connection: Connection) -> None:
    fault = await fault_of(replace(connection, username=""), "")
    assert fault.code == "sign_in_unavailable"
