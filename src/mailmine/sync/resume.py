"""What trouble stopped goes on, once it was seen that it can be read again."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection as Transaction

from mailmine.model.integration import DisabledReason, Integration, Mailbox
from mailmine.store import events, integrations, mailboxes, strikes


def resume(
    tx: Transaction, integration: Integration, readable: Iterable[Mailbox], *, at: datetime
) -> None:
    """Let an integration go on, and those of its mailboxes that were just read, as if nothing had been.

    What a person switched off stays off.
    """
    strikes.clear(tx, integration.id)
    if not integration.enabled and integration.disabled_reason is DisabledReason.SYNC_ERROR:
        integrations.set_enabled(tx, integration.id, enabled=True)
        events.append(tx, "integration_enabled", at=at, integration_id=integration.id)
    for mailbox in readable:
        held = strikes.of(tx, mailbox.id)
        strikes.clear(tx, mailbox.id)
        if not mailbox.enabled and mailbox.disabled_reason is DisabledReason.SYNC_ERROR:
            mailboxes.set_enabled(tx, mailbox.id, enabled=True)
            events.append(
                tx,
                "mailbox_enabled",
                at=at,
                integration_id=integration.id,
                mailbox_id=mailbox.id,
            )
        is_held = held is not None and held.hold_until is not None
        if is_held or mailbox.trouble is not None or integration.trouble is not None:
            mailboxes.wake(tx, mailbox.id, at)
