"""One account that reads by Exchange Web Services."""

from mailmine.exchange.ews.reader import EwsReader
from mailmine.exchange.session import Session


class EwsAccount:
    """Hands out the readers of the mailboxes that the account reaches (the Account protocol)."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def reader(self, mailbox: str) -> EwsReader:
        """Read `mailbox`; sends nothing yet."""
        return EwsReader(self._session.line(mailbox))

    async def aclose(self) -> None:
        """Let go of all connections."""
        await self._session.aclose()
