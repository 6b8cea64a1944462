"""Sends one mailbox's operations and understands the envelope of the answers.

A SOAP fault, and whatever else concerns the whole request, is raised as an ExchangeError. What an answer says of a single item or
folder is given to the caller as an `Answer`, one for each thing asked for.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Final, TypeVar

from mailmine.exchange.ews import codes
from mailmine.exchange.ews.operations import (
    OWN,
    VERSIONS,
    Operation,
    distinguished,
    envelope,
    get_folders,
)
from mailmine.exchange.ews.xml import Element, M, MalformedError, S, T, parse
from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.exchange.http import Response, host_of, request_id_of
from mailmine.exchange.pace import LONGEST_HINT, Ticket
from mailmine.exchange.session import Line
from mailmine.exchange.status import fault_of_status, is_page, server_of
from mailmine.model.integration import AccessType

NO_ERROR: Final = "NoError"
LONGEST_CODE: Final = 100
AFFINE: Final = frozenset({"Subscribe", "GetStreamingEvents", "Unsubscribe"})
"""Operations that must reach the server which knows the subscription."""

Understood = TypeVar("Understood")


@dataclass(frozen=True, slots=True)
class Answer:
    """What Exchange says to one thing that was asked for."""

    element: Element
    """The ResponseMessage."""
    fault: Fault | None
    """None where it could be given."""


class Client:
    """The operations of one mailbox."""

    def __init__(self, line: Line, *, mailbox: str | None = None) -> None:
        """Send nothing. `mailbox` is another than the line's where the line serves several of one server."""
        connection = line.session.connection
        self._line = line
        self.mailbox = mailbox or line.mailbox
        self._host = host_of(connection.endpoint)
        self._impersonated = self.mailbox if connection.access is AccessType.IMPERSONATION else None
        self._version = 0

    async def call(self, operation: Operation) -> list[Answer]:
        """Send `operation` and give its answers in order. Raises ExchangeError."""
        return await self._call(operation, self.answers)

    async def call_again(
        self, operation: Operation, before: bytes | None
    ) -> tuple[bytes, list[Answer] | None]:
        """Send what is sent with every poll. Gives what the answer looks like, and its answers. Raises ExchangeError.

        One that looks as it did `before` is not taken apart: None.
        """

        def understand(
            body: bytes, response: Response, ticket: Ticket
        ) -> tuple[bytes, list[Answer] | None]:
            looks = hashlib.blake2b(body, digest_size=16).digest()
            if looks != before:
                return looks, self.answers(body, response, ticket)
            self._line.session.pace.succeeded(ticket)
            return looks, None

        return await self._call(operation, understand)

    async def _call(
        self, operation: Operation, understand: Callable[[bytes, Response, Ticket], Understood]
    ) -> Understood:
        while True:
            try:
                async with self.open(operation) as (response, ticket):
                    return understand(await self._line.read(response), response, ticket)
            except ExchangeError as error:
                if not self.step_down(error.fault):
                    raise

    async def check(self) -> None:
        """Raise what is wrong with the mailbox or the server, if anything is."""
        inbox = distinguished("inbox", self.mailbox)
        for answer in await self.call(get_folders(inbox)):
            if answer.fault is not None and answer.fault.code in codes.REACHES_BEYOND_FOLDER:
                raise ExchangeError(answer.fault)

    def stream(self, response: Response) -> AsyncGenerator[bytes, None]:
        """Read an open answer of any length as it arrives. Raises ExchangeError."""
        return self._line.stream(response)

    @asynccontextmanager
    async def open(
        self, operation: Operation, *, may_compress: bool = True, is_hanging: bool = False
    ) -> AsyncIterator[tuple[Response, Ticket]]:
        """Send `operation` and give the open answer; `is_hanging` where it takes as long as there is nothing to say."""
        impersonated = None if operation.name in OWN else self._impersonated
        body = envelope(operation, version=VERSIONS[self._version], impersonated=impersonated)
        headers = {
            "Content-Type": "text/xml; charset=utf-8",
            "Accept": "text/xml",
            "Accept-Encoding": "gzip" if may_compress else "identity",
            "X-AnchorMailbox": self._line.mailbox,
        }
        if operation.name in AFFINE:
            headers["X-PreferServerAffinity"] = "true"
        is_syncing = operation.name == "SyncFolderItems"
        async with self._line.send(
            body,
            headers,
            operation=operation.name,
            is_syncing=is_syncing,
            is_hanging=is_hanging,
            judge=_is_soap,
        ) as answer:
            yield answer

    def step_down(self, fault: Fault) -> bool:
        """Ask for an older version from now on, where `fault` says so and there is one."""
        if fault.code not in codes.OLDER_VERSION or self._version + 1 >= len(VERSIONS):
            return False
        self._version += 1
        return True

    @property
    def version(self) -> str | None:
        """The version that is claimed, where it is an older one than the first."""
        return VERSIONS[self._version] if self._version else None

    def assume(self, version: str | None) -> None:
        """Claim `version` from now on; the first where it is none of those that we know."""
        self._version = VERSIONS.index(version) if version in VERSIONS else 0

    def answers(self, body: bytes, response: Response, ticket: Ticket) -> list[Answer]:
        """Understand a whole answer. Raises ExchangeError for what concerns the whole request."""
        root = self.parse(body, response)
        fault = self.soap_fault(root, response)
        if fault is not None:
            raise ExchangeError(self._busy(fault, ticket))
        first = root.find(f"{S}Body/*")
        if first is None:
            raise self.not_understood(response)
        messages: Iterable[Element] | None = first.find(f"{M}ResponseMessages")
        if messages is None and first.get("ResponseClass") is not None:
            messages = (first,)  # some operations have one answer that stands for itself
        if messages is None:
            raise self.not_understood(response)
        answers = [Answer(element, self._fault_of(element, response)) for element in messages]
        for answer in answers:
            if answer.fault is not None and answer.fault.code in codes.BUSY:
                raise ExchangeError(self._busy(answer.fault, ticket))
        self._line.session.pace.succeeded(ticket)
        return answers

    def parse(self, body: bytes, response: Response) -> Element:
        """Parse an answer. Raises ExchangeError where it is none.

        A web page is told by what it holds: small servers call everything that.
        """
        is_named_page = body.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html"))
        try:
            root = parse(body)
        except MalformedError as error:
            if is_named_page or is_page(response):
                raise self._page(response) from error
            raise self.not_understood(response) from error
        if is_named_page:
            raise self._page(response)
        return root

    def _page(self, response: Response) -> ExchangeError:
        """Make the error for a web page in the place of an answer."""
        response = replace(response, status=HTTPStatus.OK)
        connection = self._line.session.connection
        return ExchangeError(fault_of_status(response, connection, self.mailbox))

    def not_understood(self, response: Response | None = None) -> ExchangeError:
        """Make the error for an answer that makes no sense."""
        message = f"An answer of {self._host} for {self.mailbox} could not be understood."
        return self.error(Code.MALFORMED_ANSWER, message, response)

    def error(
        self,
        code: Code,
        message: str,
        response: Response | None = None,
        *,
        scope: Scope = Scope.MAILBOX,
    ) -> ExchangeError:
        """Make an error of our own about an answer."""
        return ExchangeError(
            Fault(
                where=Where.CLIENT,
                code=code,
                message=message,
                scope=scope,
                request_id=request_id_of(response) if response is not None else None,
                server=server_of(response, self._host),
            )
        )

    def _busy(self, fault: Fault, ticket: Ticket) -> Fault:
        return self._line.session.pace.busy(ticket, fault) if fault.code in codes.BUSY else fault

    def soap_fault(self, envelope: Element, response: Response) -> Fault | None:
        """Read the fault of the whole request, in any of the forms that are sent (exchange.md, SOAP faults; measured traps, 5)."""
        element = envelope.find(f"{S}Body/{S}Fault")
        if element is None:
            return None
        code = next((found.text for found in element.iter("{*}ResponseCode") if found.text), None)
        if code is None:
            code = (element.findtext("{*}faultcode") or "soap_fault").rpartition(":")[2]
        return self.fault(code.strip()[:LONGEST_CODE], element, response)

    def _fault_of(self, message: Element, response: Response) -> Fault | None:
        """Read the fault of a ResponseMessage, and the true one inside where it wraps another."""
        code = (message.findtext(f"{M}ResponseCode") or "").strip() or NO_ERROR
        if code == NO_ERROR and message.get("ResponseClass") != "Error":
            return None
        inner = _value(message, "InnerErrorResponseCode")
        return self.fault((inner or code)[:LONGEST_CODE], message, response)

    def fault(
        self,
        code: str,
        element: Element | None = None,
        response: Response | None = None,
    ) -> Fault:
        """Put one of Exchange's codes into words."""
        scope, words = codes.WORDS.get(code, (Scope.MAILBOX, codes.OTHER))
        return Fault(
            where=Where.EWS,
            code=code,
            message=words.format(host=self._host, mailbox=self.mailbox, code=code),
            scope=scope,
            retry_after=_back_off(element) if element is not None and code in codes.BUSY else None,
            request_id=request_id_of(response) if response is not None else None,
            server=server_of(response, self._host),
        )


def _is_soap(response: Response) -> bool:
    """Tell an answer from that of another; a fault comes as 500, or as 200 from some servers."""
    content_type = response.headers.get("Content-Type", "").lower()
    return response.status == HTTPStatus.OK or (
        response.status == HTTPStatus.INTERNAL_SERVER_ERROR and "xml" in content_type
    )


def _value(element: Element, name: str) -> str | None:
    """Find a named value of a MessageXml."""
    for value in element.iter(f"{T}Value"):
        if value.get("Name") == name:
            return (value.text or "").strip() or None
    return None


def _back_off(element: Element) -> timedelta | None:
    """Read BackOffMilliseconds; None where it is missing, zero or nonsense."""
    text = _value(element, "BackOffMilliseconds") or ""
    if not text.isdecimal() or not int(text[:12]):
        return None
    return timedelta(seconds=min(int(text[:12]) / 1000, LONGEST_HINT))
