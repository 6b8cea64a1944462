"""The HTTP side: the EWS endpoint, the control endpoint, TLS, a thread or a process of its own."""

import asyncio
import gzip
import ssl
import threading
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path

import msgspec
import uvloop
from aiohttp import web
from multidict import CIMultiDict

from exchange_simulator import autodiscover, control, entra
from exchange_simulator.ews import endpoint
from exchange_simulator.ews.get_streaming_events import Stream
from exchange_simulator.exchange import Exchange, Request
from exchange_simulator.graph import service
from exchange_simulator.mailbox import Mailbox
from exchange_simulator.sign_in import Gate, Refused
from exchange_simulator.tls import server_context

EWS_PATH = "/EWS/Exchange.asmx"
MAX_REQUEST = 64 * 1024 * 1024
XML = "text/xml; charset=utf-8"
SMALLEST_COMPRESSED = 1024
"""Bytes below which compressing is not worth it."""
START_DEADLINE = 10.0
"""Seconds that a server thread gets to listen."""


def application(exchange: Exchange, *, control_token: str | None = None) -> web.Application:
    """Make the web application that speaks for `exchange`."""
    gate = Gate(exchange)

    async def ews(request: web.Request) -> web.StreamResponse:
        return await _ews(exchange, gate, request)

    app = web.Application(client_max_size=MAX_REQUEST)
    for path in (EWS_PATH, EWS_PATH.lower(), "/ews/Exchange.asmx"):
        app.router.add_route("*", path, ews)
    app.router.add_routes([control.route(exchange, control_token)])
    add_token_endpoint(app, exchange)
    _add_graph(app, exchange)
    _add_autodiscover(app, exchange, gate)

    async def end_streams(_: web.Application) -> None:
        exchange.subscriptions.end_streams("")

    app.on_shutdown.append(end_streams)
    return app


def _add_autodiscover(app: web.Application, exchange: Exchange, gate: Gate) -> None:
    """Serve Autodiscover in its three forms; paths are without regard to case, as IIS has them."""

    async def discover(request: web.Request) -> web.Response:
        settings = exchange.autodiscover
        form = autodiscover.Form(request.match_info["form"].lower())
        if settings.location is not None:
            return web.Response(status=302, headers={"Location": settings.location})
        if form not in settings.forms:
            return web.Response(status=404)
        body, account = await request.read(), ""
        if form is not autodiscover.Form.JSON:
            admitted = gate.admit(request)
            if isinstance(admitted, Refused):
                return _refusal(request, admitted)
            account = admitted.name
        found = autodiscover.answer(
            settings,
            form,
            base=_base(request),
            body=body,
            address=request.match_info.get("address"),
            knows=frozenset(mailbox.address.lower() for mailbox in exchange.mailboxes),
            version=exchange.version,
        )
        exchange.requests.append(
            Request(f"autodiscover:{form}", account, found.address, found.code)
        )
        headers = _names(request) | {"Content-Type": found.content_type}
        return web.Response(status=found.status, body=found.body, headers=headers)

    place = "/{folder:(?i:autodiscover)}/{file:(?i:autodiscover)}."
    app.router.add_route("*", place + "{form:(?i:xml|svc)}", discover)
    app.router.add_get(place + "{form:(?i:json)}/{version:v1.0}/{address}", discover)


