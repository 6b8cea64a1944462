"""Brings to `decide` what it has to know, and keeps what it says, with the cursor in the log, in one transaction."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection as Transaction

from mailmine.model.integration import DisabledReason, Integration, Mailbox
from mailmine.model.notice import Notice
from mailmine.notify import audience, decide
from mailmine.notify.audience import MaySee
from mailmine.notify.decide import HOUR, Followed, Room, Subject
from mailmine.store import (
    deliveries,
    events,
    incidents,
    integrations,
    mailboxes,
    settings,
    workers,
)
from mailmine.store.database import Database
from mailmine.store.deliveries import Delivery, Recipient
from mailmine.store.events import Event
from mailmine.store.incidents import Incident

CURSOR: Final = "notify.event"
"""The setting that holds the last event that was decided on (migration 0005 begins it)."""
BATCH: Final = 500
"""Events that are decided on at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What came of a look at all that is to be told."""

    had_any: bool
    """Whether there was anything to do."""
    is_full: bool = False
    """Whether more happened than is decided on at once."""
    incidents: int
    """How many were looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """Decides what is to be told whom."""

    database: Database
    may_see: MaySee
    rooms: tuple[Room, ...]
    has_email: bool
    worker_id: str | None = None
    """Of the process, if it reads mailboxes as well; None: it alone decides."""

    def step(self, now: datetime) -> Look:
        """Decide on what happened since the last time, unless another process does. Raises StoreError."""
        with self.database.read() as tx:
            if not workers.is_first(self.worker_id, workers.present(tx, now=now)):
                return Look(had_any=False, incidents=0)
            cursor = settings.get(tx, CURSOR)
            seen = int(cursor or 0)
            has_news = events.last_id(tx) > seen
            known = incidents.list_all(tx)
            # Most of the time nothing is to be done, and nothing is written.
            followed = _follow(tx, known, (), now)
            is_idle = not (has_news or _matters(followed) or self._frees(tx, now))
        if is_idle:
            return Look(had_any=False, incidents=len(known))
        new: tuple[Event, ...] = ()
        if has_news:
            # In a transaction of its own, for it locks others out.
            with self.database.write() as tx:
                new = events.settled_after(tx, seen, BATCH)
        last = str(new[-1].id if new else seen)
        with self.database.write() as tx:
            if settings.swap(tx, CURSOR, old=cursor, new=last):  # else another process was quicker
                self._keep(tx, new, now)
        return Look(had_any=True, is_full=len(new) == BATCH, incidents=len(known))

    def _keep(self, tx: Transaction, new: Collection[Event], now: datetime) -> None:
        followed = _follow(tx, incidents.list_all(tx), new, now)
        for incident in followed.forget:
            incidents.remove(tx, incident)
        for incident in followed.keep:
            incidents.put(tx, incident)
        waiting = deliveries.held(tx)
        if followed.notices or waiting:
            self._send(tx, followed.notices, waiting, now)

    def _send(
        self,
        tx: Transaction,
        notices: Collection[Notice],
        waiting: Collection[Delivery],
        now: datetime,
    ) -> None:
        """Put the notices on their way, within what each recipient may get."""
        people = audience.everybody(tx, self.may_see, has_email=self.has_email)
        new = decide.address(notices, people, self.rooms)
        sent = deliveries.counts(tx, now - HOUR)
        held = _by_recipient(waiting)
        for recipient in {**held, **new}:
            group, wanted = held.get(recipient, []), new.get(recipient, ())
            before = [notice for one in group for notice in one.notices]
            allotted = decide.allot(before, wanted, sent=sent.get(recipient, 0))
            if not allotted.messages and not wanted:
                continue  # it waits on
            deliveries.remove(tx, [one.id for one in group])
            for message in allotted.messages:
                deliveries.add(tx, recipient, message, at=now)
            if allotted.held:
                deliveries.add(tx, recipient, allotted.held, at=now, is_held=True)

    def _frees(self, tx: Transaction, now: datetime) -> bool:
        """Whether something was held back that may go now."""
        waiting = deliveries.held(tx)
        if not waiting:
            return False
        sent = deliveries.counts(tx, now - HOUR)
        return any(sent.get(one.recipient, 0) < decide.CAP for one in waiting)


def _matters(followed: Followed) -> bool:
    return bool(followed.keep or followed.forget or followed.notices)


def _follow(
    tx: Transaction, known: Collection[Incident], new: Collection[Event], now: datetime
) -> Followed:
    # All at once: where a server is down, it is thousands of mailboxes.
    current = [one for one in decide.opened(known, new) if decide.over_at(one) is None]
    return decide.follow(known, new, _subjects(tx, current), now=now)


def _by_recipient(waiting: Iterable[Delivery]) -> Mapping[Recipient, list[Delivery]]:
    groups: dict[Recipient, list[Delivery]] = {}
    for one in waiting:
        groups.setdefault(one.recipient, []).append(one)
    return groups


def _subjects(tx: Transaction, about: Collection[Incident]) -> Mapping[str, Subject]:
    """Look at how everything is now that an incident is about; what was removed is not there."""
    of = {one.id: one for one in integrations.by_ids(tx, {one.integration_id for one in about})}
    ids = {one.mailbox_id for one in about if one.mailbox_id is not None}
    boxes = {one.id: one for one in mailboxes.by_ids(tx, ids)}
    found: dict[str, Subject] = {}
    for one in about:
        integration = of.get(one.integration_id)
        if integration is None or one.thing in found:
            continue
        if one.mailbox_id is None:
            found[one.thing] = _integration(tx, integration)
        elif mailbox := boxes.get(one.mailbox_id):
            found[one.thing] = _subject(
                integration, mailbox, mailbox.address, mailbox.last_round_at
            )
    return found


def _integration(tx: Transaction, integration: Integration) -> Subject:
    # While it is stopped nobody asks when it was read.
    read = mailboxes.of_integration(tx, integration.id) if integration.enabled else ()
    rounds = [one.last_round_at for one in read if one.last_round_at is not None]
    return _subject(integration, integration, None, max(rounds, default=None))


def _subject(
    integration: Integration,
    thing: Integration | Mailbox,
    address: str | None,
    read_at: datetime | None,
) -> Subject:
    return Subject(
        project=integration.project,
        integration=integration.title or integration.name,
        address=address,
        is_stopped=not thing.enabled,
        by_person=thing.disabled_reason is DisabledReason.USER,
        read_at=read_at,
        since=thing.trouble.since if thing.trouble else None,
    )
