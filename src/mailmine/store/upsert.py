"""INSERT … ON CONFLICT, which both databases know and SQLAlchemy spells once for each."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert(tx: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Begin an INSERT that can be given an ON CONFLICT clause."""
    return sqlite.insert(table) if tx.dialect.name == "sqlite" else postgresql.insert(table)


def upsert(
    tx: Connection, table: Table, *, key: Collection[str], change: Collection[str]
) -> sqlite.Insert | postgresql.Insert:
    """Insert a row; where one has this `key`, replace its columns in `change` alone."""
    statement = insert(tx, table)
    new: Any = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=list(key), set_={name: new[name] for name in change}
    )
