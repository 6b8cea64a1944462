"""A database brought up to date by migrations is the one that `schema.py` describes."""

import multiprocessing
import re
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url, text

from mailmine.model.ids import BucketId, SourceId
from mailmine.store import comments, migrations, retentions, schema
from mailmine.store.database import Database
from mailmine.store.errors import DatabaseUnavailable
from mailmine.store.retentions import Retention
from tests import postgresql
from tests.contract.store_world import MINUTE, NOW, comment

SHAPE = {
    "sqlite": (
        "SELECT type, name, tbl_name, sql FROM sqlite_schema",
        "SELECT '', k, v, '' FROM comment_words_config",
    ),
    "postgresql": (
        """SELECT 'column', c.relname, a.attname,
                  concat(format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attstorage,
                         a.attcompression, a.attidentity, pg_get_expr(d.adbin, d.adrelid))
           FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
           WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'S')""",
        "SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        """SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
           FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    ),
}
"""Everything that there is in a database, as rows of four texts."""


def shape(url: str) -> list[tuple[str, ...]]:
    """Describe all tables, columns, indexes and constraints, in any order of words within a definition."""
    engine = create_engine(make_url(url).set(drivername=DRIVERS[make_url(url).drivername]))
    with engine.connect() as connection:
        rows = [
            tuple(" ".join(sorted(re.findall(r"[^\s,()]+", str(value)))) for value in row)
            for query in SHAPE[engine.dialect.name]
            for row in connection.execute(text(query))
            if "alembic" not in str(row)
        ]
    engine.dispose()
    return sorted(rows)


HEAD = ScriptDirectory(str(Path(migrations.__file__).parent)).get_current_head()

DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Make two databases of a kind with nothing in them."""
    if request.param == "postgresql":
        server: postgresql.Server = request.getfixturevalue("pg_server")
        return server.url(server.create()), server.url(server.create())
    return f"sqlite:///{tmp_path / 'a.db'}", f"sqlite:///{tmp_path / 'b.db'}"


def test_migrations_lead_to_the_schema(empty_urls: tuple[str, str]) -> None:
    migrated, made = empty_urls
    migrate(migrated)
    engine = create_engine(make_url(made).set(drivername=DRIVERS[make_url(made).drivername]))
    with engine.begin() as connection:
        schema.metadata.create_all(connection)
    engine.dispose()
    assert any("comments" in row for row in shape(made))
    assert shape(migrated) == shape(made)


def migrate(url: str) -> None:
    database = Database.open(url)
    database.migrate()
    database.close()


def test_processes_that_migrate_at_once_do_not_disturb_each_other(
    empty_urls: tuple[str, str],
) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=migrate, args=(empty_urls[0],)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert any("comments" in row for row in shape(empty_urls[0]))


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    with database.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseUnavailable, match="newer"):
        database.migrate()
    with database.write() as tx:
        head = text("UPDATE alembic_version SET version_num = :head")
        tx.execute(head, {"head": HEAD})
    database.migrate()


def test_what_a_bucket_keeps_is_changed_after_an_upgrade_from_0008(
    empty_urls: tuple[str, str],
) -> None:
    """0008 had a column that must be filled, and that is gone now."""
    database = Database.open(empty_urls[0])
    with database.write() as tx:
        migrations.upgrade(tx, "0008")
        tx.execute(
            text(
                "INSERT INTO projects (id, name, title, description, created_at, updated_at)"
                " VALUES ('p', 'acme', '', '', 1, 1)"
            )
        )
        tx.execute(
            text(
                "INSERT INTO buckets (id, project_id, name, title, created_at, updated_at)"
                " VALUES ('b', 'p', 'mail', '', 1, 1)"
            )
        )
        tx.execute(
            text("INSERT INTO retentions (bucket_id, emails_days, emptied_to) VALUES ('b', 7, 3)")
        )
    database.migrate()
    with database.write() as tx:
        assert retentions.of_bucket(tx, BucketId("b")).emails_days == 7
        retentions.put(tx, Retention(bucket_id=BucketId("b"), emails_days=9))
        assert retentions.of_bucket(tx, BucketId("b")).emails_days == 9
    database.close()


ROWS = 5
OF_BEFORE: dict[str, dict[str, Any]] = {
    "projects": {
        "id": "p",
        "name": "acme",
        "title": "",
        "description": "",
        "created_at": 1,
        "updated_at": 1,
    },
    "sources": {
        "id": "s",
        "project_id": "p",
        "name": "mail",
        "title": "",
        "description": "",
        "language": "en",
        "should_translate": False,
        "kind": "unknown",
        "created_at": 1,
        "updated_at": 1,
    },
    "comments": {
        "source_id": "s",
        "comment_id": str,
        "time_key": lambda row: 100 - row,
        "timestamp": 1,
        "refined": 1,
        # A clock that was set back meanwhile.
        "created_at": lambda row: 1_700_000_000_000_000 - row,
        "updated_at": 1,
        "json": lambda row: b"%d" % row,
    },
}
"""Rows as the second version of the schema had them."""


def test_comments_of_before_are_put_in_the_order_in_which_they_came(
    empty_urls: tuple[str, str],
) -> None:
    """An installation of before streams: they read from the first comment, and new ones come behind."""
    url, _ = empty_urls
    engine = create_engine(make_url(url).set(drivername=DRIVERS[make_url(url).drivername]))
    with engine.begin() as connection:
        migrations.upgrade(connection, "0002")
        for table, columns in OF_BEFORE.items():
            names = ", ".join(f'"{name}"' for name in columns)
            values = ", ".join(f":{name}" for name in columns)
            for row in range(ROWS if table == "comments" else 1):
                of_row = {
                    name: value(row) if callable(value) else value
                    for name, value in columns.items()
                }
                connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), of_row)  # noqa: S608
    engine.dispose()
    migrate(url)

    database = Database.open(url)
    with database.read() as tx:
        order = comments.following(
            tx, SourceId("s"), comments.Order.ARRIVAL, after=0, limit=2 * ROWS
        )
    assert [one.json for one in order] == [b"%d" % row for row in range(ROWS)]
    with database.write() as tx:
        comments.put(tx, SourceId("s"), [comment("new")], at=NOW - 1000 * MINUTE)
    with database.read() as tx:
        (last,) = comments.following(
            tx, SourceId("s"), comments.Order.ARRIVAL, after=order[-1].place, limit=10
        )
    assert b"Hello" in last.json
    database.close()


def test_revisions_are_told_by_the_names_of_their_files() -> None:
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    told = [one.revision for one in script.walk_revisions()]
    assert migrations.revisions() == tuple(reversed(told))
