"""Contents of attachments in an object store, also when it goes away in the middle."""

import math

import pytest

from mailmine.store import attachments, blobs
from mailmine.store.blobs import Blobs
from tests.integration.sync.conftest import ORDERS, World, eml
from tests.object_store import Bucket

MAILS = 3


async def test_what_a_store_that_was_away_could_not_take_comes_later(
    world: World, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(MAILS):
        pdf = f"%PDF {number}".encode()
        world.exchange.mailbox(ORDERS).deliver(eml(number, attachment=pdf))
    world.configure(sync_attachments=True)
    with monkeypatch.context() as away:
        away.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        away.setattr(blobs, "AWAY", math.inf)
        world.blobs = Blobs.open(bucket.place)
        await world.sync()
        assert len(world.comments()) == MAILS  # mail does not wait for contents
        assert world.exchange.requests.count("GetAttachment") == 1
        world.exchange.mailbox(ORDERS).deliver(eml(MAILS))
        world.now = world.time() + world.settings.poll_interval
        await world.sync()  # finds out nothing anew, and takes no time for it
        assert len(world.comments()) == MAILS + 1
        assert world.exchange.requests.count("GetAttachment") == 1

    world.now = world.time() + world.settings.poll_interval
    world.blobs = Blobs.open(bucket.place)
    await world.sync()
    references = [
        file.attachment_reference for comment in world.comments() for file in comment.attachments
    ]
    found = set[bytes]()
    for reference in references:
        assert reference is not None
        with world.database.read() as tx:
            stored = attachments.by_reference(tx, reference)
        assert stored is not None
        content = world.blobs.read(stored.content_hash)
        found.add(b"".join([piece async for piece in content]))
    assert found == {f"%PDF {number}".encode() for number in range(MAILS)}
    assert len(bucket.keys()) == MAILS
