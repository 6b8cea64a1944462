"""Listens for what a server tells of the mailboxes of an account, so that new mail is read at once.

Only a hint: polling is the truth, and finds all mail where nothing is told.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from mailmine import metrics, tracing
from mailmine.exchange.reader import Account
from mailmine.model.ids import MailboxId

log = structlog.get_logger(__name__)

NEXT_WAIT: Final = 60.0
"""Seconds before mailboxes that came later are listened to."""
JOINED: Final = 4
"""Those that are listened to already begin anew together with others that came later, unless they are so many times as many.

So the connections are few, and none subscribes to many mailboxes again because of a few.
"""
WANTED: Final = 0.5
"""Those that are listened to together begin anew without what is not wanted any more, where less than this part of them is."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Mailboxes that are listened to together."""

    addresses: list[str]
    task: "asyncio.Task[None]"


class Listening:
    """Listens to one account. `tell` gets a mailbox whenever something happened in it.

    Begins `after` the first mailbox was read: others of the integration are read one after the other.
    """

    def __init__(
        self, account: Account, tell: Callable[[MailboxId], None], *, after: timedelta
    ) -> None:
        self._account = account
        self._tell = tell
        self._after = after
        self._mailboxes: dict[str, MailboxId] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def add(self, address: str, mailbox_id: MailboxId) -> None:
        """Listen for this mailbox too, before long."""
        address = address.lower()
        if address not in self._mailboxes:
            self._changed.set()
        self._mailboxes[address] = mailbox_id
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def remove(self, address: str) -> None:
        """Tell nothing of this mailbox any more, and do not listen for it, before long."""
        if self._mailboxes.pop(address.lower(), None) is not None:
            self._changed.set()

    async def aclose(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        # Begun by the first round of the integration; none of what follows belongs to that.
        structlog.contextvars.unbind_contextvars("mailbox", "round")
        metrics.leave_round()
        tracing.leave()
        await asyncio.sleep(self._after.total_seconds())
        parts: list[_Part] = []
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                for part in tuple(parts):
                    wanted = self._mailboxes.keys() & set(part.addresses)
                    if len(wanted) < WANTED * len(part.addresses):
                        parts.remove(part)
                        await _end(part.task)
                await self._listen_to_the_others(parts)
                await asyncio.sleep(NEXT_WAIT)
        finally:
            for part in parts:
                await _end(part.task)

    async def _listen_to_the_others(self, parts: list[_Part]) -> None:
        """Begin another part, of what is in none; the last ones join it where they are not far larger."""
        addresses = self._in_none(parts)
        while addresses and parts and len(parts[-1].addresses) <= JOINED * len(addresses):
            before = parts.pop()
            await _end(before.task)
            addresses = self._in_none(parts)
        if addresses:
            parts.append(_Part(addresses, asyncio.create_task(self._listen(addresses))))

    def _in_none(self, parts: Iterable[_Part]) -> list[str]:
        listened = {address for part in parts for address in part.addresses}
        return [address for address in self._mailboxes if address not in listened]

    async def _listen(self, addresses: list[str]) -> None:
        try:
            async with aclosing(self._account.hints(addresses)) as hints:
                async for address in hints:
                    mailbox_id = self._mailboxes.get(address.lower())
                    if mailbox_id is not None:
                        self._tell(mailbox_id)
        except Exception as error:  # noqa: BLE001 - nothing is lost without hints
            log.warning("listening failed", error=type(error).__name__)


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
