"""One application that reads by Microsoft Graph."""

from collections.abc import AsyncGenerator, Sequence

from mailmine.exchange.graph.client import Throttled
from mailmine.exchange.graph.reader import GraphReader
from mailmine.exchange.session import Session


class GraphAccount:
    """Hands out the readers of the mailboxes that the application reaches (the Account protocol)."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._throttled = Throttled()
        self._readers: dict[str, GraphReader] = {}

    def reader(self, mailbox: str) -> GraphReader:
        """Read `mailbox`; sends nothing yet. Asked again, it is the same reader, which knows the folders."""
        reader = self._readers.get(mailbox.lower())
        if reader is None:
            line = self._session.line(mailbox)
            reader = self._readers[mailbox.lower()] = GraphReader(line, self._throttled)
        return reader

    async def hints(self, mailboxes: Sequence[str]) -> AsyncGenerator[str, None]:
        """Tell nothing: Graph tells only who can be reached from the internet."""
        for mailbox in mailboxes[:0]:
            yield mailbox

    async def password_ends(self, mailbox: str) -> None:
        """Tell nothing: Graph does not say."""

    async def forget(self, mailbox: str) -> None:
        """Let go of the reader of `mailbox`: all share their connections."""
        self._readers.pop(mailbox.lower(), None)

    async def aclose(self) -> None:
        """Let go of all connections."""
        await self._session.aclose()
