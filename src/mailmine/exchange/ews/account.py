"""One account that reads by Exchange Web Services."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Final

import structlog

from mailmine.exchange.ews import streaming
from mailmine.exchange.ews.operations import ARCHIVE_ROOT, PUBLIC_ROOT, ROOT
from mailmine.exchange.ews.reader import EwsReader
from mailmine.exchange.faults import ExchangeError
from mailmine.exchange.session import Session
from mailmine.model.ids import FolderId
from mailmine.model.integration import AuthType

log = structlog.get_logger(__name__)

ROOTS: Final = {"archive": ARCHIVE_ROOT, "publicfolders": PUBLIC_ROOT}
"""What may stand before an address, and where the folders begin then."""


class EwsAccount:
    """Hands out the readers of the mailboxes that the account reaches (the Account protocol)."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._readers: dict[str, EwsReader] = {}

    def reader(self, mailbox: str) -> EwsReader:
        """Read `mailbox`; sends nothing yet.

        `archive:` before the address is its archive, `publicfolders:` what it may see of everybody's.
        Asked again, it is the same reader: it remembers the version that the mailbox's server takes, its cookies,
        and that one request at a time is under way.
        """
        reader = self._readers.get(mailbox.lower())
        if reader is None:
            kind, colon, address = mailbox.partition(":")
            root = ROOTS.get(kind.lower()) if colon else None
            line = self._session.line(address if root else mailbox)
            reader = self._readers[mailbox.lower()] = EwsReader(line, root=root or ROOT)
        return reader

    def hints(self, mailboxes: Sequence[str]) -> AsyncGenerator[str, None]:
        """Tell what Exchange tells, over connections that hang."""
        return streaming.hints(self._session, mailboxes, self._folders_of)

    async def password_ends(self, mailbox: str) -> datetime | None:
        """Ask Exchange, where the account has a password. Old servers do not know the question."""
        if self._session.connection.auth in {AuthType.CLIENT_SECRET, AuthType.CLIENT_CERTIFICATE}:
            return None
        try:
            return await self.reader(mailbox).password_ends()
        except ExchangeError as error:
            log.debug("end of password not told", code=error.fault.code)
            return None

    def _folders_of(self, mailbox: str) -> Sequence[FolderId]:
        reader = self._readers.get(mailbox.lower())
        return reader.known_folders if reader is not None else ()

    async def forget(self, mailbox: str) -> None:
        """Let go of the reader of `mailbox`, and of the connection that is its alone."""
        reader = self._readers.pop(mailbox.lower(), None)
        if reader is not None:
            await reader.aclose()

    async def aclose(self) -> None:
        """Let go of all connections."""
        await self._session.aclose()
