"""Settings that the server keeps for itself, by name."""

from sqlalchemy import Connection, select

from mailmine.store.schema import settings
from mailmine.store.upsert import upsert


def get(tx: Connection, name: str) -> str | None:
    """Find a setting."""
    query = select(settings.c.value).where(settings.c.name == name)
    return tx.execute(query).scalar_one_or_none()


def put(tx: Connection, name: str, value: str) -> None:
    """Keep a setting."""
    tx.execute(
        upsert(tx, settings, key=("name",), change=("value",)).values(name=name, value=value)
    )
