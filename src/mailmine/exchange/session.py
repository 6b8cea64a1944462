"""One account at one server, and its line to each mailbox: what every request goes through, EWS or Graph alike.

    Session   one an account: transport, credentials, pace
    Logins    one a secret: a password that was refused is not sent again at once
    Line      one a mailbox: one request at a time, its cookies, and what a status of HTTP means

Answers that are not the protocol's (a refused password, a redirect, a web page, an overloaded front end) end here as an
ExchangeError. A short interruption is tried once more; everything longer is for the schedule of the mailboxes.
"""

import asyncio
import re
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from mailmine.exchange.credentials import Credentials
from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.exchange.http import (
    REQUEST_ID,
    Request,
    Response,
    Transport,
    fault_of,
    host_of,
    request_id_of,
)
from mailmine.exchange.pace import Clock, Limits, Pace, Ticket
from mailmine.exchange.status import fault_of_status, server_of
from mailmine.model.integration import Connection

_OVER: Final = re.compile(r"\s*max-age\s*=\s*(?:0+|-[0-9]+)\s*", re.IGNORECASE)
_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\U0010ffff]")
"""What no header that we send may hold."""

SHORT_PAUSE: Final = 1.0
"""Seconds before the one other try after a 503."""
LONGEST_REFUSAL: Final = 1 << 20
"""Bytes of the page that comes with a 401 which are read."""
SECOND_LOGIN_AFTER: Final = 300.0
"""Seconds before a refused password is tried a second time: Exchange also says 401 when overloaded."""
FURTHER_LOGINS_AFTER: Final = 900.0
"""Seconds before any further try, which nobody but a person asks for: slow enough to lock no account out."""


def is_refused(fault: Fault) -> bool:
    """Tell a refusal of who we say that we are: trying again is of no use and may do harm."""
    return fault.code == "http_401" or (
        fault.where is Where.TOKEN
        and not fault.code.startswith("http_")
        and fault.code not in _PASSING
    )


_PASSING: Final = (Code.TIMED_OUT, Code.MALFORMED_ANSWER)
"""Where the token endpoint failed, and refused nothing."""


