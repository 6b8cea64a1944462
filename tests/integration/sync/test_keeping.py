"""What a bucket keeps no longer goes: comments, words of emails, contents; and it does not come back."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from sqlalchemy import update

from exchange_simulator.mailbox import Message
from mailmine.model.ids import CommentId, ContentHash
from mailmine.store import (
    attachments,
    comments,
    emails,
    fills,
    orphans,
    retentions,
    schema,
    search,
    sources,
)
from mailmine.store.retentions import Due, Retention
from mailmine.sync import configure
from mailmine.sync.filling import Filling
from mailmine.sync.keeping import SETTLED, Keeping
from mailmine.sync.refinery import Here
from tests.integration.sync.conftest import ORDERS, World, eml

DAY = timedelta(days=1)


class Kept:
    """A mailbox with one old and one new email, each with an attachment, and what keeps it to its limits."""

    def __init__(self, world: World, messages: list[Message]) -> None:
        self.world = world
        self.messages = messages
        self.time = datetime.now(UTC)
        self.keeping = Keeping(world.database, world.blobs, now=lambda: self.time)
        with world.database.read() as tx:
            (self.source,) = sources.list_all(tx)
        assert self.source.bucket_id is not None
        self.bucket_id = self.source.bucket_id

    def limit(self, **days: int) -> Due:
        retention = Retention(bucket_id=self.bucket_id, **days)
        with self.world.database.write() as tx:
            retentions.put(tx, retention)
            return retentions.due(tx, retention, now=self.time)

    async def keep(self) -> None:
        await self.keeping.keep(asyncio.Event())


@pytest.fixture
async def kept(world: World) -> Kept:
    now = datetime.now(UTC)
    box = world.exchange.mailbox(ORDERS)
    messages = []
    for number, content, age in ((1, b"first", 100 * DAY), (2, b"second", DAY)):
        sent = format_datetime(now - age)
        messages.append(box.deliver(eml(number, attachment=content, sent=sent), at=now - age))
    world.configure(sync_attachments=True)
    await world.sync()
    return Kept(world, messages)


def subjects(world: World) -> list[str]:
    return sorted(one.messages[0].subject or "" for one in world.comments())


async def test_old_comments_go_also_from_search_and_a_move_brings_none_back(kept: Kept) -> None:
    world = kept.world
    both = subjects(world)
    assert len(both) == 2
    assert kept.limit(comments_days=30) == Due(comments=1, emails=0, attachments=0, octets=0)
    await kept.keep()
    (left,) = world.comments()
    with world.database.read() as tx:
        assert comments.count(tx, kept.source.id) == 1
        found = search.find(tx, kept.source.id, "chairs", before=None, limit=10)
        assert [hit.comment.comment.id for hit in found] == [left.id]
    for message in kept.messages:
        message.move("Done")
    await world.sync()
    assert [one.id for one in world.comments()] == [left.id]


async def test_a_source_that_comes_later_shows_no_more_than_is_kept(kept: Kept) -> None:
    world = kept.world
    kept.limit(comments_days=30)
    with world.database.write() as tx:
        late = sources.ensure(tx, kept.source.project_id, "late", bucket_id=kept.bucket_id)
        fills.begin(tx, late.id, kept.bucket_id, at=kept.time)
    filling = Filling(world.database, refinery=Here())
    while await filling.step():
        pass
    with world.database.read() as tx:
        assert comments.count(tx, late.id) == 1


async def test_emails_that_were_emptied_are_known_and_never_read_again(kept: Kept) -> None:
    world = kept.world
    kept.time += 50 * DAY
    assert kept.limit(emails_days=30).emails == 2
    await kept.keep()
    with world.database.read() as tx:
        assert emails.scan(tx, kept.bucket_id, after=None, limit=10) == ()
        ids = [CommentId(one.id) for one in world.comments()]
        assert emails.known(tx, kept.bucket_id, ids).keys() == set(ids)
    world.exchange.requests.clear()
    with world.database.write() as tx:
        configure.read_anew(tx, world.mailbox())
    await world.sync()
    assert world.exchange.requests.count("GetItem") == 0
    assert len(world.comments()) == 2
    assert kept.limit(emails_days=30).emails == 0


async def test_contents_go_once_nothing_names_them_for_a_day(kept: Kept) -> None:
    world = kept.world
    hashes = [ContentHash(one.attachments[0].content_hash or "") for one in world.comments()]
    kept.time += DAY / 2
    due = kept.limit(attachments_days=0)
    assert (due.attachments, due.octets) == (2, len(b"first") + len(b"second"))
    await kept.keep()
    for comment in world.comments():
        (listed,) = comment.attachments
        assert (listed.attachment_reference, listed.content_hash) == (None, None)
        assert listed.name
    assert [await world.blobs.size(one) is not None for one in hashes] == [True, True]
    with world.database.write() as tx:
        # Another email came with the same content meanwhile.
        key = next(iter(emails.known(tx, kept.bucket_id, [world.comments()[0].id]).values())).key
        attachments.put(tx, key, 0, name="x", content_type="a/b", size=5, content_hash=hashes[0])
    kept.time = datetime.now(UTC) + SETTLED + DAY
    retention = Retention(bucket_id=kept.bucket_id)
    with world.database.write() as tx:
        retentions.put(tx, retention)
    await kept.keep()
    assert [await world.blobs.size(one) is not None for one in hashes] == [True, False]
    with world.database.read() as tx:
        assert orphans.lined_up(tx, kept.time, limit=10) == ()


async def test_a_content_that_is_let_go_of_while_others_are_thrown_away_has_its_turn_later(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = kept.world
    nobodys = await world.blobs.put_bytes(b"nobody's")
    named = ContentHash(world.comments()[0].attachments[0].content_hash or "")
    with world.database.write() as tx:
        orphans.add(tx, {named, nobodys})
        tx.execute(update(schema.orphans).values(since=kept.time - 2 * DAY))
    remove = world.blobs.remove

    async def slowly(content_hash: ContentHash, *, unless_written_since: datetime) -> bool:
        kept.limit(attachments_days=0)
        with world.database.write() as tx:
            keys = retentions.old_attachments(tx, kept.bucket_id, kept.time, limit=10)
            attachments.forget(tx, keys)
        return await remove(content_hash, unless_written_since=unless_written_since)

    monkeypatch.setattr(world.blobs, "remove", slowly)
    await kept.keep()
    assert await world.blobs.size(named) is not None
    monkeypatch.undo()
    kept.time += 2 * DAY
    await kept.keep()
    assert await world.blobs.size(named) is None


async def test_a_content_that_is_written_again_stays(kept: Kept) -> None:
    content_hash = await kept.world.blobs.put_bytes(b"third")
    before = datetime.now(UTC) - DAY
    assert not await kept.world.blobs.remove(content_hash, unless_written_since=before)
    assert await kept.world.blobs.size(content_hash) == 5
    later = datetime.now(UTC) + DAY
    assert await kept.world.blobs.remove(content_hash, unless_written_since=later)
    assert await kept.world.blobs.size(content_hash) is None
    assert await kept.world.blobs.remove(content_hash, unless_written_since=later)
