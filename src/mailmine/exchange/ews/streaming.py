"""What Exchange tells of mailboxes while a connection to it hangs (streaming notifications; Exchange 2010 SP1 and later).

Up to 200 mailboxes share a connection. It ends after half an hour at the latest and is made anew; a subscription that the server
lost is taken out again. Whatever was missed meanwhile is made up for by a hint. Nothing here is raised: without
hints, polling finds the same mail.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Final

import structlog

from mailmine.exchange.ews import codes
from mailmine.exchange.ews.client import NO_ERROR, Client
from mailmine.exchange.ews.operations import get_streaming_events, subscribe
from mailmine.exchange.ews.xml import Element, M, S
from mailmine.exchange.faults import ExchangeError
from mailmine.exchange.session import Line, Session
from mailmine.model.ids import FolderId
from mailmine.model.integration import AccessType

log = structlog.get_logger(__name__)

MOST_TOGETHER: Final = 200
"""Mailboxes whose notifications one connection carries (notification groups)."""
MINUTES: Final = 29
"""How long a connection hangs; 30 are the most."""
LONGEST_ENVELOPE: Final = 4 << 20
"""Bytes of one answer within the stream."""
FoldersOf = Callable[[str], Sequence[FolderId]]
"""Which folders of a mailbox are known: a delegate subscribes to folders, since "all" are those of its own mailbox."""
_END: Final = re.compile(rb"</(?:[\w.-]+:)?Envelope\s*>")


async def hints(
    session: Session, mailboxes: Sequence[str], folders_of: FoldersOf
) -> AsyncGenerator[str, None]:
    """Tell the address of a mailbox whenever something happened in it."""
    told: asyncio.Queue[str] = asyncio.Queue()
    listening = [
        asyncio.create_task(
            _Group(session, mailboxes[at : at + MOST_TOGETHER], folders_of, told).listen()
        )
        for at in range(0, len(mailboxes), MOST_TOGETHER)
    ]
    try:
        while True:
            yield await told.get()
    finally:
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)


class _Group:
    """Mailboxes that share a connection."""

    def __init__(
        self,
        session: Session,
        mailboxes: Sequence[str],
        folders_of: FoldersOf,
        told: "asyncio.Queue[str]",
    ) -> None:
        self._session = session
        self._mailboxes = mailboxes
        self._folders_of = folders_of
        self._told = told
        # All of it goes over one line, so that it reaches the same server: by its anchor and its cookies.
        self._line: Line = session.hanging_line(mailboxes[0])
        self._subscribed: dict[str, str] = {}
        """The subscriptions that are good, with their mailboxes."""
        self._pause = session.limits.first_pause

    async def listen(self) -> None:
        """Subscribe and listen, again and again, until it is cancelled."""
        try:
            while True:
                await self._listen_and_pause()
        finally:
            await self._line.aclose()

    async def _listen_and_pause(self) -> None:
        """Listen, and wait until it may be done again: not for long where the connection lasted.

        But not before a poll was let in: whether a password still holds is for the polls to find out, which all processes together
        may try twice (exchange.md, part C, row 1).
        """
        logins = self._session.logins
        lasted, known = await self._listen_once(), logins.times_accepted
        if not lasted:
            await self._session.clock.sleep(self._pause)
            self._pause = min(2 * self._pause, self._session.limits.longest_pause)
        if logins.times_accepted == known:
            self._told.put_nowait(self._mailboxes[0])  # for a poll
            await logins.next_accepted()

    async def _listen_once(self) -> bool:
        """Subscribe and listen until that ends; tells whether it lasted."""
        try:
            await self._subscribe()
            return bool(self._subscribed) and await self._stream()
        except ExchangeError as error:
            log.info("listening interrupted", code=error.fault.code)
            if error.fault.code not in codes.BUSY:
                self._forget(self._subscribed)
            wait = error.fault.retry_after
            if wait is not None:
                self._pause = max(self._pause, wait.total_seconds())
            return False

    async def _subscribe(self) -> None:
        """Subscribe to the mailboxes that are not yet; one that may not be is left to polling."""
        have = set(self._subscribed.values())
        for mailbox in self._mailboxes:
            if mailbox in have:
                continue
            client = Client(self._line, mailbox=mailbox)
            if self._session.connection.access is AccessType.IMPERSONATION:
                operation = subscribe()
            else:
                operation = subscribe(mailbox, self._folders_of(mailbox))
            for answer in await client.call(operation):
                id_ = answer.element.findtext(f"{M}SubscriptionId")
                if answer.fault is None and id_:
                    self._subscribed[id_] = mailbox
                else:
                    code = answer.fault.code if answer.fault is not None else "no id"
                    log.info("not listened to", mailbox=mailbox, code=code)

    async def _stream(self) -> bool:
        """Listen on one connection until it ends, and tell whether it lasted. Raises ExchangeError."""
        client, began = Client(self._line), self._session.clock.now()
        operation = get_streaming_events(tuple(self._subscribed), minutes=MINUTES)
        rest, lasts, first_pause = b"", False, self._session.limits.first_pause
        async with (
            client.open(operation, may_compress=False, is_hanging=True) as (response, _),
            aclosing(client.stream(response)) as pieces,
        ):
            async for piece in pieces:
                rest += piece
                while (end := _END.search(rest)) is not None:
                    envelope, rest = rest[: end.end()], rest[end.end() :]
                    said = client.parse(envelope, response)
                    # More connections than the account may have hang already, for example those of other processes.
                    if (fault := client.soap_fault(said, response)) is not None:
                        raise ExchangeError(fault)
                    self._understand(said)
                    # One that ends in an error later on is not to be waited for longer and longer.
                    lasts = self._session.clock.now() - began >= first_pause
                    self._pause = first_pause if lasts else self._pause
                if len(rest) > LONGEST_ENVELOPE:
                    raise client.not_understood(response)
        return lasts

    def _understand(self, envelope: Element) -> None:
        """Tell which mailboxes an envelope is about, and drop the subscriptions that it calls lost."""
        for message in envelope.iterfind(f"{S}Body/*/{M}ResponseMessages/*"):
            if (message.findtext(f"{M}ResponseCode") or NO_ERROR) == NO_ERROR:
                named = message.iterfind("{*}Notifications/{*}Notification/{*}SubscriptionId")
                for mailbox in {self._subscribed.get(one.text or "") for one in named}:
                    if mailbox is not None:
                        self._told.put_nowait(mailbox)
            else:
                lost = [one.text or "" for one in message.iterfind(f"{M}ErrorSubscriptionIds/*")]
                self._forget(lost or self._subscribed)

    def _forget(self, ids: Iterable[str]) -> None:
        """Drop subscriptions; what was missed is made up for by a hint."""
        for id_ in tuple(ids):
            if (mailbox := self._subscribed.pop(id_, None)) is not None:
                self._told.put_nowait(mailbox)