def add_token_endpoint(app: web.Application, exchange: Exchange) -> None:
    """Serve tokens, and what tells clients where to get them."""

    async def token(request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        authorization = request.headers.get("Authorization", "")
        with exchange.lock:
            status, said = entra.token(exchange, request.match_info["tenant"], form, authorization)
            exchange.requests.append(
                Request("token", form.get("client_id", ""), None, str(said.get("error", "NoError")))
            )
        return _json(said, status)

    async def metadata(request: web.Request) -> web.Response:
        tenant = request.match_info["tenant"]
        with exchange.lock:
            status, said = entra.metadata(exchange, _base(request), tenant)
        return _json(said, status)

    async def realm(request: web.Request) -> web.Response:
        return _json({"ver": "1.0", "account_type": "Managed", "cloud_instance_name": request.host})

    async def discovery(request: web.Request) -> web.Response:
        return _json(entra.discovery(request.host))

    app.router.add_post("/{tenant}/oauth2/v2.0/token", token)
    app.router.add_get("/{tenant}/v2.0/.well-known/openid-configuration", metadata)
    app.router.add_get("/{tenant}/discovery/instance", discovery)
    app.router.add_get("/common/userrealm/{user}", realm)


def _json(said: object, status: int = 200) -> web.Response:
    body = msgspec.json.encode(said)
    return web.Response(status=status, body=body, content_type="application/json", charset="utf-8")


def _base(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}"


def _add_graph(app: web.Application, exchange: Exchange) -> None:
    under_way: Counter[str] = Counter()

    async def graph(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        key = request.path.split("/messages")[0].split("/mailFolders")[0].lower()
        under_way[key] += 1
        try:
            await service.pause(exchange)
            found = service.answer(
                exchange,
                method=request.method,
                url=_base(request) + request.raw_path,
                headers=request.headers,
                body=body,
                within=under_way[key],
            )
        finally:
            under_way[key] -= 1
        if found.failure is not None and found.failure.disconnect and request.transport:
            request.transport.close()
        named = request.headers.get("client-request-id")
        headers = _names(request) | ({"client-request-id": named} if named else {}) | found.headers
        return _compressed(exchange, request, found.status, found.body, headers)

    for version in ("v1.0", "beta"):
        app.router.add_route("*", f"/{version}/{{path:.*}}", graph)


def _compressed(
    exchange: Exchange, request: web.Request, status: int, body: bytes, headers: dict[str, str]
) -> web.Response:
    """Answer, compressed where the client takes it."""
    accepts = "gzip" in request.headers.get("Accept-Encoding", "")
    if exchange.compresses and accepts and len(body) >= SMALLEST_COMPRESSED:
        # The least effort, as web servers spend on what they compress anew for each answer.
        body = gzip.compress(body, compresslevel=1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return web.Response(status=status, body=body, headers=headers)


async def _ews(exchange: Exchange, gate: Gate, request: web.Request) -> web.StreamResponse:
    # Read before refusing: a connection that signs in must stay open.
    body = await request.read()
    account = gate.admit(request)
    if isinstance(account, Refused):
        return _refusal(request, account)
    if request.method != "POST":
        return web.Response(text="<html><body>Exchange</body></html>", content_type="text/html")
    is_sync = b":SyncFolder" in body or b"<SyncFolder" in body
    account.under_way += 1
    account.syncs_under_way += is_sync
    exchange.most_at_once = max(exchange.most_at_once, account.under_way)
    try:
        if exchange.latency:
            await asyncio.sleep(exchange.latency)
        session = request.cookies.get(_cookie(exchange), "")
        answer = endpoint.answer(exchange, account, body, session=session)
    finally:
        account.under_way -= 1
        account.syncs_under_way -= is_sync
    if answer.failure is not None:
        if answer.failure.disconnect and request.transport is not None:
            request.transport.close()
        return web.Response(
            status=answer.status,
            headers=_names(request) | answer.failure.headers,
            text=answer.failure.body or None,
        )
    headers = _names(request) | {"Content-Type": XML}
    if answer.stream is not None:
        return await _hang(exchange, request, answer.stream, body, headers)
    for watcher in exchange.on_exchange:
        watcher(body, answer.body, exchange.version)
    response = _compressed(exchange, request, answer.status, answer.body, headers)
    _set_cookies(exchange, request, response, answer.about)
    return response


def _cookie(exchange: Exchange) -> str:
    """Name the cookie that keeps a session at its server."""
    return "exchangecookie" if exchange.version.is_2010 else "X-BackEndCookie"


def _set_cookies(
    exchange: Exchange, request: web.Request, response: web.Response, about: Mailbox | None
) -> None:
    """Say where the session is kept, and where subscriptions are for those who want to stay there."""
    if about is not None:
        response.set_cookie(_cookie(exchange), about.guid, path="/EWS", httponly=True)
    if request.headers.get("X-PreferServerAffinity", "").lower() == "true":
        response.set_cookie("X-BackEndOverrideCookie", "SIMULATED~1", path="/", httponly=True)


async def _hang(
    exchange: Exchange, request: web.Request, stream: Stream, body: bytes, headers: dict[str, str]
) -> web.StreamResponse:
    """Send an answer bit by bit, until it ends or the client goes."""
    response = web.StreamResponse(headers=headers)
    response.enable_chunked_encoding()
    await response.prepare(request)
    with suppress(ConnectionError):  # the client may go while it is written to
        async with aclosing(stream.envelopes()) as envelopes:
            async for envelope in envelopes:
                for watcher in exchange.on_exchange:
                    watcher(body, envelope, exchange.version)
                await response.write(envelope)
    if stream.is_cut and request.transport is not None:
        request.transport.close()
    return response


def _refusal(request: web.Request, refused: Refused) -> web.Response:
    headers = CIMultiDict([*_names(request).items(), *refused.headers])
    return web.Response(status=refused.status, headers=headers)


def _names(request: web.Request) -> dict[str, str]:
    return {
        "request-id": request.headers.get("client-request-id") or str(uuid.uuid4()),
        "X-FEServer": "SIMULATED",
    }


async def _start(
    exchange: Exchange,
    host: str,
    port: int,
    tls: ssl.SSLContext | None,
    control_token: str | None,
) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(
        application(exchange, control_token=control_token),
        access_log=None,
        shutdown_timeout=1.0,
        handler_cancellation=True,  # what hangs ends when its client goes
    )
    await runner.setup()
    await web.TCPSite(runner, host, port, ssl_context=tls, backlog=512).start()
    listening = runner.addresses[0]
    name = f"[{host}]" if ":" in host else host
    return runner, f"{'https' if tls else 'http'}://{name}:{listening[1]}"


def run(
    exchange: Exchange,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: bool | tuple[Path, Path] = False,
    client_ca: Path | None = None,
    control_token: str | None = None,
    when_listening: Callable[[str], None] = lambda _: None,
    until: Callable[[], Awaitable[object]] | None = None,
) -> None:
    """Serve in this thread until interrupted (Ctrl-C), or until what `until` gives is done.

    `tls` is True for a self-signed certificate, or the files of a certificate and its key; with `client_ca`
    clients must show a certificate that it has signed.
    `control_token` opens the control endpoint to whoever sends it, instead of to this machine.
    `when_listening` is called once with the address. OSError where the port cannot be had.
    """

    async def serve() -> None:
        context = server_context(host, tls=tls, client_ca=client_ca)
        runner, address = await _start(exchange, host, port, context, control_token)
        try:
            when_listening(address)
            await (until() if until else asyncio.Event().wait())
        finally:
            await runner.cleanup()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(serve())
        except KeyboardInterrupt:
            return


@contextmanager
def serving(
    exchange: Exchange,
    *,
    host: str,
    port: int,
    tls: bool,
    client_ca: Path | None = None,
    control_token: str | None = None,
) -> Iterator[str]:
    """Serve in a thread of its own; gives the address once it listens, and stops at the end."""
    listening = threading.Event()
    addresses: list[str] = []
    failures: list[BaseException] = []
    stops: list[Callable[[], object]] = []

    def note(address: str) -> None:
        addresses.append(address)
        listening.set()

    async def stopped() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        stops.append(lambda: loop.call_soon_threadsafe(stop.set))
        await stop.wait()

    def work() -> None:
        try:
            run(
                exchange,
                host=host,
                port=port,
                tls=tls,
                client_ca=client_ca,
                control_token=control_token,
                when_listening=note,
                until=stopped,
            )
        except OSError as error:
            failures.append(error)
        finally:
            listening.set()

    thread = threading.Thread(target=work, name="exchange-simulator", daemon=True)
    thread.start()
    listening.wait(START_DEADLINE)
    if failures:
        raise failures[0]
    try:
        yield addresses[0]
    finally:
        for stop in stops:
            stop()
        thread.join(START_DEADLINE)
