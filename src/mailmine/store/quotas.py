"""How much of each kind there may be. What has no row has no limit but the default of its kind."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from mailmine.store.schema import quotas
from mailmine.store.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The limit of one kind."""

    kind: str
    hard_limit: int
    auto_increase_up_to: int | None


def list_all(tx: Connection) -> dict[str, Quota]:
    """All that were set, by kind."""
    return {row.kind: Quota(**row._asdict()) for row in tx.execute(select(quotas))}


def put(tx: Connection, quota: Quota) -> None:
    """Set one."""
    change = ("hard_limit", "auto_increase_up_to")
    tx.execute(
        upsert(tx, quotas, key=("kind",), change=change).values(
            kind=quota.kind,
            hard_limit=quota.hard_limit,
            auto_increase_up_to=quota.auto_increase_up_to,
        )
    )


def remove(tx: Connection, kind: str) -> None:
    """Go back to the default."""
    tx.execute(delete(quotas).where(quotas.c.kind == kind))
