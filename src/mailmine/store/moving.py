"""Takes what one database holds to another of any kind: rows as they are, with their ids and numbers.

Rows are compared by their primary keys, piece by piece: what is missing is added, what differs is replaced, what is
gone is taken away. So nothing has to be remembered: broken off anywhere, the same goes on, and a second time over
what has changed meanwhile costs little more than reading. The search index is not copied but made again.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Row,
    Table,
    bindparam,
    delete,
    false,
    func,
    select,
    text,
    tuple_,
)
from sqlalchemy.types import TypeDecorator

from mailmine.model import wire
from mailmine.model.ids import ContentHash, SourceId
from mailmine.store import schema, search_index, settings
from mailmine.store.database import Database
from mailmine.store.errors import NotFound, StoreError
from mailmine.store.upsert import insert, upsert

PIECE = 500
"""Rows at a time: some megabytes at most."""

MARK = "move"
"""The setting that a target has until it holds everything: which source comes to it."""

Told = Callable[[str, int], None]
"""Is told of which table how many rows more were looked at."""


class TargetInUse(StoreError):
    """The target holds something that does not come from this source."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What a table holds, whatever the order: how many rows, and the sum of the hashes of all."""

    rows: int
    total: int


def _plain(table: Table) -> Table:
    """Give a table whose values come as the drivers give them: nothing is understood, so nothing can be lost."""

    def raw(column: Column[Any]) -> Any:
        kind = column.type
        return kind.impl_instance if isinstance(kind, TypeDecorator) else kind

    columns = [
        Column(column.name, raw(column), primary_key=column.primary_key, autoincrement=False)
        for column in table.columns
    ]
    return Table(table.name, MetaData(), *columns)


TABLES: Mapping[str, Table] = {table.name: _plain(table) for table in schema.metadata.sorted_tables}
"""Each after those that it refers to."""

_REFERRED_TO = frozenset(
    key.column.table.name for table in schema.metadata.sorted_tables for key in table.foreign_keys
)

_NUMBERED = ("folders", "emails", "comments", "events")
"""Tables whose rows PostgreSQL numbers by a sequence of the column."""

_CONTENTS = (("attachments", "content_hash"), ("comment_attachments", "content_hash"))


def begin(target: Database, source_name: str) -> None:
    """Make sure that a target is empty or was begun by this source, and mark it. Raises TargetInUse."""
    with target.write() as tx:
        mark = settings.get(tx, MARK)
        if mark == source_name:
            return
        holds = [
            name
            for name, table in TABLES.items()
            if name != "settings" and tx.execute(select(table).limit(1)).first() is not None
        ]
        if mark is not None or holds:
            raise TargetInUse(
                "The database to move to holds another installation already "
                f"({', '.join(holds[:3]) or 'begun by another move'}). Give an empty one."
            )
        settings.put(tx, MARK, source_name)


def is_unfinished(tx: Connection) -> bool:
    """Tell whether a database is one to which not everything has come yet."""
    return settings.get(tx, MARK) is not None


def end(target: Database) -> None:
    """Let the target be an installation like any other."""
    with target.write() as tx:
        tx.execute(delete(schema.settings).where(schema.settings.c.name == MARK))


def copy(source: Connection, target: Database, told: Told) -> int:
    """Make the target hold what the source does; says how many rows were written or taken away.

    `source` should see one state of its data all the time. Each piece is committed as it comes.
    """
    written, referred = 0, list[Table]()
    for table in reversed(tuple(TABLES.values())):
        try:
            written += _take_away(source, target, table)
        except NotFound:  # a row that stays refers to it still, and will not when it is brought
            referred.append(table)
    for table in TABLES.values():
        written += _bring(source, target, table, told)
    for table in referred:
        written += _take_away(source, target, table)
    _count_on(source, target)
    return written


def count(tx: Connection) -> int:
    """Count the rows of all tables."""
    sizes = (select(func.count()).select_from(table) for table in TABLES.values())
    return sum(tx.execute(size).scalar_one() for size in sizes)


def digest(tx: Connection, told: Told) -> dict[str, Digest]:
    """Sum up each table."""
    found = dict[str, Digest]()
    for name, table in TABLES.items():
        rows = total = 0
        for piece in _pieces(tx, table):
            rows += len(piece)
            total += sum(map(_hash, piece))
            told(name, len(piece))
        found[name] = Digest(rows, total % (1 << 128))
    return found


def is_index_whole(tx: Connection) -> bool:
    """Tell whether PostgreSQL's search index holds each comment."""
    indexed = tx.execute(text("SELECT count(*) FROM comment_words")).scalar_one()
    return bool(indexed == tx.execute(select(func.count()).select_from(schema.comments)).scalar())


def contents(tx: Connection) -> Iterator[ContentHash]:
    """Name all contents that something refers to; one may come more than once."""
    for name, column in (*_CONTENTS, ("emails", "raw")):
        table = TABLES[name]
        for piece in _pieces(tx, table, columns=(table.c[column],)):
            yield from (ContentHash(row[0]) for row in piece if row[0])


