"""How much a bucket and a source keep is known without counting, and is what counting gives.

That it stays so is looked at behind each test of the store, of the API and of syncing (`tests.amounts`).
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta

import pytest
from sqlalchemy import Connection, func, insert, select, update

from mailmine.model.ids import ContentHash, EmailKey
from mailmine.store import (
    amounts,
    attachments,
    comment_attachments,
    comments,
    emails,
    retentions,
    schema,
    settings,
)
from mailmine.store.amounts import Amount
from mailmine.store.database import Database
from tests.amounts import are_right as amounts_are_right
from tests.contract import store_world
from tests.contract.store_world import NOW, World, comment, comment_id

HASH = ContentHash("ab" * 32)


@pytest.fixture
def world(database: Database) -> World:
    with database.write() as tx:
        return store_world.build(tx)


def test_emails_comments_and_contents_are_counted(database: Database, world: World) -> None:
    with database.write() as tx:
        one, two = store_world.keep(tx, world, "a", "b")
        store_world.keep(tx, world, "b", "c")
        kept = amounts.in_bucket(tx, world.bucket.id)
        assert kept.comments == 3
        assert kept.bytes > 0
        attachments.put(
            tx, two, 0, name="a", content_type="text/plain", size=1_000, content_hash=HASH
        )
        attachments.put(
            tx, two, 0, name="a", content_type="text/plain", size=1_500, content_hash=HASH
        )
        assert amounts.in_bucket(tx, world.bucket.id) == kept + Amount(0, 1_500)
        comments.put(tx, world.source.id, [comment("a", "Hello"), comment("b")], at=NOW)
        shown = amounts.in_source(tx, world.source.id)
        assert shown.comments == 2
        comments.put(tx, world.source.id, [comment("a", "Hello you")], at=NOW)
        assert amounts.in_source(tx, world.source.id) == shown + Amount(0, len(" you"))
        assert amounts.in_sources(tx) == {world.source.id: shown + Amount(0, len(" you"))}
        project = amounts.in_projects(tx)[world.project.id]
        assert project.comments == 2
        assert project.bytes == shown.bytes + len(" you") + kept.bytes + 1_500
        emails.replace_content(tx, one, store_world.email("a", subject="x" * 500), at=NOW)


def test_what_goes_is_taken_off(database: Database, world: World) -> None:
    with database.write() as tx:
        _, two, _ = store_world.keep(tx, world, "a", "b", "c")
        attachments.put(
            tx, two, 0, name="a", content_type="text/plain", size=1_000, content_hash=HASH
        )
        comments.put(tx, world.source.id, [comment("a"), comment("b", email_key=two)], at=NOW)
        comments.remove(tx, world.source.id, [comment_id("a")])
        assert amounts.in_source(tx, world.source.id).comments == 1
        retentions.empty_emails(tx, world.bucket.id, NOW + timedelta(days=1), limit=2)
        assert amounts.in_bucket(tx, world.bucket.id).comments == 3, "they stay known"
        assert amounts.recount(tx) == 0
        emails.remove_some(tx, world.bucket.id, limit=10)
        comments.remove_some(tx, world.source.id, limit=10)
        assert amounts.in_bucket(tx, world.bucket.id) == Amount()
        assert amounts.in_source(tx, world.source.id) == Amount()


Act = Callable[[Connection, World, EmailKey], object]


def _attach(tx: Connection, key: EmailKey, size: int) -> None:
    attachments.put(tx, key, 0, name="a", content_type="text/plain", size=size, content_hash=HASH)


def _put_content(tx: Connection, world: World, size: int) -> None:
    comment_attachments.put(
        tx,
        world.source.id,
        comment_id("a"),
        0,
        name="a",
        content_type="text/plain",
        size=size,
        content_hash=HASH,
    )


LATER = NOW + timedelta(days=1)
ACTS: Mapping[str, Act] = {
    "old comments go": lambda tx, world, _: retentions.remove_comments(
        tx, world.bucket.id, LATER, limit=5
    ),
    "a source goes": lambda tx, world, _: comments.remove_some(tx, world.source.id, limit=5),
    "a comment goes": lambda tx, world, _: comments.remove(tx, world.source.id, [comment_id("a")]),
    "emails are emptied": lambda tx, world, _: retentions.empty_emails(
        tx, world.bucket.id, LATER, limit=5
    ),
    "a bucket goes": lambda tx, world, _: emails.remove_some(tx, world.bucket.id, limit=5),
    "contents go": lambda tx, _, key: attachments.forget(tx, [key]),
    "a content comes": lambda tx, _, key: _attach(tx, key, 900),
    "a content of a comment comes": lambda tx, world, _: _put_content(tx, world, 900),
    "an email says something else": lambda tx, _, key: emails.replace_content(
        tx, key, store_world.email("a", subject="x" * 500), at=NOW
    ),
}


@pytest.mark.parametrize("has_contents", [False, True])
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_what_two_do_at_once_is_counted_once(
    database: Database, world: World, act: Act, *, has_contents: bool
) -> None:
    with database.write() as tx:
        key, _ = store_world.keep(tx, world, "a", "b")
        comments.put(tx, world.source.id, [comment("a", email_key=key), comment("b")], at=NOW)
        if has_contents:
            _attach(tx, key, 100)
            _put_content(tx, world, 100)

    def do() -> None:
        with database.write() as tx:
            act(tx, world, key)

    with ThreadPoolExecutor(1) as other:
        with database.write() as tx:
            act(tx, world, key)
            late = other.submit(do)
            wait([late], timeout=0.5)
        late.result()
    assert amounts_are_right(database)


def test_many_changes_become_one_row(database: Database, world: World) -> None:
    with database.write() as tx:
        for number in range(7):
            store_world.keep(tx, world, f"mail-{number}")
            comments.put(tx, world.source.id, [comment(f"mail-{number}")], at=NOW)
        before = amounts.in_bucket(tx, world.bucket.id), amounts.in_source(tx, world.source.id)
        rows = select(func.count()).select_from(schema.amounts)
        assert amounts.condense(tx, many=7) == 0
        assert amounts.condense(tx, many=6) == 2
        assert tx.execute(rows).scalar() == 2
        assert before == (
            amounts.in_bucket(tx, world.bucket.id),
            amounts.in_source(tx, world.source.id),
        )
        assert amounts.condense(tx, many=1) == 0


def test_what_was_written_without_a_note_is_found_when_it_is_time(
    database: Database, world: World
) -> None:
    with database.write() as tx:
        (key,) = store_world.keep(tx, world, "a")
        right = amounts.in_bucket(tx, world.bucket.id)
        # As mailmine of before wrote: an email more, and another without its record.
        tx.execute(
            insert(schema.emails).values(
                bucket_id=world.bucket.id,
                comment_id="other",
                fingerprint="print",
                record=b"12345",
                created_at=NOW,
                updated_at=NOW,
            )
        )
        tx.execute(update(schema.emails).where(schema.emails.c.key == key).values(record=b""))
        amounts.tidy(tx, now=NOW)
        assert amounts.in_bucket(tx, world.bucket.id) == right, "it is not time"
        settings.put(tx, amounts.RECOUNT_AT, NOW.isoformat())
        amounts.tidy(tx, now=NOW - timedelta(seconds=1))
        assert amounts.in_bucket(tx, world.bucket.id) == right
        amounts.tidy(tx, now=NOW)
        assert amounts.in_bucket(tx, world.bucket.id) == Amount(2, 5)
        assert settings.get(tx, amounts.RECOUNT_AT) is None


def test_what_is_removed_takes_its_amounts_along(database: Database, world: World) -> None:
    with database.write() as tx:
        comments.put(tx, world.source.id, [comment("a")], at=NOW)
        comments.remove_some(tx, world.source.id, limit=1)
        tx.execute(schema.sources.delete().where(schema.sources.c.id == world.source.id))
        assert amounts.in_sources(tx) == {}
        assert tx.execute(select(schema.amounts)).all() == []
