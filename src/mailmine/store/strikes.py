"""How often in a row something went wrong with a mailbox, an integration or an Exchange, and until when it is left alone."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from mailmine.model.ids import ExchangeId, IntegrationId, MailboxId
from mailmine.store.schema import strikes
from mailmine.store.upsert import upsert

Subject = MailboxId | IntegrationId | ExchangeId


@dataclass(frozen=True, slots=True, kw_only=True)
class Strikes:
    """What went wrong in a row, the same each time."""

    code: str
    times: int
    since: datetime
    last_at: datetime
    hold_until: datetime | None
    """Nothing is asked before."""


def of(tx: Connection, subject: Subject) -> Strikes | None:
    """Give what went wrong since it last went well."""
    row = tx.execute(select(strikes).where(strikes.c.subject == subject)).one_or_none()
    return None if row is None else _strikes(row)


def of_all(tx: Connection, subjects: Collection[str]) -> dict[str, Strikes]:
    """Give what went wrong with each of these."""
    rows = tx.execute(select(strikes).where(strikes.c.subject.in_(subjects)))
    return {row.subject: _strikes(row) for row in rows}


def holding(tx: Connection, code: str) -> dict[str, Strikes]:
    """Give what went wrong with this code, by the id of the mailbox or the integration."""
    rows = tx.execute(select(strikes).where(strikes.c.code == code))
    return {row.subject: _strikes(row) for row in rows}


def put(tx: Connection, subject: Subject, value: Strikes) -> None:
    """Write down what went wrong."""
    change = ("code", "times", "since", "last_at", "hold_until")
    statement = upsert(tx, strikes, key=("subject",), change=change)
    row = {name: getattr(value, name) for name in change}
    tx.execute(statement, [{"subject": subject, **row}])


def clear(tx: Connection, *subjects: Subject) -> None:
    """Forget what went wrong: it goes well again, or something was mended."""
    tx.execute(delete(strikes).where(strikes.c.subject.in_(subjects)))


def end_pauses(tx: Connection, subjects: Collection[Subject], now: datetime) -> None:
    """Forget what went wrong with those of `subjects` that need not be left alone any more."""
    is_over = strikes.c.hold_until <= now  # another may have been told meanwhile to wait longer
    tx.execute(delete(strikes).where(strikes.c.subject.in_(subjects), is_over))


def put_right(tx: Connection, *, after: datetime) -> None:
    """Forget pauses that end only `after` then: the clock was wrong when they were asked for."""
    tx.execute(update(strikes).where(strikes.c.hold_until > after).values(hold_until=None))


def _strikes(row: Row[Any]) -> Strikes:
    return Strikes(
        code=row.code,
        times=row.times,
        since=row.since,
        last_at=row.last_at,
        hold_until=row.hold_until,
    )
