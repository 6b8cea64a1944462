"""A process that is killed leaves whole transactions: all of a page and its place, or nothing."""

import multiprocessing
import os
import signal

from mailmine.model.integration import FolderStatus
from mailmine.store import comments, copies, emails, folders, search, search_index
from mailmine.store.database import Database
from tests.contract.store_world import NOW, World, build, comment, copy, keep, put_place

PAGE = 50


def write_page(database: Database, world: World, number: int, *, die_within: bool) -> None:
    with database.write() as tx:
        names = [f"{number}-{index}" for index in range(PAGE)]
        keys = keep(tx, world, *names)
        copies.put(tx, [copy(world, name, key) for name, key in zip(names, keys, strict=True)])
        new = [
            comment(name, f"page {number}", email_key=key)
            for name, key in zip(names, keys, strict=True)
        ]
        comments.put(tx, world.source.id, new, at=NOW)
        put_place(tx, world.inbox.key, FolderStatus.IN_PROGRESS, cursor=str(number), read=PAGE)
        if die_within:
            os.kill(os.getpid(), signal.SIGKILL)


def write_and_die(url: str, world: World, first: int) -> None:
    database = Database.open(url)
    write_page(database, world, first, die_within=False)
    write_page(database, world, first + 1, die_within=True)


def test_a_killed_process_leaves_whole_pages(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
    context = multiprocessing.get_context("spawn")
    for life in range(1, 4):
        process = context.Process(target=write_and_die, args=(database.url, world, life))
        process.start()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
        with database.write() as tx:
            search_index.catch_up(tx, most=PAGE)
        with database.read() as tx:
            assert comments.count(tx, world.source.id) == life * PAGE
            stored = emails.scan(tx, world.bucket.id, after=None, limit=999)
            assert len(stored) == life * PAGE
            places = copies.of_emails(tx, [email.key for email in stored])
            assert len(places) == life * PAGE
            _, inbox = folders.of_mailbox(tx, world.mailbox.id)
            assert (inbox.cursor, inbox.emails_read) == (str(life), life * PAGE)
            hits = search.find(tx, world.source.id, f'"page {life}"', before=None, limit=999)
            assert len(hits) == PAGE
            lost = search.find(tx, world.source.id, f'"page {life + 1}"', before=None, limit=9)
            assert lost == ()
