"""Asks Graph about one mailbox. All requests are made here: a GET, or a batch of GETs; nothing else can be.

What Graph says in JSON about a failed request becomes a Fault here, in our words.
"""

import codecs
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from mailmine import metrics
from mailmine.exchange.endpoints import graph_of
from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.exchange.graph import codes
from mailmine.exchange.http import Response, host_of, request_id_of
from mailmine.exchange.pace import Ticket
from mailmine.exchange.session import Line
from mailmine.exchange.status import fault_of_status, is_page, retry_after_of
from mailmine.model.integration import Cloud

MOST_IN_BATCH: Final = 20
VERSION: Final = "v1.0"
LONGEST_CODE: Final = 100
HOSTS: Final = frozenset(host_of(graph_of(cloud)) for cloud in Cloud)
"""Where Graph itself is, and where its links lead, whatever stands between it and us."""

Read = TypeVar("Read", bound=msgspec.Struct)
_SUSPECT: Final = re.compile(rb"\\u(?:00[01]|[dD][89a-fA-F]|[fF]{3}[eEfF])")
_ESCAPES: Final = re.compile(
    rb"\\\\"  # a backslash, which begins no other
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(\\u(?:00(?:0[0-8bBcCeEfF]|1[0-9a-fA-F])|[dD][89a-fA-F][0-9a-fA-F]{2}|[fF]{3}[eEfF]))"
)
_REPLACEMENT: Final = rb"\ufffd"


_NAMES: Final = frozenset(
    ("users", "mailFolders", "childFolders", "messages", "delta", "attachments", "$value")
)
"""What paths are made of, besides mailboxes and ids."""


def operation_of(path: str) -> str:
    """Say what a path asks for, naming neither mailbox nor item: `users/*/mailFolders/*/messages`."""
    steps = path.partition("?")[0].split("/")
    return "/".join(step if step in _NAMES else "*" for step in steps)


def clean(body: bytes) -> bytes:
    """Replace control characters and lone surrogates, which senders write and nobody can show or keep.

    EWS does the same with what XML forbids (exchange.md, part C, rows 10 and 15): so both give the same text.
    """
    if _SUSPECT.search(body) is None:
        return body
    return _ESCAPES.sub(lambda found: _REPLACEMENT if found[1] else found[0], body)


class _Error(msgspec.Struct):
    error: Any = None


class _Part(msgspec.Struct):
    id: str = ""
    status: int = 0
    headers: dict[str, Any] | None = None
    body: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))


class _Batch(msgspec.Struct):
    responses: list[_Part] = msgspec.field(default_factory=list)


DEEPEST: Final = 8
"""Errors within errors that are looked into."""
FEWEST: Final = 4
"""Requests of a batch that Graph works on at a time (throttling limits of the Outlook service)."""
LONGEST_REST: Final = 15.0
"""Seconds for which a round waits before it asks again for what was throttled alone in its batch."""
REST: Final = 1.0
"""The same where Graph does not say for how long."""
_HIDDEN: Final = re.compile(rb'\s*\{\s*"error"\s*:\s*\{')

_error = msgspec.json.Decoder(_Error)
_batch = msgspec.json.Decoder(_Batch, strict=False)


@dataclass(frozen=True, slots=True)
class Part:
    """The answer to one request of a batch."""

    body: bytes
    fault: Fault | None


def _codes_in(error: object, depth: int = DEEPEST) -> Iterator[str]:
    """Yield the codes of an error and of those within it, the outermost first.

    They lie in `innerError` ("Microsoft Graph error responses"), or as the JSON of another service in `message`.
    """
    if not isinstance(error, dict) or depth == 0:
        return
    if isinstance(code := error.get("code"), str) and code:
        yield code
    for name in ("innerError", "innererror"):
        yield from _codes_in(error.get(name), depth - 1)
    message = error.get("message")
    if isinstance(message, str) and message.lstrip().startswith("{"):
        try:
            said = msgspec.json.decode(message)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            return
        yield from _codes_in(said.get("error") if isinstance(said, dict) else None, depth - 1)


def most_specific(found: Sequence[str]) -> str:
    """Choose the innermost code that we know, one that says more than that something failed before one that does not."""
    known = [code for code in reversed(found) if code in codes.WORDS]
    telling = [code for code in known if code not in codes.GENERAL]
    return next(iter((*telling, *known, *found)), "")


