"""Who sent a request: asked of the database, and remembered for a moment.

A program sends a request every few milliseconds, each with the same token.
"""

from collections.abc import Callable
from time import monotonic

from mailmine.access.permissions import Identity
from mailmine.access.tokens import digest

MOMENT = 1.0
"""Seconds: so long after another process ended a token it may still be taken here."""
MOST = 4_096
"""Senders that are remembered."""


class Known:
    """Those who sent requests within the last moment, by their tokens."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, Identity]] = {}

    def get(self, token: str) -> Identity | None:
        """Give who sent this token a moment ago."""
        until, identity = self._known.get(digest(token), (0.0, None))
        return identity if until > self._clock() else None

    def keep(self, token: str, identity: Identity) -> None:
        """Remember for a moment whose token this is."""
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[digest(token)] = (self._clock() + MOMENT, identity)

    def forget(self) -> None:
        """Forget everybody: what somebody may do was changed."""
        self._known.clear()
