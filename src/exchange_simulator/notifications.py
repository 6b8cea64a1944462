"""What happened in mailboxes, kept for those who subscribed to it."""

import threading
import uuid
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from exchange_simulator.folder import Folder

if TYPE_CHECKING:
    from exchange_simulator.mailbox import Mailbox

KINDS: Final = ("NewMail", "Created", "Deleted", "Modified", "Moved", "Copied")


def _subscription_id() -> str:
    """Name a subscription: the server that keeps it, and itself."""
    server = b"simulated.example.com"
    return b64encode(bytes((len(server), 0)) + server + b"\x10\0\0\0" + uuid.uuid4().bytes).decode()


class Event(NamedTuple):
    """Something that happened to an item, or to a folder where `item` is None."""

    kind: str
    at: datetime
    change: int
    parent: Folder
    """Where it lies now, or lay when it was deleted."""
    item: int | None
    folder: Folder | None = None
    old_item: int | None = None
    old_parent: Folder | None = None
    """Where it was moved or copied from."""
    unread: int | None = None

    def is_in(self, folders: frozenset[int]) -> bool:
        """Tell whether it happened in, or to, one of these folders."""
        concerned = (self.parent, self.old_parent, self.folder)
        return any(folder.number in folders for folder in concerned if folder is not None)


@dataclass(eq=False)
class Subscription:
    """Someone who wants to know what happens in a mailbox, and what was not told yet."""

    owner: str
    mailbox: "Mailbox"
    folders: frozenset[int] | None
    """Their numbers; None = all."""
    kinds: frozenset[str]
    is_streaming: bool
    id: str = field(default_factory=_subscription_id)
    events: deque[tuple[int, Event]] = field(default_factory=deque)
    """Each with its place, which watermarks name."""
    told: int = 0
    """The place of the last event that was told."""
    last: int = 0
    has_missed: bool = False
    """More happened than is kept."""


class Subscriptions:
    """All subscriptions of an Exchange, and the answers that hang until something happens."""

    KEPT = 5_000
    """Events kept for one subscription; after more it has missed some."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._found: dict[str, Subscription] = {}
        self.streams: dict[object, tuple[str, Callable[[str | None], None]]] = {}
        """For each hanging answer whose it is, and what wakes it (None) or ends it (with a code; "" without a word)."""

    def add(self, subscription: Subscription) -> None:
        """Begin to keep what happens."""
        with self._lock:
            self._found[subscription.id] = subscription

    def find(self, id_: str) -> Subscription | None:
        """Give the subscription with this id, if there is one (still)."""
        return self._found.get(id_)

    def watched(self) -> frozenset[str]:
        """Give the addresses of the mailboxes that somebody wants to be told of."""
        with self._lock:
            return frozenset(one.mailbox.address for one in self._found.values())

    def remove(self, id_: str) -> None:
        """Forget a subscription; answers that hang on it are told."""
        with self._lock:
            self._found.pop(id_, None)
            self._wake()

    def clear(self) -> None:
        """Forget all, as a server does that is started anew."""
        with self._lock:
            self._found.clear()
            self._wake()

    def end_streams(self, code: str) -> None:
        """End all answers that hang, with this error; "" cuts the connections."""
        with self._lock:
            for _, wake in list(self.streams.values()):
                wake(code)

    def note(self, mailbox: "Mailbox", event: Event) -> None:
        """Keep an event for those who want to know of it."""
        with self._lock:
            for subscription in self._found.values():
                if subscription.mailbox is not mailbox or event.kind not in subscription.kinds:
                    continue
                if subscription.folders is not None and not event.is_in(subscription.folders):
                    continue
                subscription.last += 1
                subscription.events.append((subscription.last, event))
                if len(subscription.events) > self.KEPT:
                    subscription.events.popleft()
                    subscription.has_missed = True
            self._wake()

    def _wake(self) -> None:
        for _, wake in list(self.streams.values()):
            wake(None)
