from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mailmine.model.integration import AccessType, AuthType, Backend, Connection, TlsVersion
from mailmine.web.connection_form import FIRST, NOTHING_KEPT, Kept, read, typed, values_of
from mailmine.web.forms import Sent

BASIC = Connection(
    endpoint="https://exchange.example.com/EWS/Exchange.asmx",
    username="sync@example.com",
    access=AccessType.IMPERSONATION,
    secret_ends=datetime(2027, 1, 31, tzinfo=UTC),
    tls_minimum=TlsVersion.TLS_1_3,
    tls_ciphers="ECDHE+AESGCM",
    proxy="http://proxy.example.com:3128",
    proxy_username="me",
)
APPLICATION = Connection(
    endpoint="https://graph.microsoft.com",
    backend=Backend.GRAPH,
    auth=AuthType.CLIENT_SECRET,
    tenant_id="example.com",
    client_id="app",
)
EWS_ONLINE = replace(
    APPLICATION,
    backend=Backend.EWS,
    endpoint="https://outlook.office365.com/EWS/Exchange.asmx",
    access=AccessType.IMPERSONATION,
)


def sent(connection: Connection, **changes: str) -> Sent:
    values = values_of("", connection) | changes
    return Sent({name: (value,) for name, value in values.items()}, {})


def errors(given: Sent, kept: Kept = NOTHING_KEPT) -> dict[str, str]:
    return dict(read(given, typed(given, kept), kept).errors)


@pytest.mark.parametrize(
    "connection",
    [
        BASIC,
        APPLICATION,
        EWS_ONLINE,
        replace(BASIC, endpoint=""),
        replace(BASIC, auth=AuthType.NEGOTIATE, username=""),
        replace(APPLICATION, auth=AuthType.SERVICE_USER, username="sync@example.com"),
    ],
)
def test_what_is_shown_and_sent_back_changes_nothing(connection: Connection) -> None:
    kept = Kept(connection, has_secret=True, may_name_files=False)
    given = sent(connection)
    found = read(given, typed(given, kept), kept)
    assert found.errors == {}
    assert found.connection == connection
    assert (found.secret, found.proxy_secret) == (None, None)


def test_files_stay_as_they_are_for_who_may_not_name_them() -> None:
    kept = Kept(replace(BASIC, ca_file="/etc/ca.pem"), has_secret=True, may_name_files=False)
    given = sent(BASIC, ca_file="/etc/shadow", password="p")
    assert typed(given, kept)["ca_file"] == "/etc/ca.pem"
    may = replace(kept, may_name_files=True)
    assert typed(given, may)["ca_file"] == "/etc/shadow"
    assert (
        "cannot be read" in errors(sent(BASIC, ca_file="/none.pem", password="p"), may)["ca_file"]
    )


def test_each_mistake_stands_at_its_field() -> None:
    assert set(errors(sent(FIRST))) == {"tenant_id", "client_id", "client_secret"}
    wrong = sent(
        BASIC,
        username="",
        endpoint="http://exchange.example.com/EWS/Exchange.asmx",
        tls_ciphers="no such thing",
        password="p",
    )
    assert set(errors(wrong)) == {"username", "tls_ciphers", "endpoint"}
    assert set(errors(sent(BASIC, endpoint="exchange", timeout_read="-1", password="p"))) == {
        "endpoint",
        "timeout_read",
    }
    assert set(errors(sent(BASIC, secret_ends="soon", password="p"))) == {"secret_ends"}
    assert set(errors(sent(BASIC, endpoint="http://127.0.0.1/", password="p"))) == {"endpoint"}
    assert set(errors(sent(BASIC, kind="graph", password="p"))) == {"auth"}
    assert set(errors(sent(BASIC, kind="x", auth=""))) == {"kind", "auth"}
    certificate = sent(APPLICATION, auth="client_certificate", pem="-----BEGIN CERTIFICATE-----")
    assert "no private key" in errors(certificate)["pem"]


def test_a_kept_secret_goes_only_where_it_went() -> None:
    kept = Kept(BASIC, has_secret=True, may_name_files=False)
    for changes in (
        {"endpoint": "https://evil.example/EWS/Exchange.asmx"},
        {"verify_tls": ""},
        {"proxy": "http://me@evil.example:3128"},
    ):
        assert "Type it again" in errors(sent(BASIC, **changes), kept)["password"]
        assert errors(sent(BASIC, password="p", **changes), kept) == {}
    ntlm = sent(BASIC, auth="ntlm", endpoint="https://evil.example/EWS/Exchange.asmx")
    assert "Type it again" in errors(ntlm, kept)["password"]


def test_a_password_for_exchange_is_not_sent_to_entra() -> None:
    kept = Kept(BASIC, has_secret=True, may_name_files=False)
    user = {"auth": "service_user", "tenant_id": "example.com", "client_id": "app"}
    assert "Type it again" in errors(sent(BASIC, **user), kept)["password"]


def test_another_kind_of_secret_has_to_be_given() -> None:
    kept = Kept(APPLICATION, has_secret=True, may_name_files=False)
    assert set(errors(sent(APPLICATION, auth="client_certificate"), kept)) == {"pem"}


def test_a_password_within_the_address_of_the_proxy_is_taken_out() -> None:
    given = sent(BASIC, proxy="http://me:secret@proxy.example.com:3128", password="p")
    values = typed(given, NOTHING_KEPT)
    assert "secret" not in values["proxy"]
    found = read(given, values, NOTHING_KEPT)
    assert found.proxy_secret == "secret"
    assert found.connection is not None
    assert found.connection.proxy == "http://proxy.example.com:3128"


def test_a_kept_secret_of_another_kind_is_not_used() -> None:
    kept = Kept(APPLICATION, has_secret=True, may_name_files=False)
    given = sent(replace(BASIC, auth=AuthType.NEGOTIATE))
    found = read(given, typed(given, kept), kept)
    assert found.errors == {}
    assert not found.uses_kept
    assert read(sent(APPLICATION), typed(sent(APPLICATION), kept), kept).uses_kept