class Logins:
    """What became of the tries to sign in with one secret, wherever it was sent."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._refused: list[tuple[float, Fault]] = []
        self._trial = asyncio.Lock()
        self._accepted = asyncio.Event()
        self.times_accepted = 0
        """How many requests were let in."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for leave to sign in: after a refusal one request alone tries, until the account is let in.

        Raises what the refused login said, unless it may be tried again (exchange.md, part C, row 1). A login
        that is held back says by `Fault.retry_after` for how long; one that was refused does not.
        """
        if not self._refused:
            yield
            return
        async with self._trial:
            self._check()
            yield

    def _check(self) -> None:
        if not self._refused:
            return  # whoever tried before us was let in
        refused_at, fault = self._refused[-1]
        pause = SECOND_LOGIN_AFTER if len(self._refused) == 1 else FURTHER_LOGINS_AFTER
        left = refused_at + pause - self._clock.now()
        if left > 0:
            raise ExchangeError(replace(fault, retry_after=timedelta(seconds=left)))

    def refused(self, ticket: Ticket, fault: Fault) -> None:
        """Remember that the account was not let in; requests that were under way together count once."""
        if not self._refused or ticket.sent_at > self._refused[-1][0]:
            self._refused.append((self._clock.now(), fault))

    def accepted(self) -> None:
        """Forget earlier refusals."""
        self._refused.clear()
        self.times_accepted += 1
        self._accepted.set()

    async def next_accepted(self) -> None:
        """Wait until one more request was let in: who signs in then adds nothing to the tries that may be refused."""
        self._accepted.clear()
        await self._accepted.wait()


class Session:
    """What all mailboxes of an account share."""

    def __init__(
        self,
        connection: Connection,
        credentials: Credentials,
        *,
        transport: Transport,
        transport_of_line: Callable[[], Transport] | None = None,
        limits: Limits,
        clock: Clock,
        logins: Logins | None = None,
    ) -> None:
        """Open none. `transport_of_line` makes one for a line where the credentials are for a connection alone.

        `logins` are given where the same secret is sent elsewhere too.
        """
        self.connection = connection
        self.limits = limits
        self.clock = clock
        self.pace = Pace(limits, clock)
        self.syncing = asyncio.Semaphore(limits.syncing)
        self.credentials = credentials
        self.transport = transport
        self._transport_of_line = transport_of_line
        self._transports = [transport]
        self.logins = logins or Logins(clock)

    def line(self, mailbox: str) -> "Line":
        """Open a line to `mailbox`; sends nothing."""
        transport = self.transport
        if self.credentials.is_for_connection and self._transport_of_line is not None:
            transport = self._transport_of_line()
            self._transports.append(transport)
        return Line(self, mailbox, transport)

    def hanging_line(self, mailbox: str) -> "Line":
        """Open a line whose requests wait for long: on a connection of its own, and not counted among those in flight.

        Whoever opened it closes it.
        """
        transport = self.transport
        if self._transport_of_line is not None:
            transport = self._transport_of_line()
            self._transports.append(transport)
        return Line(self, mailbox, transport)

    async def let_go(self, transport: Transport) -> None:
        """Close a transport that one line had for itself."""
        if transport is not self.transport and transport in self._transports:
            self._transports.remove(transport)
            await transport.aclose()

    async def aclose(self) -> None:
        """Let go of all connections."""
        for transport in self._transports:
            await transport.aclose()


class Line:
    """The way of one mailbox's requests."""

    def __init__(self, session: Session, mailbox: str, transport: Transport) -> None:
        self.session = session
        self.mailbox = mailbox
        self._transport = transport
        self._one_at_a_time = asyncio.Lock()
        self._cookies: dict[str, str] = {}

    async def aclose(self) -> None:
        """Let go of the line's own connection, where it has one."""
        await self.session.let_go(self._transport)

    @asynccontextmanager
    async def send(
        self,
        body: bytes,
        headers: Mapping[str, str],
        *,
        url: str | None = None,
        method: str = "POST",
        operation: str = "",
        is_syncing: bool = False,
        is_hanging: bool = False,
        judge: Callable[[Response], bool] = lambda response: response.status == HTTPStatus.OK,
    ) -> AsyncIterator[tuple[Response, Ticket]]:
        """Send a request and give the answer, open, where `judge` finds it worth reading. Raises ExchangeError.

        `url` is the endpoint's where none is given; it is to be of the same host. `operation` says in traces what is asked.
        """
        async with AsyncExitStack() as held:
            await held.enter_async_context(self._one_at_a_time)
            if is_syncing:
                await held.enter_async_context(self.session.syncing)
            if is_hanging:
                ticket = Ticket(self.session.clock.now())
            else:
                ticket = await held.enter_async_context(self.session.pace.slot())
            request = Request(
                url=url or self.session.connection.endpoint,
                method=method,
                operation=operation,
                body=body,
                headers=self._headers(headers),
            )
            async with self.session.logins.turn():
                response = await self._answer(held, request, ticket, judge)
            yield response, ticket

    async def _answer(
        self,
        held: AsyncExitStack,
        request: Request,
        ticket: Ticket,
        judge: Callable[[Response], bool],
    ) -> Response:
        """Send once, and once more after a short interruption."""
        for is_last in (False, True):
            attempt = await held.enter_async_context(AsyncExitStack())
            try:
                response = await self._authorized(attempt, request)
            except ExchangeError as error:
                if is_last or error.fault.code != Code.RESET:
                    if is_refused(error.fault):
                        self.session.logins.refused(ticket, error.fault)
                    # Without an answer there is only our own name for the request; servers log it as well.
                    raise self._named(error, request.headers[REQUEST_ID]) from error.__cause__
                continue
            self._keep_cookies(response)
            if judge(response):
                self.session.logins.accepted()
                return response
            fault = fault_of_status(
                response, connection=self.session.connection, mailbox=self.mailbox
            )
            if (
                response.status == HTTPStatus.SERVICE_UNAVAILABLE
                and fault.retry_after is None
                and not is_last
            ):
                await attempt.aclose()
                await self.session.clock.sleep(SHORT_PAUSE)
                continue
            break
        if response.status == HTTPStatus.UNAUTHORIZED:
            fault = replace(fault, retry_after=None)
            self.session.logins.refused(ticket, fault)
        elif fault.retry_after is not None or response.status == HTTPStatus.TOO_MANY_REQUESTS:
            fault = self.session.pace.busy(ticket, fault)
        raise ExchangeError(fault)

    async def _authorized(self, held: AsyncExitStack, request: Request) -> Response:
        """Send `request` as the credentials say."""
        flow = self.session.credentials.flow()
        held.push_async_callback(flow.aclose)
        proof = await anext(flow)
        while True:
            attempt = await held.enter_async_context(AsyncExitStack())
            sent = replace(request, headers={**request.headers, **proof})
            response = await self._sent(attempt, sent)
            if response.status != HTTPStatus.UNAUTHORIZED:
                return response
            await _drain(response)
            try:
                proof = await flow.asend(response)
            except StopAsyncIteration:
                return response
            await attempt.aclose()  # its connection is needed for the next try

    async def _sent(self, held: AsyncExitStack, request: Request) -> Response:
        try:
            async with asyncio.timeout(self.session.limits.deadline):
                return await held.enter_async_context(self._transport.send(request))
        except TimeoutError as error:
            raise ExchangeError(fault_of(error, request.url)) from error

    async def read(self, response: Response) -> bytes:
        """Read an answer to its end, within the deadline and up to the ceiling. Raises ExchangeError."""
        pieces: list[bytes] = []
        left = self.session.limits.answer_bytes
        with self._faults(response):
            async with asyncio.timeout(self.session.limits.deadline):
                async for piece in response.pieces:
                    pieces.append(piece)
                    left -= len(piece)
                    if left < 0:
                        raise ExchangeError(self._too_long(response))
        return b"".join(pieces)

    async def stream(self, response: Response) -> AsyncGenerator[bytes, None]:
        """Hand an answer of any length on as it arrives, each piece within the deadline. Raises ExchangeError."""
        while True:
            with self._faults(response):
                async with asyncio.timeout(self.session.limits.deadline):
                    piece = await anext(response.pieces, None)
            if piece is None:
                return
            yield piece

    @contextmanager
    def _faults(self, response: Response) -> Iterator[None]:
        """Name the host, the mailbox and the request in what goes wrong while an answer is read."""
        try:
            yield
        except TimeoutError as error:
            fault = fault_of(error, self.session.connection.endpoint)
            raise self._named(ExchangeError(fault), request_id_of(response)) from error
        except ExchangeError as error:
            raise self._named(error, request_id_of(response)) from error

    def _too_long(self, response: Response) -> Fault:
        host, most = host_of(self.session.connection.endpoint), self.session.limits.answer_bytes
        return Fault(
            where=Where.CLIENT,
            code=Code.ANSWER_TOO_LARGE,
            message=f"{self.mailbox}: an answer of {host} is longer than {most:,} bytes.",
            scope=Scope.MAILBOX,
            request_id=request_id_of(response),
            server=server_of(response, host),
        )

    def _named(self, error: ExchangeError, request_id: str | None) -> ExchangeError:
        """Name the request, and the mailbox in a fault that reached no further than it."""
        fault = replace(
            error.fault,
            request_id=error.fault.request_id or request_id,
            server=error.fault.server or host_of(self.session.connection.endpoint),
        )
        if fault.scope is Scope.CONNECTION or self.mailbox in fault.message:
            return ExchangeError(fault)
        return ExchangeError(replace(fault, message=f"{self.mailbox}: {fault.message}"))

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        sent = {
            **headers,
            REQUEST_ID: str(uuid.uuid4()),
            "return-client-request-id": "true",
        }
        if self._cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return sent

    def _keep_cookies(self, response: Response) -> None:
        """Keep what is set, as browsers read it (RFC 6265, 5.2): of any letters, with attributes that are not known yet."""
        for line in response.cookies:
            pair, *attributes = line.split(";")
            name, _, value = (part.strip() for part in pair.partition("="))
            is_over = any(_OVER.fullmatch(one) for one in attributes)
            if name and value and not is_over and _FORBIDDEN.search(pair) is None:
                self._cookies[name] = value
            else:
                self._cookies.pop(name, None)


async def _drain(response: Response) -> None:
    """Read the page that comes with a refusal: only then can its connection be used again, as NTLM must."""
    left = LONGEST_REFUSAL
    async for piece in response.pieces:
        left -= len(piece)
        if left < 0:
            return
