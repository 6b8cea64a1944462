"""Many rows in one go: what counts of several with one key, and what is refused."""

import pytest
from sqlalchemy import Connection, select

from mailmine.model.ids import ItemId
from mailmine.store import copies, habits, many
from mailmine.store.database import Database
from mailmine.store.errors import Conflict
from mailmine.store.schema import settings
from tests.contract.store_world import build, copy, keep

ITEM = ItemId("item")


def test_of_rows_with_one_key_the_last_counts(database: Database) -> None:
    with database.write() as tx:
        settings_put(tx, "a", "1")
        settings_put(tx, "a", "2", "3")
        assert values(tx) == {"a": "3"}


def test_an_item_that_is_told_twice_is_one_copy_as_told_last(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        one, other = keep(tx, world, "one", "other")
        copies.put(tx, [copy(world, ITEM, one), copy(world, ITEM, other)])
        assert copies.by_items(tx, world.mailbox.id, [ITEM])[ITEM].email_key == other


def test_senders_that_differ_by_what_no_database_takes_are_one(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        habits.put(tx, world.bucket.id, {"a@x\x00": {1: 1}, "a@x": {2: 2}, "a@x\ud800": {3: 3}})
        assert len(habits.of(tx, world.bucket.id, ["a@x"])) == 1


def test_what_is_there_is_not_copied_over(database: Database) -> None:
    row = {"name": "a", "value": "b"}
    with database.write() as tx:
        many.copy(tx, settings, [row])
    with pytest.raises(Conflict), database.write() as tx:
        many.copy(tx, settings, [row])


def test_copied_is_what_columns_make_of_values(database: Database) -> None:
    with database.write() as tx:
        many.copy(tx, settings, [{"name": "a\x00", "value": "\ud800b"}, {"value": "", "name": "c"}])
        assert values(tx) == {"a": "b", "c": ""}


def settings_put(tx: Connection, name: str, *each: str) -> None:
    rows = [{"name": name, "value": value} for value in each]
    many.put(tx, settings, rows, key=("name",), change=("value",))


def values(tx: Connection) -> dict[str, str]:
    mine = settings.c.name.in_(["a", "c"])
    return {row.name: row.value for row in tx.execute(select(settings).where(mine))}
