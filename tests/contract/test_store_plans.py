"""How PostgreSQL finds what is asked for: never by reading all that an owner has."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Select, event, select, text
from sqlalchemy.dialects import postgresql

from mailmine.model.ids import SourceId
from mailmine.store import comments, leases, sources, statistics, turns
from mailmine.store.among import among, of_one
from mailmine.store.database import Database
from mailmine.store.schema import comments as table
from tests.contract.store_world import NOW, build, comment
from tests.contract.test_claiming import build_many

DEADLINE = 30
"""Seconds; PostgreSQL looks by itself after sixty."""


@pytest.fixture
def pg_database(pg_url: str) -> Iterator[Database]:
    opened = Database.open(pg_url, patience=5)
    yield opened
    opened.close()


def plan(tx: Connection, query: Select[tuple[int]]) -> str:
    written = query.compile(
        dialect=postgresql.dialect(),  # type: ignore[no-untyped-call]
        compile_kwargs={"literal_binds": True},
    )
    return "\n".join(tx.execute(text(f"EXPLAIN {written}".replace(":", "\\:"))).scalars())


def test_comments_of_a_source_that_came_after_the_statistics_are_found_by_their_ids(
    pg_database: Database,
) -> None:
    with pg_database.write() as tx:
        world = build(tx)
        new = sources.ensure(tx, world.project.id, "new")
        put(tx, world.source.id, 2_000)
    with pg_database.write() as tx:
        tx.execute(text("ANALYZE comments"))
    with pg_database.write() as tx:
        put(tx, new.id, 2_000)
        query = select(table.c.seq).where(
            of_one(tx, table.c.source_id, new.id), among(tx, table.c.comment_id, ["61", "62"])
        )
        assert "(comment_id = ANY" in plan(tx, query).partition("Index Cond")[2].splitlines()[0]


def test_what_is_due_is_found_by_indexes_whatever_was_counted(pg_database: Database) -> None:
    """Of ten thousand mailboxes, all were put in order with each claim."""
    _, _, now = build_many(pg_database)
    asked: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, values: Any, *___: object) -> None:
        asked.append((statement, values))

    with pg_database.write() as tx:
        statistics.go_by_index(tx)
        event.listen(tx.engine, "before_cursor_execute", note)
        turns.next_due(tx)
        turns.due(tx, now, limit=8)
        leases.begin_claiming(tx, now)
        event.remove(tx.engine, "before_cursor_execute", note)
        plans = [
            "\n".join(tx.exec_driver_sql(f"EXPLAIN {statement}", values).scalars())
            for statement, values in asked
            if "FROM mailboxes" in statement
        ]
    assert len(plans) == 3
    for one in plans:
        assert "Index Scan using mailboxes_" in one
        assert "Seq Scan on mailboxes" not in one
        assert "Bitmap" not in one


def test_postgresql_looks_at_a_table_that_has_doubled(pg_database: Database) -> None:
    with pg_database.write() as tx:
        world = build(tx)
        tx.execute(text("ANALYZE comments"))
        put(tx, world.source.id, 300)
    end = time.monotonic() + DEADLINE
    rows = text("SELECT reltuples FROM pg_class WHERE oid = 'comments'::regclass")
    while True:  # a session tells of its rows seconds later
        with pg_database.write() as tx:
            done = statistics.refresh(tx)
            if tx.execute(rows).scalar() == 300:
                break
        assert time.monotonic() < end
        time.sleep(0.1)
    assert done


def put(tx: Connection, source_id: SourceId, number: int) -> None:
    rows = [comment(f"{each}") for each in range(number)]
    comments.put(tx, source_id, rows, at=NOW)
