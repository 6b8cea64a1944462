"""An account whose endpoint is not configured: it is found when a mailbox is first read."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from mailmine.exchange.faults import Code, ExchangeError, Fault
from mailmine.exchange.reader import (
    Account,
    ChangePage,
    CursorLost,
    Fetched,
    Folder,
    FolderTree,
    Item,
    Reader,
)
from mailmine.model.email import Attachment
from mailmine.model.ids import Cursor, FolderId, ItemId

MOVED: Final = frozenset(
    {
        Code.NAME_NOT_FOUND,
        Code.REFUSED,
        Code.NOT_EXCHANGE,
        Code.REDIRECTED,
        "http_404",
        "ErrorNonExistentMailbox",
        "ErrorNoRespondingCASInDestinationSite",
    }
)
"""What an endpoint may say that does not serve the mailbox any more: it is looked for anew the next time."""


class DiscoveringAccount:
    """Hands out readers that find their endpoint themselves (the Account protocol).

    Mailboxes of one account may lie at different endpoints, as in a company that is half in the cloud; those at the same one
    share an account there, and so its limits.
    """

    def __init__(
        self, find: Callable[[str], Awaitable[str]], open_at: Callable[[str], Account]
    ) -> None:
        """`find` gives the endpoint of a mailbox, `open_at` an account at an endpoint."""
        self._find = find
        self._open_at = open_at
        self._accounts: dict[str, Account] = {}
        self._endpoints: dict[str, str] = {}
        self._readers: dict[str, DiscoveringReader] = {}

    def reader(self, mailbox: str) -> "DiscoveringReader":
        """Read `mailbox`; sends nothing yet. Asked again, it is the same reader."""
        return self._readers.setdefault(mailbox.lower(), DiscoveringReader(self, mailbox))

    async def endpoint(self, mailbox: str) -> str:
        """Give the endpoint of `mailbox`, found where it is not known yet. Raises ExchangeError."""
        if mailbox.lower() not in self._endpoints:
            self._endpoints[mailbox.lower()] = await self._find(mailbox)
        return self._endpoints[mailbox.lower()]

    async def reader_there(self, mailbox: str) -> Reader:
        """Give the reader of `mailbox` at its endpoint. Raises ExchangeError."""
        endpoint = await self.endpoint(mailbox)
        if endpoint not in self._accounts:
            self._accounts[endpoint] = self._open_at(endpoint)
        return self._accounts[endpoint].reader(mailbox)

    def failed(self, mailbox: str, fault: Fault) -> None:
        """Look for the endpoint anew the next time, where `fault` says that it may be another now."""
        if fault.code in MOVED:
            self._endpoints.pop(mailbox.lower(), None)

    async def hints(self, mailboxes: Sequence[str]) -> AsyncGenerator[str, None]:
        """Listen at the endpoint that serves most of `mailboxes`; the others are polled."""
        at = {one: self._endpoints.get(one.lower()) for one in mailboxes}
        counted = Counter(endpoint for endpoint in at.values() if endpoint in self._accounts)
        for endpoint, _ in counted.most_common(1):
            served = [one for one in mailboxes if at[one] == endpoint]
            async for hint in self._accounts[endpoint or ""].hints(served):
                yield hint

    async def password_ends(self, mailbox: str) -> datetime | None:
        """Ask at the endpoint that was found for `mailbox`."""
        account = self._accounts.get(self._endpoints.get(mailbox.lower(), ""))
        return None if account is None else await account.password_ends(mailbox)

    async def forget(self, mailbox: str) -> None:
        """Let go of the reader of `mailbox`, wherever it was found; the endpoint may stay the same."""
        self._readers.pop(mailbox.lower(), None)
        for account in self._accounts.values():
            await account.forget(mailbox)

    async def aclose(self) -> None:
        """Let go of all connections."""
        for account in self._accounts.values():
            await account.aclose()


class DiscoveringReader:
    """Reads one mailbox at the endpoint that was found for it (the Reader protocol)."""

    keeps_ids = False
    """EWS it is."""

    def __init__(self, account: DiscoveringAccount, mailbox: str) -> None:
        self._account = account
        self._mailbox = mailbox
        self._reader: Reader | None = None
        """The reader that was lent last."""
        self._assumed: str | None = None

    @property
    def version(self) -> str | None:
        """The older version that the server had to be asked by."""
        return self._assumed if self._reader is None else self._reader.version

    def assume(self, version: str | None) -> None:
        """Ask by this version from now on, also where the endpoint is still to be found."""
        self._assumed = version
        if self._reader is not None:
            self._reader.assume(version)

    @asynccontextmanager
    async def _there(self) -> AsyncIterator[Reader]:
        try:
            reader = await self._account.reader_there(self._mailbox)
            if self._reader is None:  # at another endpoint later, nothing is known
                reader.assume(self._assumed)
            self._reader = reader
            yield reader
        except ExchangeError as error:
            self._account.failed(self._mailbox, error.fault)
            raise

    async def folders(self) -> FolderTree:
        """Read the mail folders."""
        async with self._there() as reader:
            return await reader.folders()

    async def search_folders(self) -> tuple[Folder, ...]:
        """Read the search folders."""
        async with self._there() as reader:
            return await reader.search_folders()

    async def changes(
        self,
        folder: FolderId,
        cursor: Cursor | None,
        *,
        limit: int,
        since: datetime | None = None,
        outlined: bool = False,
    ) -> ChangePage | CursorLost | Fault:
        """Read a page of changes."""
        async with self._there() as reader:
            return await reader.changes(folder, cursor, limit=limit, since=since, outlined=outlined)

    async def newest(
        self, folder: FolderId, *, since: datetime, limit: int
    ) -> tuple[ItemId, ...] | Fault:
        """Name the newest items."""
        async with self._there() as reader:
            return await reader.newest(folder, since=since, limit=limit)

    async def fetch(self, items: Sequence[ItemId]) -> AsyncGenerator[Sequence[Fetched], None]:
        """Read items batch by batch."""
        async with self._there() as reader:
            async for batch in reader.fetch(items):
                yield batch

    async def outlines(self, items: Sequence[ItemId]) -> Mapping[ItemId, Item]:
        """Read items without what is large."""
        async with self._there() as reader:
            return await reader.outlines(items)

    async def locate(self, items: Sequence[ItemId]) -> Mapping[ItemId, FolderId | None]:
        """Nowhere: an id ends with a move."""
        return dict.fromkeys(items)

    async def attachment(self, item: ItemId, attachment: Attachment) -> AsyncGenerator[bytes, None]:
        """Read an attachment in pieces."""
        async with self._there() as reader:
            async for piece in reader.attachment(item, attachment):
                yield piece

    async def aclose(self) -> None:
        """Nothing is held between calls."""
