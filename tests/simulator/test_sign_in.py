"""Signing in as Exchange's web server has it: Basic, NTLM, Negotiate, tokens, client certificates, lock-out."""

import base64
import datetime as dt
import hmac
import http.client
import json
import ssl
import struct
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import spnego
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from exchange_simulator import Exchange, Mailbox
from tests.simulator.client import Client
from tests.simulator.mails import mail

OPTIONS = {
    "NTLM": spnego.NegotiateOptions.use_ntlm,
    "Negotiate": spnego.NegotiateOptions.use_negotiate,
}
PATH = "/EWS/Exchange.asmx"
SECRET = bytes.fromhex("878d8014606cda29677a44efa1353fc7")
"""What NTLM makes of the password "secret" (MS-NLMP 3.3.2, MD4 of it)."""
APP = "11111111-2222-3333-4444-555555555555"


@contextmanager
def connected(exchange: Exchange) -> Iterator[http.client.HTTPConnection]:
    with exchange.serve() as address:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
        try:
            yield connection
        finally:
            connection.close()


def get(connection: http.client.HTTPConnection, authorization: str | None) -> tuple[int, list[str]]:
    """Ask for the page that those who sign in are shown: the status and the challenges."""
    headers = {} if authorization is None else {"Authorization": authorization}
    connection.request("GET", PATH, headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status, [v for name, v in answer.getheaders() if name == "WWW-Authenticate"]


def shake_hands(
    connection: http.client.HTTPConnection, scheme: str, name: str, password: str
) -> int:
    """Sign in by NTLM or Negotiate; the status at the end."""
    context = spnego.client(name, password, protocol=scheme.lower(), options=OPTIONS[scheme])
    token = context.step()
    for _ in range(3):
        status, said = get(connection, f"{scheme} {base64.b64encode(token or b'').decode()}")
        words = said[0].split(" ") if said else []
        if status != 401 or len(words) != 2 or words[0] != scheme:
            return status
        token = context.step(base64.b64decode(words[1]))
    return status


@pytest.mark.usefixtures("bob")
@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate"])
@pytest.mark.parametrize("name", ["bob@example.com", r"EXAMPLE\bob", r"example.com\bob"])
def test_a_connection_signs_in_once(exchange: Exchange, scheme: str, name: str) -> None:
    exchange.offers = ("Negotiate", "NTLM", "Basic")
    with connected(exchange) as connection:
        assert get(connection, None) == (401, ["Negotiate", "NTLM", 'Basic realm="exchange"'])
        assert shake_hands(connection, scheme, name, "secret") == 200
        assert get(connection, None) == (200, []), "the connection is signed in"
        connection.close()
        assert get(connection, None)[0] == 401, "another one is not"


@pytest.mark.parametrize(
    ("ending", "hashed", "status"),
    [(b"", SECRET, 200), (b"\0" * 4, SECRET, 200), (b"", bytes(16), 401)],
    ids=["without zeros", "with zeros", "of another password"],
)
def test_what_ntlm_signs_may_end_without_its_zeros(
    exchange: Exchange, bob: Mailbox, ending: bytes, hashed: bytes, status: int
) -> None:
    """Thunderbird's does; servers check what was signed byte for byte."""
    exchange.offers = ("NTLM",)
    with connected(exchange) as connection:
        negotiate = b"NTLMSSP\0" + struct.pack("<II", 1, 0x88207) + bytes(16)
        _, said = get(connection, f"NTLM {base64.b64encode(negotiate).decode()}")
        challenge = base64.b64decode(said[0].partition(" ")[2])
        length, _, offset = struct.unpack_from("<HHI", challenge, 40)
        target_info = challenge[offset : offset + length]
        signed = bytes([1, 1]) + bytes(6) + bytes(8) + b"clients!" + bytes(4) + target_info + ending
        user = bob.address.encode("utf-16-le")
        key = hmac.digest(hashed, bob.address.upper().encode("utf-16-le"), "md5")
        proof = hmac.digest(key, challenge[24:32] + signed, "md5") + signed
        fields, payload = b"", b""
        for part in (b"", proof, b"", user, b"", b""):
            fields += struct.pack("<HHI", len(part), len(part), 64 + len(payload))
            payload += part
        message = b"NTLMSSP\0" + struct.pack("<I", 3) + fields + struct.pack("<I", 0x88205)
        answer = f"NTLM {base64.b64encode(message + payload).decode()}"
        assert get(connection, answer)[0] == status
        assert get(connection, None)[0] == status


@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate"])
def test_a_wrong_password_is_refused(exchange: Exchange, bob: Mailbox, scheme: str) -> None:
    exchange.offers = ("Negotiate", "NTLM")
    with connected(exchange) as connection:
        assert shake_hands(connection, scheme, bob.address, "wrong") == 401
        assert shake_hands(connection, scheme, "nobody@example.com", "secret") == 401
        assert get(connection, f"{scheme} bm9uc2Vuc2U=") == (401, ["Negotiate", "NTLM"])
        assert get(connection, f"{scheme} !") == (401, ["Negotiate", "NTLM"])
        assert shake_hands(connection, scheme, bob.address, "secret") == 200


def test_what_is_not_offered_is_not_taken(exchange: Exchange, client: Client, bob: Mailbox) -> None:
    exchange.offers = ("NTLM",)
    assert client.sync().status == 401
    exchange.offers = ("Basic",)
    with connected(exchange) as connection:
        assert shake_hands(connection, "NTLM", bob.address, "secret") == 401


def test_an_account_is_locked_after_wrong_passwords(
    exchange: Exchange, bob: Mailbox, client: Client
) -> None:
    exchange.locks_after, exchange.offers = 3, ("NTLM", "Basic")
    with connected(exchange) as connection:
        client.password = "wrong"
        assert client.sync().status == 401
        assert shake_hands(connection, "NTLM", bob.address, "wrong") == 401
        client.password = "secret"
        assert client.sync().status == 200, "a right one in between counts anew"
        client.password = "wrong"
        for _ in range(3):
            assert client.sync().status == 401
        client.password = "secret"
        assert client.sync().status == 401
        assert shake_hands(connection, "NTLM", bob.address, "secret") == 401
    assert exchange.account(bob.address).is_locked


def token(client: Client, **form: str) -> str:
    """Get a token for EWS as the application."""
    asked = {
        "client_id": APP,
        "client_secret": "app-secret",
        "grant_type": "client_credentials",
        "scope": "https://outlook.office365.com/.default",
    } | form
    data = urllib.parse.urlencode(asked).encode()
    request = urllib.request.Request(  # noqa: S310
        f"{client.address}/contoso.example/oauth2/v2.0/token", data=data
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return str(json.load(answer)["access_token"])


def test_an_application_impersonates(exchange: Exchange, bob: Mailbox, client: Client) -> None:
    message = bob.deliver(mail())
    exchange.application(APP, only=[bob.address])
    exchange.mailbox("carl@example.com")
    client.headers = {"Authorization": f"Bearer {token(client)}"}
    alone = client.sync()
    assert (alone.status, alone.codes) == (500, ["ErrorInvalidExchangeImpersonationHeaderData"])
    client.impersonates = bob.address
    assert client.sync().ids == [message.id]
    client.impersonates = "carl@example.com"
    assert client.sync().codes == ["ErrorImpersonateUserDenied"]
    assert {request.account for request in exchange.requests if request.operation != "token"} == {
        APP
    }


def test_a_user_with_a_token_reads_the_own_mailbox(
    exchange: Exchange, bob: Mailbox, client: Client
) -> None:
    message = bob.deliver(mail())
    exchange.application(APP)
    given = token(client, grant_type="password", username=bob.address, password="secret")
    client.headers = {"Authorization": f"Bearer {given}"}
    assert client.sync().ids == [message.id]


def test_tokens_that_are_not_good_are_refused(
    exchange: Exchange, bob: Mailbox, client: Client
) -> None:
    exchange.application(APP)
    client.impersonates = bob.address
    for_graph = token(client, scope="https://graph.microsoft.com/.default")
    for refused in ("nonsense", for_graph):
        client.headers = {"Authorization": f"Bearer {refused}"}
        answer = client.sync()
        assert answer.status == 401
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    client.headers = {"Authorization": f"Bearer {token(client)}"}
    assert client.sync().status == 200
    exchange.revoke_tokens()
    assert client.sync().status == 401


def test_an_application_needs_its_role_and_a_tenant_that_has_ews_on(
    exchange: Exchange, bob: Mailbox, client: Client
) -> None:
    client.impersonates = bob.address
    exchange.application(APP, roles=["Mail.Read"])
    client.headers = {"Authorization": f"Bearer {token(client)}"}
    refused = client.sync()
    assert refused.status == 403
    assert "not enough scope" in refused.headers["x-ms-diagnostics"]
    exchange.application(APP)
    client.headers = {"Authorization": f"Bearer {token(client)}"}
    exchange.ews_allowed_apps = frozenset({"another"})
    assert client.sync().status == 403
    exchange.ews_allowed_apps = frozenset({APP})
    assert client.sync().status == 200


@pytest.mark.usefixtures("bob")
def test_a_client_must_show_a_certificate_where_one_is_wanted(
    exchange: Exchange, tmp_path: Path
) -> None:
    ca, certificate, key = _certified(tmp_path)
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with exchange.serve(tls=True, client_ca=ca) as address:
        client = Client(address, tls=trusting)
        with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
            client.sync()
        trusting.load_cert_chain(certificate, key)
        assert client.sync().codes == ["NoError"]


def _certified(folder: Path) -> tuple[Path, Path, Path]:
    """Make a CA, and a client's certificate and key that it has signed."""
    now = dt.datetime.now(dt.UTC)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")])

    def signed(name: str, owner: ec.EllipticCurvePrivateKey, *, is_ca: bool) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(issuer)
            .public_key(owner.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .sign(ca_key, hashes.SHA256())
        )

    paths = folder / "ca.pem", folder / "certificate.pem", folder / "key.pem"
    pem = serialization.Encoding.PEM
    paths[0].write_bytes(signed("CA", ca_key, is_ca=True).public_bytes(pem))
    paths[1].write_bytes(signed("client", key, is_ca=False).public_bytes(pem))
    paths[2].write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
