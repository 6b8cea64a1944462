"""Comments of a source: upsert, paging, threads."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import Connection, event

from mailmine.model import wire
from mailmine.model.comment import Comment, CommentAttachment, Message
from mailmine.model.ids import (
    AttachmentReference,
    CommentId,
    ContentHash,
    SourceId,
    ThreadId,
)
from mailmine.store import comments, projects, sources
from mailmine.store.database import Database
from mailmine.store.errors import DatabaseUnavailable
from tests.contract.store_world import MINUTE, NOW, build, comment, comment_id, keep

SECOND = timedelta(seconds=1)

FULL = Comment(
    id=comment_id("full"),
    timestamp=NOW,
    thread_id=ThreadId("abc"),
    messages=(
        Message(
            body="Guten Tag 请",
            subject="Überweisung",
            signature="Max",
            from_="Max <max@acme.example>",
            to=("support@acme.example",),
            cc=("a@acme.example", "b@acme.example"),
            sent_at=NOW,
            language="de",
        ),
    ),
    user_properties={"string:Folder": "Inbox (/ Inbox)", "number:Messages": 3},
    attachments=(
        CommentAttachment(
            name="a.pdf",
            size=3,
            content_type="application/pdf",
            attachment_reference=AttachmentReference("r"),
            content_hash=ContentHash("0" * 64),
        ),
    ),
)


def names(page: tuple[comments.StoredComment, ...]) -> list[str]:
    """Turn the ids of `comment_id` back."""
    return [bytes.fromhex(one.comment.id).decode()[1:].partition("@")[0] for one in page]


def pages(tx: Connection, source: SourceId, *, newest_first: bool, limit: int = 2) -> list[str]:
    """Turn all pages."""
    found: list[str] = []
    after = None
    while page := comments.page(
        tx, source, newest_first=newest_first, after=after, limit=limit, since=None, until=None
    ):
        found += names(page)
        after = page[-1].time_key
    return found


def test_a_comment_comes_back_as_it_was_put(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        (key,) = keep(tx, world, "full")
        new = comments.NewComment(comment=FULL, email_key=key, refined=7)
        counts = comments.put(tx, world.source.id, [new], at=NOW + MINUTE)
        stored = comments.get(tx, world.source.id, FULL.id)
        assert comments.of_emails(tx, [key]) == (stored,)
    assert counts == comments.Counts(new=1, updated=0, unchanged=0)
    assert stored is not None
    assert stored.comment == FULL
    assert (stored.email_key, stored.refined) == (key, 7)
    assert stored.created_at == stored.updated_at == NOW + MINUTE
    assert stored.json == wire.encode(
        FULL,
        source_id=world.source.id,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
    )


def test_the_same_again_changes_nothing(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        comments.put(tx, world.source.id, [comment("a")], at=NOW)
        before = comments.get(tx, world.source.id, comment_id("a"))
        counts = comments.put(tx, world.source.id, [comment("a"), comment("a")], at=NOW + MINUTE)
        assert counts == comments.Counts(new=0, updated=0, unchanged=1)
        assert comments.get(tx, world.source.id, comment_id("a")) == before


def test_a_new_refinement_that_says_the_same_is_noted_without_a_change(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        comments.put(tx, world.source.id, [comment("a", refined=1)], at=NOW)
        before = comments.get(tx, world.source.id, comment_id("a"))
        assert before is not None
        counts = comments.put(tx, world.source.id, [comment("a", refined=2)], at=NOW + MINUTE)
        assert counts == comments.Counts(new=0, updated=0, unchanged=1)
        assert comments.get(tx, world.source.id, comment_id("a")) == replace(before, refined=2)


def test_a_changed_comment_keeps_its_age_and_place(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        comments.put(tx, world.source.id, [comment("a"), comment("b")], at=NOW)
        before = comments.get(tx, world.source.id, comment_id("a"))
        new = [comment("a", "Changed"), comment("c")]
        counts = comments.put(tx, world.source.id, new, at=NOW + MINUTE)
        after = comments.get(tx, world.source.id, comment_id("a"))
    assert counts == comments.Counts(new=1, updated=1, unchanged=0)
    assert before is not None
    assert after is not None
    assert (after.seq, after.time_key, after.created_at) == (
        before.seq,
        before.time_key,
        before.created_at,
    )
    assert after.updated_at == NOW + MINUTE
    assert after.comment.messages[0].body == "Changed"
    assert wire.timestamp(NOW + MINUTE).encode() in after.json


def test_a_comment_whose_time_changes_moves(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        source = world.source.id
        comments.put(tx, source, [comment("a"), comment("b", at=NOW + SECOND)], at=NOW)
        comments.put(tx, source, [comment("a", at=NOW + MINUTE)], at=NOW)
        assert pages(tx, source, newest_first=True) == ["a", "b"]


def test_of_two_with_one_id_the_last_counts(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        new = [comment("a", "first"), comment("a", "last")]
        assert comments.put(tx, world.source.id, new, at=NOW).new == 1
        stored = comments.get(tx, world.source.id, comment_id("a"))
    assert stored is not None
    assert stored.comment.messages[0].body == "last"


def test_numbers_grow_in_the_order_of_arrival(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        for name, minutes in (("a", 3), ("b", 1), ("c", 2)):
            comments.put(tx, world.source.id, [comment(name, at=NOW + minutes * MINUTE)], at=NOW)
        stored = [comments.get(tx, world.source.id, comment_id(name)) for name in "abc"]
    numbers = [one.seq for one in stored if one]
    assert numbers == sorted(set(numbers))


def test_pages_go_by_time_in_both_directions(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        source = world.source.id
        new = [comment(name, at=NOW + number * SECOND) for number, name in enumerate("cadbe")]
        comments.put(tx, source, new, at=NOW)
        assert pages(tx, source, newest_first=False) == list("cadbe")
        assert pages(tx, source, newest_first=True) == list("ebdac")


def test_a_page_holds_bounds_to_the_microsecond(database: Database) -> None:
    tick = timedelta(microseconds=1)
    with database.write() as tx:
        world = build(tx)
        times = {"before": NOW - tick, "at": NOW, "after": NOW + tick, "same": NOW}
        new = [comment(name, at=at) for name, at in times.items()]
        comments.put(tx, world.source.id, new, at=NOW)

        def between(since: datetime | None, until: datetime | None) -> set[str]:
            page = comments.page(
                tx,
                world.source.id,
                newest_first=False,
                after=None,
                limit=9,
                since=since,
                until=until,
            )
            return set(names(page))

        assert between(NOW, NOW) == {"at", "same"}
        assert between(NOW, None) == {"at", "same", "after"}
        assert between(None, NOW) == {"at", "same", "before"}
        assert between(NOW + SECOND, NOW) == set()


@pytest.mark.parametrize(
    "at",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_any_moment_has_its_place(database: Database, at: datetime) -> None:
    with database.write() as tx:
        world = build(tx)
        new = [comment("a", at=at), comment("b", at=at), comment("now")]
        comments.put(tx, world.source.id, new, at=NOW)
        stored = comments.get(tx, world.source.id, comment_id("b"))
        assert stored is not None
        assert stored.comment.timestamp == at
        assert len(pages(tx, world.source.id, newest_first=True)) == 3


def test_many_comments_of_one_moment_are_told_apart(database: Database) -> None:
    moment = datetime(2024, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC)
    with database.write() as tx:
        world = build(tx)
        for part in range(3):
            new = [comment(f"{part}-{number}", at=moment) for number in range(100)]
            comments.put(tx, world.source.id, new, at=NOW)
        found = pages(tx, world.source.id, newest_first=True, limit=7)
    assert len(found) == len(set(found)) == 300


def test_sources_share_nothing(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        other = sources.ensure(tx, world.project.id, "other")
        for source in (world.source.id, other.id):
            comments.put(tx, source, [comment("a", thread="t")], at=NOW)
            assert comments.count(tx, source) == 1
            assert names(comments.thread(tx, source, ThreadId("t"))) == ["a"]
            assert pages(tx, source, newest_first=True) == ["a"]


def test_a_thread_is_read_from_its_beginning(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        new = [
            comment("reply", at=NOW + MINUTE, thread="t"),
            comment("question", thread="t"),
            comment("other", thread="u"),
            comment("none"),
        ]
        comments.put(tx, world.source.id, new, at=NOW)
        assert names(comments.thread(tx, world.source.id, ThreadId("t"))) == ["question", "reply"]
        assert names(comments.thread(tx, world.source.id, ThreadId("t"), limit=1)) == ["question"]


def test_text_that_no_database_takes_is_dropped(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        dirty = comment("a", "b\x00o\ud800dy", subject="\udfff", thread="t\x00")
        comments.put(tx, world.source.id, [dirty], at=NOW)
        assert comments.put(tx, world.source.id, [dirty], at=NOW).unchanged == 1
        stored = comments.get(tx, world.source.id, comment_id("a"))
    assert stored is not None
    assert (stored.comment.messages[0].body, stored.comment.thread_id) == ("body", "t")


def test_who_writes_to_a_source_waits_for_who_writes_already(database: Database) -> None:
    """So a number that is seen is never followed by a lower one that comes to light later."""
    with database.write() as tx:
        world = build(tx)
    hurried = Database.open(database.url, patience=0)
    with database.write() as tx:
        comments.put(tx, world.source.id, [comment("a")], at=NOW)
        with pytest.raises(DatabaseUnavailable), hurried.write() as other:
            comments.put(other, world.source.id, [comment("b")], at=NOW)
    with hurried.write() as other:
        comments.put(other, world.source.id, [comment("b")], at=NOW)
    hurried.close()


def test_writers_of_one_source_lose_nothing(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
    moment = datetime(1970, 1, 1, tzinfo=UTC)

    def write(worker: int) -> None:
        for part in range(5):
            new = [comment(f"{worker}-{part}-{n}", at=moment) for n in range(4)]
            with database.write() as tx:
                comments.put(tx, world.source.id, new, at=NOW)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    with database.read() as tx:
        assert comments.count(tx, world.source.id) == 80
        assert len(set(pages(tx, world.source.id, newest_first=False, limit=30))) == 80


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    before=st.lists(st.integers(0, 5), max_size=12),
    meanwhile=st.lists(st.lists(st.integers(0, 5), max_size=3), min_size=8, max_size=8),
    newest_first=st.booleans(),
    limit=st.integers(1, 5),
)
def test_turning_pages_visits_each_comment_once_while_others_arrive(
    database: Database,
    before: list[int],
    meanwhile: list[list[int]],
    *,
    newest_first: bool,
    limit: int,
) -> None:
    with database.write() as tx:
        project = projects.ensure(tx, "acme")
        source = sources.ensure(tx, project.id, secrets.token_hex(8)).id

        def arrive(prefix: str, seconds: list[int]) -> set[CommentId]:
            new = [
                comment(f"{prefix}-{number}", at=NOW + second * SECOND)
                for number, second in enumerate(seconds)
            ]
            comments.put(tx, source, new, at=NOW)
            return {one.comment.id for one in new}

        there = arrive("before", before)
        visited: list[CommentId] = []
        after = None
        for turn in range(100):
            page = comments.page(
                tx,
                source,
                newest_first=newest_first,
                after=after,
                limit=limit,
                since=None,
                until=None,
            )
            if not page:
                break
            visited += [one.comment.id for one in page]
            after = page[-1].time_key
            if turn < len(meanwhile):
                arrive(f"turn {turn}", meanwhile[turn])
    assert len(visited) == len(set(visited))
    assert there <= set(visited)


def test_many_of_one_moment_cost_one_look_for_a_place(database: Database) -> None:
    with database.write() as tx:
        source = build(tx).source.id
        comments.put(tx, source, [comment("first", at=NOW)], at=NOW)
        asked: list[str] = []
        event.listen(tx, "before_cursor_execute", lambda *given: asked.append(given[2]))
        later = NOW + timedelta(microseconds=300)
        moments = [NOW] * 200 + [later, later, NOW]
        comments.put(tx, source, [comment(f"{n}", at=at) for n, at in enumerate(moments)], at=NOW)
        assert sum("max(comments.time_key)" in one for one in asked) == 1
        found = comments.get(tx, source, comment_id("201"))
        assert found is not None
        earlier = [comments.get(tx, source, comment_id(f"{n}")) for n in range(200)]
        assert all(one is not None and one.time_key < found.time_key for one in earlier)
