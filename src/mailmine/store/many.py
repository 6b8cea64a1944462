"""Many rows of one table in one statement of PostgreSQL, which else carries out one for each of them.

SQLite, which is no other process, takes them one by one at the same cost.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, CursorResult, Insert, Table, bindparam, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from mailmine.store.text import clean
from mailmine.store.upsert import upsert

Row = Mapping[str, Any]
"""A value for each of the same columns."""


def put(
    tx: Connection,
    table: Table,
    rows: Sequence[Row],
    *,
    key: Collection[str],
    change: Collection[str],
) -> None:
    """Insert at least one row; where one has this `key`, replace its columns in `change` alone.

    Of several rows with one key the last counts.
    """
    # PostgreSQL refuses to write one twice in a statement.
    each = {tuple(_kept(row[name]) for name in key): row for row in rows}
    execute(tx, upsert(tx, table, key=key, change=change), list(each.values()))


def execute(tx: Connection, statement: Insert, rows: Sequence[Row]) -> CursorResult[Any]:
    """Carry out an INSERT of at least one row, in the order of `rows`."""
    if tx.dialect.name == "sqlite":
        return tx.execute(statement, rows)
    names = list(rows[0])
    types = statement.table.c
    each = func.unnest(*(bindparam(name, type_=ARRAY(types[name].type)) for name in names))
    taken = select(each.table_valued(*map(column, names)).render_derived())
    values = {name: [row[name] for row in rows] for name in names}
    return tx.execute(statement.from_select(names, taken), values)


def copy(tx: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert at least one row, none of which may be there: of all ways the quickest.

    What goes wrong in PostgreSQL is its driver's error, which `Database.write` translates.
    """
    if tx.dialect.name == "sqlite":
        tx.execute(table.insert(), rows)
        return
    columns = [table.c[name] for name in rows[0]]
    types = [each.type.dialect_impl(tx.dialect) for each in columns]
    prepare = [each.bind_processor(tx.dialect) or _as_it_is for each in types]
    named = list(zip(rows[0], prepare, strict=True))
    names = ", ".join(map(tx.dialect.identifier_preparer.format_column, columns))
    into = f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)"
    driver = cast("psycopg.Connection[Any]", tx.connection.driver_connection)
    with driver.cursor() as cursor, cursor.copy(into.encode()) as copying:
        copying.set_types([each.compile(tx.dialect).lower() for each in types])
        for row in rows:
            copying.write_row([prepared(row[name]) for name, prepared in named])


def _kept(value: object) -> object:
    """Give a value as its column does."""
    return clean(value) if isinstance(value, str) else value


def _as_it_is(value: object) -> object:
    return value
