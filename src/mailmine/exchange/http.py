"""The way to the wire: one pool of connections for an integration, and what can go wrong below HTTP.

`Transport` is the seam: tests put a function in its place. Whatever fails on the way to an answer is raised as an
ExchangeError whose message names the host; the answer itself, of whatever status, is not judged here.
"""

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from ipaddress import ip_address
from time import perf_counter
from typing import Final, Protocol
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection as Connector

from mailmine import metrics, tracing
from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.exchange.tls import make_context
from mailmine.model.integration import Connection

USER_AGENT: Final = "mailmine/0.1"
WIRE_ERRORS: Final = (aiohttp.ClientError, OSError, ValueError)
"""What aiohttp raises for an address, a connection or an answer that is no good."""
REQUEST_ID: Final = "client-request-id"
"""The header in which we name a request."""
REQUEST_IDS: Final = ("request-id", REQUEST_ID)
PIECE: Final = 1 << 16
"""Bytes of an answer that are taken from the wire at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent."""

    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    method: str = "POST"
    operation: str = ""
    """What is asked, for traces: names no mailbox and no item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    pieces: AsyncIterator[bytes]
    """The body, decompressed; to be read while the response is open."""
    cookies: Sequence[str] = field(default=())
    """The values of Set-Cookie."""
    challenges: Sequence[str] = field(default=())
    """The values of WWW-Authenticate."""
    certificate: bytes | None = None
    """That of the server (DER), where it wants a sign-in over TLS."""


class Transport(Protocol):
    """Carries requests to a server."""

    def send(self, request: Request) -> AbstractAsyncContextManager[Response]:
        """Send `request`; redirects are not followed, cookies not kept. Raises ExchangeError."""
        ...

    async def aclose(self) -> None:
        """Let go of all connections."""
        ...


class _Body(aiohttp.BytesPayload):
    """The body of a request, which is to be taken off our hands in so many seconds: aiohttp has no such limit."""

    def __init__(self, body: bytes, *, within: float) -> None:
        super().__init__(body)
        self._within = within

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Write the body; what the server does not take in time raises TimeoutError."""
        async with asyncio.timeout(self._within):
            await super().write_with_length(writer, content_length)
            await writer.drain()


class _Answer(aiohttp.ClientResponse):
    """An answer that remembers the server's certificate where it wants a sign-in, which may be bound to it."""

    certificate: bytes | None = None

    async def start(self, connection: Connector) -> aiohttp.ClientResponse:
        """Read the head of the answer; after a short one the connection is not ours any more."""
        transport = connection.transport
        await super().start(connection)
        tls = transport.get_extra_info("ssl_object") if transport is not None else None
        if tls is not None and self.status == HTTPStatus.UNAUTHORIZED:
            self.certificate = tls.getpeercert(binary_form=True)
        return self


class HttpPool:
    """The transport of an integration: kept-alive connections of aiohttp.

    Opened at the first request, because a ClientSession belongs to a running loop. `tls` gives what several pools of a
    connection share: each for itself would hold all certificate authorities, nearly a megabyte.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        connections: int,
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        self._connection = connection
        self._connections = connections
        self._tls = tls or partial(make_context, connection)
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Response]:
        """Send `request` on a connection of the pool."""
        try:
            answer = await self._open().request(
                request.method,
                request.url,
                data=_Body(request.body, within=self._connection.timeouts.write)
                if request.body
                else None,
                headers=request.headers,
                allow_redirects=False,
                proxy=self._connection.proxy,
            )
        except WIRE_ERRORS as error:
            raise ExchangeError(fault_of(error, request.url)) from error
        try:
            yield Response(
                status=answer.status,
                headers=answer.headers,
                pieces=_pieces(answer, request.url),
                cookies=answer.headers.getall("Set-Cookie", ()),
                challenges=answer.headers.getall("WWW-Authenticate", ()),
                certificate=answer.certificate if isinstance(answer, _Answer) else None,
            )
        finally:
            answer.release()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            refuse_plain_http(self._connection.endpoint, is_allowed=self._connection.plain_http)
            connector = aiohttp.TCPConnector(
                limit=self._connections, ssl=self._tls(), keepalive_timeout=60
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                response_class=_Answer,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeouts(),
                headers={"User-Agent": USER_AGENT},
                auto_decompress=True,
                max_field_size=32_768,  # some front ends set long cookies
            )
        return self._session

    def _timeouts(self) -> aiohttp.ClientTimeout:
        """Give each step its time; writing has it by `_Body`, reading piece by piece where answers are read."""
        given = self._connection.timeouts
        return aiohttp.ClientTimeout(
            total=None, connect=given.pool, sock_connect=given.connect, sock_read=given.read
        )

    async def aclose(self) -> None:
        """Close the pool; a later request opens it anew."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()


