"""The server: TLS, compression, addresses."""

import gzip
import ssl
import urllib.error

import pytest

from exchange_simulator import Exchange, Mailbox
from tests.simulator.client import Client
from tests.simulator.mails import mail


def test_tls_is_served_with_a_certificate_of_its_own(exchange: Exchange, bob: Mailbox) -> None:
    message = bob.deliver(mail())
    with exchange.serve(tls=True) as address:
        assert address.startswith("https://127.0.0.1:")
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            Client(address).sync()
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        assert Client(address, tls=trusting).sync().ids == [message.id]


def test_answers_are_compressed_for_those_who_ask(
    client: Client, exchange: Exchange, bob: Mailbox
) -> None:
    for n in range(20):
        bob.deliver(mail(str(n)))
    plain = client.sync()
    client.headers = {"Accept-Encoding": "gzip"}
    compressed = client.sync()
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(compressed.body) == plain.body
    exchange.compresses = False
    assert "Content-Encoding" not in client.sync().headers


def test_a_port_that_is_taken_is_an_os_error(exchange: Exchange) -> None:
    with exchange.serve() as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"), exchange.serve(port=port):
            pass


def test_other_paths_are_not_found(client: Client) -> None:
    client.address += "/elsewhere"
    assert client.sync().status == 404


def test_a_server_can_be_started_again_and_knows_its_mail(exchange: Exchange, bob: Mailbox) -> None:
    message = bob.deliver(mail())
    for _ in range(2):
        with exchange.serve() as address:
            assert Client(address).sync().ids == [message.id]
