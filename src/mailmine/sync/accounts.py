"""The accounts in use: one for each integration, for as long as its connection and password stay the same."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mailmine.exchange.reader import Account, Reader
from mailmine.model.ids import IntegrationId, MailboxId
from mailmine.model.integration import Connection, Integration, Mailbox


@dataclass(slots=True)
class _Open:
    """An account in use, and the readers of its mailboxes."""

    connection: Connection
    secret: str = field(repr=False)
    account: Account
    readers: dict[MailboxId, Reader] = field(default_factory=dict)
    rounds: int = 0
    is_replaced: bool = False


class Accounts:
    """Opens accounts when they are needed, and closes them when they are not any more."""

    def __init__(self, open_account: Callable[[Connection, str], Account]) -> None:
        self._open_account = open_account
        self._open: dict[IntegrationId, _Open] = {}

    @asynccontextmanager
    async def reader(
        self, integration: Integration, mailbox: Mailbox, secret: str
    ) -> AsyncIterator[Reader]:
        """Lend the reader of a mailbox for a round."""
        opened = await self._opened(integration, secret)
        opened.rounds += 1
        try:
            reader = opened.readers.get(mailbox.id)
            if reader is None:
                reader = opened.readers[mailbox.id] = opened.account.reader(mailbox.address)
            yield reader
        finally:
            opened.rounds -= 1
            if opened.is_replaced and not opened.rounds:
                await opened.account.aclose()

    async def forget(self, integration: Integration) -> None:
        """Begin afresh the next time: an account remembers that its password was refused."""
        opened = self._open.pop(integration.id, None)
        if opened is None:
            return
        opened.is_replaced = True
        if not opened.rounds:
            await opened.account.aclose()

    async def aclose(self) -> None:
        """Close all."""
        for opened in self._open.values():
            await opened.account.aclose()
        self._open.clear()

    async def _opened(self, integration: Integration, secret: str) -> _Open:
        opened = self._open.get(integration.id)
        wanted = (integration.connection, secret)
        if opened is not None and (opened.connection, opened.secret) == wanted:
            return opened
        await self.forget(integration)
        opened = _Open(
            connection=integration.connection,
            secret=secret,
            account=self._open_account(integration.connection, secret),
        )
        self._open[integration.id] = opened
        return opened
