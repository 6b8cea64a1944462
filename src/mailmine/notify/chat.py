"""Teams, Slack and a hundred other services, by apprise."""

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailmine.notify.channel import Message, NotDelivered

if TYPE_CHECKING:
    from apprise import NotifyBase


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """Posts to one place."""

    service: "NotifyBase" = field(repr=False)
    """Its address holds secrets."""

    @classmethod
    def of(cls, url: str) -> "Chat":
        """Make it of an address as apprise, or the service itself, writes it. Raises ValueError."""
        import apprise  # noqa: PLC0415 - slow to import, and few need it

        # Its words may hold the address, and with it secrets.
        logging.getLogger("apprise").setLevel(logging.CRITICAL)
        service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if service is None:
            raise ValueError("this is no address of a service that can be posted to")
        return cls(service=service)

    @property
    def kind(self) -> str:
        """Name the service."""
        return str(self.service.service_name)

    async def send(self, message: Message) -> None:
        """Send a message. Raises NotDelivered."""
        arrived = await self.service.async_notify(
            title=message.letter.title, body=message.letter.text
        )
        if not arrived:
            raise NotDelivered(f"{self.kind} cannot be reached, or did not take it.")
