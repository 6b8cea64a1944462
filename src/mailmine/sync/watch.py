"""Warns people before anything stops: looks once a minute at what is in the store, and says what begins and ends.

Of several processes the one that is there longest looks; where that one is heard of but has not looked for a while, others do as well.
What threatens is decided by `dangers`, what is told of it by `warned`; here is read and written.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection as Transaction

from mailmine.model.ids import IntegrationId, MailboxId
from mailmine.model.integration import AuthType, Filters, Integration, Mailbox
from mailmine.repeating import repeat
from mailmine.store import (
    amounts,
    events,
    failures,
    folders,
    integrations,
    mailboxes,
    settings,
    strikes,
    warnings,
    workers,
)
from mailmine.store.database import Database
from mailmine.store.errors import StoreError
from mailmine.store.folders import Load
from mailmine.store.warnings import StandingWarning
from mailmine.sync import dangers, quota
from mailmine.sync.dangers import IntegrationFacts, MailboxFacts
from mailmine.sync.desk import Desk
from mailmine.sync.endings import end_of_certificate, end_of_password
from mailmine.sync.round import utc_now
from mailmine.sync.settings import SyncSettings
from mailmine.sync.warned import Followed, Threat, follow, gather

log = structlog.get_logger(__name__)

TURN = "watch.turn"
"""The setting that says when a look was last written down, and lets one of several processes write at a time."""
MISSED: Final = 5
"""Looks that are missing before others look: the process that is there longest hangs, or cannot."""


@dataclass(frozen=True, slots=True)
class _Still:
    """A first load as it was when it last went on."""

    mark: tuple[int, datetime | None]
    since: datetime


class Watch:
    """Looks after all integrations and mailboxes. `secret_of` gives what an integration signs in with.

    `worker_id`: of the process, if it reads mailboxes as well; None: it alone looks, and its disk alone matters.
    """

    def __init__(
        self,
        database: Database,
        *,
        secret_of: Callable[[Integration], str],
        has_room: Callable[[], bool] = lambda: True,
        worker_id: str | None = None,
        settings: SyncSettings | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._desk = Desk(database)
        self._secret_of = secret_of
        self._has_room = has_room
        self._worker_id = worker_id
        sync = settings or SyncSettings()
        self._poll_interval = sync.poll_interval
        self._settings = sync.warnings
        self._now = now
        self._since = now()
        self._still: dict[MailboxId, _Still] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until `stop`."""
        try:
            pause = self._settings.look.total_seconds()
            await repeat(self.step, stop, what="watch", pause=pause, expected=(StoreError,))
        finally:
            await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Wait for what was begun; the database stays open."""
        self._desk.close()

    async def step(self) -> None:
        """Look once, and write down which warnings begin, change and end. Raises StoreError."""
        now = self._now()
        here = await self._desk.read(partial(workers.present, now=now))
        turn = await self._desk.read(lambda tx: settings.get(tx, TURN))
        if not workers.is_first(self._worker_id, here) and not self._is_missing(turn, now):
            return
        # Where another has room, that one reads on.
        others = [one for one in here if one.id != self._worker_id]
        has_room = self._has_room() or any(one.has_room for one in others)
        if not has_room:
            self._since = now  # what is not read for want of room is not late for another reason
        await self._look_at_quotas(now)
        known = await self._desk.read(integrations.list_all)
        ends = await asyncio.to_thread(self._certificates, known)
        shown = await asyncio.to_thread(_shown_certificates, known)
        look = partial(self._look, known, ends=ends, shown=shown, has_room=has_room, now=now)
        followed = await self._desk.read(look)
        await self._desk.write(partial(_write, followed, turn, now))

    def _is_missing(self, turn: str | None, now: datetime) -> bool:
        """Tell whether nobody has looked for a while, though this process was there to see it."""
        last = self._since if turn is None else max(self._since, datetime.fromisoformat(turn))
        return now - last > MISSED * self._settings.look

    async def _look_at_quotas(self, now: datetime) -> None:
        """Stop what fills a full place, and let go on what has room again."""
        await self._desk.write(partial(amounts.tidy, now=now))
        if await self._desk.read(quota.is_needed):
            seen = await self._desk.read(quota.look)
            await self._desk.write(lambda tx: quota.apply(tx, seen, at=now))

    def _certificates(self, known: tuple[Integration, ...]) -> dict[IntegrationId, datetime]:
        """Say when the certificates end that integrations sign in with, of those that can be read."""
        found: dict[IntegrationId, datetime] = {}
        for integration in known:
            if integration.connection.auth is not AuthType.CLIENT_CERTIFICATE:
                continue
            try:
                ends_at = end_of_certificate(self._secret_of(integration))
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever keeps it from us, the sync tells it to a person
                log.debug("certificate not had", error=type(error).__name__)
                continue
            if ends_at is not None:
                found[integration.id] = ends_at
        return found

    def _look(
        self,
        known: Collection[Integration],
        tx: Transaction,
        *,
        ends: Mapping[IntegrationId, datetime],
        shown: Mapping[IntegrationId, datetime],
        has_room: bool,
        now: datetime,
    ) -> Followed:
        """See what threatens, and compare it with what was warned of."""
        threats = [
            Threat(integration_id=one.id, mailbox_id=None, danger=danger)
            for one in known
            for danger in dangers.of_integration(
                IntegrationFacts(
                    integration=one,
                    certificate_ends=ends.get(one.id),
                    tls_certificate_ends=shown.get(one.id),
                    password_ends=end_of_password(tx, one.id),
                    has_room=has_room,
                ),
                now=now,
                settings=self._settings,
            )
        ]
        for facts in self._mailboxes(tx, known, has_room=has_room, now=now):
            found = dangers.of_mailbox(
                facts, now=now, poll_interval=self._poll_interval, settings=self._settings
            )
            threats += [
                Threat(
                    integration_id=facts.integration.id, mailbox_id=facts.mailbox.id, danger=danger
                )
                for danger in found
            ]
        standing = warnings.list_all(tx)
        gathered = gather(threats, standing)
        return follow(standing, gathered, now=now, again=self._settings.again)

    def _mailboxes(
        self,
        tx: Transaction,
        known: Iterable[Integration],
        *,
        has_room: bool,
        now: datetime,
    ) -> Iterator[MailboxFacts]:
        """Gather what is known of mailboxes, of one integration after the other: they may be many thousands.

        Since when a first load brings nothing is remembered here, not stored.
        """
        loads = folders.loads(tx)
        paused = strikes.holding(tx, dangers.Code.FAILED_ITEMS)
        before, self._still = self._still, {}
        for integration, box in _each(tx, known):
            load = loads.get(box.id)
            facts = MailboxFacts(
                mailbox=box,
                integration=integration,
                watched_since=self._since,
                load=load,
                is_paused=box.id in paused,
                why_failed=_why(tx, box) if box.id in paused else "",
            )
            if load is not None and has_room and dangers.is_read(facts):
                mark, old = _mark(box, load), before.get(box.id)
                still = old if old and old.mark == mark else _Still(mark, now)
                self._still[box.id] = still
                facts = replace(facts, still_since=still.since)
            yield facts


def _write(followed: Followed, turn: str | None, now: datetime, tx: Transaction) -> None:
    """Keep what came of a look, unless another process was quicker since `turn` was read."""
    if not settings.swap(tx, TURN, old=turn, new=now.isoformat()):
        return
    for warning in followed.end:
        warnings.remove(tx, warning)
        _note(tx, warning, "warning_ended", now)
    for warning in followed.keep:
        warnings.put(tx, warning)
    for warning in followed.tell:
        _note(tx, warning, "warning", now)
        log.warning("people warned", code=warning.code, subject=warning.subject)


def _each(tx: Transaction, known: Iterable[Integration]) -> Iterator[tuple[Integration, Mailbox]]:
    return ((one, box) for one in known for box in mailboxes.of_integration(tx, one.id))


def _shown_certificates(known: Iterable[Integration]) -> dict[IntegrationId, datetime]:
    """Say when the certificates end that servers are shown, of those that can be read."""
    found: dict[IntegrationId, datetime] = {}
    for integration in known:
        file = integration.connection.tls_certificate_file
        if file is None:
            continue
        try:
            ends_at = end_of_certificate(Path(file).read_text(encoding="ascii", errors="replace"))
        except OSError as error:  # the sync tells it to a person
            log.debug("certificate not had", error=type(error).__name__)
            continue
        if ends_at is not None:
            found[integration.id] = ends_at
    return found


def _why(tx: Transaction, mailbox: Mailbox) -> str:
    """Say what most of the emails that failed suffer from."""
    reasons = failures.reasons(tx, mailbox.integration_id).get(mailbox.id, ())
    return reasons[0].message if reasons else ""


def _mark(mailbox: Mailbox, load: Load) -> tuple[int, datetime | None]:
    """Give what grows while a load goes on: where not all mail is wanted, pages without any do that, too."""
    takes_all = mailbox.start_at is None and mailbox.filters == Filters()
    return load.emails_read, None if takes_all else load.stored_at


def _note(tx: Transaction, warning: StandingWarning, what: str, at: datetime) -> None:
    kind = "integration" if warning.mailbox_id is None else "mailbox"
    events.append(
        tx,
        f"{kind}_{what}",
        at=at,
        integration_id=warning.integration_id,
        mailbox_id=warning.mailbox_id,
        detail={
            "code": warning.code,
            "message": warning.message,
            "since": warning.since.isoformat(),
            "ends_at": warning.ends_at.isoformat() if warning.ends_at else None,
        },
    )
