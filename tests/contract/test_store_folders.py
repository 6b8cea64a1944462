"""Folders, and how far each one has been read."""

from dataclasses import replace

import pytest

from mailmine.model.ids import Cursor, FolderKey
from mailmine.model.integration import FolderStatus, Trouble
from mailmine.store import folders
from mailmine.store.database import Database
from mailmine.store.errors import NotFound
from tests.contract.store_world import MINUTE, NOW, build, put_place, seen

TROUBLE = Trouble(code="ErrorAccessDenied", message="Ask for the right to read it.", since=NOW)


def test_a_new_folder_has_not_been_read(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
    assert world.inbox.path == ("Inbox",)
    assert (world.inbox.cursor, world.inbox.status) == (None, FolderStatus.IN_PROGRESS)
    assert (world.inbox.emails_read, world.inbox.is_gone) == (0, False)


def test_a_renamed_folder_keeps_its_place(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        renamed = seen("Old", "Inbox", folder_id="Inbox", total=7)
        tree = folders.save_tree(tx, world.mailbox.id, [renamed, seen("Archive")], is_complete=True)
    assert tree == (world.archive, replace(world.inbox, path=("Old", "Inbox"), total=7))


def test_a_missing_folder_is_gone_only_if_the_tree_is_complete(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        mailbox = world.mailbox.id
        tree = folders.save_tree(tx, mailbox, [seen("Inbox")], is_complete=False)
        assert tree == (world.archive, world.inbox)
        tree = folders.save_tree(tx, mailbox, [seen("Inbox")], is_complete=True)
        assert tree == folders.of_mailbox(tx, mailbox) == (world.inbox,)
        gone = replace(world.archive, is_gone=True)
        assert folders.of_mailbox(tx, mailbox, with_gone=True) == (gone, world.inbox)
        tree = folders.save_tree(tx, mailbox, [seen("Archive"), seen("Inbox")], is_complete=True)
        assert tree == (world.archive, world.inbox)


def test_an_empty_complete_tree_makes_all_gone(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        assert folders.save_tree(tx, world.mailbox.id, [], is_complete=True) == ()


def test_a_place_is_saved_whole(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        key = world.inbox.key
        folders.set_trouble(tx, key, TROUBLE)
        for minute, status in enumerate([FolderStatus.IN_PROGRESS, FolderStatus.IN_PROGRESS]):
            put_place(
                tx,
                key,
                status,
                at=NOW + minute * MINUTE,
                until=NOW,
                cursor="c" * 70_000,
                hint="hint",
                read=100,
            )
        _, state = folders.of_mailbox(tx, world.mailbox.id)
    assert state == replace(
        world.inbox,
        cursor=Cursor("c" * 70_000),
        last_change="hint",
        synced_until=NOW,
        last_synced_at=NOW + MINUTE,
        reading_since=NOW,
        emails_read=200,
        trouble=None,
    )


def test_an_up_to_date_folder_is_not_being_loaded(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        for status in (FolderStatus.IN_PROGRESS, FolderStatus.UP_TO_DATE):
            put_place(tx, world.inbox.key, status)
        _, state = folders.of_mailbox(tx, world.mailbox.id)
        assert (state.status, state.reading_since) == (FolderStatus.UP_TO_DATE, None)
        folders.forget_place(tx, world.inbox.key)
        _, state = folders.of_mailbox(tx, world.mailbox.id)
        assert (state.status, state.cursor) == (FolderStatus.IN_PROGRESS, None)


def test_a_first_load_is_counted_until_its_end(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)

        def page(key: FolderKey, minute: int, *, is_last: bool = False) -> None:
            put_place(
                tx,
                key,
                FolderStatus.UP_TO_DATE if is_last else FolderStatus.IN_PROGRESS,
                at=NOW + minute * MINUTE,
                until=NOW if is_last else None,
                read=100,
            )

        assert folders.loads(tx) == {}
        page(world.inbox.key, 0)
        page(world.archive.key, 1)
        page(world.inbox.key, 2)
        both = folders.Load(folders=2, emails_read=300, stored_at=NOW + 2 * MINUTE)
        assert folders.loads(tx) == {world.mailbox.id: both}
        page(world.inbox.key, 3, is_last=True)
        one = folders.Load(folders=1, emails_read=100, stored_at=NOW + MINUTE)
        assert folders.loads(tx) == {world.mailbox.id: one}
        folders.forget_place(tx, world.inbox.key)
        assert folders.loads(tx) == {world.mailbox.id: one}
        folders.start_anew(tx, world.archive.key)
        assert folders.loads(tx) == {}


def test_trouble_is_shown_until_mended(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        folders.set_trouble(tx, world.inbox.key, TROUBLE)
        assert folders.of_mailbox(tx, world.mailbox.id)[1].trouble == TROUBLE
        folders.set_trouble(tx, world.inbox.key, None)
        assert folders.of_mailbox(tx, world.mailbox.id)[1].trouble is None
        with pytest.raises(NotFound):
            folders.set_trouble(tx, FolderKey(999_999), None)