def _take_away(source: Connection, target: Database, table: Table) -> int:
    """Take away what the source does not hold, and what could stand in the way of what comes.

    What differs is taken away, too, where nothing refers to it: a new row may have its name or its place. Raises NotFound
    where a row that stays refers to one that is to go.
    """
    gone, after = 0, None
    while True:
        with target.write() as tx:
            piece = _piece(tx, table, after)
            if not piece:
                return gone
            after = _key(table, piece[-1])
            there = _by_key(source, table, piece)
            wrong = [
                row
                for row in piece
                if (known := there.get(_key(table, row))) is None
                or (table.name not in _REFERRED_TO and tuple(known) != tuple(row))
            ]
            gone += len(wrong)
            if table.name == "comments":
                _index(tx, wrong, search_index.remove)
            if wrong:
                keys = [_key(table, row) for row in wrong]
                tx.execute(delete(table).where(_among(table, keys)))


def _bring(source: Connection, target: Database, table: Table, told: Told) -> int:
    """Add what is missing, and replace what differs."""
    written = 0
    names = [column.name for column in table.columns]
    key = [column.name for column in table.primary_key]
    for piece in _pieces(source, table):
        with target.write() as tx:
            there = _by_key(tx, table, piece)
            new = [row for row in piece if tuple(there.get(_key(table, row), ())) != tuple(row)]
            if new:
                rest = [name for name in names if name not in key]
                put = (
                    upsert(tx, table, key=key, change=rest)
                    if rest
                    else insert(tx, table).on_conflict_do_nothing()
                )
                tx.execute(put, [row._asdict() for row in new])
                if table.name == "comments":
                    _index(tx, new, search_index.remove)  # what an earlier row with this place left
                    _index(tx, new, search_index.index)
                written += len(new)
        told(table.name, len(piece))
    return written


def _index(tx: Connection, rows: Sequence[Row[Any]], change: Callable[..., None]) -> None:
    by_source: dict[str, list[tuple[int, Any]]] = {}
    for row in rows:
        one = (row.time_key, wire.decode(row.json))
        by_source.setdefault(row.source_id, []).append(one)
    for source_id, found in by_source.items():
        change(tx, SourceId(source_id), found)


def _pieces(
    tx: Connection, table: Table, columns: Sequence[Column[Any]] = ()
) -> Iterator[Sequence[Row[Any]]]:
    after = None
    while piece := _piece(tx, table, after, columns):
        yield piece
        after = _key(table, piece[-1])


def _piece(
    tx: Connection,
    table: Table,
    after: tuple[Any, ...] | None,
    columns: Sequence[Column[Any]] = (),
) -> Sequence[Row[Any]]:
    """Give the next rows in the database's own order, which need not be that of the other."""
    key = tuple(table.primary_key)
    query = select(*(columns or table.columns), *(key if columns else ()))
    if table.name == "settings":
        query = query.where(table.c.name != MARK)
    if after is not None:
        query = query.where(tuple_(*key) > tuple_(*map(_bound, key, after)))
    return tx.execute(query.order_by(*key).limit(PIECE)).all()


def _bound(column: Column[Any], value: Any) -> Any:
    return bindparam(None, value, type_=column.type)


def _by_key(
    tx: Connection, table: Table, like: Sequence[Row[Any]]
) -> dict[tuple[Any, ...], Row[Any]]:
    """Find the rows that have the keys of these."""
    keys = [_key(table, row) for row in like]
    found = tx.execute(select(table).where(_among(table, keys)))
    return {_key(table, row): row for row in found}


def _among(table: Table, keys: Sequence[tuple[Any, ...]]) -> Any:
    columns = tuple(table.primary_key)
    if len(columns) == 1:
        return columns[0].in_([key for (key,) in keys])
    return tuple_(*columns).in_(keys)


def _key(table: Table, row: Row[Any]) -> tuple[Any, ...]:
    named = row._asdict()  # a column may be called `index`, which a row has as a method
    return tuple(named[column.name] for column in table.primary_key)


def _hash(row: Row[Any]) -> int:
    shown = "\x00".join(value.hex() if isinstance(value, bytes) else repr(value) for value in row)
    return int.from_bytes(hashlib.blake2b(shown.encode(), digest_size=16).digest())


def _count_on(source: Connection, target: Database) -> None:
    """Let the target number new rows behind all that the source ever numbered."""
    with target.write() as tx:
        for name in _NUMBERED:
            (key,) = TABLES[name].primary_key
            highest = source.execute(select(func.max(key, type_=Integer()))).scalar() or 0
            used = source.execute(
                text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": name}
            ).scalar()
            _set(tx, func.pg_get_serial_sequence(name, key.name), max(highest, used or 0))
        order = TABLES["copies"].c.order
        _set(tx, "copy_order", source.execute(select(func.max(order))).scalar() or 0)


def _set(tx: Connection, sequence: Any, last: int) -> None:
    tx.execute(select(func.setval(sequence, last + 1, false())))
