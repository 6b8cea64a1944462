"""Streams read each comment once: in the order in which comments become visible, whoever writes meanwhile."""

import random
import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, strategies as st
from sqlalchemy import text

from mailmine.model.comment_filter import CommentFilter
from mailmine.model.ids import DatasetId, SourceId, StreamId
from mailmine.store import batches, comments, datasets, sources, streams
from mailmine.store.database import Database
from mailmine.store.streams import OTHERS, Stream, Updates
from tests.contract.store_world import MINUTE, NOW, build, comment, comment_id

EVERYTHING = CommentFilter()


@dataclass(slots=True)
class Reader:
    """A client of a stream: it fetches, and advances behind what it was given."""

    database: Database
    stream: Stream
    source_ids: tuple[SourceId, ...]
    wanted: CommentFilter = EVERYTHING

    def fetch(self, size: int = 100, max_filtered: int = 100) -> batches.Batch:
        with self.database.read() as tx:
            now = streams.get(tx, self.stream.dataset_id, self.stream.name)
            assert now is not None
            return batches.fetch(
                tx, now, self.source_ids, self.wanted, size=size, max_filtered=max_filtered
            )

    def advance(self, to: Mapping[str, int]) -> None:
        # As it goes over the wire.
        position = batches.read(batches.write(to))
        assert position is not None
        with self.database.write() as tx:
            streams.advance(tx, self.stream.id, position)

    def rest(self, size: int = 100) -> list[str]:
        """Read all that there is now."""
        seen: list[str] = []
        while True:
            batch = self.fetch(size)
            seen += map(name, batch.results)
            self.advance(batch.position)
            if batch.is_end:
                return seen


def name(result: batches.Result) -> str:
    """Turn the id of `comment_id` back."""
    return bytes.fromhex(orjson.loads(result.json)["id"]).decode()[1:].partition("@")[0]


@dataclass(slots=True)
class Town:
    """Two sources that one dataset reads."""

    database: Database
    source_ids: tuple[SourceId, ...]
    dataset: datasets.Dataset

    def reader(self, stream: str = "new", updates: Updates = Updates.TEXT, **fields: Any) -> Reader:
        with self.database.write() as tx:
            made = streams.add(
                tx,
                self.dataset.id,
                stream,
                title="",
                description="",
                comment_filter={},
                model=None,
                updates=updates,
                at=NOW,
            )
        return Reader(self.database, made, self.source_ids, **fields)

    def put(self, *names: str, source: int = 0, body: str = "Hello", **fields: Any) -> None:
        at = fields.pop("arrived", NOW)
        with self.database.write() as tx:
            new = [comment(one, body, **fields) for one in names]
            comments.put(tx, self.source_ids[source], new, at=at)


@pytest.fixture
def town(database: Database) -> Town:
    with database.write() as tx:
        world = build(tx)
        second = sources.ensure(tx, world.project.id, "orders")
        dataset = datasets.add(
            tx,
            world.project.id,
            "all",
            title="",
            description="",
            has_sentiment=False,
            model_family="",
            flags=(),
            definitions={},
            source_ids=(world.source.id, second.id),
            at=NOW,
        )
    return Town(database, (world.source.id, second.id), dataset)


def test_a_fetch_does_not_move_it(town: Town) -> None:
    town.put("a", "b", "c")
    reader = town.reader()
    first = reader.fetch(2)
    assert list(map(name, first.results)) == ["a", "b"]
    assert not first.is_end
    assert reader.fetch(2) == first

    reader.advance(first.results[0].position)
    assert list(map(name, reader.fetch(2).results)) == ["b", "c"]


def test_sources_are_read_in_the_order_in_which_their_comments_came(town: Town) -> None:
    town.put("a", arrived=NOW)
    town.put("b", source=1, arrived=NOW + MINUTE)
    town.put("c", arrived=NOW + 2 * MINUTE)
    assert town.reader().rest(size=1) == ["a", "b", "c"]


def test_a_comment_comes_again_when_its_text_changed(town: Town) -> None:
    town.put("a", "b")
    often, once = town.reader("often"), town.reader("once", Updates.NEVER)
    assert often.rest() == once.rest() == ["a", "b"]

    town.put("a", body="Other words")
    # Another folder, another flag: the words are the same.
    with town.database.write() as tx:
        one = comment("b")
        moved = replace(
            one, comment=replace(one.comment, user_properties={"string:Folder": "Done"})
        )
        comments.put(tx, town.source_ids[0], [moved], at=NOW)

    assert often.rest() == ["a"]
    assert once.rest() == []


def test_advancing_twice_or_late_does_not_move_it_back(town: Town) -> None:
    town.put("a", "b", "c")
    reader = town.reader()
    first = reader.fetch(1)
    all_of_it = reader.fetch()
    reader.advance(all_of_it.position)
    reader.advance(first.position)
    assert reader.rest() == []


def test_a_reset_moves_it_to_what_was_made_since(town: Town) -> None:
    town.put("a", arrived=NOW)
    town.put("b", source=1, arrived=NOW + MINUTE)
    town.put("c", arrived=NOW + 2 * MINUTE)
    reader = town.reader()
    reader.rest()
    with town.database.write() as tx:
        streams.reset(tx, reader.stream.id, NOW + MINUTE)
    assert reader.rest() == ["b", "c"]
    with town.database.write() as tx:
        streams.reset(tx, reader.stream.id, NOW - timedelta(days=4000))
    assert reader.rest() == ["a", "b", "c"]


