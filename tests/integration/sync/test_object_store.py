"""Contents of attachments in an object store, also when it goes away in the middle."""

import pytest

from mailmine.store import attachments
from mailmine.store.blobs import Blobs
from mailmine.store.errors import StoreError
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
        world.blobs = Blobs.open(bucket.place)
        with pytest.raises(StoreError, match="cannot be reached"):
            await world.sync()
    assert len(world.comments()) == MAILS  # mail does not wait for contents

    world.now = world.time() + world.settings.lease
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
