"""`column IN (…)` of however many values as one parameter.

A parameter for each value makes another statement for each number of them: SQLAlchemy and psycopg write it anew each time,
which takes longer than PostgreSQL's answer, and nothing can be prepared.
"""

from collections.abc import Collection
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, ColumnElement, Connection, cast, func, literal, select
from sqlalchemy.dialects.postgresql import JSON

from mailmine.store.text import clean


def of_one(tx: Connection, column: Column[Any], value: object) -> ColumnElement[bool]:
    """Choose the rows of one of those who share a table: of a source, a bucket, a mailbox or a folder.

    PostgreSQL takes an owner that came after it last looked at the table for one of hardly any rows. It then reads all of
    them to find those that `among` asks for, by whatever index is smallest. Of an owner whom it does not see when it plans it
    supposes as many rows as of the others.
    """
    if tx.dialect.name == "sqlite":
        return column == value
    return column == select(literal(value, column.type)).scalar_subquery()


def among(tx: Connection, column: Column[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """Choose the rows whose `column`, of text or whole numbers, is one of these."""
    is_number = isinstance(column.type, BigInteger)
    listed = orjson.dumps([one if is_number else clean(one) for one in values]).decode()
    if tx.dialect.name == "sqlite":
        each = func.json_each(literal(listed)).table_valued("value")
        return column.in_(select(each.c.value))
    one_by_one = func.json_array_elements_text(cast(literal(listed), JSON))
    every = select(cast(one_by_one, BigInteger) if is_number else one_by_one).scalar_subquery()
    return column == func.any(func.array(every))
