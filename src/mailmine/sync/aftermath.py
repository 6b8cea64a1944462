"""What a round that failed does to its mailbox and integration: the policy applied, in one transaction.

State, the trouble shown to people, the event and the next time are written together.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection as Transaction

from mailmine.exchange.faults import Fault, Scope, Where
from mailmine.model.integration import DisabledReason, Integration, Mailbox, Occurrence, Trouble
from mailmine.store import events, integrations, leases, mailboxes, strikes
from mailmine.store.leases import Lease, Release
from mailmine.store.strikes import Strikes
from mailmine.sync import dangers, patience, policy
from mailmine.sync.claiming import exchange_of
from mailmine.sync.policy import Action, Rule

Pause = Callable[[int, timedelta | None], timedelta]
"""How long to stay away after so many failures in a row, and the server's own wish."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Case:
    """One failed round."""

    round_id: str
    mailbox: Mailbox
    integration: Integration
    fault: Fault
    rule: Rule
    at: datetime

    @property
    def is_of_integration(self) -> bool:
        """Every mailbox of the integration is concerned."""
        if self.rule.action is Action.DISABLE_MAILBOX:
            return False
        return (
            self.fault.scope is Scope.CONNECTION or self.rule.action is Action.DISABLE_INTEGRATION
        )

    def detail(self, trouble: Trouble) -> events.Detail:
        """Say what happened; in which round, as its log lines name it; and Exchange's name for the request."""
        return {
            "code": trouble.code,
            "message": trouble.message,
            "round": self.round_id,
            "request": self.fault.request_id,
            "server": self.fault.server,
        }


def failed(
    tx: Transaction,
    lease: Lease,
    mailbox: Mailbox,
    integration: Integration,
    fault: Fault,
    *,
    at: datetime,
    pause: Pause,
) -> bool:
    """Write down that a round failed because of `fault`, do what the policy says, give the lease back.

    Tells whether the integration is off now.
    """
    leases.guard(tx, lease)
    rule = patience.read(tx).rule(policy.rule_for(fault))
    case = _Case(lease.round_id, mailbox, integration, fault, rule, at)
    counted = _count(tx, case, pause)
    if case.is_of_integration:
        _hold_exchange(tx, case)
        _tell_integration(tx, case, counted)
    else:
        _tell_mailbox(tx, case, counted)
    hold = counted.hold_until or at + pause(counted.times, fault.retry_after)
    leases.release(tx, Release(lease=lease, next_due_at=hold, round_ended_at=None))
    known = integrations.by_id(tx, integration.id)
    return known is None or not known.enabled


def went_well(
    tx: Transaction,
    given_back: Release,
    mailbox: Mailbox,
    integration: Integration,
    *,
    at: datetime,
    had_strikes: bool = True,
) -> None:
    """Write down that a round reached its end: what was wrong before is over.

    Where nothing was when it began (`had_strikes`), nothing is cleared: what came since is not over. Nor is what
    stopped the mailbox or the integration since.
    """
    if had_strikes:
        strikes.clear(tx, mailbox.id, integration.id)
    if mailbox.trouble is not None and _as_is(tx, mailbox).enabled:
        mailboxes.set_trouble(tx, mailbox.id, None)
        events.append(
            tx,
            "mailbox_mended",
            at=at,
            integration_id=integration.id,
            mailbox_id=mailbox.id,
            detail=_over(mailbox.trouble, given_back.lease),
        )
    known = integrations.by_id(tx, integration.id)
    if integration.trouble is not None and known is not None and known.enabled:
        integrations.set_trouble(tx, integration.id, None)
        events.append(
            tx,
            "integration_mended",
            at=at,
            integration_id=integration.id,
            detail=_over(integration.trouble, given_back.lease),
        )
    leases.release(tx, given_back)


def _over(trouble: Trouble, lease: Lease) -> events.Detail:
    return {
        "code": trouble.code,
        "since": trouble.since.isoformat(),
        "round": lease.round_id,
    }


def failed_too_much(
    tx: Transaction,
    lease: Lease,
    mailbox: Mailbox,
    integration: Integration,
    *,
    failed: int,
    until: datetime,
    at: datetime,
) -> None:
    """Write down that a round reached its end, and that so many emails failed that the mailbox is left alone `until` then."""
    given_back = Release(lease=lease, next_due_at=until, round_ended_at=at)
    went_well(tx, given_back, mailbox, integration, at=at)
    paused = Strikes(
        code=dangers.Code.FAILED_ITEMS, times=failed, since=at, last_at=at, hold_until=until
    )
    strikes.put(tx, mailbox.id, paused)


def _count(tx: Transaction, case: _Case, pause: Pause) -> Strikes:
    """Count this failure with those before it, and say until when nothing is asked.

    Of the integration's failures only one counts until its hold is over: rounds that were under way
    together, or that were not let out at all (a refused password is held back), say nothing new.
    """
    subject = case.integration.id if case.is_of_integration else case.mailbox.id
    code, at = case.fault.code, case.at
    before = strikes.of(tx, subject)
    if before is None or before.code != code:
        counted = Strikes(code=code, times=1, since=at, last_at=at, hold_until=None)
    elif _says_nothing_new(case, before):
        counted = before
    else:
        counted = replace(before, times=before.times + 1, last_at=at)
    until = at + pause(counted.times, case.fault.retry_after)
    if case.is_of_integration:
        counted = replace(counted, hold_until=max(until, counted.hold_until or until))
    strikes.put(tx, subject, counted)
    return counted


