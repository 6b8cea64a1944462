"""What changed is looked for once, however many listen."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection

from mailmine.model.ids import SourceId
from mailmine.store import events
from mailmine.store.database import Database
from mailmine.store.errors import DatabaseUnavailable
from mailmine.web.live import Change, Live, stream

NOW = datetime(2026, 11, 23, tzinfo=UTC)
A, B = SourceId("a"), SourceId("b")


class CountedDatabase(Database):
    """Counts the looks at it; may be away."""

    looks = 0
    is_away = False
    looked = threading.Condition()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self.looked:
            self.looks += 1
            self.looked.notify_all()
        if self.is_away:
            raise DatabaseUnavailable("It is away.")
        with super().read() as tx:
            yield tx

    def wait_for_a_whole_look(self) -> None:
        """Wait until a look that began after this call is over: the one after it has begun."""
        with self.looked:
            wanted = self.looks + 2
            assert self.looked.wait_for(lambda: self.looks >= wanted, timeout=20)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[CountedDatabase]:
    opened = CountedDatabase.open(f"sqlite:///{tmp_path / 'mailmine.db'}")
    assert isinstance(opened, CountedDatabase)
    opened.migrate()
    yield opened
    opened.close()


def happen(database: Database) -> None:
    with database.write() as tx:
        events.append(tx, "configured", at=NOW)


async def first(changes: AsyncIterator[Change | None]) -> Change | None:
    return await anext(changes)


@pytest.mark.timeout(30)
async def test_all_listeners_share_one_look(database: CountedDatabase) -> None:
    live = Live(database, every=0.02)
    waiting = [asyncio.create_task(first(live.changes())) for _ in range(20)]
    await asyncio.sleep(0)
    await asyncio.to_thread(database.wait_for_a_whole_look)
    happen(database)
    changes = await asyncio.gather(*waiting)
    assert all(change is not None and change.mailboxes for change in changes)
    assert len({id(change) for change in changes}) == 1
    live.stop()


@pytest.mark.timeout(30)
async def test_nobody_listens_nobody_looks(database: CountedDatabase) -> None:
    live = Live(database, every=0.01)
    changes = live.changes()
    waiting = asyncio.create_task(first(changes))
    await asyncio.sleep(0)
    await asyncio.to_thread(database.wait_for_a_whole_look)
    happen(database)
    await waiting
    await changes.aclose()
    assert live._task is not None
    async with asyncio.timeout(20):
        await live._task


@pytest.mark.timeout(30)
async def test_a_store_that_was_away_is_looked_at_again(database: CountedDatabase) -> None:
    live = Live(database, every=0.01)
    waiting = asyncio.create_task(first(live.changes()))
    await asyncio.sleep(0)
    await asyncio.to_thread(database.wait_for_a_whole_look)
    database.is_away = True
    await asyncio.to_thread(database.wait_for_a_whole_look)
    happen(database)
    database.is_away = False
    change = await waiting
    assert change is not None
    live.stop()


@pytest.mark.timeout(30)
async def test_a_stream_ends_when_the_server_does(database: CountedDatabase) -> None:
    live = Live(database, every=0.01)
    told = asyncio.create_task(_all(stream(live, sees_integrations=True, visible=frozenset())))
    await asyncio.sleep(0)
    await asyncio.to_thread(database.wait_for_a_whole_look)
    live.stop()
    assert await told == [b"retry: 2000\n\n"]


@pytest.mark.timeout(30)
async def test_a_stream_ends_after_a_while_so_that_rights_are_asked_anew(
    database: CountedDatabase,
) -> None:
    live = Live(database, every=0.01)
    assert [change async for change in live.changes(life=0.05)] in ([], [None])


async def _all(chunks: AsyncIterator[bytes]) -> list[bytes]:
    return [chunk async for chunk in chunks]


def test_nobody_hears_of_what_he_may_not_see() -> None:
    change = Change(mailboxes=True, sources=frozenset({A, B}))
    assert change.topics(sees_integrations=False, visible={A}) == [f"source:{A}", "sources"]
    assert change.topics(sees_integrations=True, visible=set()) == ["mailboxes"]
    assert change.topics(sees_integrations=False, visible={SourceId("c")}) == []
    removed = Change(mailboxes=False, sources=frozenset(), removals=True)
    assert removed.topics(sees_integrations=False, visible=set()) == ["sources"]
    assert removed.topics(sees_integrations=True, visible=set()) == ["sources", "mailboxes"]
