"""How many rows there are, about: to count millions exactly PostgreSQL reads an index from end to end, for each page that shows it.

Up to `EXACT` rows are counted. Beyond, PostgreSQL's planner tells how many it expects, by the statistics that it keeps anyway.
SQLite keeps none, and is counted.
"""

from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, func, literal, select, text

EXACT: Final = 20_000
"""Rows that are counted, which takes some milliseconds."""
DIGITS: Final = 2
"""Of an estimate, that are not noughts."""


class About(int):
    """A number that was estimated; so is what is added to it."""

    def __add__(self, other: int) -> "About":
        return About(int(self) + int(other))

    __radd__ = __add__


def count(tx: Connection, table: Table, column: ColumnElement[str], value: str) -> int:
    """Count the rows of a table whose `column` has this value; an `About` where that would take long."""
    rows = select(literal(1)).select_from(table).where(column == value)
    if tx.dialect.name == "sqlite":
        return tx.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
    some = rows.limit(EXACT).subquery()
    number = tx.execute(select(func.count()).select_from(some)).scalar_one()
    if number < EXACT:
        return number
    asked = f"EXPLAIN (FORMAT JSON) SELECT 1 FROM {table.name} WHERE {column.name} = :value"  # noqa: S608 - our names
    (plan,) = tx.execute(text(asked), {"value": value}).scalar_one()
    return About(_rounded(max(EXACT, int(plan["Plan"]["Plan Rows"]))))


def _rounded(number: int) -> int:
    return round(number, DIGITS - len(str(number)))
