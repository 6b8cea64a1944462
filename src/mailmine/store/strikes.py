"""How often in a row something went wrong with a mailbox or an integration, and until when it is left alone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from mailmine.model.ids import IntegrationId, MailboxId
from mailmine.store.schema import strikes
from mailmine.store.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class Strikes:
    """What went wrong in a row, the same each time."""

    code: str
    times: int
    since: datetime
    last_at: datetime
    hold_until: datetime | None
    """Nothing is asked before."""


def of(tx: Connection, subject: MailboxId | IntegrationId) -> Strikes | None:
    """Give what went wrong since it last went well."""
    row = tx.execute(select(strikes).where(strikes.c.subject == subject)).one_or_none()
    return None if row is None else _strikes(row)


def holding(tx: Connection, code: str) -> dict[str, Strikes]:
    """Give what went wrong with this code, by the id of the mailbox or the integration."""
    rows = tx.execute(select(strikes).where(strikes.c.code == code))
    return {row.subject: _strikes(row) for row in rows}


def put(tx: Connection, subject: MailboxId | IntegrationId, value: Strikes) -> None:
    """Write down what went wrong."""
    change = ("code", "times", "since", "last_at", "hold_until")
    statement = upsert(tx, strikes, key=("subject",), change=change)
    row = {name: getattr(value, name) for name in change}
    tx.execute(statement, [{"subject": subject, **row}])


def clear(tx: Connection, subject: MailboxId | IntegrationId) -> None:
    """Forget what went wrong: it goes well again, or something was mended."""
    tx.execute(delete(strikes).where(strikes.c.subject == subject))


def _strikes(row: Row[Any]) -> Strikes:
    return Strikes(
        code=row.code,
        times=row.times,
        since=row.since,
        last_at=row.last_at,
        hold_until=row.hold_until,
    )