def test_what_is_filtered_is_counted_and_passed(town: Town) -> None:
    town.put("a", "b", from_="ann@acme.example")
    town.put("c", from_="bob@acme.example")
    wanted = msgspec.convert(
        {"messages": {"from": {"one_of": ["bob@acme.example"]}}}, CommentFilter
    )
    reader = town.reader(wanted=wanted)

    nothing = reader.fetch(max_filtered=1)
    assert (nothing.results, nothing.filtered, nothing.is_end) == ((), 1, False)
    reader.advance(nothing.position)
    rest = reader.fetch()
    assert (list(map(name, rest.results)), rest.filtered, rest.is_end) == (["c"], 1, True)


def test_after_a_removal_new_comments_still_come_behind(town: Town) -> None:
    """Places are never given twice: a stream may have passed those of comments that are gone."""
    town.put(*(f"many-{number}" for number in range(50)))
    reader = town.reader()
    reader.rest()
    with town.database.write() as tx:
        gone = [comment_id(f"many-{number}") for number in range(50)]
        comments.remove(tx, town.source_ids[0], gone)
    # The clock of another machine may be behind.
    town.put("late", arrived=NOW - MINUTE)
    assert reader.rest() == ["late"]


def test_it_says_how_far_behind_it_is(town: Town) -> None:
    town.put("a", "b")
    town.put("c", source=1)
    reader = town.reader()
    with town.database.read() as tx:
        assert batches.behind(tx, reader.stream, town.source_ids) == 3


def test_what_is_not_committed_holds_up_what_comes_behind_it(town: Town) -> None:
    """Of two writers the second waits, so its comments are never seen while others may appear before them."""
    reader = town.reader()
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with town.database.write() as tx:
            comments.put(tx, town.source_ids[0], [comment("first")], at=NOW)
            begun.set()
            go_on.wait(30)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(slow)
        assert begun.wait(30)
        other = pool.submit(town.put, "second")
        seen = reader.fetch().results
        go_on.set()
        one.result(30)
        other.result(30)
    assert seen == ()
    assert reader.rest() == ["first", "second"]


class RolledBackError(Exception):
    """A writer changed its mind."""


def test_many_writers_slow_commits_and_rollbacks(town: Town) -> None:
    """Whatever the writers do, a reader sees each comment that was committed exactly once."""
    is_postgresql = town.database.url.startswith("postgresql")
    writers = 6

    def write(number: int) -> None:
        draw = random.Random(number)  # noqa: S311 - what it draws is no secret
        for turn in range(15):
            names = [f"{number}-{turn}-{each}" for each in range(draw.randint(1, 5))]
            order = draw.sample([0, 1], 2)
            with suppress(RolledBackError), town.database.write() as tx:
                # Of several sources always in the same order, as all writers do.
                for source in sorted(order[: draw.randint(1, 2)]):
                    mine = [f"{one}-{source}" for one in names]
                    at = NOW + timedelta(milliseconds=draw.randint(-500, 500))
                    comments.put(tx, town.source_ids[source], list(map(comment, mine)), at=at)
                    if is_postgresql:
                        tx.execute(text("SELECT pg_sleep(:time)"), {"time": draw.random() / 200})
                    if draw.random() < 0.3:
                        raise RolledBackError

    reader = town.reader()
    seen: list[str] = []
    with ThreadPoolExecutor(writers) as pool:
        running = [pool.submit(write, number) for number in range(writers)]
        while not all(one.done() for one in running):
            batch = reader.fetch(size=7)
            seen += map(name, batch.results)
            reader.advance(batch.position)
        for one in running:
            one.result()
    seen += reader.rest(size=7)

    with town.database.read() as tx:
        kept = [
            bytes.fromhex(one.comment.id).decode()[1:].partition("@")[0]
            for source in town.source_ids
            for one in comments.page(
                tx, source, newest_first=False, after=None, limit=10_000, since=None, until=None
            )
        ]
    assert len(kept) > writers * 15
    assert Counter(seen) == Counter(kept)


SOURCE_IDS = st.text("0123456789abcdef", min_size=16, max_size=16)


@given(st.dictionaries(SOURCE_IDS, st.integers(0, 2**63 - 1), max_size=5))
def test_a_position_survives_its_way_to_the_client(position: dict[str, int]) -> None:
    assert batches.read(batches.write(position)) == position


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.hex()))
def test_any_other_text_is_no_position(written: str) -> None:
    position = batches.read(written)
    assert position is None or batches.write(position) == written


def test_sources_that_no_position_names_are_where_the_reset_put_them() -> None:
    stream = Stream(
        id=StreamId("0" * 16),
        dataset_id=DatasetId("0" * 16),
        name="new",
        title="",
        description="",
        comment_filter={},
        model=None,
        updates=Updates.TEXT,
        position={OTHERS: 7, "a": 9},
        created_at=NOW,
        updated_at=NOW,
    )
    assert (stream.place("a"), stream.place("b")) == (9, 7)