def _hold_exchange(tx: Transaction, case: _Case) -> None:
    """Let all processes leave the Exchange alone for as long as it asked, whichever integration it told."""
    if case.fault.retry_after is None or not policy.is_wish_for_pause(case.fault):
        return
    exchange = exchange_of(case.integration.connection)
    before = strikes.of(tx, exchange)
    until = case.at + case.fault.retry_after
    if before is not None and before.hold_until is not None:
        until = max(until, before.hold_until)
    held = Strikes(code=case.fault.code, times=1, since=case.at, last_at=case.at, hold_until=until)
    strikes.put(tx, exchange, held)


def _says_nothing_new(case: _Case, before: Strikes) -> bool:
    if not case.is_of_integration:
        return False
    was_held_back = (
        case.rule.action is Action.DISABLE_INTEGRATION and case.fault.retry_after is not None
    )
    is_held = before.hold_until is not None and case.at < before.hold_until
    return was_held_back or is_held


def _trouble(case: _Case, counted: Strikes, before: Trouble | None) -> Trouble:
    """Say what is wrong: since when, how it showed first, and how last."""
    fault = case.fault
    now = occurrence(fault, at=case.at)
    known = before if before is not None and before.code == fault.code else None
    return Trouble(
        code=fault.code,
        message=f"{fault.message} {case.rule.remedy}",
        since=counted.since,
        reason=case.rule.reason,
        first=(known.first if known else None) or now,
        # What was not asked anew, for it was held back, says nothing new.
        last=now if counted.last_at == case.at or known is None else known.last,
    )


def occurrence(fault: Fault, *, at: datetime) -> Occurrence:
    """Write down that it went wrong once."""
    return Occurrence(
        at=at,
        code=fault.code,
        message=fault.message,
        server=fault.server,
        request_id=fault.request_id,
    )


def _tell_mailbox(tx: Transaction, case: _Case, counted: Strikes) -> None:
    mailbox, rule = _as_is(tx, case.mailbox), case.rule
    if not mailbox.enabled:
        return  # a person or a quota stopped it meanwhile: it stays with that
    trouble = _trouble(case, counted, mailbox.trouble)
    is_over = rule.action is Action.DISABLE_MAILBOX and policy.is_due(
        rule, times=counted.times, since=counted.since, now=case.at
    )
    if is_over:
        reason = DisabledReason.SYNC_ERROR
        mailboxes.set_enabled(tx, mailbox.id, enabled=False, reason=reason, trouble=trouble)
        log.error("mailbox disabled", code=trouble.code, times=counted.times)
    elif trouble != mailbox.trouble:
        mailboxes.set_trouble(tx, mailbox.id, trouble)
    if is_over or mailbox.trouble is None or mailbox.trouble.code != trouble.code:
        events.append(
            tx,
            "mailbox_disabled" if is_over else "mailbox_troubled",
            at=case.at,
            integration_id=case.integration.id,
            mailbox_id=mailbox.id,
            detail=case.detail(trouble),
        )


def _as_is(tx: Transaction, mailbox: Mailbox) -> Mailbox:
    """Give a mailbox as it is by now, and not as it was when the round began."""
    return mailboxes.by_id(tx, mailbox.id) or mailbox


def _tell_integration(tx: Transaction, case: _Case, counted: Strikes) -> None:
    integration, rule = case.integration, case.rule
    known = integrations.by_id(tx, integration.id) or integration
    trouble = _trouble(case, counted, known.trouble)
    is_over = rule.action is Action.DISABLE_INTEGRATION and policy.is_due(
        rule, times=counted.times, since=counted.since, now=case.at
    )
    if is_over and known.enabled:
        reason = DisabledReason.SYNC_ERROR
        integrations.set_enabled(tx, integration.id, enabled=False, reason=reason, trouble=trouble)
        log.error("integration disabled", code=trouble.code, times=counted.times)
    elif trouble != known.trouble and known.enabled:
        integrations.set_trouble(tx, integration.id, trouble)
    is_news = known.trouble is None or known.trouble.code != trouble.code
    if known.enabled and (is_over or is_news):
        events.append(
            tx,
            "integration_disabled" if is_over else "integration_troubled",
            at=case.at,
            integration_id=integration.id,
            detail=case.detail(trouble),
        )


def fault_of_bug(error: Exception) -> Fault:
    """Say that mailmine itself failed; only the kind of error is told, its words may hold words of an email."""
    return Fault(
        where=Where.CLIENT,
        code=policy.BUG,
        message=f"mailmine failed at this mailbox ({type(error).__name__}).",
        scope=Scope.MAILBOX,
    )


def fault_of_secret(error: Exception) -> Fault:
    """Say that the integration's password cannot be had."""
    return Fault(
        where=Where.CLIENT,
        code=policy.SECRET_MISSING,
        message=str(error),
        scope=Scope.CONNECTION,
        retry_after=timedelta(seconds=30),
    )
