"""Which mailboxes a process reads next: what is due, as far as the limits of one process and of all together allow.

One process claims at a time, so the limits hold over all of them. What Exchange asked for, when it was busy, holds
for all as well: it stands with the strikes, under the integration and under the Exchange itself.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Sized
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from urllib.parse import urlsplit

from sqlalchemy import Connection as Transaction

from mailmine.model.ids import ExchangeId, IntegrationId, MailboxId
from mailmine.model.integration import Connection, Integration, Mailbox
from mailmine.store import integrations, leases, mailboxes, statistics, strikes, turns
from mailmine.store.leases import Lease
from mailmine.store.strikes import Strikes
from mailmine.store.turns import Candidate, Turn
from mailmine.sync.settings import SyncSettings

LOOKED_AT = 8
"""Mailboxes that are looked at for each that may be read: some are held, of others the integration is busy."""
STAYS = timedelta(seconds=1)
"""How late a mailbox is, with the process that read it last and knows it, before another takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A mailbox to be read."""

    lease: Lease
    mailbox: Mailbox
    integration: Integration
    left_by: str | None
    """The process that had it and went away without giving it back."""
    has_strikes: bool
    """Something went wrong with it, or with its integration, when it was last read."""
    is_at_rest: bool
    """Its round is over with one request, as a rule."""

    @property
    def is_well(self) -> bool:
        """Tell whether nothing is wrong that a round that goes well would mend."""
        troubles = (self.mailbox.trouble, self.integration.trouble)
        return not self.has_strikes and troubles == (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What was claimed, and when the next is due; None: nothing is."""

    claimed: tuple[Claimed, ...]
    next_due_at: datetime | None


def exchange_of(connection: Connection) -> ExchangeId:
    """Name what limits its callers: an app of Entra ID in its tenant, else the server."""
    if connection.client_id:
        return ExchangeId(f"app {connection.tenant_id}/{connection.client_id}".lower())
    host = urlsplit(connection.endpoint).hostname
    if host is None:  # Autodiscover finds it: the account is all that is known
        return ExchangeId(f"account {connection.username}".lower())
    return ExchangeId(f"server {host}".lower())


def room(held: Sized, ahead: Mapping[IntegrationId, int], settings: SyncSettings) -> int:
    """How many mailboxes a process may claim yet that holds these, and may hold so many `ahead` of its rounds."""
    return settings.rounds + sum(ahead.values()) - len(held)


