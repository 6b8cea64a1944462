"""Secrets as ciphertext; the key is not here. Encrypting is the business of `access`."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, select

from mailmine.store.schema import secrets
from mailmine.store.upsert import upsert


def put(tx: Connection, name: str, ciphertext: bytes, key_id: str, *, at: datetime) -> None:
    """Keep a secret under `name`, instead of the one before."""
    change = ("ciphertext", "key_id", "updated_at")
    tx.execute(
        upsert(tx, secrets, key=("name",), change=change).values(
            name=name, ciphertext=ciphertext, key_id=key_id, updated_at=at
        )
    )


def get(tx: Connection, name: str) -> tuple[bytes, str] | None:
    """Find a secret: its ciphertext, and which key it was encrypted with."""
    query = select(secrets.c.ciphertext, secrets.c.key_id).where(secrets.c.name == name)
    row = tx.execute(query).one_or_none()
    return None if row is None else (row.ciphertext, row.key_id)


def get_all(tx: Connection, names: Collection[str]) -> dict[str, tuple[bytes, str]]:
    """Find secrets by their names; those that are not there are left out."""
    columns = secrets.c
    query = select(columns.name, columns.ciphertext, columns.key_id)
    rows = tx.execute(query.where(columns.name.in_(names)))
    return {row.name: (row.ciphertext, row.key_id) for row in rows}


def names(tx: Connection) -> dict[str, str]:
    """List all secrets by name, each with the id of the key that it was encrypted with."""
    query = select(secrets.c.name, secrets.c.key_id).order_by(secrets.c.name)
    return {row.name: row.key_id for row in tx.execute(query)}


def remove(tx: Connection, name: str) -> None:
    """Forget a secret."""
    tx.execute(delete(secrets).where(secrets.c.name == name))
