"""A replica as PostgreSQL makes one: a standby that follows by streaming replication."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import make_url, text

from mailmine.model.facts import Wanted
from mailmine.store import comments, explore
from mailmine.store.database import Database
from mailmine.store.errors import DatabaseUnavailable
from tests import postgresql
from tests.contract import store_world
from tests.contract.store_world import NOW, World, comment

DEADLINE = 60.0


@dataclass(frozen=True, slots=True)
class Pair:
    """A database, and the same on a standby."""

    primary: str
    follower: str
    standby: postgresql.Server

    def either(self) -> str:
        """Address whichever of both can be written to."""
        url = make_url(self.primary)
        port = str(url.query["port"])
        hosts = [f"{make_url(one).query['host']}:{port}" for one in (self.follower, self.primary)]
        several = url.difference_update_query(["host", "port"])
        return several.update_query_pairs(
            [*(("host", one) for one in hosts), ("target_session_attrs", "read-write")]
        ).render_as_string()


@pytest.fixture(scope="module")
def pair(pg_server: postgresql.Server) -> Iterator[Pair]:
    with pg_server.standby() as standby:
        name = pg_server.create()
        found = Pair(pg_server.url(name), standby.url(name), standby)
        database = Database.open(found.primary)
        database.migrate()
        database.close()
        yield found


@pytest.fixture
def database(pg_server: postgresql.Server, pair: Pair) -> Iterator[Database]:
    pg_server.empty(pair.primary)
    opened = Database.open(pair.primary, replica=pair.follower, patience=10)
    yield opened
    opened.close()


@pytest.fixture
def world(database: Database) -> World:
    with database.write() as tx:
        return store_world.build(tx)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def is_on_standby(database: Database) -> bool:
    with database.browse() as tx:
        return bool(tx.execute(text("SELECT pg_is_in_recovery()")).scalar())


def browsed(database: Database, world: World) -> int:
    """Count what the page of the source shows."""
    with database.browse() as tx:
        wanted = Wanted()
        return len(
            explore.look(tx, world.source.id, wanted, before=None, limit=50, counting=True).keys
        )


def test_a_standby_shows_what_was_put_a_moment_later(database: Database, world: World) -> None:
    until(lambda: is_on_standby(database))
    for number in range(1, 6):
        with database.write() as tx:
            comments.put(tx, world.source.id, [comment(f"mail-{number}")], at=NOW)
        until(lambda wanted=number: browsed(database, world) == wanted)  # type: ignore[misc]


def test_a_database_that_became_a_standby_is_waited_for(
    database: Database, world: World, pair: Pair
) -> None:
    """After a fail-over the address may lead to the one that only follows: no bug of ours, and nothing is lost."""
    until(lambda: is_on_standby(database))
    demoted, either = Database.open(pair.follower), Database.open(pair.either())
    with pytest.raises(DatabaseUnavailable, match="target_session_attrs"), demoted.write() as tx:
        comments.put(tx, world.source.id, [comment("mail")], at=NOW)
    with either.write() as tx:
        assert comments.put(tx, world.source.id, [comment("mail")], at=NOW).new == 1
    demoted.close()
    either.close()


def test_a_look_that_the_replica_ends_is_to_be_tried_again(
    database: Database,
) -> None:
    until(lambda: is_on_standby(database))
    with pytest.raises(DatabaseUnavailable, match="ended a look"), database.browse() as tx:
        # As it is said when rows were tidied up, which takes half a minute to come about.
        tx.execute(text("DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END $$"))


def test_a_standby_that_dies_and_comes_back_is_noticed_by_nobody(
    database: Database, world: World, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as tx:
        comments.put(tx, world.source.id, [comment("mail")], at=NOW)
    until(lambda: is_on_standby(database) and browsed(database, world) == 1)
    pair.standby.kill()
    for _ in range(3):
        assert browsed(database, world) == 1
        with database.glance() as tx:
            assert comments.count(tx, world.source.id) == 1
    assert not is_on_standby(database)
    pair.standby.start()
    # It is asked again once it was left alone for as long as it said when it failed.
    monkeypatch.setattr(database, "_replica_away_until", 0.0)
    until(lambda: is_on_standby(database))
    # It was killed, and has some of its log to go through again.
    until(lambda: browsed(database, world) == 1)
