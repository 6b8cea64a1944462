"""PostgreSQL is brought up to date while others work: nobody waits long, nothing fails, nothing is lost."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from mailmine.model import wire
from mailmine.model.comment_filter import CommentFilter
from mailmine.store import (
    amounts,
    batches,
    comments,
    copies,
    datasets,
    emails,
    mailboxes,
    migrations,
    retentions,
    streams,
    uploads,
)
from mailmine.store.database import Database
from mailmine.store.errors import Conflict, DatabaseUnavailable, LockedOut
from mailmine.store.streams import Stream, Updates
from mailmine.store.uploads import Upload
from tests import postgresql
from tests.contract import store_world
from tests.contract.store_world import World, comment, comment_id, copy, email

SCRIPT = ScriptDirectory(str(Path(migrations.__file__).parent))
REVISIONS = [one.revision for one in SCRIPT.walk_revisions()][::-1]
BEGUN = "0008"
"""From here on no change of the schema may hold the others up."""
BIG = {"comments", "comment_words", "copies", "emails", "attachments", "comment_attachments"}
"""Tables that grow with the mail."""
BUILT_WHILE_WRITERS_WAIT = {("0012", "emails")}
"""Indexes on big tables of released revisions. Those to come are to be built CONCURRENTLY."""
HELD = (
    "SELECT mode, relname FROM pg_locks JOIN pg_class ON pg_class.oid = relation"
    " WHERE pid = pg_backend_pid() AND relkind = 'r'"
)
CLAIMED = (
    "UPDATE mailboxes SET lease_owner = 'one', lease_until = :until, lease_epoch = lease_epoch + 1"
    " WHERE id = :id"
)
DEADLINE = 100
TRIES = 5
EVERYTHING = CommentFilter()
BEFORE_AMOUNTS = "0016"
NUMBERS = count()


@pytest.fixture
def database(pg_server: postgresql.Server) -> Iterator[Database]:
    """Open an empty database."""
    database = Database.open(pg_server.url(pg_server.create()), patience=10)
    yield database
    database.close()


@pytest.fixture(autouse=True)
def noting_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write as versions did that knew no `amounts`."""
    monkeypatch.setattr(amounts, "_note", lambda *_: None)


def at_revision(database: Database, revision: str) -> World:
    """Make the schema as it was at a revision, with something in it."""
    with database.write() as tx:
        migrations.upgrade(tx, revision)
    # Who saves an integration today ends its removal, of which older schemas know nothing.
    with database.write() as tx, patch("mailmine.store.integrations.removals.end"):
        return store_world.build(tx)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@contextmanager
def migrating(database: Database) -> Iterator[list[BaseException]]:
    """Bring the schema up to date meanwhile; gives what went wrong with it."""
    wrong: list[BaseException] = []

    def migrate() -> None:
        try:
            database.migrate()
        except BaseException as error:  # noqa: BLE001 - told by who looks
            wrong.append(error)

    thread = threading.Thread(target=migrate)
    thread.start()
    try:
        yield wrong
    finally:
        thread.join(DEADLINE)
    assert not thread.is_alive()


@pytest.mark.parametrize("revision", REVISIONS[REVISIONS.index(BEGUN) + 1 :])
def test_a_revision_locks_no_big_table(database: Database, revision: str) -> None:
    world = at_revision(database, REVISIONS[REVISIONS.index(revision) - 1])
    with database.write() as tx:
        (key,) = store_world.keep(tx, world, "a")
        copies.put(tx, [copy(world, "item", key)])
        comments.put(tx, world.source.id, [comment("a", email_key=key)], at=store_world.NOW)
    with database.write() as tx:
        before = files(tx)
        migrations.upgrade(tx, revision)
        held = {(mode, table) for mode, table in tx.execute(text(HELD))}
        after = files(tx)
    assert {table for mode, table in held if mode == "AccessExclusiveLock"} & BIG == set()
    waited = {(revision, table) for mode, table in held if mode == "ShareLock" and table in BIG}
    assert waited == {one for one in BUILT_WHILE_WRITERS_WAIT if one[0] == revision}
    assert after.items() >= {table: file for table, file in before.items() if table in BIG}.items()


