"""Two who write the same comment at once, as in a cluster: what comes second is made of what came first.

In SQLite one waits for the other before it reads anything.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection as Transaction

from mailmine.model.ids import ContentHash, EmailKey
from mailmine.store import (
    attachments,
    buckets,
    comments,
    copies,
    emails,
    fills,
    retentions,
    sources,
)
from mailmine.store.comments import NewComment
from mailmine.store.retentions import Retention
from mailmine.sync import intake
from mailmine.sync.filling import Filling
from mailmine.sync.keeping import Keeping
from mailmine.sync.refinery import Here
from mailmine.sync.removal import remove_source
from mailmine.sync.settings import SyncSettings
from tests.integration.sync.conftest import ORDERS, World, eml

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
HASH = ContentHash("ab" * 32)


async def with_an_attachment(world: World) -> EmailKey:
    """Take in an email whose attachment is still to be fetched."""
    world.exchange.mailbox(ORDERS).deliver(eml(1, attachment=b"%PDF"))
    world.configure(sync_attachments=True)
    world.settings = SyncSettings(attachments=0)
    await world.round()
    world.settings = SyncSettings()
    with world.database.read() as tx:
        (bucket,) = buckets.list_all(tx)
        (stored,) = emails.scan(tx, bucket.id, after=None, limit=9)
    return stored.key


def mark_read(tx: Transaction, world: World, key: EmailKey) -> None:
    mailbox = world.mailbox()
    (copy,) = copies.of_emails(tx, [key])[key]
    copies.set_read(tx, mailbox.id, {copy.item_id: True})
    intake.show_again(tx, mailbox.bucket_id, {key}, at=world.time())


def shown(world: World) -> list[tuple[bool, bool]]:
    """Say of each comment whether it is read, and whether its attachment can be had."""
    with world.database.read() as tx:
        (bucket,) = buckets.list_all(tx)
        keys = [one.key for one in emails.scan(tx, bucket.id, after=None, limit=9)]
        found = [one.comment for one in comments.of_emails(tx, keys)]
    return [
        (
            one.user_properties["string:Is Read"] == "Yes",
            one.attachments[0].attachment_reference is not None,
        )
        for one in found
    ]


async def test_a_content_that_comes_while_its_email_is_marked_as_read(world: World) -> None:
    key = await with_an_attachment(world)
    with world.database.write() as tx:
        mark_read(tx, world, key)
        fetching = asyncio.create_task(world.round())
        await asyncio.sleep(1)
    await fetching
    assert shown(world) == [(True, True)]


async def test_an_email_that_is_marked_as_read_while_its_content_comes(world: World) -> None:
    key = await with_an_attachment(world)

    def mark() -> None:
        with world.database.write() as tx:
            mark_read(tx, world, key)

    with world.database.write() as tx:
        kept = attachments.put(
            tx, key, 0, name="a.pdf", content_type="pdf", size=4, content_hash=HASH
        )
        (stored,) = comments.of_emails(tx, [key])
        named = intake.with_content(stored.comment, 0, kept)
        row = NewComment(comment=named, email_key=key, refined=stored.refined)
        comments.put(tx, stored.source_id, [row], at=world.time())
        marking = asyncio.create_task(asyncio.to_thread(mark))
        await asyncio.sleep(1)
    await marking
    assert shown(world) == [(True, True)]


async def test_a_content_that_goes_while_its_email_is_marked_as_read(world: World) -> None:
    key = await with_an_attachment(world)
    await world.round()
    assert shown(world) == [(False, True)]
    with world.database.write() as tx:
        retentions.put(tx, Retention(bucket_id=world.mailbox().bucket_id, attachments_days=1))
    keeping = Keeping(world.database, world.blobs, now=lambda: world.time() + timedelta(days=2))
    with world.database.write() as tx:
        mark_read(tx, world, key)
        going = asyncio.create_task(keeping.keep(asyncio.Event()))
        await asyncio.sleep(1)
    await going
    assert shown(world) == [(True, False)]


async def test_a_source_that_is_filled_while_an_email_is_marked_as_read(world: World) -> None:
    key = await with_an_attachment(world)
    await world.round()
    with world.database.write() as tx:
        (bucket,) = buckets.list_all(tx)
        later = sources.ensure(tx, bucket.project_id, "later", bucket_id=bucket.id)
        fills.begin(tx, later.id, bucket.id, at=world.time())
    with world.database.write() as tx:
        mark_read(tx, world, key)
        filling = asyncio.create_task(Filling(world.database, refinery=Here()).step())
        await asyncio.sleep(1)
    await filling
    assert shown(world) == [(True, True), (True, True)]


async def test_a_source_that_is_removed_while_a_comment_of_it_is_written(world: World) -> None:
    key = await with_an_attachment(world)
    with world.database.read() as tx:
        (source,) = sources.list_all(tx)
    with world.database.write() as tx:
        comments.take_turns(tx, world.mailbox().bucket_id)
        (stored,) = comments.of_emails(tx, [key])
        removing = asyncio.create_task(asyncio.to_thread(remove_source, world.database, source.id))
        await asyncio.sleep(1)
        changed = replace(stored.comment, user_properties={})
        row = NewComment(comment=changed, email_key=key, refined=stored.refined)
        comments.put(tx, source.id, [row], at=world.time())
    await removing
    with world.database.read() as tx:
        assert sources.list_all(tx) == ()
