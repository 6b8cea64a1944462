"""Tries once a day what a missing right stopped, where the configuration asks for it: rights come back without a word to us."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import structlog
from sqlalchemy import Connection as Transaction

from mailmine.model.ids import IntegrationId, MailboxId
from mailmine.model.integration import DisabledReason, Mailbox
from mailmine.repeating import repeat
from mailmine.store import integrations, mailboxes, settings
from mailmine.store.database import Database
from mailmine.store.errors import StoreError
from mailmine.store.settings import About
from mailmine.sync import patience
from mailmine.sync.enabling import Enabling
from mailmine.sync.round import utc_now

log = structlog.get_logger(__name__)

OF_RIGHTS: Final = frozenset({"no-permission", "impersonation"})
"""The reasons (docs/reasons.md) that a right which is given again mends."""
A_DAY: Final = timedelta(days=1)
LOOK: Final = timedelta(minutes=10)
"""How often it is looked for what is to be tried."""
AT_ONCE: Final = 10
"""Mailboxes of an integration that are tried in one go."""


class Daily:
    """Tries again, once a day each, by `enabling`. What is running, or was switched off by a person, is left alone."""

    def __init__(
        self, database: Database, enabling: Enabling, *, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._database = database
        self._enabling = enabling
        self._now = now

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until `stop`."""
        pause = LOOK.total_seconds()
        await repeat(self.step, stop, what="daily try", pause=pause, expected=(StoreError,))

    async def step(self) -> None:
        """Try what is due. Raises StoreError."""
        for integration_id, boxes in (await asyncio.to_thread(self._claim)).items():
            obstacles = await self._enabling.switch_on(integration_id, boxes, itself=False)
            log.info("tried again", mailboxes=len(boxes), still_stopped=len(obstacles))

    def _claim(self) -> dict[IntegrationId, list[MailboxId]]:
        """Find what is due, and note that it is tried: of several processes one does it."""
        now, claimed = self._now(), dict[IntegrationId, list[MailboxId]]()
        with self._database.read() as tx:
            due = tuple(_due(tx, now)) if patience.read(tx).retries_daily else ()
        if due:
            with self._database.write() as tx:
                for box, tried in due:
                    if settings.swap(tx, _name(box.id), old=tried, new=now.isoformat()):
                        claimed.setdefault(box.integration_id, []).append(box.id)
        return claimed


Due = tuple[Mailbox, str | None]
"""A mailbox that is to be tried, and when it was tried last."""


def _due(tx: Transaction, now: datetime) -> Iterator[Due]:
    for integration in integrations.list_all(tx):
        if integration.enabled:
            yield from islice(_due_of(tx, integration.id, now), AT_ONCE)


def _due_of(tx: Transaction, integration_id: IntegrationId, now: datetime) -> Iterator[Due]:
    for box in mailboxes.of_integration(tx, integration_id):
        trouble = box.trouble
        if box.enabled or box.disabled_reason is not DisabledReason.SYNC_ERROR or trouble is None:
            continue
        if trouble.reason not in OF_RIGHTS:
            continue
        last = trouble.last.at if trouble.last is not None else trouble.since
        tried = settings.get(tx, _name(box.id))
        if now - max(last, datetime.fromisoformat(tried) if tried else last) >= A_DAY:
            yield box, tried


def _name(mailbox_id: MailboxId) -> str:
    return settings.name(About.RETRIED_AT, mailbox_id)
