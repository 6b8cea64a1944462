"""What a killed process was reading is nobody's, at once where no other process reads."""

import multiprocessing
import os
import signal
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mailmine.model.ids import MailboxId
from mailmine.store import leases, turns, workers
from mailmine.store.database import Database
from mailmine.store.presence import Presence
from mailmine.store.workers import Worker
from tests.contract.store_world import build


def read_and_die(url: str, mailbox: MailboxId, now: datetime) -> None:
    database = Database.open(url)
    Presence.enter(database)
    with database.write() as tx:
        until = now + timedelta(hours=1)
        assert leases.claim(tx, [mailbox], owner="killed", now=now, until=until)
        workers.put(
            tx,
            Worker(id="killed", host="h", pid=1, version="1", since=now, seen_at=now, taken_over=0),
        )
    os.kill(os.getpid(), signal.SIGKILL)


def kill_a_reader(database: Database) -> tuple[MailboxId, datetime]:
    """Let a process be killed in the middle of a round."""
    with database.write() as tx:
        mailbox = build(tx).mailbox
    context = multiprocessing.get_context("spawn")
    reader = context.Process(
        target=read_and_die, args=(database.url, mailbox.id, mailbox.next_due_at)
    )
    reader.start()
    reader.join(60)
    assert reader.exitcode == -signal.SIGKILL
    return mailbox.id, mailbox.next_due_at


def due(database: Database, now: datetime) -> tuple[MailboxId, ...]:
    with database.read() as tx:
        return tuple(one.mailbox.id for one in turns.due(tx, now, limit=9))


def is_heard_of(database: Database, now: datetime) -> bool:
    with database.read() as tx:
        return bool(workers.present(tx, now=now))


def test_the_next_process_reads_at_once(database: Database) -> None:
    mailbox, now = kill_a_reader(database)
    assert due(database, now) == ()
    assert is_heard_of(database, now)
    presence = Presence.enter(database)
    # PostgreSQL's other processes may be on other machines: there the lease has to run out.
    assert due(database, now) == ((mailbox,) if database.dialect == "sqlite" else ())
    assert is_heard_of(database, now) is (database.dialect != "sqlite")
    presence.leave()


def test_the_leases_of_others_are_left_to_them(database: Database) -> None:
    another = Presence.enter(database)
    mailbox, now = kill_a_reader(database)
    second = Presence.enter(database)
    assert due(database, now) == ()
    another.leave()
    second.leave()
    third = Presence.enter(database)
    assert due(database, now) == ((mailbox,) if database.dialect == "sqlite" else ())
    third.leave()


def test_without_locks_leases_run_out_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", no_locks)
    database = Database.open(f"sqlite:///{tmp_path / 'a.db'}")
    Presence.enter(database).leave()
    database.close()
