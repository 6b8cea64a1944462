"""What all channels have in common: a message goes out, or there is a word on why not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mailmine.model.notice import Notice
from mailmine.notify.decide import Room
from mailmine.notify.words import Letter


class NotDelivered(Exception):
    """A message did not arrive; the text says why, without secrets."""

    def __init__(self, why: str, *, is_final: bool = False) -> None:
        super().__init__(why)
        self.is_final = is_final
        """Whether trying again is of no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent."""

    delivery: str
    """The same each time that it is tried: receivers know a repetition by it."""
    letter: Letter
    notices: tuple[Notice, ...]
    to: str = ""
    """The address, for channels to one person."""


class Channel(Protocol):
    """One way out."""

    async def send(self, message: Message) -> None:
        """Send a message, within a minute or two. Raises NotDelivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """All ways out of an installation. In the app everything is told anyway."""

    email: Channel | None = None
    rooms: Mapping[str, tuple[Room, Channel]] = field(default_factory=dict)
    """By name."""
