"""What was stopped goes on, as if nothing had been: from where it was, and with nothing counted against it."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection as Transaction

from mailmine.model.ids import UserId
from mailmine.model.integration import DisabledReason, Integration, Mailbox
from mailmine.store import events, integrations, mailboxes, strikes


def resume(
    tx: Transaction,
    integration: Integration,
    readable: Iterable[Mailbox],
    *,
    at: datetime,
    by: UserId | None = None,
    also_by_choice: bool = False,
) -> None:
    """Let an integration go on, and those of its mailboxes that were just read.

    What a person switched off stays off, unless it is the integration and he wants it back: `also_by_choice`. What
    counts is how they are now: to read them took a while.
    """
    found = integrations.by_id(tx, integration.id)
    if found is None:
        return
    integration = found
    strikes.clear(tx, integration.id)
    if not integration.enabled and (
        also_by_choice or integration.disabled_reason is DisabledReason.SYNC_ERROR
    ):
        integrations.set_enabled(tx, integration.id, enabled=True)
        detail = _of(integration)
        events.append(
            tx,
            "integration_enabled",
            at=at,
            integration_id=integration.id,
            user_id=by,
            detail=detail,
        )
    for mailbox in filter(None, [mailboxes.by_id(tx, one.id) for one in readable]):
        if not mailbox.enabled and mailbox.disabled_reason is DisabledReason.SYNC_ERROR:
            enable_mailboxes(tx, integration, (mailbox,), at=at, by=by)
            continue
        held = strikes.of(tx, mailbox.id)
        strikes.clear(tx, mailbox.id)
        is_held = held is not None and held.hold_until is not None
        if is_held or mailbox.trouble is not None or integration.trouble is not None:
            mailboxes.wake(tx, mailbox.id, at)


def start(
    tx: Transaction, integration: Integration, *, at: datetime, by: UserId | None = None
) -> None:
    """Switch an integration on, whatever stopped it, and let its mailboxes be read at once."""
    running = [one for one in mailboxes.of_integration(tx, integration.id) if one.enabled]
    resume(tx, integration, running, at=at, by=by, also_by_choice=True)


def enable_mailboxes(
    tx: Transaction,
    integration: Integration,
    wanted: Iterable[Mailbox],
    *,
    at: datetime,
    by: UserId | None = None,
) -> None:
    """Switch mailboxes on, and let them be read at once; their integration stays as it is."""
    for mailbox in wanted:
        strikes.clear(tx, mailbox.id)
        mailboxes.set_enabled(tx, mailbox.id, enabled=True)
        events.append(
            tx,
            "mailbox_enabled",
            at=at,
            integration_id=integration.id,
            mailbox_id=mailbox.id,
            user_id=by,
            detail=_of(integration) | {"mailbox": mailbox.address},
        )
        mailboxes.wake(tx, mailbox.id, at)


def _of(integration: Integration) -> dict[str, str | int | float | bool | None]:
    return {"project": integration.project, "name": integration.name}
