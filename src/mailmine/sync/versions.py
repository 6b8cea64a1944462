"""Which version of EWS the server of a mailbox takes, kept across restarts so that it is not tried out each time.

For a week: a server that was brought up to date is asked by the usual version again. And for one endpoint:
another server is another version.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection as Transaction

from mailmine.model.ids import MailboxId
from mailmine.store import settings
from mailmine.store.settings import About

LIFE: Final = timedelta(weeks=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found to be the right version."""

    version: str | None
    """None: the usual one."""
    endpoint: str
    until: datetime

    def holds(self, endpoint: str, at: datetime) -> bool:
        """Tell whether it is true of `endpoint` still."""
        return self.endpoint == endpoint and at < self.until


def find(version: str | None, endpoint: str, *, at: datetime) -> Found:
    """Note what was found now."""
    return Found(version=version, endpoint=endpoint, until=at + LIFE)


def recall(tx: Transaction, mailbox_id: MailboxId, endpoint: str, *, at: datetime) -> Found:
    """Give what was found, as long as it holds; otherwise the usual version."""
    kept = settings.get(tx, _name(mailbox_id))
    if kept is not None:
        found = msgspec.json.decode(kept, type=Found)
        if found.holds(endpoint, at):
            return found
    return find(None, endpoint, at=at)


def remember(tx: Transaction, mailbox_id: MailboxId, found: Found) -> None:
    """Keep what was found."""
    settings.put(tx, _name(mailbox_id), msgspec.json.encode(found).decode())


def _name(mailbox_id: MailboxId) -> str:
    return settings.name(About.EWS_VERSION, mailbox_id)
