"""An Exchange made of plain functions, and a clock that is set by hand."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape

from multidict import CIMultiDict

from mailmine.exchange import Limits, open_account
from mailmine.exchange.http import Request, Response
from mailmine.exchange.reader import Account, Reader
from mailmine.model.integration import AccessType, Connection

ADDRESS = "orders@example.com"
CONNECTION = Connection(
    endpoint="https://exchange.example.com/EWS/Exchange.asmx", username="svc@example.com"
)
XML = {"Content-Type": "text/xml; charset=utf-8"}


@dataclass(frozen=True)
class Asked:
    """A request, as far as tests look at it."""

    operation: str
    body: str
    headers: Mapping[str, str]
    request: Request

    @property
    def item_ids(self) -> list[str]:
        return [unescape(found) for found in re.findall(r'<t:ItemId Id="([^"]*)"', self.body)]

    @property
    def version(self) -> str:
        return str(re.findall(r'RequestServerVersion Version="(\w+)"', self.body)[0])


@dataclass(frozen=True)
class Said:
    """An answer."""

    body: str | bytes | Sequence[bytes] = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: XML)
    cookies: tuple[str, ...] = ()

    @property
    def pieces(self) -> Sequence[bytes]:
        if isinstance(self.body, str):
            return [self.body.encode()]
        return [self.body] if isinstance(self.body, bytes) else self.body


Answering = Callable[[Asked], Said | str | Exception]


@dataclass
class FakeExchange:
    """A transport that answers by a function, and remembers what it was asked."""

    answer: Answering
    asked: list[Asked] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    gate: asyncio.Event | None = None
    """Where set, answers wait for it."""
    pieces_taken: int = 0
    trickles: bool = False
    """Whether answers come space by space and never end."""

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Response]:
        body = request.body.decode()
        operation = re.findall(r"<s:Body><m:(\w+)", body)[0]
        asked = Asked(operation, body, request.headers, request)
        self.asked.append(asked)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.gate is not None:
                await self.gate.wait()
            said = self.answer(asked)
            if isinstance(said, Exception):
                raise said
            said = Said(said) if isinstance(said, str) else said
            yield Response(
                status=said.status,
                headers=CIMultiDict(said.headers),
                pieces=self._pieces(said),
                cookies=said.cookies,
            )
        finally:
            self.in_flight -= 1

    async def _pieces(self, said: Said) -> AsyncIterator[bytes]:
        while self.trickles:
            await asyncio.sleep(0)
            yield b" "
        for piece in said.pieces:
            self.pieces_taken += 1
            yield piece

    async def aclose(self) -> None:
        """Nothing to let go of."""

    @property
    def operations(self) -> list[str]:
        return [asked.operation for asked in self.asked]


@dataclass
class FakeClock:
    """Time stands still until it is moved."""

    time: float = 0.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@dataclass
class Setting:
    """A reader on a fake Exchange."""

    exchange: FakeExchange
    clock: FakeClock
    account: Account
    reader: Reader


def reading(
    answer: Answering, *, access: AccessType = AccessType.DELEGATE, limits: Limits | None = None
) -> Setting:
    """Open a reader of `ADDRESS` on an Exchange that answers by `answer`."""
    exchange, clock = FakeExchange(answer), FakeClock()
    connection = Connection(
        endpoint=CONNECTION.endpoint, username=CONNECTION.username, access=access
    )
    account = open_account(connection, "pässword", transport=exchange, clock=clock, limits=limits)
    return Setting(exchange, clock, account, account.reader(ADDRESS))


def soap(body: str) -> str:
    """Put `body` into an envelope as Exchange writes it."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>'
        '<h:ServerVersionInfo MajorVersion="15" MinorVersion="2" MajorBuildNumber="1118" MinorBuildNumber="7" '
        'xmlns:h="http://schemas.microsoft.com/exchange/services/2006/types"/></s:Header>'
        '<s:Body xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" '
        f'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">{body}</s:Body></s:Envelope>'
    )


def answers(operation: str, *messages: str) -> str:
    """Write the response messages of `operation`: each is the content of a success, or a whole one."""
    written = "".join(
        message
        if message.startswith("<m:" + operation)
        else f'<m:{operation}ResponseMessage ResponseClass="Success">'
        f"<m:ResponseCode>NoError</m:ResponseCode>{message}</m:{operation}ResponseMessage>"
        for message in messages
    )
    return soap(
        f"<m:{operation}Response><m:ResponseMessages>{written}</m:ResponseMessages></m:{operation}Response>"
    )


def failed(operation: str, code: str, *, xml: str = "", kind: str = "Error") -> str:
    """Write one response message that tells of a failure."""
    return (
        f'<m:{operation}ResponseMessage ResponseClass="{kind}"><m:MessageText>It failed.</m:MessageText>'
        f"<m:ResponseCode>{code}</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>"
        f"<m:MessageXml>{xml}</m:MessageXml></m:{operation}ResponseMessage>"
    )


def value(name: str, text: str) -> str:
    return f'<t:Value Name="{name}">{text}</t:Value>'


def fault(code: str, *, xml: str = "") -> Said:
    """Write a SOAP fault as Exchange 2010 and later do."""
    return Said(
        '<?xml version="1.0" encoding="utf-8"?>'
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
        '<faultcode xmlns:a="http://schemas.microsoft.com/exchange/services/2006/types">'
        f'a:{code}</faultcode><faultstring xml:lang="en-US">It failed.</faultstring><detail>'
        '<e:ResponseCode xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">'
        f"{code}</e:ResponseCode>"
        '<e:Message xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">It failed.</e:Message>'
        '<t:MessageXml xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">'
        f"{xml}</t:MessageXml></detail></s:Fault></s:Body></s:Envelope>",
        status=500,
    )


def message(id_: str, inside: str = "", *, subject: str = "Hello", kind: str = "Message") -> str:
    """Write the content of a GetItem answer."""
    return (
        f'<m:Items><t:{kind}><t:ItemId Id="{id_}" ChangeKey="CK"/><t:ItemClass>IPM.Note</t:ItemClass>'
        f"<t:Subject>{subject}</t:Subject>{inside}</t:{kind}></m:Items>"
    )


def all_messages(asked: Asked) -> str:
    """Answer every GetItem with messages, and that the mailbox is well."""
    if asked.operation == "GetFolder":
        return answers("GetFolder", "<m:Folders/>")
    return answers("GetItem", *(message(id_) for id_ in asked.item_ids))


def changes(*written: str, state: str = "s1", is_last: bool = True) -> str:
    """Write a page of changes."""
    return answers(
        "SyncFolderItems",
        f"<m:SyncState>{state}</m:SyncState>"
        f"<m:IncludesLastItemInRange>{str(is_last).lower()}</m:IncludesLastItemInRange>"
        f"<m:Changes>{''.join(written)}</m:Changes>",
    )


def created(id_: str, kind: str = "Message") -> str:
    return f'<t:Create><t:{kind}><t:ItemId Id="{id_}" ChangeKey="CK"/></t:{kind}></t:Create>'
