"""What the pages ask: whether anything changed, how long conversations are, how far an integration is."""

from mailmine.model.ids import IntegrationId, ItemId, ThreadId
from mailmine.store import comments, copies, events, failures, folders, leases, mailboxes, pulse
from mailmine.store.database import Database
from mailmine.store.leases import Release
from tests.contract.store_world import MINUTE, NOW, build, comment, copy, keep, seen


def test_an_empty_store_has_a_pulse(database: Database) -> None:
    with database.read() as tx:
        first = pulse.take(tx, since=None)
        assert pulse.take(tx, since=first) == first
    assert first.sources == frozenset()


def test_new_comments_change_their_source_alone(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        before = pulse.take(tx, since=None)
        comments.put(tx, world.source.id, [comment("a")], at=NOW)
        after = pulse.take(tx, since=before)
        assert after.sources == {world.source.id}
        assert pulse.take(tx, since=after).sources == frozenset()


def test_an_email_that_moved_changes_the_source_of_its_comment(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        (key,) = keep(tx, world, "a")
        comments.put(tx, world.source.id, [comment("a", email_key=key)], at=NOW)
        before = pulse.take(tx, since=None)
        copies.put(tx, [copy(world, "item", key)])
        assert pulse.take(tx, since=before).sources == {world.source.id}


def test_an_event_and_the_end_of_a_round_change_the_pulse(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        before = pulse.take(tx, since=None)
        events.append(tx, "configured", at=NOW)
        told = pulse.take(tx, since=before)
        assert told.event > before.event
        lease = leases.claim(tx, [world.mailbox.id], owner="me", now=NOW, until=NOW + MINUTE).get(
            world.mailbox.id
        )
        assert lease is not None
        leases.release(tx, Release(lease=lease, next_due_at=NOW + MINUTE, round_ended_at=NOW))
        assert pulse.take(tx, since=told).round_at == NOW


def test_conversations_are_counted_for_a_whole_page(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        for name, thread in (("a", "one"), ("b", "one"), ("c", "two")):
            comments.put(tx, world.source.id, [comment(name, thread=thread)], at=NOW)
        wanted = {ThreadId("one"), ThreadId("two"), ThreadId("none")}
        assert comments.thread_sizes(tx, world.source.id, wanted) == {"one": 2, "two": 1}
        assert comments.thread_sizes(tx, world.source.id, ()) == {}


def test_folders_and_failures_are_given_for_a_whole_integration(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        other = mailboxes.save(
            tx, world.integration.id, "other@acme.example", bucket_id=world.bucket.id
        )
        (gone,) = folders.save_tree(tx, other.id, [seen("Gone")], is_complete=True)
        (kept,) = folders.save_tree(tx, other.id, [seen("Kept")], is_complete=True)
        for item in ("a", "b"):
            failures.record(
                tx,
                other.id,
                gone.key,
                ItemId(item),
                code="ErrorCorruptData",
                message="It cannot be read.",
                at=NOW,
                next_try_at=None,
            )
        assert folders.of_integration(tx, world.integration.id) == {
            world.mailbox.id: (world.archive, world.inbox),
            other.id: (kept,),
        }
        reason = failures.Reason(code="ErrorCorruptData", message="It cannot be read.", items=2)
        assert failures.reasons(tx, world.integration.id) == {other.id: (reason,)}
        nobody = IntegrationId("none")
        assert folders.of_integration(tx, nobody) == {}
        assert failures.reasons(tx, nobody) == {}
