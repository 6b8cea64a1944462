"""What goes wrong on the way, over real sockets on this machine."""

import asyncio
import base64
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mailmine.exchange import Limits, open_account
from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.exchange.http import HttpPool, Request
from mailmine.exchange.proxy import with_password
from mailmine.exchange.reader import ChangePage
from mailmine.exchange.tls import make_context
from mailmine.model.ids import FolderId
from mailmine.model.integration import Connection, Timeouts
from tests.unit.exchange.fakes import ADDRESS, changes, created

Serving = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serving, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve on a free port of this machine; each connection is closed after `serve`."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def request_of(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length")
    )
    return head + await reader.readexactly(length)


def answer(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", "Content-Type: text/xml; charset=utf-8", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


async def read(connection: Connection, *, limits: Limits | None = None) -> ChangePage:
    account = open_account(connection, "secret", limits=limits)
    try:
        page = await account.reader(ADDRESS).changes(FolderId("inbox"), None, limit=10)
    finally:
        await account.aclose()
    assert isinstance(page, ChangePage)
    return page


async def fault_of(connection: Connection, *, limits: Limits | None = None) -> Fault:
    with pytest.raises(ExchangeError) as raised:
        await read(connection, limits=limits)
    return raised.value.fault


def at(port: int, scheme: str = "http") -> Connection:
    return Connection(
        endpoint=f"{scheme}://127.0.0.1:{port}/EWS/Exchange.asmx", username="ann", plain_http=True
    )


async def test_a_compressed_answer_is_read_and_the_request_says_who_asks() -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await request_of(reader))
        body = gzip.compress(changes(created("A")).encode())
        writer.write(answer(body, "Content-Encoding: gzip"))
        await writer.drain()

    async with serving(serve) as port:
        page = await read(at(port))
    assert [change.item_id for change in page.changes] == ["A"]
    assert b"User-Agent: mailmine/" in asked[0]
    assert b"Authorization: Basic YW5uOnNlY3JldA==" in asked[0]
    assert b"Accept-Encoding: gzip\r\n" in asked[0]


async def test_an_answer_that_is_packed_by_the_old_name_of_gzip_is_read() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        body = gzip.compress((changes(created("A")) + " " * 200_000).encode())
        writer.write(answer(body, "Content-Encoding: X-GZip"))
        await writer.drain()

    async with serving(serve) as port:
        page = await read(at(port))
    assert [change.item_id for change in page.changes] == ["A"]


