"""What metrics and `mailmine status` are told, on both databases, and that it costs few queries."""

import pytest
from sqlalchemy import Connection, insert

from mailmine.model.ids import ItemId
from mailmine.model.integration import (
    Connection as ExchangeConnection,
    DisabledReason,
    FolderStatus,
    Trouble,
)
from mailmine.store import (
    attachments,
    copies,
    failures,
    fills,
    folders,
    integrations,
    leases,
    mailboxes,
    overview,
    projects,
    rechecks,
)
from mailmine.store.database import Database
from mailmine.store.leases import Release
from mailmine.store.overview import MailboxStanding
from mailmine.store.schema import unindexed
from tests.contract import store_world
from tests.contract.store_world import MINUTE, NOW, World, copy, keep, put_place, seen

TROUBLE = Trouble(code="timed_out", message="Too late.", since=NOW)


@pytest.fixture
def world(database: Database) -> World:
    with database.write() as tx:
        return store_world.build(tx)


def only(tx: Connection) -> MailboxStanding:
    (one,) = overview.take(tx).mailboxes
    return one


def place(tx: Connection, folder: folders.FolderState, status: FolderStatus, read: int) -> None:
    put_place(tx, folder.key, status, read=read)


def test_a_new_mailbox(database: Database, world: World) -> None:
    with database.read() as tx:
        one = only(tx)
    assert (one.integration.project, one.integration.name) == ("acme", "exchange")
    assert one.address == "support@acme.example"
    assert one.is_wanted
    assert one.created_at == world.mailbox.created_at
    assert (one.last_round_at, one.lease_until) == (None, None)
    assert (one.loading, one.left_out, one.unread, one.retried, one.given_up) == (0, 0, 0, 0, 0)


def test_an_integration_without_mailboxes_is_there(database: Database, world: World) -> None:
    with database.write() as tx:
        other = projects.ensure(tx, "aaa")
        connection = ExchangeConnection(endpoint="https://x")
        empty = integrations.save(tx, other.id, "empty", title="", connection=connection)
        integrations.set_enabled(
            tx, empty.id, enabled=False, reason=DisabledReason.SYNC_ERROR, trouble=TROUBLE
        )
    with database.read() as tx:
        found = overview.take(tx)
    assert [one.name for one in found.integrations] == ["empty", "exchange"]
    assert [one.address for one in found.mailboxes] == [world.mailbox.address]
    first, second = found.integrations
    assert (first.enabled, first.disabled_reason, first.is_troubled) == (
        False,
        DisabledReason.SYNC_ERROR,
        True,
    )
    assert (second.enabled, second.is_troubled) == (True, False)


def test_folders_that_are_being_read_tell_what_is_to_come(database: Database, world: World) -> None:
    with database.write() as tx:
        folders.save_tree(
            tx,
            world.mailbox.id,
            [seen("Inbox", total=100), seen("Archive", total=50), seen("Later", total=7)],
            is_complete=True,
        )
        place(tx, world.inbox, FolderStatus.IN_PROGRESS, 30)
        place(tx, world.archive, FolderStatus.UP_TO_DATE, 20)
    with database.read() as tx:
        assert (only(tx).loading, only(tx).unread) == (1, 70)
    with database.write() as tx:
        # Mail that moved on was read too.
        place(tx, world.inbox, FolderStatus.IN_PROGRESS, 90)
    with database.read() as tx:
        assert (only(tx).loading, only(tx).unread) == (1, 0)
    with database.write() as tx:
        folders.save_tree(tx, world.mailbox.id, [seen("Archive")], is_complete=True)
    with database.read() as tx:
        assert only(tx).loading == 0


def test_what_is_wrong_is_told(database: Database, world: World) -> None:
    with database.write() as tx:
        mailboxes.set_trouble(tx, world.mailbox.id, TROUBLE)
        folders.set_trouble(tx, world.archive.key, TROUBLE)
        for number in range(3):
            failures.record(
                tx,
                world.mailbox.id,
                world.inbox.key,
                ItemId(f"{number}"),
                code="c",
                message="m",
                at=NOW,
                next_try_at=None if number else NOW,
            )
    with database.read() as tx:
        one = only(tx)
    assert (one.is_troubled, one.left_out, one.retried, one.given_up) == (True, 1, 1, 2)


def test_the_schedule_is_told(database: Database, world: World) -> None:
    until = NOW + MINUTE
    with database.write() as tx:
        lease = leases.claim(tx, [world.mailbox.id], owner="a", now=NOW, until=until).get(
            world.mailbox.id
        )
        assert lease is not None
    with database.read() as tx:
        assert only(tx).lease_until == until
    with database.write() as tx:
        leases.release(tx, Release(lease=lease, next_due_at=until, round_ended_at=NOW))
    with database.read() as tx:
        one = only(tx)
    assert (one.lease_until, one.next_due_at, one.last_round_at) == (None, until, NOW)


def test_what_waits_is_counted(database: Database, world: World) -> None:
    with database.read() as tx:
        assert overview.queues(tx) == overview.Queues(attachments=0, rechecks=0, fills=0, words=0)
    with database.write() as tx:
        first, second = keep(tx, world, "a", "b")
        copies.put(tx, [copy(world, "a", first), copy(world, "b", second)])
        wanted = attachments.WantedAttachment(item_id=ItemId("a"), email_key=first, index=0)
        attachments.queue(tx, world.mailbox.id, [wanted], at=NOW)
        rechecks.begin(tx, world.inbox.key, rechecks.Kind.PLACE)
        fills.begin(tx, world.source.id, world.bucket.id, at=NOW)
        fills.progress(tx, world.source.id, after_key=first, more=1)
        tx.execute(insert(unindexed).values(source_id=world.source.id, time_key=1))
    with database.read() as tx:
        assert overview.queues(tx) == overview.Queues(attachments=1, rechecks=2, fills=1, words=1)


def test_very_many_are_not_counted_to_the_end(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "MOST", 2)
    with database.write() as tx:
        items = [ItemId(f"{number}") for number in range(5)]
        rechecks.add(tx, world.inbox.key, rechecks.Kind.LEFT, items)
    with database.read() as tx:
        assert overview.queues(tx).rechecks == 2


def test_the_database_has_a_size(database: Database) -> None:
    with database.read() as tx:
        assert overview.size(tx) > 100_000
