"""Each way of signing in, at a simulated Exchange and Entra ID."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from exchange_simulator import Exchange
from mailmine.exchange import challenge, open_account
from mailmine.exchange.challenge import bindings
from mailmine.exchange.faults import ExchangeError, Fault, Where
from mailmine.exchange.http import HttpPool
from mailmine.exchange.reader import FolderTree
from mailmine.model.integration import AccessType, AuthType, Backend, Connection
from mailmine.sync.policy import Action, rule_for
from tests.unit.exchange.fakes import FakeClock

ORDERS = "orders@example.com"
CLAIMS = "claims@example.com"
SERVICE = "svc@example.com"
PASSWORD = "geheim"
APP = "6731de76-14a6-49ae-97bc-6eba6914391e"
TENANT = "contoso.example"


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    exchange = Exchange()
    exchange.account(SERVICE, password=PASSWORD)
    exchange.application(APP, tenant=TENANT, secret=PASSWORD)
    for address in (ORDERS, CLAIMS):
        exchange.mailbox(address)
        exchange.grant(SERVICE, mailbox=address)
    yield exchange
    exchange.close()


@pytest.fixture
def address(exchange: Exchange) -> Iterator[str]:
    with exchange.serve() as address:
        yield address


def graph(address: str, auth: AuthType = AuthType.CLIENT_SECRET) -> Connection:
    return Connection(
        endpoint=address,
        backend=Backend.GRAPH,
        auth=auth,
        username=SERVICE if auth is AuthType.SERVICE_USER else "",
        tenant_id=TENANT,
        client_id=APP,
        authority=address,
        plain_http=True,
    )


def ews(address: str, auth: AuthType) -> Connection:
    return Connection(
        endpoint=f"{address}/EWS/Exchange.asmx",
        auth=auth,
        username=SERVICE,
        access=AccessType.IMPERSONATION
        if auth in (AuthType.CLIENT_SECRET, AuthType.CLIENT_CERTIFICATE)
        else AccessType.DELEGATE,
        tenant_id=TENANT,
        client_id=APP,
        authority=address,
        plain_http=True,
    )


async def read(connection: Connection, secret: str = PASSWORD) -> list[FolderTree]:
    """Read the folders of two mailboxes at the same time."""
    account = open_account(connection, secret)
    readers = [account.reader(one) for one in (ORDERS, CLAIMS)]
    found = await asyncio.gather(*(one.folders() for one in readers), return_exceptions=True)
    await account.aclose()
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return [one for one in found if isinstance(one, FolderTree)]


async def fault_of(connection: Connection, secret: str = PASSWORD) -> Fault:
    with pytest.raises(ExchangeError) as raised:
        await read(connection, secret)
    assert PASSWORD not in str(raised.value)
    return raised.value.fault


def certificate() -> tuple[bytes, str]:
    """Make a certificate, and the text of it with its private key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mailmine")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem, (private + pem).decode()


@pytest.mark.parametrize("make", [graph, ews])
@pytest.mark.parametrize("auth", [AuthType.CLIENT_SECRET, AuthType.SERVICE_USER])
async def test_a_token_reads_mailboxes_and_is_asked_for_once(
    exchange: Exchange,
    address: str,
    make: Callable[[str, AuthType], Connection],
    auth: AuthType,
) -> None:
    trees = await read(make(address, auth))
    assert all(tree.folders for tree in trees)
    assert exchange.requests.count("token") == 1


@pytest.mark.parametrize("with_certificate", [True, False])
async def test_a_certificate_signs_in(
    exchange: Exchange, address: str, *, with_certificate: bool
) -> None:
    pem, secret = certificate()
    exchange.application(APP, tenant=TENANT, certificate=pem)
    connection = graph(address, AuthType.CLIENT_CERTIFICATE)
    if not with_certificate:  # as in the vendor's configuration: the key alone, and the thumbprint
        secret = secret.partition("-----BEGIN CERTIFICATE")[0]
        digest = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA1())  # noqa: S303
        connection = replace(connection, certificate_thumbprint=digest.hex())
    assert await read(connection, secret)


