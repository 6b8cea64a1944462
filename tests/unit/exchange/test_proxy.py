import pytest

from mailmine.exchange import proxy
from mailmine.exchange.proxy import Proxy
from mailmine.model.integration import Connection

URL = "http://proxy.example.com:3128"


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        (URL, Proxy(URL)),
        ("http://svc@proxy.example.com:3128", Proxy(URL, "svc")),
        ("http://svc:a%3Ab%40c@proxy.example.com:3128", Proxy(URL, "svc", "a:b@c")),
        ("http://EX%5Csvc:@proxy.example.com:3128", Proxy(URL, "EX\\svc", "")),
        ("http://[", Proxy("http://[")),
        ("", Proxy("")),
    ],
)
def test_an_address_is_taken_apart_and_put_together(written: str, parts: Proxy) -> None:
    assert proxy.split(written) == parts
    assert proxy.join(parts) == written


def test_a_password_joins_a_connection_for_use_alone() -> None:
    connection = Connection(endpoint="", proxy=URL, proxy_username="svc")
    ready = proxy.with_password(connection, "a b")
    assert ready.proxy == "http://svc:a%20b@proxy.example.com:3128"
    assert proxy.shown(connection) == "http://svc@proxy.example.com:3128"
    assert proxy.with_password(connection, None) == connection
    assert proxy.with_password(Connection(endpoint="", proxy=URL), "x").proxy == URL


def test_nothing_shows_a_password() -> None:
    assert "hush" not in repr(proxy.split("http://svc:hush@proxy.example.com"))
    kept = Connection(endpoint="", proxy="http://svc:hush@proxy.example.com")
    assert proxy.shown(kept) == "http://svc@proxy.example.com"
    assert proxy.shown(Connection(endpoint="")) is None
