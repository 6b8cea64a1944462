"""Which processes read mailboxes of this database, on whatever host: each says every few seconds that it is there.

Leases alone say who may read what. What one process is enough for is done by the one that is there longest: where two think so
for a while, or none, nothing is wrong or lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, and_, delete, func, select

from mailmine.store.schema import mailboxes, workers
from mailmine.store.upsert import upsert

SILENT: Final = timedelta(seconds=30)
"""A process that said nothing for so long is gone, as far as anybody knows: its leases have run out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A process, as it last said."""

    id: str
    """What its leases are owned by."""
    host: str
    pid: int
    version: str
    since: datetime
    seen_at: datetime
    taken_over: int
    """Mailboxes that it read on, after one that had gone away without giving them back."""
    has_room: bool = True
    """Whether its disk has room; without, it reads nothing."""


def put(tx: Connection, worker: Worker) -> None:
    """Say that it is there."""
    change = ("seen_at", "taken_over", "has_room")
    row = {field.name: getattr(worker, field.name) for field in fields(worker)}
    tx.execute(upsert(tx, workers, key=("id",), change=change).values(**row))


def leave(tx: Connection, worker_id: str) -> None:
    """Say that it is there no more."""
    tx.execute(delete(workers).where(workers.c.id == worker_id))


def forget(tx: Connection, *, before: datetime) -> None:
    """Forget those that said nothing since then."""
    tx.execute(delete(workers).where(workers.c.seen_at < before))


def forget_all(tx: Connection) -> None:
    """Forget all: none of them is there any more."""
    tx.execute(delete(workers))


def present(tx: Connection, *, now: datetime) -> tuple[Worker, ...]:
    """List those that were heard of lately, the one that is there longest first."""
    known = workers.c
    query = select(workers).where(known.seen_at > now - SILENT).order_by(known.since, known.id)
    return tuple(Worker(**row._asdict()) for row in tx.execute(query))


def is_first(worker_id: str | None, here: Sequence[Worker]) -> bool:
    """Whether a process is the one that is there longest; None: it is none of them, and asks nobody."""
    return worker_id is None or not here or here[0].id == worker_id


def list_all(tx: Connection, *, now: datetime) -> tuple[tuple[Worker, int], ...]:
    """List all that are known, oldest first, each with how many mailboxes it reads at this moment."""
    reads = and_(mailboxes.c.lease_owner == workers.c.id, mailboxes.c.lease_until > now)
    query = (
        select(*workers.c, func.count(mailboxes.c.id).label("reads_now"))
        .select_from(workers.outerjoin(mailboxes, reads))
        .group_by(*workers.c)
        .order_by(workers.c.since, workers.c.id)
    )
    found: list[tuple[Worker, int]] = []
    for row in tx.execute(query):
        values = row._asdict()
        reads_now = values.pop("reads_now")
        found.append((Worker(**values), reads_now))
    return tuple(found)
