"""Tells when mailmine has nothing to do."""

from datetime import datetime

from sqlalchemy import func, select

from mailmine.store import deliveries, events, fills, mailboxes, schema, settings
from mailmine.store.database import Database


def is_at_rest(database: Database, now: datetime) -> bool:
    """Tell whether all is done that is due by `now`: rounds, notifications, sources to be filled."""
    leased = schema.mailboxes.c.lease_owner.is_not(None)
    with database.read() as tx:
        due_at = mailboxes.next_due(tx)
        return (
            (due_at is None or due_at > now)
            and not tx.execute(select(func.count()).where(leased)).scalar_one()
            and settings.get(tx, "notify.event") == str(events.last_id(tx))
            and not deliveries.is_due(tx, now)
            and not fills.list_all(tx)
        )