async def test_another_certificate_is_refused(exchange: Exchange, address: str) -> None:
    exchange.application(APP, tenant=TENANT, certificate=certificate()[0])
    fault = await fault_of(graph(address, AuthType.CLIENT_CERTIFICATE), certificate()[1])
    assert fault.code == "AADSTS700027"


@pytest.mark.parametrize("secret", ["no certificate at all", "-----BEGIN PRIVATE KEY-----\nx"])
async def test_what_is_no_certificate_is_said_to_be_none(address: str, secret: str) -> None:
    fault = await fault_of(graph(address, AuthType.CLIENT_CERTIFICATE), secret)
    assert (fault.where, fault.code) == (Where.TOKEN, "token_failed")


def expire(exchange: Exchange) -> None:
    exchange.applications[APP].secret_expires_at = datetime(2026, 1, 1, tzinfo=UTC)


def lock(exchange: Exchange) -> None:
    exchange.account(SERVICE, password=PASSWORD).is_locked = True


def ask_for_more(exchange: Exchange) -> None:
    exchange.account(SERVICE, password=PASSWORD).needs_second_factor = True


def bar(exchange: Exchange) -> None:
    exchange.account(SERVICE, password=PASSWORD).is_barred = True


def disable(exchange: Exchange) -> None:
    exchange.applications[APP].is_disabled = True


USER: dict[str, object] = {"auth": AuthType.SERVICE_USER, "username": SERVICE}


@dataclass(frozen=True)
class Refusal:
    """A reason to get no token."""

    code: str
    changes: Mapping[str, object] = field(default_factory=dict)
    secret: str = PASSWORD
    spoil: Callable[[Exchange], None] = lambda _: None


REFUSALS = [
    Refusal("AADSTS7000215", secret="wrong"),
    Refusal("AADSTS7000222", spoil=expire),
    Refusal("AADSTS7000112", spoil=disable),
    Refusal("AADSTS700016", {"client_id": "other"}),
    Refusal("AADSTS90002", {"tenant_id": "other.example"}),
    Refusal("AADSTS50034", USER | {"username": "x@y.z"}),
    Refusal("AADSTS50126", USER, secret="wrong"),
    Refusal("AADSTS50053", USER, spoil=lock),
    Refusal("AADSTS50076", USER, spoil=ask_for_more),
    Refusal("AADSTS53003", USER, spoil=bar),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: one.code)
async def test_part_c_5_a_refused_token_says_why_and_is_asked_for_once(
    exchange: Exchange, address: str, refusal: Refusal
) -> None:
    refusal.spoil(exchange)
    connection = replace(graph(address), **refusal.changes)  # type: ignore[arg-type]
    fault = await fault_of(connection, refusal.secret)
    assert (fault.where, fault.code) == (Where.TOKEN, refusal.code)
    assert rule_for(fault).action is Action.DISABLE_INTEGRATION
    assert exchange.requests.count("token") <= 1


async def test_part_c_3_short_tokens_are_renewed_before_they_end_and_in_no_loop(
    exchange: Exchange, address: str
) -> None:
    exchange.token_lifetime = 60
    clock = FakeClock()
    account = open_account(graph(address), PASSWORD, clock=clock)
    reader = account.reader(ORDERS)
    for _ in range(60):  # an hour
        await reader.folders()
        clock.time += 60
    await account.aclose()
    assert exchange.requests.count("token") == 60


async def test_part_c_4_a_token_that_ends_in_mid_run_is_replaced_once(
    exchange: Exchange, address: str
) -> None:
    account = open_account(graph(address), PASSWORD)
    await account.reader(ORDERS).folders()
    exchange.revoke_tokens()
    trees = await asyncio.gather(*(account.reader(one).folders() for one in (ORDERS, CLAIMS)))
    await account.aclose()
    assert all(tree.folders for tree in trees)
    assert exchange.requests.count("token") == 2


async def test_part_c_5_a_secret_that_is_not_good_any_more_is_sent_once_for_all_that_wait_for_a_token(
    exchange: Exchange, address: str
) -> None:
    boxes = [f"box{number}@example.com" for number in range(4)]
    for box in boxes:
        exchange.mailbox(box)
    account = open_account(graph(address), PASSWORD)
    await account.reader(boxes[0]).folders()
    exchange.applications[APP].secret = "another"
    exchange.revoke_tokens()
    exchange.requests.clear()
    found = await asyncio.gather(
        *(account.reader(box).folders() for box in boxes), return_exceptions=True
    )
    await account.aclose()
    assert all(isinstance(one, ExchangeError) for one in found)
    assert exchange.requests.count("token") == 1