class Counted:
    """A transport whose requests and answers are counted (`mailmine.metrics`) and timed (`mailmine.tracing`)."""

    def __init__(self, transport: Transport, backend: str) -> None:
        self._transport = transport
        self._backend = backend

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Response]:
        """Send `request` by the transport."""
        begun = perf_counter()
        name = f"exchange {request.operation}" if request.operation else "exchange"
        async with AsyncExitStack() as held:
            span = held.enter_context(tracing.request(name, lambda: self._about(request)))
            try:
                response = await held.enter_async_context(self._transport.send(request))
            except ExchangeError as error:
                metrics.asked(self._backend, error.fault.code, perf_counter() - begun)
                span.fail(error.fault.code)
                raise
            except asyncio.CancelledError:  # whoever waited did so long enough
                metrics.asked(self._backend, "given_up", perf_counter() - begun)
                span.fail("given_up")
                raise
            metrics.asked(self._backend, str(response.status), perf_counter() - begun)
            told = {"mailmine.request_id": request_id_of(response)}
            span.set({"http.response.status_code": response.status, **told})
            yield replace(response, pieces=self._counted(response.pieces))

    def _about(self, request: Request) -> dict[str, tracing.Value]:
        return {
            "mailmine.backend": self._backend,
            "http.request.method": request.method,
            "server.address": host_of(request.url),
            "mailmine.request_id": request.headers.get(REQUEST_ID),
        }

    async def _counted(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for piece in pieces:
            metrics.received(self._backend, len(piece))
            yield piece

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()


def request_id_of(response: Response) -> str | None:
    """Find the name that the server gave the request."""
    for name in REQUEST_IDS:
        if value := response.headers.get(name):
            return value[:200]
    return None


def host_of(url: str) -> str:
    """Name the host of `url` as messages do, with its port where it is not the usual one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url.rpartition("@")[2]
    host = parts.hostname or url.rpartition("@")[2]
    return f"{host}:{port}" if port not in (None, 443) else host


def refuse_plain_http(endpoint: str, *, is_allowed: bool) -> None:
    """Let a password travel by TLS only. Raises ExchangeError.

    Plain HTTP is for servers on this machine, and only where that `is_allowed`.
    """
    try:
        parts = urlsplit(endpoint)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    host = parts.hostname or ""
    if parts.scheme == "https" and host:
        return
    if parts.scheme == "http" and is_allowed and _is_this_machine(host):
        return
    if parts.scheme == "http" and host:
        code = Code.HTTPS_REQUIRED
        message = f"The way to {host} is not encrypted, the password could be read. Use an address with https:// instead."
        if _is_this_machine(host):
            message += " For a server on this machine, say plain_http = true in the integration."
    else:
        code = Code.BAD_ENDPOINT
        message = (
            f"{host_of(endpoint)!r} is not the address of an Exchange. "
            "Enter one such as https://exchange.example.com/EWS/Exchange.asmx instead."
        )
    raise ExchangeError(
        Fault(where=Where.CLIENT, code=code, message=message, scope=Scope.CONNECTION)
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _pieces(answer: aiohttp.ClientResponse, url: str) -> AsyncIterator[bytes]:
    pieces: AsyncIterator[bytes] = answer.content.iter_chunked(PIECE)
    if answer.headers.get("Content-Encoding", "").strip().lower() == "x-gzip":
        pieces = _unzipped(pieces)
    try:
        async for piece in pieces:
            yield piece
    except WIRE_ERRORS as error:
        raise ExchangeError(fault_of(error, url)) from error


async def _unzipped(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Unpack what calls itself by the old name of gzip (RFC 9110, 8.4.1.3), which aiohttp leaves as it is."""
    gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        async for piece in pieces:
            packed = piece
            while packed:
                yield gzip.decompress(packed, PIECE)
                packed = gzip.unconsumed_tail
    except zlib.error as error:
        raise aiohttp.ClientPayloadError(str(error)) from error
    if not gzip.eof:
        raise aiohttp.ClientPayloadError("The answer ended too early.")


def fault_of(error: Exception, url: str) -> Fault:
    """Say in words what happened between us and the host of `url`."""
    host = host_of(url)
    for matches, where, code, message in _FAULTS:
        if matches(error):
            return Fault(
                where=where,
                code=code,
                message=message.format(host=host),
                scope=Scope.MAILBOX if code is Code.TIMED_OUT else Scope.CONNECTION,
                server=host,
            )
    return Fault(
        where=Where.NETWORK,
        code=Code.UNREACHABLE,
        message=f"{host} cannot be reached. Check the network and the proxy between here and there.",
        scope=Scope.CONNECTION,
        server=host,
    )


def _certificate(error: Exception) -> ssl.SSLCertVerificationError | None:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
        return cause if isinstance(cause, ssl.SSLCertVerificationError) else None
    return error if isinstance(error, ssl.SSLCertVerificationError) else None


def _is_broken(error: Exception) -> bool:
    """Tell a connection that broke after it stood, also while the request was being written."""
    return type(error) is aiohttp.ClientOSError or _is(
        aiohttp.ServerDisconnectedError, ConnectionError, aiohttp.ClientPayloadError
    )(error)


_WRONG_HOST: Final = (
    62,
    64,
)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL
_EXPIRED: Final = 10  # X509_V_ERR_CERT_HAS_EXPIRED


def _is_certificate(*codes: int) -> Callable[[Exception], bool]:
    def matches(error: Exception) -> bool:
        cause = _certificate(error)
        return cause is not None and (not codes or cause.verify_code in codes)

    return matches


def _is(*kinds: type[BaseException]) -> Callable[[Exception], bool]:
    def matches(error: Exception) -> bool:
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
        return isinstance(error, kinds) or isinstance(cause, kinds)

    return matches


_FAULTS: Final[Sequence[tuple[Callable[[Exception], bool], Where, Code, str]]] = (
    (
        _is_certificate(*_WRONG_HOST),
        Where.TLS,
        Code.CERTIFICATE_WRONG_HOST,
        (
            "The certificate of {host} was made out to another name. "
            "Use the name that the certificate holds, or have it renewed."
        ),
    ),
    (
        _is_certificate(_EXPIRED),
        Where.TLS,
        Code.CERTIFICATE_EXPIRED,
        "The certificate of {host} has expired. Ask its administrator to renew it.",
    ),
    (
        _is_certificate(),
        Where.TLS,
        Code.CERTIFICATE_NOT_TRUSTED,
        (
            "The certificate of {host} is not signed by an authority that is trusted here. "
            "Where a private authority signed it, name its PEM file as the integration's CA file."
        ),
    ),
    (
        _is(ssl.SSLError, aiohttp.ClientConnectorSSLError),
        Where.TLS,
        Code.TLS_FAILED,
        (
            "No TLS connection could be agreed on with {host}. "
            "Check that the port speaks HTTPS and that the server offers TLS 1.2 or later."
        ),
    ),
    (
        _is(aiohttp.ClientConnectorDNSError),
        Where.DNS,
        Code.NAME_NOT_FOUND,
        "No server named {host} is known. Check the address of the integration, or the DNS.",
    ),
    (
        _is(aiohttp.ClientHttpProxyError, aiohttp.ClientProxyConnectionError),
        Where.NETWORK,
        Code.PROXY_FAILED,
        "The proxy did not let us through to {host}. Check the integration's proxy.",
    ),
    (
        _is(TimeoutError),
        Where.NETWORK,
        Code.TIMED_OUT,
        "{host} did not answer in time. It is tried again later.",
    ),
    (
        _is(ConnectionRefusedError),
        Where.NETWORK,
        Code.REFUSED,
        "Nothing answers at {host}. Check the address and the port, and that Exchange is running.",
    ),
    (
        _is_broken,
        Where.NETWORK,
        Code.RESET,
        "{host} broke the connection off. It is tried again later.",
    ),
    (
        _is(aiohttp.ClientResponseError),
        Where.CLIENT,
        Code.NOT_EXCHANGE,
        "{host} does not answer as a web server does. Check the address of the integration.",
    ),
    (
        _is(aiohttp.InvalidURL, ValueError),
        Where.CLIENT,
        Code.BAD_ENDPOINT,
        (
            "The address of the integration ({host}) is not a valid URL. "
            "Enter one such as https://exchange.example.com/EWS/Exchange.asmx instead."
        ),
    ),
)
