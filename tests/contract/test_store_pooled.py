"""PostgreSQL through a pooler in transaction mode, and with a replica."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from mailmine.store import comments, projects, search, search_index, sources
from mailmine.store.database import Database
from mailmine.store.errors import DatabaseUnavailable
from tests import pgbouncer
from tests.contract.store_world import NOW, build, comment

TIMES = 12
"""More than psycopg takes to prepare a statement (5)."""


@pytest.fixture
def pooled(pg_url: str) -> Iterator[Database]:
    """Open a database behind a pooler."""
    if reason := pgbouncer.missing():
        pytest.skip(reason)
    with pgbouncer.before(pg_url) as url:
        database = Database.open(url, patience=5)
        yield database
        database.close()


def test_many_threads_share_few_sessions_of_a_pooler(pooled: Database) -> None:
    with pooled.write() as tx:
        world = build(tx)
    faults: list[Exception] = []

    def work(thread: int) -> None:
        try:
            for number in range(TIMES):
                name = f"{thread}-{number}"
                with pooled.write() as tx:
                    comments.put(tx, world.source.id, [comment(name, f"text {name}")], at=NOW)
                with pooled.read() as tx:
                    search.find(tx, world.source.id, f'"text {name}"', before=None, limit=1)
                    comments.json_page(
                        tx, "acme", "mail", after=None, limit=9, since=None, until=None
                    )
        except Exception as fault:  # noqa: BLE001 - told in the thread that asserts
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    many = [comment(f"many-{number}", "text") for number in range(search_index.AT_ONCE + 1)]
    with pooled.write() as tx:
        comments.put(tx, world.source.id, many, at=NOW)
    with pooled.write() as tx:
        assert search_index.catch_up(tx, most=100) == len(many)
        assert comments.count(tx, world.source.id) == 6 * TIMES + len(many)


def test_nothing_is_left_behind_in_a_session_of_a_pooler(pooled: Database) -> None:
    pooled.migrate()
    for _ in range(TIMES):
        with pooled.write() as tx:
            assert tx.execute(text("SHOW lock_timeout")).scalar() == "5s"
        with pooled.read() as tx:
            assert tx.execute(text("SHOW lock_timeout")).scalar() == "0"
            assert tx.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar() == 0
            held = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
            assert tx.execute(held).scalar() == 0


def test_a_lock_is_not_waited_for_for_ever_behind_a_pooler(pooled: Database, pg_url: str) -> None:
    impatient = Database.open(pooled.url, patience=0.2)
    other = Database.open(pg_url)
    with other.write() as holding:
        holding.execute(text("LOCK TABLE projects"))
        with pytest.raises(DatabaseUnavailable), impatient.write() as tx:
            projects.ensure(tx, "waits")
    impatient.close()
    other.close()


def test_a_mode_that_cannot_be_is_refused() -> None:
    with pytest.raises(DatabaseUnavailable, match="mode"):
        Database.open("postgresql://mailmine@/none?pooler=statement")


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("postgresql://m@db1,db2/mail?connect_timeout=2", "mail at db1, db2"),
        ("postgresql://m:secret@db1:5433,db2/mail", "mail at db1, db2"),
        ("postgresql://m@/mail?host=db1:1&host=db2:2", "mail at db1, db2"),
        ("postgresql://m@db1:5433/mail", "mail at db1"),
        ("postgres://m:secret@db1:5433/mail", "mail at db1"),
        ("postgresql://m@/mail?host=/run/postgresql", "mail at this machine"),
    ],
)
def test_several_servers_stand_in_an_address_as_libpq_has_them(written: str, place: str) -> None:
    database = Database.open(written)
    assert database.place == place
    assert "secret" not in database.address
    database.close()


@pytest.mark.parametrize(
    "written",
    [
        "postgresql://m@db1:x/mail",
        "postgresql://m@db1:1,db2:x/mail",
        "postgresql://m@/mail?host=a,b&port=5432",
        "postgresql://m:sec@ret@db1/mail",
        "postgresql://m:sec@db/ret@db1/mail",
        "no address",
        "sqlite://host/mailmine.db",
        "sqlite:////mailmine.db?timeout=abc",
    ],
)
def test_what_is_no_address_is_said_to_be_none(written: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="is not one") as refused:
        Database.open(written)
    assert "ret" not in str(refused.value)


@pytest.mark.parametrize("option", ["sslmod=require", "autocommit=true", "pooler=session&x=1"])
def test_an_option_that_postgresql_does_not_have_is_named(option: str) -> None:
    name = option.rpartition("&")[2].partition("=")[0]
    with pytest.raises(DatabaseUnavailable, match=f'does not know: .*"{name}"'):
        Database.open(f"postgresql://m@db1/mail?{option}")


@pytest.mark.parametrize("value", ["abc", "1&connect_timeout=2"])
def test_a_value_that_no_option_has_is_named(value: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="does not know: bad value for connect_timeout"):
        Database.open(f"postgresql://m@db1/mail?connect_timeout={value}")


def test_a_replica_answers_what_is_browsed_and_nothing_else(pg_url: str, empty_pg_url: str) -> None:
    replica = Database.open(empty_pg_url)
    replica.migrate()
    with replica.write() as tx:
        projects.ensure(tx, "far")
    replica.close()
    database = Database.open(pg_url, replica=empty_pg_url)
    with database.write() as tx:
        projects.ensure(tx, "near")
    with database.read() as near, database.browse(near) as far:
        assert [one.name for one in projects.list_all(near)] == ["near"]
        assert [one.name for one in projects.list_all(far)] == ["far"]
    for opening in (database.browse, database.glance):
        with opening() as far:
            assert [one.name for one in projects.list_all(far)] == ["far"]
    database.close()


def test_where_the_replica_is_away_the_database_answers(pg_url: str, tmp_path: object) -> None:
    database = Database.open(pg_url, replica=f"postgresql://mailmine@/none?host={tmp_path}")
    with database.write() as tx:
        project = projects.ensure(tx, "near")
        sources.ensure(tx, project.id, "mail")
    with database.read() as near:
        with database.browse(near) as far:
            assert far is near
        with database.browse() as far:
            assert [one.name for one in projects.list_all(far)] == ["near"]
    database.close()


def test_without_a_replica_the_database_is_browsed(database: Database) -> None:
    with database.read() as near, database.browse(near) as far:
        assert far is near
    with database.browse() as far:
        assert projects.list_all(far) == ()


def test_a_glance_sees_the_present_in_each_statement(database: Database) -> None:
    for number in range(TIMES):
        with database.glance() as tx:
            assert len(projects.list_all(tx)) == number
        with database.write() as tx:
            projects.ensure(tx, f"project-{number}")


def test_values_come_from_postgresql_as_they_went(database: Database) -> None:
    with database.read() as tx:
        assert tx.execute(text("SELECT 1 = 1, 9223372036854775807, 'ü', NULL, 1.5")).one() == (
            True,
            9223372036854775807,
            "ü",
            None,
            1.5,
        )


def test_a_replica_of_sqlite_is_refused(pg_url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="replica"):
        Database.open(pg_url, replica="sqlite:////a.db")
