"""One account that reads by Exchange Web Services."""

from collections.abc import AsyncGenerator, Sequence

from mailmine.exchange.ews import streaming
from mailmine.exchange.ews.reader import EwsReader
from mailmine.exchange.session import Session
from mailmine.model.ids import FolderId


class EwsAccount:
    """Hands out the readers of the mailboxes that the account reaches (the Account protocol)."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._readers: dict[str, EwsReader] = {}

    def reader(self, mailbox: str) -> EwsReader:
        """Read `mailbox`; sends nothing yet.

        Asked again, it is the same reader: it remembers the version that the mailbox's server takes, its cookies,
        and that one request at a time is under way.
        """
        reader = self._readers.get(mailbox.lower())
        if reader is None:
            reader = self._readers[mailbox.lower()] = EwsReader(self._session.line(mailbox))
        return reader

    def hints(self, mailboxes: Sequence[str]) -> AsyncGenerator[str, None]:
        """Tell what Exchange tells, over connections that hang."""
        return streaming.hints(self._session, mailboxes, self._folders_of)

    def _folders_of(self, mailbox: str) -> Sequence[FolderId]:
        reader = self._readers.get(mailbox.lower())
        return reader.known_folders if reader is not None else ()

    async def aclose(self) -> None:
        """Let go of all connections."""
        await self._session.aclose()