def files(tx: Connection) -> dict[str, int]:
    """Name the file of each table: it is another one when all rows were written anew."""
    found = tx.execute(text("SELECT relname, relfilenode FROM pg_class WHERE relkind = 'r'"))
    return {table: file for table, file in found}  # noqa: C416 - rows, not tuples


def test_nobody_waits_behind_a_change_that_waits_itself(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0012 takes a column away, for which it must wait for a transaction that has been reading for long."""
    world = at_revision(database, "0011")
    monkeypatch.setattr(migrations, "LOCK_WAIT", 0.2)
    pauses: list[float] = []
    is_over = threading.Event()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        is_over.wait(0.1)

    monkeypatch.setattr(migrations, "_sleep", pause)
    with ExitStack() as reading:
        long = reading.enter_context(database.read())
        retentions.of_bucket(long, world.bucket.id)
        with migrating(database) as wrong:
            until(lambda: len(pauses) >= 2)
            for tries in range(3, 6):
                with database.read() as tx:
                    assert retentions.of_bucket(tx, world.bucket.id).emails_days is None
                until(lambda wanted=tries: len(pauses) >= wanted)  # type: ignore[misc]
            reading.close()
            is_over.set()
    assert not wrong
    assert pauses[:4] == [0.5, 1, 2, 4]
    assert database.is_current()


def test_it_gives_up_in_words(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    world = at_revision(database, "0011")
    monkeypatch.setattr(migrations, "LOCK_WAIT", 0.1)
    monkeypatch.setattr(migrations, "PATIENCE", 0.0)
    with database.read() as long:
        retentions.of_bucket(long, world.bucket.id)
        with pytest.raises(DatabaseUnavailable, match="left open"):
            database.migrate()
    with database.read() as tx:
        assert migrations.version(tx) == "0011"
    database.migrate()
    assert database.is_current()


def test_what_was_done_before_it_broke_off_stays(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_revision(database, BEGUN)
    whole = migrations.upgrade

    def broken(tx: Connection, to: str) -> None:
        whole(tx, to)
        if migrations.version(tx) == "0011":
            raise LockedOut("the server went away")

    monkeypatch.setattr(migrations, "PATIENCE", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "upgrade", broken)
        with pytest.raises(DatabaseUnavailable):
            database.migrate()
    with database.read() as tx:
        assert migrations.version(tx) == "0010"
    database.migrate()
    assert database.is_current()


def test_a_lock_that_is_not_had_is_told_apart(database: Database) -> None:
    at_revision(database, BEGUN)
    with database.write() as holder:
        holder.execute(text("LOCK TABLE retentions"))
        with database.read() as tx:
            tx.execute(text("SET LOCAL lock_timeout = 50"))
            with pytest.raises(LockedOut):
                tx.execute(text("SELECT * FROM retentions"))


@dataclass
class Load:
    """What several threads do to a database, again and again; each step is tried a few times, as the sync does."""

    database: Database
    world: World
    stream: Stream
    done: Counter[str] = field(default_factory=Counter)
    """Steps of each kind."""
    retries: Counter[str] = field(default_factory=Counter)
    wrong: list[BaseException] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """Names of comments whose transaction ended well."""
    read: list[str] = field(default_factory=list)
    """Ids of comments that the stream gave, in its order."""
    stop: threading.Event = field(default_factory=threading.Event)

    def again_and_again(self, kind: str, step: Callable[[], None]) -> None:
        while not self.stop.is_set():
            try:
                self._tried(kind, step)
            except BaseException as error:  # noqa: BLE001 - the test tells of it
                self.wrong.append(error)
                return
            self.done[kind] += 1

    def _tried(self, kind: str, step: Callable[[], None]) -> None:
        for _ in range(TRIES - 1):
            try:
                step()
            except (Conflict, DatabaseUnavailable):
                self.retries[kind] += 1
            else:
                return
        step()

    def sync(self) -> None:
        names = [f"mail-{next(NUMBERS)}" for _ in range(5)]
        at = datetime.now(UTC)
        with self.database.write() as tx:
            kept = emails.put(tx, self.world.bucket.id, [email(name) for name in names], at=at)
            keys = [kept[comment_id(name)].key for name in names]
            rows = [copy(self.world, name, key) for name, key in zip(names, keys, strict=True)]
            copies.put(tx, rows)
            made = [comment(name, email_key=key) for name, key in zip(names, keys, strict=True)]
            comments.put(tx, self.world.source.id, made, at=at)
        self.kept += names

    def upload(self) -> None:
        name, at = f"upload-{next(NUMBERS)}", datetime.now(UTC)
        with self.database.write() as tx:
            kept = emails.put(tx, self.world.bucket.id, [email(name)], at=at)
            key = kept[comment_id(name)].key
            row = Upload(
                email_key=key,
                id=name,
                mailbox="",
                timestamp=at,
                metadata=copy(self.world, name, key).metadata,
                has_metadata=False,
            )
            uploads.put(tx, [row])
            comments.put(tx, self.world.source.id, [comment(name, email_key=key)], at=at)
        self.kept.append(name)

    def lease(self) -> None:
        """Claim a mailbox as older versions did: today's look at columns that 0013 brought."""
        with self.database.write() as tx:
            tx.execute(text(CLAIMED), {"until": 0, "id": self.world.mailbox.id})

    def look(self) -> None:
        with self.database.read() as tx:
            retentions.of_bucket(tx, self.world.bucket.id)
            mailboxes.list_all(tx)
            comments.span(tx, self.world.source.id)

    def fetch(self) -> None:
        """Read on, as a client does: what was given is done with once the stream was moved."""
        with self.database.read() as tx:
            found = streams.get(tx, self.stream.dataset_id, self.stream.name)
            assert found is not None
            batch = batches.fetch(
                tx, found, [self.world.source.id], EVERYTHING, size=50, max_filtered=50
            )
        with self.database.write() as tx:
            streams.advance(tx, self.stream.id, batch.position)
        self.read += [wire.decode(one.json).id for one in batch.results]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("before", [BEGUN, "0011", BEFORE_AMOUNTS, REVISIONS[-2]])
def test_others_work_on_meanwhile(database: Database, before: str) -> None:
    world = at_revision(database, before)
    with database.write() as tx:
        dataset = datasets.add(
            tx,
            world.project.id,
            "all",
            title="",
            description="",
            has_sentiment=False,
            model_family="",
            flags=(),
            definitions={},
            source_ids=[world.source.id],
            at=store_world.NOW,
        )
        stream = streams.add(
            tx,
            dataset.id,
            "robot",
            title="",
            description="",
            comment_filter={},
            model=None,
            updates=Updates.NEVER,
            at=store_world.NOW,
        )
    load = Load(database, world, stream)
    steps: dict[str, Callable[[], None]] = {
        "sync 1": load.sync,
        "sync 2": load.sync,
        "upload": load.upload,
        "lease": load.lease,
        "look": load.look,
        "fetch": load.fetch,
    }
    threads = [
        threading.Thread(target=load.again_and_again, args=(kind, step))
        for kind, step in steps.items()
    ]

    def all_did(more: int) -> None:
        """Wait until each has done so much more than now."""
        begun = Counter(load.done)
        until(lambda: load.wrong or all(load.done[kind] >= begun[kind] + more for kind in steps))

    for thread in threads:
        thread.start()
    try:
        all_did(3)
        database.migrate()
        all_did(3)
    finally:
        load.stop.set()
        for thread in threads:
            thread.join(DEADLINE)
    assert not load.wrong
    assert database.is_current()
    before_the_end = -1
    while len(load.read) > before_the_end:
        before_the_end = len(load.read)
        load.fetch()
    assert Counter(load.read) == Counter(map(comment_id, load.kept))
    assert max(load.retries.values(), default=0) < TRIES
    if before > BEFORE_AMOUNTS:
        return
    kept = len(load.kept)
    with database.write() as tx:
        amounts.tidy(tx, now=datetime.now(UTC) + timedelta(hours=2))
        assert amounts.in_bucket(tx, world.bucket.id).comments >= kept, (
            "what was not noted is found"
        )
