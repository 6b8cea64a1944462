"""All rows of an SQLite database come to PostgreSQL as they are, whatever breaks off on the way."""

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Connection, LargeBinary, delete, func, insert, select, text, update

from mailmine.model import wire
from mailmine.model.ids import ContentHash, SourceId
from mailmine.store import comments, copies, emails, moving, schema, search, settings
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.store.errors import StoreError
from mailmine.store.moving import TABLES, TargetInUse
from mailmine.store.moving_contents import copy as copy_contents
from tests.contract import store_world
from tests.contract.store_world import NOW, comment, email

NAME = "0123456789abcdef"


class Broken(Exception):
    """The move is killed here."""


class BreakingDatabase(Database):
    """Breaks off within a transaction, before its commit, or behind it."""

    left = 1_000_000

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with super().write() as tx:
            yield tx
            self._burn()
        self._burn()

    def _burn(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Broken


@pytest.fixture
def source(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    (tmp_path / "mailmine.db").write_bytes(sqlite_template.read_bytes())
    database = Database.open(f"sqlite:///{tmp_path / 'mailmine.db'}")
    yield database
    database.close()


@pytest.fixture
def target(pg_url: str) -> Iterator[BreakingDatabase]:
    database = BreakingDatabase.open(pg_url, patience=5)
    assert isinstance(database, BreakingDatabase)
    yield database
    database.close()


def fill(tx: Connection, number: int) -> None:
    """Put one row into each table, each of which refers to those with the same number."""
    rows: dict[str, dict[str, Any]] = {}
    for table in schema.metadata.sorted_tables:
        row = {
            column.name: value(table.name, column, number) for column in TABLES[table.name].columns
        }
        for key in table.foreign_keys:
            row[key.parent.name] = rows[key.column.table.name][key.column.name]
        if table.name == "comments":
            row["json"] = wire.encode(
                comment(f"{number}", f"Hello number{number}").comment,
                source_id=SourceId(row["source_id"]),
                created_at=NOW,
                updated_at=NOW,
            )
        rows[table.name] = row
        tx.execute(insert(TABLES[table.name]).values(**row))


def value(table: str, column: Any, number: int) -> Any:
    if isinstance(column.type, Boolean):
        return number % 2 == 0
    if isinstance(column.type, LargeBinary):
        return bytes([number % 256, 0, 255])
    if column.type.python_type is int:
        return number
    return f"{table}.{column.name} {number} \N{SNOWMAN}"


def move(source: Database, target: Database) -> int:
    moving.begin(target, NAME)
    with source.read() as tx:
        return moving.copy(tx, target, lambda *_: None)


def equal(source: Database, target: Database) -> bool:
    with source.read() as ours, target.read() as theirs:
        assert moving.is_index_whole(theirs)
        sums = moving.digest(ours, lambda *_: None)
        assert set(sums) == set(schema.metadata.tables)
        return sums == moving.digest(theirs, lambda *_: None)


def test_each_table_comes_over_and_a_second_time_writes_nothing(
    source: Database, target: BreakingDatabase
) -> None:
    with source.write() as tx:
        for number in range(1, 6):
            fill(tx, number)
        assert moving.count(tx) >= 5 * len(TABLES)
    assert move(source, target) > 0
    assert equal(source, target)
    assert move(source, target) == 0
    with target.read() as tx:
        found = search.find(
            tx, SourceId("sources.id 3 \N{SNOWMAN}"), "number3", before=None, limit=9
        )
        assert len(list(found)) == 1


def test_what_is_broken_off_anywhere_goes_on_while_the_source_changes(
    source: Database, target: BreakingDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "PIECE", 2)
    chance = random.Random(8)  # noqa: S311 - no secret
    with source.write() as tx:
        for number in range(1, 5):
            fill(tx, number)
    steps = (1, 2, 5, 11, 24, 50, 77, 101, 130, 160, 201, 250, 290, 1_000_000)
    for number, target.left in enumerate(steps):
        with suppress(Broken):
            move(source, target)
        if number in {2, 5, 8, 10}:
            with source.write() as tx:
                change(tx, chance, number=10 + number)
    assert target.left > 0
    assert equal(source, target)


def change(tx: Connection, chance: random.Random, number: int) -> None:
    """Put something in, change something, take something away; give what was one's to another."""
    fill(tx, number)
    keys = list(tx.execute(select(schema.comments.c.seq)).scalars())
    tx.execute(delete(schema.comments).where(schema.comments.c.seq == chance.choice(keys)))
    first, second = tx.execute(
        select(schema.comments.c.seq, schema.comments.c.time_key).order_by(func.random()).limit(2)
    ).all()
    for seq, time_key in (
        (first.seq, -1),
        (second.seq, first.time_key),
        (first.seq, second.time_key),
    ):
        tx.execute(
            update(schema.comments).where(schema.comments.c.seq == seq).values(time_key=time_key)
        )
    tx.execute(update(schema.emails).values(updated_at=NOW + timedelta(number)))
    tx.execute(update(schema.users).values(email=f"{number}@example.com"))


def test_a_row_that_others_refer_to_goes_when_they_refer_to_another(
    source: Database, target: BreakingDatabase
) -> None:
    with source.write() as tx:
        fill(tx, 1)
        fill(tx, 2)
    move(source, target)
    with source.write() as tx:
        buckets = schema.buckets.c.id
        kept, gone = tx.execute(select(buckets).order_by(buckets)).scalars()
        tx.execute(update(schema.mailboxes).values(bucket_id=kept))
        tx.execute(update(schema.emails).values(bucket_id=kept))
        tx.execute(delete(schema.buckets).where(buckets == gone))
    move(source, target)
    assert equal(source, target)


def test_what_comes_later_is_numbered_behind_all_that_was(
    source: Database, target: BreakingDatabase
) -> None:
    with source.write() as tx:
        world = store_world.build(tx)
        kept = emails.put(tx, world.bucket.id, [email(name) for name in "abc"], at=NOW)
        new = [comment(name) for name in "abc"]
        comments.put(tx, world.source.id, new, at=NOW)
        comments.remove(tx, world.source.id, [new[2].comment.id])
        copies.put(
            tx,
            [store_world.copy(world, str(item), one.key) for item, one in enumerate(kept.values())],
        )
    move(source, target)
    with target.write() as tx:
        (further,) = emails.put(tx, world.bucket.id, [email("d")], at=NOW).values()
        comments.put(tx, world.source.id, [comment("d")], at=NOW)
        copies.put(tx, [store_world.copy(world, "d", further.key)])
        assert further.key == 4
        assert tx.execute(select(func.max(schema.comments.c.seq))).scalar() == 4
        assert tx.execute(select(func.max(schema.copies.c.order))).scalar() == 4


def test_a_target_that_holds_something_else_is_refused(
    source: Database, target: BreakingDatabase
) -> None:
    with target.write() as tx:
        store_world.build(tx)
    with pytest.raises(TargetInUse, match="another installation"):
        move(source, target)


def test_a_target_of_another_source_is_refused_and_so_is_one_that_is_done(
    source: Database, target: BreakingDatabase
) -> None:
    with source.write() as tx:
        fill(tx, 1)
    moving.begin(target, "another")
    with pytest.raises(TargetInUse, match="begun by another move"):
        move(source, target)
    moving.end(target)
    move(source, target)
    with target.read() as tx:
        assert moving.is_unfinished(tx)
    moving.end(target)
    with target.read() as tx:
        assert not moving.is_unfinished(tx)
        assert settings.get(tx, moving.MARK) is None
    with pytest.raises(TargetInUse, match="another installation"):
        move(source, target)


def test_a_difference_is_seen(source: Database, target: BreakingDatabase) -> None:
    with source.write() as tx:
        fill(tx, 1)
    move(source, target)
    with target.write() as tx:
        tx.execute(text("UPDATE users SET email = 'another'"))
    assert not equal(source, target)


async def test_contents_come_over_once_and_are_read_back(tmp_path: Path) -> None:
    here, there = Blobs.open(tmp_path / "a"), Blobs.in_memory()
    names = [await here.put_bytes(str(number).encode()) for number in range(20)]
    lost = ContentHash("0" * 64)
    await there.put_bytes(b"0")
    moved = await copy_contents(
        iter([*names, *names, lost]), here, there, lambda: None, reads_back=True
    )
    assert (moved.looked_at, moved.copied, moved.missing) == (21, 19, (lost,))
    for name in names:
        assert await there.size(name) is not None


async def test_a_content_that_is_damaged_where_it_goes_is_copied_once_more(tmp_path: Path) -> None:
    here, there = Blobs.in_memory(), Blobs.open(tmp_path / "b")
    name = await here.put_bytes(b"abc")
    await there.put_bytes(b"abc")
    (tmp_path / "b" / name[:2] / name[2:4] / name).write_bytes(b"abd")
    moved = await copy_contents(iter([name]), here, there, lambda: None, reads_back=True)
    assert moved.copied == 1
    assert [piece async for piece in there.read(name)] == [b"abc"]


async def test_a_content_that_was_damaged_is_not_moved_in_silence(tmp_path: Path) -> None:
    here, there = Blobs.open(tmp_path / "a"), Blobs.in_memory()
    name = await here.put_bytes(b"abc")
    (tmp_path / "a" / name[:2] / name[2:4] / name).write_bytes(b"abd")
    with pytest.raises(StoreError, match=r"damaged where it is now.*from a backup"):
        await copy_contents(iter([name]), here, there, lambda: None, reads_back=False)