async def test_a_token_endpoint_that_fails_refuses_nothing(
    exchange: Exchange, address: str
) -> None:
    connection = replace(graph(address), authority="http://127.0.0.1:9")
    fault = await fault_of(connection)
    assert fault.where is Where.NETWORK
    assert rule_for(fault).action is Action.RETRY_LATER
    assert exchange.requests.count("token") == 0


@pytest.mark.parametrize("offer", ["NTLM", "Negotiate"])
@pytest.mark.parametrize("name", [SERVICE, f"EXAMPLE\\{SERVICE}"])
async def test_ntlm_and_negotiate_sign_in_a_connection_for_each_mailbox(
    exchange: Exchange, address: str, offer: str, name: str
) -> None:
    exchange.offers = (offer,)
    connection = replace(ews(address, AuthType(offer.lower())), username=name)
    account = open_account(connection, PASSWORD)
    for _ in range(3):
        trees = await asyncio.gather(*(account.reader(one).folders() for one in (ORDERS, CLAIMS)))
        assert all(tree.folders for tree in trees)
    await account.aclose()


async def test_who_forgets_a_mailbox_closes_its_connection(
    exchange: Exchange, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[HttpPool] = []
    aclose = HttpPool.aclose

    async def noted(pool: HttpPool) -> None:
        closed.append(pool)
        await aclose(pool)

    monkeypatch.setattr(HttpPool, "aclose", noted)
    exchange.offers = ("NTLM",)
    account = open_account(ews(address, AuthType.NTLM), PASSWORD)
    for mailbox in (ORDERS, CLAIMS):
        await account.reader(mailbox).folders()
    await account.forget(ORDERS.upper())
    await account.forget("never@example.com")
    assert len(closed) == 1
    assert (await account.reader(ORDERS).folders()).folders
    await account.aclose()
    assert len(set(closed)) == 4  # of three lines, and what all share


@pytest.mark.parametrize("offer", ["NTLM", "Negotiate"])
async def test_a_sign_in_is_bound_to_the_certificate_where_the_server_wants_that(
    exchange: Exchange, offer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.offers, exchange.extended_protection = (offer,), True
    made = x509.load_pem_x509_certificate(certificate()[0])
    another = made.public_bytes(serialization.Encoding.DER)
    with exchange.serve(tls=True) as address:
        connection = replace(ews(address, AuthType(offer.lower())), verify_tls=False)
        account = open_account(connection, PASSWORD)
        assert (await account.reader(ORDERS).folders()).folders
        await account.aclose()
        # One in between shows a certificate of its own: what it passes on is worth nothing.
        monkeypatch.setattr(challenge, "bindings", lambda _: bindings(another))
        assert (await fault_of(connection)).code == "http_401"
        monkeypatch.setattr(challenge, "bindings", lambda _: None)
        assert (await fault_of(connection)).code == "http_401"


def test_a_certificate_that_cannot_be_read_binds_nothing() -> None:
    assert bindings(b"no certificate") is None


@pytest.mark.parametrize("auth", [AuthType.NTLM, AuthType.BASIC])
async def test_part_c_1_a_wrong_password_is_tried_once_for_all_mailboxes(
    exchange: Exchange, address: str, auth: AuthType
) -> None:
    exchange.offers = ("NTLM", "Basic")
    fault = await fault_of(ews(address, auth), "wrong")
    assert fault.code == "http_401"


async def test_a_tenant_with_ews_off_says_so(exchange: Exchange, address: str) -> None:
    exchange.ews_allowed_apps = frozenset({"another"})
    fault = await fault_of(ews(address, AuthType.CLIENT_SECRET))
    assert fault.code == "http_403"


async def test_no_token_travels_in_plain_unless_that_is_said(address: str) -> None:
    fault = await fault_of(replace(graph(address), plain_http=False))
    assert fault.code == "https_required"
    assert "plain_http" in fault.message
