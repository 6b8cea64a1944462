"""Tells when mailmine has nothing to do."""

from datetime import datetime

from sqlalchemy import func, select

from mailmine.store import deliveries, events, fills, schema, settings, turns, workers
from mailmine.store.database import Database
from mailmine.store.turns import Turn
from mailmine.sync.claiming import STAYS


def is_at_rest(database: Database, now: datetime) -> bool:
    """Tell whether all is done that is due by `now`: rounds, notifications, sources to be filled."""
    leased = schema.mailboxes.c.lease_owner.is_not(None)
    with database.read() as tx:
        # The one that is there leaves the mailboxes of one that was killed to it for a moment, and the clock stands still.
        known = [worker for worker, _ in workers.list_all(tx, now=now)]
        turn = Turn(owner=known[-1].id, patience=STAYS) if known else turns.ANY
        due_at = turns.next_due(tx, turn)
        return (
            (due_at is None or due_at > now)
            and not tx.execute(select(func.count()).where(leased)).scalar_one()
            and settings.get(tx, "notify.event") == str(events.last_id(tx))
            and not deliveries.is_due(tx, now)
            and not fills.list_all(tx)
        )
