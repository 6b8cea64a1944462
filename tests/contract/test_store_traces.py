"""It is kept which trace brought which comments."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import func, select

from mailmine import tracing
from mailmine.model.ids import SourceId
from mailmine.store import comments, schema, traces
from mailmine.store.database import Database
from tests.contract import store_world
from tests.contract.store_world import NOW, comment


@pytest.fixture
def _traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tracing, "_exporter", InMemorySpanExporter)
    with tracing.exported():
        yield


def put(database: Database, source: SourceId, *names: str, body: str = "Hello") -> str | None:
    with tracing.span("store", {}), database.write() as tx:
        comments.put(tx, source, [comment(name, body) for name in names], at=NOW)
        return tracing.current()


def places(database: Database, source: SourceId, order: comments.Order) -> list[int]:
    with database.read() as tx:
        found = comments.following(tx, source, order, after=0, limit=100)
        return [one.place for one in found]


@pytest.fixture
def source(database: Database) -> SourceId:
    with database.write() as tx:
        return store_world.build(tx).source.id


def rows(database: Database) -> int:
    with database.read() as tx:
        return tx.execute(select(func.count()).select_from(schema.traces)).scalar_one()


@pytest.mark.usefixtures("_traced")
def test_comments_lead_to_what_brought_them(database: Database, source: SourceId) -> None:
    first = put(database, source, "a", "b")
    with database.write() as tx:
        comments.put(tx, source, [comment("untraced")], at=NOW)
    second = put(database, source, "c")
    third = put(database, source, "a", body="Changed")
    assert len({first, second, third, None}) == 4
    a, b, untraced, c = places(database, source, comments.Order.ARRIVAL)
    changed = places(database, source, comments.Order.REVISION)[-1]
    with database.read() as tx:
        for wanted, found in {
            (a,): (first,),
            (a, b): (first,),
            (untraced,): (),
            (b, untraced): (first,),
            (a, c): (first, second),
            (c, changed): (second, third),
        }.items():
            assert traces.of_places(tx, [(source, place) for place in wanted]) == found
        assert traces.of_places(tx, []) == ()


@pytest.mark.usefixtures("_traced")
def test_what_changes_nothing_leaves_no_row(database: Database, source: SourceId) -> None:
    put(database, source, "a")
    put(database, source, "a")
    assert rows(database) == 1


@pytest.mark.usefixtures("_traced")
def test_it_is_forgotten_after_a_day(database: Database, source: SourceId) -> None:
    put(database, source, "a")
    with tracing.span("store", {}), database.write() as tx:
        late = NOW + traces.KEPT + timedelta(seconds=1)
        comments.put(tx, source, [comment("b")], at=late)
        of_b = tracing.current()
    before, after = places(database, source, comments.Order.ARRIVAL)
    with database.read() as tx:
        assert traces.of_places(tx, [(source, before), (source, after)]) == (of_b,)
    assert rows(database) == 1


def test_no_row_where_nothing_is_traced(database: Database, source: SourceId) -> None:
    assert put(database, source, "a") is None
    assert rows(database) == 0