@pytest.mark.parametrize(
    "body", [b"no gzip", gzip.compress(b"<x/>" * 99, mtime=0)[:-9]], ids=["no gzip", "cut off"]
)
async def test_an_answer_that_cannot_be_unpacked_is_a_broken_connection(body: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(answer(body, "Content-Encoding: x-gzip"))
        await writer.drain()

    async with serving(serve) as port:
        got = await fault_of(at(port))
    assert (got.where, got.code) == (Where.NETWORK, Code.RESET)


@pytest.mark.parametrize("name", ["gzip", "x-gzip"])
async def test_a_small_answer_that_swells_is_stopped_at_the_ceiling(name: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(answer(gzip.compress(b" " * 30_000_000), f"Content-Encoding: {name}"))
        await writer.drain()

    async with serving(serve) as port:
        got = await fault_of(at(port), limits=Limits(answer_bytes=1_000_000))
    assert (got.where, got.code) == (Where.CLIENT, Code.ANSWER_TOO_LARGE)


async def test_a_connection_that_was_closed_meanwhile_is_opened_anew() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(answer(changes().encode()))
        await writer.drain()

    async with serving(serve) as port, aclosing(open_account(at(port), "secret")) as account:
        for _ in range(5):
            page = await account.reader(ADDRESS).changes(FolderId("inbox"), None, limit=10)
            assert isinstance(page, ChangePage)


async def test_nothing_listens() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader, writer

    async with serving(serve) as port:
        pass
    got = await fault_of(at(port))
    assert (got.where, got.code, got.scope) == (Where.NETWORK, Code.REFUSED, Scope.CONNECTION)
    assert f"127.0.0.1:{port}" in got.message


async def test_the_server_hangs_up() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        del writer

    async with serving(serve) as port:
        assert (await fault_of(at(port))).code == Code.RESET


async def test_the_answer_breaks_off() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(answer(changes().encode())[:-20])
        await writer.drain()

    async with serving(serve) as port:
        assert (await fault_of(at(port))).code == Code.RESET


async def test_the_answer_stops_half_way() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(answer(changes().encode())[:-20])
        await writer.drain()
        await reader.read()

    async with serving(serve) as port:
        got = await fault_of(at(port), limits=Limits(deadline=0.2))
    assert got.code == Code.TIMED_OUT
    assert ADDRESS in got.message


async def test_it_is_no_web_server_at_all() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"220 mail.example.com ESMTP\r\n")
        await writer.drain()

    async with serving(serve) as port:
        got = await fault_of(at(port))
    assert (got.where, got.code) == (Where.CLIENT, Code.NOT_EXCHANGE)


async def test_a_plain_port_is_asked_for_tls() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with serving(serve) as port:
        got = await fault_of(at(port, "https"))
    assert (got.where, got.code) == (Where.TLS, Code.TLS_FAILED)


async def test_a_name_that_nobody_knows() -> None:
    got = await fault_of(Connection(endpoint="https://exchange.invalid/EWS/Exchange.asmx"))
    assert (got.where, got.code) == (Where.DNS, Code.NAME_NOT_FOUND)
    assert "exchange.invalid" in got.message


@pytest.mark.parametrize(
    ("endpoint", "code"),
    [
        ("http://exchange.example.com/EWS/Exchange.asmx", Code.HTTPS_REQUIRED),
        ("exchange.example.com", Code.BAD_ENDPOINT),
        ("https://", Code.BAD_ENDPOINT),
        ("https://host:port/", Code.BAD_ENDPOINT),
        ("ftp://exchange.example.com", Code.BAD_ENDPOINT),
        ("https://[::1", Code.BAD_ENDPOINT),
        ("http://ann:geheim@exchange.example.com/", Code.HTTPS_REQUIRED),
        ("https://ann:geheim@exchange:port/", Code.BAD_ENDPOINT),
        ("ann:geheim@exchange.example.com", Code.BAD_ENDPOINT),
    ],
)
async def test_an_address_that_will_not_do(endpoint: str, code: Code) -> None:
    got = await fault_of(Connection(endpoint=endpoint))
    assert (got.where, got.code, got.scope) == (Where.CLIENT, code, Scope.CONNECTION)
    assert "https://" in got.message
    assert "geheim" not in got.message


class Authority:
    """A private certificate authority."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign("Private CA", self.key.public_key(), None, days=30)
        self.file = folder / "ca.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(
        self, name: str, key: ec.EllipticCurvePublicKey, san: x509.GeneralName | None, *, days: int
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Private CA")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=san is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
        )
        if san is None:
            usage = x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(usage, critical=True)
        else:
            builder = builder.add_extension(x509.SubjectAlternativeName([san]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def context(self, san: x509.GeneralName, *, days: int = 30) -> ssl.SSLContext:
        """Make a server's TLS context with a certificate for `san`."""
        key = ec.generate_private_key(ec.SECP256R1())
        file = self.folder / "server.pem"
        file.write_bytes(
            self._sign("server", key.public_key(), san, days=days).public_bytes(
                serialization.Encoding.PEM
            )
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


HERE = x509.IPAddress(ip_address("127.0.0.1"))


async def serve_changes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_of(reader)
    writer.write(answer(changes().encode()))
    await writer.drain()


async def test_a_private_authority_is_trusted_where_it_is_named_and_only_there(
    authority: Authority,
) -> None:
    async with serving(serve_changes, authority.context(HERE)) as port:
        connection = at(port, "https")
        assert (await read(replace(connection, ca_file=str(authority.file)))).is_last
        got = await fault_of(connection)
        assert (got.where, got.code) == (Where.TLS, Code.CERTIFICATE_NOT_TRUSTED)
        assert "CA file" in got.message
        assert (await read(replace(connection, verify_tls=False))).is_last


@pytest.mark.parametrize(
    ("san", "days", "code"),
    [
        (x509.DNSName("other.example.com"), 30, Code.CERTIFICATE_WRONG_HOST),
        (x509.IPAddress(ip_address("127.0.0.2")), 30, Code.CERTIFICATE_WRONG_HOST),
        (HERE, -1, Code.CERTIFICATE_EXPIRED),
    ],
)
async def test_what_is_wrong_with_a_certificate_is_told(
    authority: Authority, san: x509.GeneralName, days: int, code: Code
) -> None:
    async with serving(serve_changes, authority.context(san, days=days)) as port:
        got = await fault_of(replace(at(port, "https"), ca_file=str(authority.file)))
    assert (got.where, got.code, got.scope) == (Where.TLS, code, Scope.CONNECTION)


@pytest.mark.parametrize("content", [None, "not a certificate"])
async def test_a_ca_file_that_cannot_be_read_is_named(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "my-ca.pem"
    if content is not None:
        file.write_text(content)
    got = await fault_of(Connection(endpoint="https://127.0.0.1:9/x", ca_file=str(file)))
    assert (got.where, got.code) == (Where.TLS, Code.CA_FILE_UNREADABLE)
    assert "my-ca.pem" in got.message


def test_no_ciphers_do_without_a_certificate_or_without_encryption() -> None:
    ciphers = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
    context = make_context(Connection(endpoint="https://a.example/", tls_ciphers=ciphers))
    told = [one["description"] for one in context.get_ciphers()]
    assert told
    assert [one for one in told if "Au=None" in one or "Enc=None" in one] == []


async def test_a_proxy_that_is_not_there_is_blamed_and_not_exchange() -> None:
    got = await fault_of(
        Connection(endpoint="https://exchange.invalid/EWS", proxy="http://127.0.0.1:9")
    )
    assert got.code == Code.PROXY_FAILED


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_server_that_takes_no_request_is_left_in_time() -> None:
    """Only the writing has a short time. The request is larger than what the machine takes in the server's place."""
    is_over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await is_over.wait()

    async with serving(serve) as port:
        connection = replace(at(port), timeouts=Timeouts(write=0.05, read=600, pool=600))
        pool = HttpPool(connection, connections=1)
        request = Request(url=connection.endpoint, headers={}, body=b"x" * (64 << 20))
        with pytest.raises(ExchangeError) as raised:
            async with pool.send(request):
                pass
        is_over.set()
        await pool.aclose()
    assert raised.value.fault.code == Code.TIMED_OUT


async def test_a_proxy_is_told_who_we_are() -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await request_of(reader))
        writer.write(answer(changes("s1", created("1")).encode()))
        await writer.drain()

    async with serving(serve) as port:
        connection = Connection(
            endpoint="http://127.0.0.1:9/EWS",
            username="svc",
            plain_http=True,
            proxy=f"http://127.0.0.1:{port}",
            proxy_username="us",
        )
        await read(with_password(connection, "them:all"))
    token = base64.b64encode(b"us:them:all")
    assert b"Proxy-Authorization: Basic " + token in asked[0]