class Throttled:
    """Which mailboxes Graph wants to be left alone: it limits each apart, and the application as a whole."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def is_general(self, mailbox: str, now: float, pause: float) -> bool:
        """Note that a mailbox is throttled; tells whether another one is, too."""
        self._until[mailbox] = now + pause
        return any(until > now for other, until in self._until.items() if other != mailbox)


class Client:
    """The requests of one mailbox."""

    def __init__(self, line: Line, throttled: Throttled) -> None:
        self._line = line
        self._throttled = throttled
        endpoint = line.session.connection.endpoint.rstrip("/")
        self._root = f"{endpoint}/{VERSION}/"
        self._host = host_of(endpoint)
        self._at_once = MOST_IN_BATCH
        """How many requests a batch holds: fewer once some of one were throttled, and again more with each that is answered whole."""
        self.mailbox = line.mailbox
        self.user = f"users/{quote(line.mailbox, safe='@')}"

    async def get(self, path: str, *, prefer: str = "") -> bytes:
        """Give the JSON at `path`, which is relative to the version's root. Raises ExchangeError."""
        async with self._line.send(
            b"",
            self._headers(prefer),
            url=self._root + path,
            method="GET",
            operation=operation_of(path),
            judge=_is_graphs,
        ) as (response, ticket):
            return await self._read(response, ticket)

    async def batch(self, paths: Sequence[str], *, prefer: str = "") -> list[Part]:
        """Ask for up to `MOST_IN_BATCH` paths in one request; gives the answers in order. Raises ExchangeError."""
        headers = {"Prefer": prefer} if prefer else {}
        asked = [
            {"id": str(number), "method": "GET", "url": f"/{path}", "headers": headers}
            for number, path in enumerate(paths)
        ]
        sent = self._headers("") | {"Content-Type": "application/json"}
        async with self._line.send(
            msgspec.json.encode({"requests": asked}),
            sent,
            url=f"{self._root}$batch",
            operation="$batch",
            judge=_is_graphs,
        ) as (response, ticket):
            body = await self._read(response, ticket)
        parts = {part.id: part for part in self.decoded(_batch, body).responses}
        if paths and not parts:
            raise self.not_understood()
        return [self._part(parts.get(str(number)), response) for number in range(len(paths))]

    async def ask(self, paths: Sequence[str], *, prefer: str = "") -> list[Part]:
        """Ask for any number of paths, batch by batch; gives the answers in order. Raises ExchangeError.

        Some of a batch may be throttled because the others were under way (part C, row 6): these are asked for again, fewer at a
        time, as long as any are answered. Otherwise nobody would ever come past such a batch.
        """
        told: dict[int, Part] = {}
        waiting = list(range(len(paths)))
        while waiting:
            asked = waiting[: self._at_once]
            parts = await self.batch([paths[number] for number in asked], prefer=prefer)
            told |= zip(asked, parts, strict=True)
            busy = {
                number: part.fault
                for number, part in zip(asked, parts, strict=True)
                if part.fault is not None and part.fault.code in codes.BUSY
            }
            if busy:
                await self._rest([*busy.values()], is_any_answered=len(busy) < len(asked))
            else:
                self._at_once = min(MOST_IN_BATCH, self._at_once + 1)
            waiting = [*busy, *waiting[len(asked) :]]
        return [told[number] for number in range(len(paths))]

    async def _rest(self, faults: Sequence[Fault], *, is_any_answered: bool) -> None:
        """Wait for as long as the throttled parts of a batch say. Raises ExchangeError where that is too long, or of no use."""
        hints = [one.retry_after.total_seconds() for one in faults if one.retry_after is not None]
        pause = max(hints, default=REST)
        if hints:
            metrics.throttled(pause)
        if not is_any_answered or pause > LONGEST_REST:
            raise ExchangeError(max(faults, key=lambda one: one.retry_after or timedelta()))
        self._at_once = max(FEWEST, self._at_once // 2)
        await self._line.session.clock.sleep(pause)

    async def stream(
        self, path: str, *, prefer: str, may_be_page: bool
    ) -> AsyncGenerator[bytes, None]:
        """Give the bytes at `path` as they arrive. Raises ExchangeError.

        A web page is taken for a proxy's, unless it `may_be_page` or Graph gave the request a name.
        """

        def is_graphs(response: Response) -> bool:
            is_no_page = may_be_page or request_id_of(response) is not None or not is_page(response)
            return _is_graphs(response) and (is_no_page or response.status != HTTPStatus.OK)

        async with self._line.send(
            b"",
            # What is packed may end too early without that being noticed.
            {"Accept": "*/*", "Accept-Encoding": "identity", "Prefer": prefer},
            url=self._root + path,
            method="GET",
            operation=operation_of(path),
            judge=is_graphs,
        ) as (response, ticket):
            if response.status != HTTPStatus.OK:
                await self._read(response, ticket)
            self._line.session.pace.succeeded(ticket)
            async for piece in self._line.stream(response):
                yield piece

    def path_of(self, link: str) -> str:
        """Give a link of an answer as a path. Raises ExchangeError for one that leads to another host.

        One that leads to Graph itself is good where we ask a gateway: it is the path that is asked for, at our endpoint.
        """
        try:
            theirs = urlsplit(urljoin(self._root, link))
            _ = theirs.port
            host = host_of(theirs.geturl())
        except ValueError as error:
            raise self.not_understood() from error
        if host not in {self._host, *HOSTS}:
            message = f"{self._host} sends us on to {host}, where our token is not carried."
            raise self.error(Code.REDIRECTED, message)
        path = theirs.path.partition(f"/{VERSION}/")[2]
        if not path:
            raise self.not_understood()
        return f"{path}?{theirs.query}"

    async def _read(self, response: Response, ticket: Ticket) -> bytes:
        body = await self._line.read(response)
        if response.status == HTTPStatus.OK:
            if is_page(response) and b"{" not in body[:10]:  # small servers call JSON so as well
                connection = self._line.session.connection
                raise ExchangeError(fault_of_status(response, connection, self.mailbox))
            if (code := self._hidden_code(body)) is not None:
                raise ExchangeError(self._paced(self.fault(code, response), ticket))
            self._line.session.pace.succeeded(ticket)
            return clean(body)
        fault = self.fault(self._code(body, response.status), response)
        raise ExchangeError(self._paced(fault, ticket))

    def decoded(self, decoder: "msgspec.json.Decoder[Read]", body: bytes) -> Read:
        """Read the JSON of an answer. Raises ExchangeError.

        A byte order mark, and bytes that are not UTF-8, stand in the way only of who does not look beyond.
        """
        try:
            return decoder.decode(body)
        except (UnicodeDecodeError, msgspec.MsgspecError, RecursionError):
            pass
        try:
            return decoder.decode(body.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace"))
        except (msgspec.MsgspecError, RecursionError) as error:
            raise self.not_understood() from error

    def _part(self, part: _Part | None, response: Response) -> Part:
        if part is None:  # not answered
            return Part(b"", self.not_understood().fault)
        body = bytes(part.body)
        code = self._hidden_code(body) if part.status == HTTPStatus.OK else None
        if part.status == HTTPStatus.OK and code is None:
            return Part(body, None)
        fault = self.fault(code or self._code(body, part.status), response)
        headers = {str(name).lower(): str(value) for name, value in (part.headers or {}).items()}
        wait = retry_after_of(
            replace(response, headers={"Retry-After": headers.get("retry-after", "")})
        )
        name = headers.get("request-id") or fault.request_id
        return Part(body, replace(fault, retry_after=wait, request_id=name))

    def _hidden_code(self, body: bytes) -> str | None:
        """Find the code of an error whose status says that all is well."""
        code = self._code(body, HTTPStatus.OK) if _HIDDEN.match(body) else "http_200"
        return code if code != "http_200" else None

    def _code(self, body: bytes, status: int) -> str:
        """Find Graph's code in an error; the status where it says none."""
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return "TooManyRequests"
        try:
            code = most_specific([*_codes_in(self.decoded(_error, body).error)])
        except ExchangeError:
            code = ""
        if code in codes.GENERAL and status in codes.OUTAGES:
            code = ""  # the status says more
        return code[:LONGEST_CODE] or f"http_{status}"

    def _paced(self, fault: Fault, ticket: Ticket) -> Fault:
        """Keep away for as long as Graph says: from this mailbox, and from all where it is not the only one."""
        if fault.code not in codes.BUSY:
            return fault
        session = self._line.session
        pause = (
            fault.retry_after.total_seconds() if fault.retry_after else session.limits.first_pause
        )
        if self._throttled.is_general(self.mailbox, session.clock.now(), pause):
            return session.pace.busy(ticket, replace(fault, scope=Scope.CONNECTION))
        metrics.throttled(pause)
        return fault

    def fault(self, code: str, response: Response | None = None) -> Fault:
        """Put one of Graph's codes into words."""
        scope, words = codes.WORDS.get(code, (Scope.MAILBOX, codes.OTHER))
        return Fault(
            where=Where.GRAPH,
            code=code,
            message=words.format(host=self._host, mailbox=self.mailbox, code=code),
            scope=scope,
            retry_after=retry_after_of(response) if response is not None else None,
            request_id=request_id_of(response) if response is not None else None,
            server=self._host,
        )

    def not_understood(self) -> ExchangeError:
        """Make the error for an answer that makes no sense."""
        message = f"An answer of {self._host} for {self.mailbox} could not be understood."
        return self.error(Code.MALFORMED_ANSWER, message)

    def error(self, code: Code, message: str, *, scope: Scope = Scope.MAILBOX) -> ExchangeError:
        """Make an error of our own about an answer."""
        return ExchangeError(
            Fault(where=Where.CLIENT, code=code, message=message, scope=scope, server=self._host)
        )

    def _headers(self, prefer: str) -> dict[str, str]:
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        return headers | {"Prefer": prefer} if prefer else headers


def _is_graphs(response: Response) -> bool:
    """Tell an answer of Graph, good or bad, from one that a gateway or a proxy gave."""
    if response.status == HTTPStatus.OK:
        return True
    is_json = "json" in response.headers.get("Content-Type", "").lower()
    return is_json and response.status != HTTPStatus.UNAUTHORIZED
