"""Signed, encrypted and protected mail becomes the same comments by either way of reading."""

import pytest

from mailmine.model.comment import Comment
from mailmine.sync import sealed
from tests import sealed_mail
from tests.integration.sync.conftest import ORDERS, World, both

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

MAILS = {
    "clear": sealed_mail.clear_signed(),
    "opaque": sealed_mail.opaque_signed(),
    "encrypted": sealed_mail.encrypted(),
    "protected": sealed_mail.rights_managed(),
}


def by_name(world: World) -> dict[str, Comment]:
    return {str(one.messages[0].subject).removeprefix("About "): one for one in world.comments()}


async def content(world: World, comment: Comment) -> list[bytes]:
    hashes = [one.content_hash for one in comment.attachments]
    return [b"".join([piece async for piece in world.blobs.read(one)]) for one in hashes if one]


@both
async def test_what_is_sealed_is_opened_as_far_as_it_can_be(world: World) -> None:
    for mime in MAILS.values():
        world.exchange.mailbox(ORDERS).deliver(mime)
    world.configure(sync_attachments=True)
    await world.sync()
    found = by_name(world)
    assert {name: one.user_properties["string:Protection"] for name, one in found.items()} == {
        "clear": "Signed",
        "opaque": "Signed",
        "encrypted": "Encrypted",
        "protected": "Rights managed",
    }
    for name in ("clear", "opaque"):
        (message,) = found[name].messages
        assert message.body == "Please sénd five chairs."
        assert message.from_ == "Ann <ann@example.com>"
        assert [one.name for one in found[name].attachments] == ["order.pdf", "prices.csv"]
        assert await content(world, found[name]) == [b"%PDF-1.4 one", b"chair;42"]
    assert found["encrypted"].messages[0].body == ""
    assert found["encrypted"].messages[0].to == ("orders@example.com",)
    assert [one.name for one in found["encrypted"].attachments] == ["smime.p7m"]
    assert found["protected"].messages[0].body == "To read this, open it in Outlook."


@both
async def test_a_seal_that_is_too_large_stays_an_attachment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed, "MOST_OPENED", 100)
    for name in ("clear", "opaque"):
        world.exchange.mailbox(ORDERS).deliver(MAILS[name])
    world.configure(sync_attachments=True)
    await world.sync()
    for comment in world.comments():
        assert comment.user_properties["string:Protection"] == "Signed"
        (attachment,) = comment.attachments
        assert attachment.name == "smime.p7m"
        assert attachment.attachment_reference
