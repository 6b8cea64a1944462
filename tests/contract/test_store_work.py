"""Work that is left: contents to fetch, items that could not be read, copies to look at again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Connection

from mailmine.model.ids import (
    AttachmentReference,
    ContentHash,
    EmailKey,
    ExchangeId,
    ItemId,
    MailboxId,
)
from mailmine.model.past_round import PastRound
from mailmine.store import (
    attachments,
    comment_attachments,
    comments,
    copies,
    emails,
    failures,
    integrations,
    mailboxes,
    orphans,
    rechecks,
    removals,
    rounds,
    strikes,
    warnings,
)
from mailmine.store.database import Database
from mailmine.store.errors import NotFound
from tests.contract.store_world import (
    MINUTE,
    NOW,
    build,
    comment,
    comment_id,
    copy,
    email,
    keep,
)

ITEM = ItemId("item")
FAR = datetime(2999, 1, 1, tzinfo=UTC)


def wanted(key: EmailKey, item: str = "item", index: int = 0) -> attachments.WantedAttachment:
    return attachments.WantedAttachment(item_id=ItemId(item), email_key=key, index=index)


def keep_attachment(
    tx: Connection, key: EmailKey, index: int, name: str
) -> attachments.StoredAttachment:
    return attachments.put(
        tx,
        key,
        index,
        name=name,
        content_type="text/plain",
        size=3,
        content_hash=ContentHash("0" * 64),
    )


def test_an_attachment_keeps_its_reference(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        (key,) = keep(tx, world, "one")
        first = keep_attachment(tx, key, 1, "a.txt")
        again = keep_attachment(tx, key, 1, "b.txt")
        other = keep_attachment(tx, key, 0, "a.txt")
        assert again == replace(first, name="b.txt")
        assert attachments.by_reference(tx, first.reference) == again
        assert attachments.by_reference(tx, AttachmentReference("guessed")) is None
        assert attachments.of_email(tx, key) == (other, again)
        assert first.bucket_id == world.bucket.id
        with pytest.raises(NotFound):
            keep_attachment(tx, EmailKey(999), 0, "a")


def test_a_content_in_the_place_of_another_leaves_an_orphan(database: Database) -> None:
    old, new = ContentHash("a" * 64), ContentHash("b" * 64)
    with database.write() as tx:
        world = build(tx)
        (key,) = keep(tx, world, "one")
        comments.put(tx, world.source.id, [comment("one")], at=NOW)
        for put in (
            partial(attachments.put, tx, key, 0),
            partial(comment_attachments.put, tx, world.source.id, comment_id("one"), 0),
        ):
            for content in (old, old, new):
                before = orphans.lined_up(tx, FAR, limit=9)
                put(name="a", content_type="text/plain", size=3, content_hash=content)
                assert before == ()
            assert orphans.lined_up(tx, FAR, limit=9) == (old,)
            orphans.drop(tx, [old], FAR)
        for raw in (old, old, new):
            assert orphans.lined_up(tx, FAR, limit=9) == ()
            emails.replace_content(tx, key, replace(email("one"), raw=raw), at=NOW)
        assert orphans.lined_up(tx, FAR, limit=9) == (old,)


def test_contents_are_fetched_in_turn(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        mailbox = world.mailbox.id
        one, two = keep(tx, world, "one", "two")
        attachments.queue(tx, mailbox, [wanted(one)], at=NOW)
        attachments.queue(tx, mailbox, [wanted(two)], at=NOW + MINUTE)
        attachments.queue(tx, mailbox, [], at=NOW)
        (first,) = attachments.queued(tx, mailbox, NOW, 9)
        assert (first.email_key, first.attempts) == (one, 0)
        attachments.failed(tx, first, next_try_at=NOW + 2 * MINUTE)
        attachments.queue(tx, mailbox, [wanted(one, "moved")], at=NOW)
        second, first = attachments.queued(tx, mailbox, NOW + 2 * MINUTE, 9)
        assert (second.email_key, first.email_key) == (two, one)
        assert (first.item_id, first.attempts) == (ItemId("moved"), 1)
        attachments.done(tx, second)
        assert attachments.queued(tx, mailbox, NOW + 2 * MINUTE, 9) == (first,)


def test_a_failure_is_counted_until_resolved(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        mailbox = world.mailbox.id
        for minute in range(3):
            attempts = failures.record(
                tx,
                mailbox,
                world.inbox.key,
                ITEM,
                code="ErrorItemCorrupt",
                message="Exchange cannot read it.",
                at=NOW + minute * MINUTE,
                next_try_at=NOW + (minute + 1) * MINUTE,
            )
            assert attempts == minute + 1
        (failure,) = failures.of_mailbox(tx, mailbox, 9)
        assert (failure.first_at, failure.last_at) == (NOW, NOW + 2 * MINUTE)
        assert failures.due(tx, mailbox, NOW, 9) == ()
        assert failures.due(tx, mailbox, NOW + 3 * MINUTE, 9) == (failure,)
        failures.resolve(tx, mailbox, [ITEM, ItemId("other")])
        assert failures.of_mailbox(tx, mailbox, 9) == ()


def test_what_was_given_up_is_not_due(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        where = (world.mailbox.id, world.inbox.key, ITEM)
        failures.record(tx, *where, code="c", message="m", at=NOW, next_try_at=None)
        assert failures.due(tx, world.mailbox.id, NOW + MINUTE, 9) == ()
        assert len(failures.of_mailbox(tx, world.mailbox.id, 9)) == 1


def test_the_copies_of_a_folder_are_lined_up_once(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        (key,) = keep(tx, world, "one")
        copies.put(tx, [copy(world, item, key) for item in "abc"])
        copies.put(tx, [copy(world, "x", key, folder=world.archive)])
        copies.mark_gone(tx, world.mailbox.id, world.inbox.key, [ItemId("c")])
        place, unseen = rechecks.Kind.PLACE, rechecks.Kind.UNSEEN
        for _ in range(2):
            rechecks.begin(tx, world.inbox.key, place)
        assert rechecks.pending(tx, world.mailbox.id) == {(world.inbox.key, place)}
        assert rechecks.take(tx, world.inbox.key, place, limit=9) == ("a", "b")
        assert rechecks.take(tx, world.inbox.key, place, limit=9, after=ItemId("a")) == ("b",)
        assert rechecks.take(tx, world.inbox.key, unseen, limit=9) == ()
        rechecks.drop(tx, world.inbox.key, place, [ItemId("a")])
        assert rechecks.take(tx, world.inbox.key, place, limit=9) == ("b",)
        rechecks.begin(tx, world.inbox.key, unseen)
        rechecks.drop_all(tx, world.inbox.key, place)
        assert rechecks.pending(tx, world.mailbox.id) == {(world.inbox.key, unseen)}


def test_nothing_is_asked_for_under_ids_that_are_left(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        (key,) = keep(tx, world, "1")
        copies.put(tx, [copy(world, "kept", key)])
        for item in ("kept", "unread"):
            failures.record(
                tx,
                world.mailbox.id,
                world.inbox.key,
                ItemId(item),
                code="c",
                message="m",
                at=NOW,
                next_try_at=NOW,
            )
        attachments.queue(tx, world.mailbox.id, [wanted(key)], at=NOW)
        failures.leave(tx, world.mailbox.id)
        attachments.unqueue(tx, world.mailbox.id)
        (left,) = failures.of_mailbox(tx, world.mailbox.id, 9)
        assert (left.item_id, left.next_try_at) == ("kept", None)
        assert attachments.queued(tx, world.mailbox.id, NOW, 9) == ()


def test_copies_are_found_by_the_fingerprints_of_their_emails(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        first, second = keep(tx, world, "1", "2")
        copies.put(tx, [copy(world, "a", first), copy(world, "b", second)])
        stored = emails.get(tx, first)
        assert stored is not None
        found = copies.by_fingerprints(tx, world.mailbox.id, [stored.fingerprint, "another"])
        assert set(found) == {stored.fingerprint}
        assert first in {one.email_key for one in found[stored.fingerprint]}
        assert copies.by_fingerprints(tx, MailboxId("other"), [stored.fingerprint]) == {}


def test_strikes_are_replaced_and_cleared(database: Database) -> None:
    first = strikes.Strikes(code="http_401", times=1, since=NOW, last_at=NOW, hold_until=None)
    second = replace(first, times=2, last_at=NOW + MINUTE, hold_until=NOW + 2 * MINUTE)
    with database.write() as tx:
        mailbox = build(tx).mailbox.id
        assert strikes.of(tx, mailbox) is None
        for value in (first, second):
            strikes.put(tx, mailbox, value)
            assert strikes.of(tx, mailbox) == value
        strikes.clear(tx, mailbox)
        assert strikes.of(tx, mailbox) is None


def test_a_pause_that_was_made_longer_meanwhile_is_not_over(database: Database) -> None:
    short, long = ExchangeId("server a"), ExchangeId("server b")
    held = strikes.Strikes(code="busy", times=1, since=NOW, last_at=NOW, hold_until=NOW)
    with database.write() as tx:
        strikes.put(tx, short, held)
        strikes.put(tx, long, replace(held, hold_until=NOW + MINUTE))
        strikes.end_pauses(tx, [short, long], NOW)
        assert strikes.of_all(tx, [short, long]).keys() == {long}


@pytest.mark.parametrize("whole", [False, True])
def test_strikes_go_with_what_they_are_of(database: Database, *, whole: bool) -> None:
    failed = strikes.Strikes(code="http_401", times=1, since=NOW, last_at=NOW, hold_until=None)
    with database.write() as tx:
        world = build(tx)
        subjects = (world.mailbox.id, world.integration.id)
        for subject in subjects:
            strikes.put(tx, subject, failed)
        if whole:
            integrations.remove(tx, world.integration.id)
        else:
            mailboxes.remove(tx, world.mailbox.id)
        assert set(strikes.of_all(tx, subjects)) == set(() if whole else subjects[1:])


def test_what_is_removed_is_counted_until_it_is_gone(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        first, second = keep(tx, world, "one", "two")
        copies.put(
            tx, [copy(world, "a", first), copy(world, "b", second), copy(world, "c", second)]
        )
        comments.put(tx, world.source.id, [comment("one")], at=NOW)
        removals.begin(tx, removals.Kind.SOURCE, world.source.id, at=NOW)
        removals.begin(tx, removals.Kind.BUCKET, world.bucket.id, at=NOW + MINUTE)
        removals.begin(tx, removals.Kind.INTEGRATION, world.integration.id, at=NOW + 2 * MINUTE)
        found = removals.list_all(tx)
        assert list(found) == [world.source.id, world.bucket.id, world.integration.id]
        assert [(one.kind, one.done, one.total) for one in found.values()] == [
            (removals.Kind.SOURCE, 0, 1),
            (removals.Kind.BUCKET, 0, 2),
            (removals.Kind.INTEGRATION, 0, 4),
        ]
    with database.write() as tx:
        assert removals.hold(tx, world.bucket.id)
        removals.progress(tx, world.bucket.id, more=2)
        removals.begin(tx, removals.Kind.BUCKET, world.bucket.id, at=NOW)
        assert removals.list_all(tx)[world.bucket.id].done == 2
        removals.end(tx, world.bucket.id)
        assert not removals.hold(tx, world.bucket.id)
        assert [copies.remove_some(tx, world.mailbox.id, limit=2) for _ in range(3)] == [2, 1, 0]


def test_an_integration_that_is_configured_anew_is_not_removed(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        removals.begin(tx, removals.Kind.INTEGRATION, world.integration.id, at=NOW)
        integrations.save(
            tx,
            world.project.id,
            world.integration.name,
            title="",
            connection=world.integration.connection,
        )
        assert removals.list_all(tx) == {}


def test_a_warning_is_kept_once_for_each_code(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        of_all = warnings.StandingWarning(
            integration_id=world.integration.id,
            mailbox_id=None,
            code="disk_full",
            message="Make room.",
            since=NOW,
            ends_at=None,
            told_at=NOW,
        )
        of_one = replace(of_all, mailbox_id=world.mailbox.id, ends_at=NOW + MINUTE)
        other = replace(of_all, code="ews_ends", since=NOW + MINUTE)
        for warning in (other, of_all, of_one, replace(of_all, message="")):
            warnings.put(tx, warning)
        warnings.put(tx, of_all)
        assert warnings.of_integration(tx, world.integration.id) == {
            None: (of_all, other),
            world.mailbox.id: (of_one,),
        }
        assert set(warnings.list_all(tx)) == {of_all, of_one, other}
        warnings.remove(tx, of_all)
        mailboxes.remove(tx, world.mailbox.id)
        assert warnings.list_all(tx) == (other,)
        integrations.remove(tx, world.integration.id)
        assert warnings.list_all(tx) == ()
        with pytest.raises(NotFound):
            warnings.put(tx, other)


def test_what_went_wrong_is_found_by_its_code(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        value = strikes.Strikes(
            code="failed_items", times=12, since=NOW, last_at=NOW, hold_until=NOW + MINUTE
        )
        strikes.put(tx, world.mailbox.id, value)
        strikes.put(tx, world.integration.id, replace(value, code="timed_out"))
        assert strikes.holding(tx, "failed_items") == {world.mailbox.id: value}


def test_the_last_rounds_of_a_mailbox_are_kept(database: Database) -> None:
    first = PastRound(
        at=NOW,
        took=timedelta(seconds=1.5),
        ending="done",
        new=3,
        moved=1,
        gone=0,
        failed=0,
        requests=4,
        octets=5_000,
        throttled=0.5,
        code="http_503",
        answers={"200": 3, "503": 1},
    )
    with database.write() as tx:
        mailbox = build(tx).mailbox
        for minute in range(rounds.MOST + 2):
            rounds.add(tx, mailbox.id, replace(first, at=NOW + minute * MINUTE))
        kept = rounds.of_mailbox(tx, mailbox.id)
        assert len(kept) == rounds.MOST
        assert kept[0] == replace(first, at=NOW + (rounds.MOST + 1) * MINUTE)
        assert kept[-1].at == NOW + 2 * MINUTE
        # One that is told again is one still.
        rounds.add(tx, mailbox.id, replace(kept[0], new=4))
        assert [one.new for one in rounds.of_mailbox(tx, mailbox.id)[:2]] == [4, 3]
        mailboxes.remove(tx, mailbox.id)
        assert rounds.of_mailbox(tx, mailbox.id) == ()
        with pytest.raises(NotFound):
            rounds.add(tx, MailboxId("nowhere"), first)
