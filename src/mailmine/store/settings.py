"""Settings that the server keeps for itself, by name."""

from sqlalchemy import Connection, select, update

from mailmine.store.schema import settings
from mailmine.store.upsert import insert, upsert


def get(tx: Connection, name: str) -> str | None:
    """Find a setting."""
    query = select(settings.c.value).where(settings.c.name == name)
    return tx.execute(query).scalar_one_or_none()


def put(tx: Connection, name: str, value: str) -> None:
    """Keep a setting."""
    tx.execute(
        upsert(tx, settings, key=("name",), change=("value",)).values(name=name, value=value)
    )


def swap(tx: Connection, name: str, *, old: str | None, new: str) -> bool:
    """Replace `old` (None: nothing) by `new`, and keep others from swapping it until the end of `tx`.

    False where it is not `old` any more.
    """
    if old is None:
        fresh = insert(tx, settings).values(name=name, value=new).on_conflict_do_nothing()
        return tx.execute(fresh.returning(settings.c.name)).one_or_none() is not None
    mine = (settings.c.name == name) & (settings.c.value == old)
    return tx.execute(update(settings).where(mine).values(value=new)).rowcount == 1
