"""The accounts in use: one for each integration, for as long as its connection and password stay the same."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from mailmine.exchange.reader import Account, Reader
from mailmine.model.ids import IntegrationId, MailboxId
from mailmine.model.integration import Connection, Integration, Mailbox
from mailmine.sync.listening import Listening

ASK: Final = timedelta(days=1)
"""How often an account is asked when its password ends."""


@dataclass(frozen=True, slots=True)
class PasswordEnd:
    """What an account was told of its password."""

    ends_at: datetime | None
    """None: nothing."""


@dataclass(slots=True)
class _Open:
    """An account in use."""

    connection: Connection
    secret: str = field(repr=False)
    account: Account
    listening: Listening
    addresses: dict[MailboxId, str] = field(default_factory=dict)
    """Of the mailboxes that were read."""
    asked_at: datetime | None = None
    """When it was last asked when its password ends."""
    rounds: int = 0
    is_replaced: bool = False


class Accounts:
    """Opens accounts when they are needed, and closes them when they are not any more."""

    def __init__(
        self,
        open_account: Callable[[Connection, str], Account],
        *,
        tell: Callable[[MailboxId], None],
        listen_after: timedelta,
    ) -> None:
        """Open none yet. `tell` gets a mailbox whenever its server says that something happened in it."""
        self._open_account = open_account
        self._tell = tell
        self._listen_after = listen_after
        self._open: dict[IntegrationId, _Open] = {}

    @asynccontextmanager
    async def reader(
        self, integration: Integration, mailbox: Mailbox, secret: str
    ) -> AsyncIterator[Reader]:
        """Lend the reader of a mailbox for a round."""
        opened, replaced = self._take(integration, secret)
        opened.rounds += 1
        try:
            if replaced is not None:
                await _retire(replaced)
            opened.addresses[mailbox.id] = mailbox.address
            yield opened.account.reader(mailbox.address)
            if not opened.is_replaced:
                opened.listening.add(mailbox.address, mailbox.id)
        finally:
            opened.rounds -= 1
            if opened.is_replaced and not opened.rounds:
                await opened.account.aclose()

    async def password_ends(
        self, integration: Integration, mailbox: Mailbox, *, at: datetime
    ) -> PasswordEnd | None:
        """Ask once a day, and first with each new password; None where it is not the time to."""
        opened = self._open.get(integration.id)
        if opened is None or (opened.asked_at is not None and at - opened.asked_at < ASK):
            return None
        opened.asked_at = at
        return PasswordEnd(await opened.account.password_ends(mailbox.address))

    async def forget(self, integration: Integration) -> None:
        """Begin afresh the next time: an account remembers that its password was refused."""
        opened = self._open.pop(integration.id, None)
        if opened is not None:
            await _retire(opened)

    async def forget_mailbox(self, mailbox_id: MailboxId) -> None:
        """Let go of the reader of a mailbox, which no round uses now, and listen for it no more."""
        for opened in tuple(self._open.values()):
            address = opened.addresses.pop(mailbox_id, None)
            if address is not None:
                opened.listening.remove(address)
                await opened.account.forget(address)

    async def keep_only(self, read: Collection[IntegrationId]) -> None:
        """Let go of the accounts of integrations that are not read any more: nothing is listened to, and nobody signs in."""
        let_go = [self._open.pop(one) for one in self._open.keys() - set(read)]
        for opened in let_go:
            await _retire(opened)

    async def aclose(self) -> None:
        """Close all."""
        for opened in self._open.values():
            await opened.listening.aclose()
            await opened.account.aclose()
        self._open.clear()

    def _take(self, integration: Integration, secret: str) -> tuple[_Open, _Open | None]:
        """Give the account, and one in whose place it is now; at once, or two rounds would open one each."""
        before = self._open.get(integration.id)
        wanted = (integration.connection, secret)
        if before is not None and (before.connection, before.secret) == wanted:
            return before, None
        account = self._open_account(integration.connection, secret)
        opened = self._open[integration.id] = _Open(
            connection=integration.connection,
            secret=secret,
            account=account,
            listening=Listening(account, self._tell, after=self._listen_after),
        )
        return opened, before


async def _retire(opened: _Open) -> None:
    """Let go of an account; one that a round still uses is closed at its end."""
    opened.is_replaced = True
    await opened.listening.aclose()
    if not opened.rounds:
        await opened.account.aclose()
