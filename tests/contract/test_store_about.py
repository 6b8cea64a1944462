"""Few rows are counted, very many estimated."""

import pytest
from sqlalchemy import text

from mailmine.model.ids import SourceId
from mailmine.store import about, buckets, comments, schema
from mailmine.store.about import About
from mailmine.store.database import Database
from mailmine.web import words
from tests.contract import store_world
from tests.contract.store_world import NOW, World, comment


@pytest.fixture
def world(database: Database) -> World:
    with database.write() as tx:
        return store_world.build(tx)


def test_few_are_counted(database: Database, world: World) -> None:
    with database.write() as tx:
        store_world.keep(tx, world, "a", "b")
        comments.put(tx, world.source.id, [comment("a")], at=NOW)
        assert buckets.count_emails_about(tx, world.bucket.id) == 2
        number = comments.count_about(tx, world.source.id)
        assert number == 1
        assert not isinstance(number, About)
        assert comments.count_about(tx, SourceId("none")) == 0


def test_many_are_estimated_by_postgresql(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(about, "EXACT", 50)
    names = [f"mail-{number}" for number in range(440)]
    with database.write() as tx:
        store_world.keep(tx, world, *names)
        if database.dialect == "postgresql":
            tx.execute(text("ANALYZE emails"))
        number = buckets.count_emails_about(tx, world.bucket.id)
    assert number == 440
    assert isinstance(number, About) == (database.dialect == "postgresql")
    with database.read() as tx:
        exact = about.count(tx, schema.emails, schema.emails.c.comment_id, "none")
    assert not isinstance(exact, About)


@pytest.mark.parametrize(("exact", "rounded"), [(20_001, 20_000), (1_251_999, 1_300_000)])
def test_no_more_is_said_than_is_known(exact: int, rounded: int) -> None:
    assert about._rounded(exact) == rounded


def test_what_is_added_to_it_is_about_right_as_well() -> None:
    assert words.count(sum([5, About(1_300_000), 7])) == "about 1,300,012"
    assert words.count(sum([5, 7])) == "12"
