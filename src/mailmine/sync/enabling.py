"""A person switches on what trouble stopped: it is tried first, and he is told what would stop it again.

What can be read goes on from where it was. What cannot stays off, and says why by what the try has shown, unless he
insists.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import structlog
from sqlalchemy import Connection as Transaction

from mailmine.exchange.check import Name, Outcome, Step, Steps, check, readable as addresses_read
from mailmine.exchange.faults import ExchangeError, Fault, Scope, Where
from mailmine.model.ids import IntegrationId, MailboxId, UserId
from mailmine.model.integration import (
    Connection,
    DisabledReason,
    Integration,
    Mailbox,
    Trouble,
)
from mailmine.store import integrations, mailboxes
from mailmine.store.database import Database
from mailmine.store.errors import StoreError
from mailmine.sync import aftermath, editing, policy, quota
from mailmine.sync.resume import enable_mailboxes, resume, start

log = structlog.get_logger(__name__)

TryOut = Callable[[Connection, str, Sequence[str]], Steps]
"""Tries a connection with its secret, and some mailboxes."""

FEW: Final = 3
"""Mailboxes that show whether an integration can be read; more would only take longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """What would stop it again."""

    mailbox: str | None
    """Its address; None for what concerns the whole integration."""
    code: str
    message: str
    """What is wrong, and what to do."""
    commands: tuple[str, ...] = ()
    """Lines for an administrator of Exchange to copy."""
    reason: str | None = None
    """The section of docs/reasons.md that explains it."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Enabling:
    """Switches on. `secret_of` and `connection_of` give what an integration is reached with."""

    database: Database
    secret_of: Callable[[Integration], str]
    connection_of: Callable[[Integration], Connection]
    try_out: TryOut = check
    now: Callable[[], datetime] = _utc_now
    patience: timedelta = timedelta(seconds=60)
    """For the whole try: somebody waits for it."""

    async def switch_on(
        self,
        integration_id: IntegrationId,
        mailbox_ids: Sequence[MailboxId] = (),
        *,
        itself: bool,
        insists: bool = False,
        by: UserId | None = None,
    ) -> tuple[Obstacle, ...]:
        """Switch on the integration, if it `itself` is meant, and the mailboxes that are named; tell what is in the way.

        What is running already, or is gone meanwhile, is left alone. With `insists` nothing is tried. Raises StoreError.
        """
        obstacles: tuple[Obstacle, ...] = ()
        if itself:
            obstacles = await self._switch_on(integration_id, (), insists=insists, by=by)
        if mailbox_ids and not obstacles:
            obstacles = await self._switch_on(integration_id, mailbox_ids, insists=insists, by=by)
        return obstacles

    async def _switch_on(
        self,
        integration_id: IntegrationId,
        mailbox_ids: Sequence[MailboxId],
        *,
        insists: bool,
        by: UserId | None,
    ) -> tuple[Obstacle, ...]:
        """Switch on the mailboxes that are named, or else the integration itself."""
        found = await asyncio.to_thread(self._find, integration_id, mailbox_ids)
        if found is None:
            return ()
        integration, wanted = found
        if mailbox_ids and not wanted:
            return ()
        things: tuple[Integration | Mailbox, ...] = (integration, *wanted)
        if any(map(_is_full, things)):
            await asyncio.to_thread(self._count)
            found = await asyncio.to_thread(self._find, integration_id, mailbox_ids)
            if found is None or (mailbox_ids and not found[1]):
                return ()
            integration, wanted = found
            things = (integration, *wanted)
        untried = tuple(_full(one) for one in things if _is_full(one))
        if untried := untried or (() if insists else _lacking(integration)):
            return untried
        if insists:
            return await self._write(partial(_insist, _Case(integration, wanted, self.now(), by)))
        steps = await self._try(integration, wanted)
        case = _Case(integration, wanted, self.now(), by)
        return await self._write(partial(_settle, case, steps))

    def _count(self) -> None:
        """Let go on what a quota stopped and has room again: it was raised, or something was removed, just now."""
        with self.database.read() as tx:
            seen = quota.look(tx)
        with self.database.write() as tx:
            quota.apply(tx, seen, at=self.now())

    def _find(
        self, integration_id: IntegrationId, mailbox_ids: Sequence[MailboxId]
    ) -> tuple[Integration, tuple[Mailbox, ...]] | None:
        """Look up what is off; None where there is nothing to do."""
        with self.database.read() as tx:
            integration = integrations.by_id(tx, integration_id)
            if integration is None or (integration.enabled and not mailbox_ids):
                return None
            known = mailboxes.of_integration(tx, integration_id)
        named = set(mailbox_ids)
        return integration, tuple(one for one in known if one.id in named and not one.enabled)

    async def _try(self, integration: Integration, wanted: Sequence[Mailbox]) -> list[Step]:
        """Try what is to be switched on; of an integration a few of its mailboxes."""
        steps: list[Step] = []
        try:
            secret = await asyncio.to_thread(self.secret_of, integration)
            connection = await asyncio.to_thread(self.connection_of, integration)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever keeps the password from us is told to a person
            return [_failed_step(aftermath.fault_of_secret(error))]
        boxes = wanted or await asyncio.to_thread(self._some, integration)
        try:
            async with asyncio.timeout(self.patience.total_seconds()):
                async for step in self.try_out(connection, secret, [one.address for one in boxes]):
                    steps.append(step)
                    if not wanted and step.name is Name.FOLDERS and step.outcome is Outcome.OK:
                        break  # the integration can be read
        except TimeoutError:
            words = f"The try took longer than {self.patience.total_seconds():.0f} seconds."
            steps.append(_failed_step(replace(_SLOW, message=words)))
        except (
            ExchangeError
        ) as error:  # what cannot even be begun: a certificate file that is gone, say
            steps.append(_failed_step(error.fault))
        return steps

    def _some(self, integration: Integration) -> Sequence[Mailbox]:
        """Give a few of its mailboxes to sign in for, those first that are on."""
        with self.database.read() as tx:
            known = mailboxes.of_integration(tx, integration.id)
        return sorted(known, key=lambda one: not one.enabled)[:FEW]

    async def _write(
        self, act: Callable[[Transaction], tuple[Obstacle, ...]]
    ) -> tuple[Obstacle, ...]:
        def write() -> tuple[Obstacle, ...]:
            with self.database.write() as tx:
                return act(tx)

        return await asyncio.to_thread(write)


@dataclass(frozen=True, slots=True)
class _Case:
    """What is switched on, when and by whom."""

    integration: Integration
    wanted: tuple[Mailbox, ...]
    """None: the integration itself."""
    at: datetime
    by: UserId | None


_SLOW: Final = Fault(where=Where.NETWORK, code="timed_out", message="", scope=Scope.CONNECTION)


def _failed_step(fault: Fault) -> Step:
    return Step(name=Name.REACH, outcome=Outcome.FAILED, words=fault.message, fault=fault)


def readable(boxes: Iterable[Mailbox], steps: Iterable[Step]) -> list[Mailbox]:
    """Give the mailboxes whose folders were read, and of which nothing failed."""
    found = addresses_read(steps)
    return [box for box in boxes if box.address in found]


def _insist(case: _Case, tx: Transaction) -> tuple[Obstacle, ...]:
    """Switch on, whatever will come of it."""
    if case.wanted:
        enable_mailboxes(tx, case.integration, case.wanted, at=case.at, by=case.by)
    else:
        start(tx, case.integration, at=case.at, by=case.by)
    return ()


def _settle(case: _Case, steps: Sequence[Step], tx: Transaction) -> tuple[Obstacle, ...]:
    """Let go on what can be read, and write down what keeps the rest."""
    integration, at = case.integration, case.at
    failed = [step for step in steps if step.outcome is Outcome.FAILED]
    if case.wanted:
        well = readable(case.wanted, steps)
        if well:
            resume(tx, integration, (), at=at, by=case.by)
            enable_mailboxes(tx, integration, well, at=at, by=case.by)
        stopped = {one.address: one for one in case.wanted if one not in well}
        _write_down(tx, integration, stopped, failed, at)
        return _obstacles(failed, stopped)
    general = [step for step in failed if _is_general(step)]
    if not general:
        start(tx, case.integration, at=case.at, by=case.by)
        return ()
    _write_down(tx, integration, {}, general, at)
    return _obstacles(general, {})


def _is_general(step: Step) -> bool:
    """Tell what concerns every mailbox from what concerns one."""
    return step.mailbox is None or (
        step.fault is not None
        and (
            step.fault.scope is Scope.CONNECTION
            or policy.rule_for(step.fault).action is policy.Action.DISABLE_INTEGRATION
        )
    )


def _obstacles(failed: Iterable[Step], of: dict[str, Mailbox]) -> tuple[Obstacle, ...]:
    return tuple(
        Obstacle(
            mailbox=None if _is_general(step) else step.mailbox,
            code=step.fault.code if step.fault else str(step.name),
            message=_words(step),
            commands=step.remedy.commands if step.remedy else (),
            reason=policy.rule_for(step.fault).reason if step.fault else None,
        )
        for step in failed
        if _is_general(step) or step.mailbox in of
    )


def _words(step: Step) -> str:
    """Say what is wrong and what to do."""
    words = step.fault.message if step.fault else f"{step.words}."
    return f"{words} {step.remedy.words}" if step.remedy else words


def _write_down(
    tx: Transaction,
    integration: Integration,
    boxes: dict[str, Mailbox],
    failed: Sequence[Step],
    at: datetime,
) -> None:
    """Show from now on what the try has shown; when it began stays as it was."""
    for step in failed:
        if step.fault is None:
            continue
        box = boxes.get(step.mailbox or "")
        if _is_general(step) and not integration.enabled:
            known = integration.trouble
            integrations.set_trouble(tx, integration.id, _trouble(known, step, step.fault, at))
        elif box is not None:
            mailboxes.set_trouble(tx, box.id, _trouble(box.trouble, step, step.fault, at))
        log.info("still stopped", code=step.fault.code, mailbox=step.mailbox)


def _trouble(before: Trouble | None, step: Step, fault: Fault, at: datetime) -> Trouble:
    now = aftermath.occurrence(fault, at=at)
    return Trouble(
        code=fault.code,
        message=_words(step),
        since=before.since if before else at,
        reason=policy.rule_for(fault).reason,
        first=(before.first if before else None) or now,
        last=now,
    )


def _is_full(thing: Integration | Mailbox) -> bool:
    """Tell what a quota stopped: it goes on when that is raised, and not before."""
    return not thing.enabled and thing.disabled_reason is DisabledReason.QUOTA


def _full(thing: Integration | Mailbox) -> Obstacle:
    return Obstacle(
        mailbox=thing.address if isinstance(thing, Mailbox) else None,
        code=policy.QUOTA,
        message=thing.trouble.message if thing.trouble else "",
        reason=policy.rule(policy.QUOTA_SOURCE, policy.QUOTA).reason,
    )


def _lacking(integration: Integration) -> tuple[Obstacle, ...]:
    """Tell what is missing before Exchange can be asked at all: then there is nothing to try."""
    trouble = integration.trouble
    if trouble is None or not editing.was_lacking(integration):
        return ()
    return (
        Obstacle(mailbox=None, code=trouble.code, message=trouble.message, reason=trouble.reason),
    )


def is_stopped(thing: Integration | Mailbox) -> bool:
    """Tell what trouble stopped from what runs, and from what a person switched off."""
    return not thing.enabled and thing.disabled_reason not in (None, DisabledReason.USER)
