"""Raw emails, and where their copies lie."""

from datetime import UTC, datetime

from mailmine.model.email import Address, Attachment, AttachmentKind, Email, Metadata
from mailmine.model.ids import AttachmentId, ContentHash, ItemId, MessageId
from mailmine.store import buckets, copies, emails, folders
from mailmine.store.database import Database
from tests.contract.store_world import (
    MINUTE,
    NOW,
    build,
    comment_id,
    copy,
    email,
    keep,
    seen,
)

FULL = Email(
    message_id=MessageId("<full@acme.example>"),
    subject="Überweisung 请",
    from_=Address("Max", "max@acme.example"),
    to=(Address("", "support@acme.example"),),
    sent_at=datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC),
    references=(MessageId("<a>"), MessageId("<b>")),
    headers=(("X-Mailer", "Other"),),
    html="<p>" + "x" * 100_000,
    attachments=(
        Attachment(
            name="order.pdf",
            content_type="application/pdf",
            size=3,
            kind=AttachmentKind.ITEM,
            id=AttachmentId("AAA="),
        ),
    ),
)


def test_an_email_comes_back_as_it_was_put(database: Database) -> None:
    new = emails.NewEmail(
        comment_id=comment_id("full"), fingerprint="f", email=FULL, raw=ContentHash("0" * 64)
    )
    with database.write() as tx:
        world = build(tx)
        key = emails.put(tx, world.bucket.id, [new], at=NOW)[comment_id("full")].key
        stored = emails.get(tx, key)
        assert stored == emails.by_comment_id(tx, world.bucket.id, comment_id("full"))
    assert stored == emails.StoredEmail(
        key=key,
        bucket_id=world.bucket.id,
        comment_id=comment_id("full"),
        fingerprint="f",
        email=FULL,
        raw=ContentHash("0" * 64),
        created_at=NOW,
        updated_at=NOW,
    )


def test_an_email_put_again_stays_as_it_is(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        (key,) = keep(tx, world, "one")
        again = [email("one", fingerprint="other"), email("two")]
        kept = emails.put(tx, world.bucket.id, again, at=NOW + MINUTE)
        assert kept[comment_id("one")].key == key
        assert kept.keys() == {comment_id("one"), comment_id("two")}
        known = emails.known(tx, world.bucket.id, [comment_id("one"), comment_id("three")])
        assert buckets.count_emails(tx, world.bucket.id) == 2
    assert known == {
        comment_id("one"): emails.KnownEmail(
            key=key, comment_id=comment_id("one"), fingerprint="print"
        )
    }


def test_the_same_email_in_two_buckets_is_two(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        other = buckets.ensure(tx, world.project.id, "other")
        (key,) = keep(tx, world, "one")
        assert emails.put(tx, other.id, [email("one")], at=NOW)[comment_id("one")].key != key
        assert emails.known(tx, world.bucket.id, []) == {}


def test_text_that_no_database_takes_is_dropped(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        dirty = email("one", subject="a\x00b\ud800c", headers=(("X\x00", "\udfff"),))
        (kept,) = emails.put(tx, world.bucket.id, [dirty], at=NOW).values()
        stored = emails.get(tx, kept.key)
    assert stored is not None
    assert (stored.email.subject, stored.email.headers) == ("abc", (("X", ""),))


def test_a_scan_visits_each_email_once_in_order(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        keys = keep(tx, world, "a", "b", "c", "d", "e")
        seen_keys = []
        after = None
        while page := emails.scan(tx, world.bucket.id, after=after, limit=2):
            seen_keys += [stored.key for stored in page]
            after = page[-1].key
    assert seen_keys == sorted(keys)


def test_a_copy_knows_where_it_lies(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        (key,) = keep(tx, world, "one")
        copies.put(tx, [copy(world, "item", key)])
        moved = seen("Old", "Inbox", folder_id="Inbox")
        folders.save_tree(tx, world.mailbox.id, [moved], is_complete=False)
        found = copies.by_items(tx, world.mailbox.id, [ItemId("item"), ItemId("ITEM")])
    assert found[ItemId("item")].metadata == Metadata(
        folder=("Old", "Inbox"), received_at=NOW, is_read=False, categories=("Red",)
    )
    assert found.keys() == {ItemId("item")}
    assert found[ItemId("item")].mailbox == "support@acme.example"


def test_the_copy_put_last_comes_first(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        one, two = keep(tx, world, "one", "two")
        copies.put(tx, [copy(world, "a", one), copy(world, "b", one), copy(world, "x", two)])
        places = copies.of_emails(tx, [one, two])
        assert [place.item_id for place in places[one]] == ["b", "a"]
        copies.put(tx, [copy(world, "a", one, folder=world.archive)])
        places = copies.of_emails(tx, [one])
    assert [(place.item_id, place.folder_path) for place in places[one]] == [
        ("a", ("Archive",)),
        ("b", ("Inbox",)),
    ]


def test_reading_an_item_changes_nothing_else(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        (key,) = keep(tx, world, "one")
        copies.put(tx, [copy(world, "a", key), copy(world, "b", key)])
        copies.set_read(tx, world.mailbox.id, {ItemId("a"): True, ItemId("unknown"): True})
        copies.set_read(tx, world.mailbox.id, {})
        places = copies.of_emails(tx, [key])[key]
    assert [(place.item_id, place.metadata.is_read) for place in places] == [
        ("b", False),
        ("a", True),
    ]


def test_only_what_still_lies_in_the_folder_is_marked_gone(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        one, two = keep(tx, world, "one", "two")
        copies.put(tx, [copy(world, "a", one), copy(world, "b", two, folder=world.archive)])
        items = [ItemId("a"), ItemId("b"), ItemId("c")]
        assert copies.mark_gone(tx, world.mailbox.id, world.inbox.key, items) == (one,)
        assert copies.mark_gone(tx, world.mailbox.id, world.inbox.key, items) == ()
        assert copies.by_items(tx, world.mailbox.id, items)[ItemId("a")].is_gone
        assert not copies.by_items(tx, world.mailbox.id, items)[ItemId("b")].is_gone
        copies.put(tx, [])
        copies.put(tx, [copy(world, "a", one)])
        assert not copies.by_items(tx, world.mailbox.id, items)[ItemId("a")].is_gone
