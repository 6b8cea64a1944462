"""How much came in each minute, on both databases."""

import pytest

from mailmine.store import arrivals, comments, sources
from mailmine.store.database import Database
from tests.contract import store_world
from tests.contract.store_world import MINUTE, NOW, World, comment


@pytest.fixture
def world(database: Database) -> World:
    with database.write() as tx:
        return store_world.build(tx)


def test_comments_count_in_the_minute_in_which_they_came(database: Database, world: World) -> None:
    with database.write() as tx:
        other = sources.ensure(tx, world.project.id, "other")
        old = NOW - 300 * MINUTE
        comments.put(tx, world.source.id, [comment("a", at=old)], at=NOW - 2 * MINUTE)
        comments.put(tx, world.source.id, [comment("b", at=old), comment("c")], at=NOW)
        comments.put(tx, other.id, [comment("d")], at=NOW)
    begin = NOW.replace(second=0, microsecond=0)
    with database.read() as tx:
        mine = [world.source.id]
        assert arrivals.by_minute(tx, mine, since=NOW - 5 * MINUTE, minutes=6) == {
            begin - 2 * MINUTE: 1,
            begin: 2,
        }
        assert arrivals.by_minute(tx, [*mine, other.id], since=NOW - MINUTE, minutes=2) == {
            begin: 3
        }
        assert arrivals.by_minute(tx, [], since=NOW - MINUTE, minutes=2) == {}
        assert arrivals.by_minute(tx, mine, since=NOW - 2 * MINUTE, minutes=2) == {
            begin - 2 * MINUTE: 1
        }, "no minute more than was asked for"