def claim(
    tx: Transaction,
    held: Collection[Claimed],
    *,
    owner: str,
    now: datetime,
    settings: SyncSettings,
    ahead: Mapping[IntegrationId, int] = MappingProxyType({}),
) -> Claims:
    """Claim what is due for a process that has `held` claimed already.

    No integration takes all its room, no Exchange is read by too many, and nothing is asked while it is held. Beyond
    the rounds that it may run it claims so many `ahead` of each integration, only mailboxes at rest: what takes longer is
    left to whoever has room.
    """
    turn = Turn(owner=owner, patience=STAYS)
    statistics.go_by_index(tx)
    next_due_at = turns.next_due(tx, turn)
    if next_due_at is None or next_due_at > now:  # seen without keeping others from claiming
        return Claims(claimed=(), next_due_at=next_due_at)
    limits = _Limits(tx, held, owner=owner, ahead=ahead, now=now, settings=settings)
    most = room(held, ahead, settings)
    known = {one.mailbox.id for one in held}
    wanted: dict[MailboxId, _Wanted] = {}
    # The first that are due may be read, as a rule: only where some are held, many are looked at.
    for limit in (most, max(LOOKED_AT * settings.rounds, 2 * most)):
        due = turns.due(tx, now, limit=limit, turn=turn, without=limits.full)
        new = [one for one in due if one.mailbox.id not in known | wanted.keys()]
        wanted |= _wanted(tx, new, limits, most - len(wanted), now)
        if len(wanted) == most or len(due) < limit:
            break
    taken = leases.claim(tx, wanted, owner=owner, now=now, until=now + settings.lease)
    claimed = tuple(
        Claimed(
            lease=taken[mailbox_id],
            mailbox=one.candidate.mailbox,
            integration=one.integration,
            left_by=one.candidate.left_by,
            has_strikes=one.has_strikes,
            is_at_rest=one.candidate.is_at_rest,
        )
        for mailbox_id, one in wanted.items()
        if mailbox_id in taken
    )
    return Claims(
        claimed=claimed,
        # Where no more may be read, the end of a round is waited for, not the clock.
        next_due_at=turns.next_due(tx, turn) if len(claimed) < most else None,
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A mailbox that may be claimed, and with what."""

    candidate: Candidate
    integration: Integration
    has_strikes: bool


def _wanted(
    tx: Transaction, due: Sequence[Candidate], limits: "_Limits", most: int, now: datetime
) -> dict[MailboxId, _Wanted]:
    """Choose at most so many of these, and put off those that are held."""
    if not due:
        return {}
    limits.learn({one.mailbox.integration_id for one in due})
    held = _Held(tx, [one.mailbox.id for one in due], limits.known)
    held.end_pauses(tx, now)
    wanted: dict[MailboxId, _Wanted] = {}
    for candidate in due:
        if len(wanted) == most:
            break
        mailbox = candidate.mailbox
        integration = limits.known.get(mailbox.integration_id)
        if integration is None or not limits.allow(integration.id, is_at_rest=candidate.is_at_rest):
            continue
        until = held.until(mailbox, integration)
        if until is not None and until > now:
            mailboxes.postpone(tx, (mailbox.id,), until=until, now=now)
            continue
        limits.add(integration.id, is_at_rest=candidate.is_at_rest)
        wanted[mailbox.id] = _Wanted(candidate, integration, held.has_strikes(mailbox))
    return wanted


class _Limits:
    """How many mailboxes of an integration, and of an Exchange, may be claimed yet."""

    def __init__(
        self,
        tx: Transaction,
        held: Collection[Claimed],
        *,
        owner: str,
        ahead: Mapping[IntegrationId, int],
        now: datetime,
        settings: SyncSettings,
    ) -> None:
        self._tx = tx
        self._settings = settings
        self._ahead = ahead
        self._mine = Counter(one.integration.id for one in held)
        self._restless = Counter(one.integration.id for one in held if not one.is_at_rest)
        leased = leases.begin_claiming(tx, now)
        others = [numbers for name, numbers in leased.items() if name != owner]
        self.known: dict[IntegrationId, Integration] = {}
        self._exchanges: dict[IntegrationId, ExchangeId] = {}
        self.learn({*self._mine, *(id_ for numbers in others for id_ in numbers)})
        self._by_me = self._readable(self._mine)
        self._by_others: Counter[ExchangeId] = Counter()
        for numbers in others:
            readable = self._readable(numbers)
            self._by_others.update({one: min(readable[one], settings.rounds) for one in readable})

    def learn(self, ids: Collection[IntegrationId]) -> None:
        """Look up integrations."""
        new = set(ids) - self.known.keys()
        if new:
            found = integrations.by_ids(self._tx, new)
            self.known |= {one.id: one for one in found}
            self._exchanges |= {one.id: exchange_of(one.connection) for one in found}

    @property
    def full(self) -> tuple[IntegrationId, ...]:
        """Those known integrations of which no more may be claimed."""
        return tuple(id_ for id_ in self.known if not self.allow(id_, is_at_rest=True))

    def allow(self, id_: IntegrationId, *, is_at_rest: bool) -> bool:
        """Tell whether one more of this integration, which is known, may be claimed."""
        settings = self._settings
        if self._mine[id_] >= settings.rounds_per_integration + self._ahead.get(id_, 0):
            return False
        if not is_at_rest and (
            self._restless.total() >= settings.rounds
            or self._restless[id_] >= settings.rounds_per_integration
        ):
            return False
        exchange = self._exchanges[id_]
        by_me = min(self._by_me[exchange] + self._is_readable(id_), settings.rounds)
        return by_me + self._by_others[exchange] <= settings.rounds_per_exchange

    def add(self, id_: IntegrationId, *, is_at_rest: bool) -> None:
        """Count one more."""
        self._by_me[self._exchanges[id_]] += self._is_readable(id_)
        self._mine[id_] += 1
        self._restless[id_] += not is_at_rest

    def _is_readable(self, id_: IntegrationId) -> bool:
        """Tell whether one more of it would be read beside those that are claimed, and not after one of them."""
        return self._mine[id_] < self._settings.rounds_per_integration

    def _readable(self, claimed: Mapping[IntegrationId, int]) -> Counter[ExchangeId]:
        """Count how many mailboxes of each Exchange could be read at a time, of so many that one process has claimed.

        Of all Exchanges together it reads no more than `SyncSettings.rounds`.
        """
        found: Counter[ExchangeId] = Counter()
        for id_ in claimed.keys() & self._exchanges.keys():
            found[self._exchanges[id_]] += min(claimed[id_], self._settings.rounds_per_integration)
        return found


class _Held:
    """What is left alone for a while."""

    def __init__(
        self,
        tx: Transaction,
        ids: Collection[MailboxId],
        known: Mapping[IntegrationId, Integration],
    ) -> None:
        self._exchanges = {exchange_of(one.connection) for one in known.values()}
        self._strikes: dict[str, Strikes] = strikes.of_all(tx, (*ids, *known, *self._exchanges))

    def until(self, mailbox: Mailbox, integration: Integration) -> datetime | None:
        """Say until when a mailbox is left alone: for its own sake, its integration's, or that of its Exchange."""
        subjects = (mailbox.id, integration.id, exchange_of(integration.connection))
        held = (self._strikes.get(subject) for subject in subjects)
        return max((one.hold_until for one in held if one and one.hold_until), default=None)

    def end_pauses(self, tx: Transaction, now: datetime) -> None:
        """Forget what an Exchange asked for, where that is over: no round that goes well crosses it out."""
        over = [
            name
            for name in self._exchanges & self._strikes.keys()
            if (until := self._strikes[name].hold_until) is not None and until <= now
        ]
        if over:
            strikes.end_pauses(tx, over, now)

    def has_strikes(self, mailbox: Mailbox) -> bool:
        """Tell whether something went wrong with it or its integration."""
        return not self._strikes.keys().isdisjoint((mailbox.id, mailbox.integration_id))
