"""What is removed on the pages goes in the background, piece by piece, whoever goes on with it."""

import asyncio

import pytest

from mailmine.store import buckets, comments, copies, emails, integrations, removals, sources
from mailmine.store.removals import Kind
from mailmine.sync import removal
from mailmine.sync.removal import Removing
from tests.integration.sync.conftest import CLAIMS, ORDERS, World, eml

NUMBER = 5


@pytest.fixture
async def filled(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Make a world with some emails, of which a piece is two."""
    monkeypatch.setattr(removal, "PIECE", 2)
    for number in range(NUMBER):
        world.exchange.mailbox(ORDERS).deliver(eml(number))
    world.configure(ORDERS, CLAIMS)
    await world.sync()
    return world


async def steps(world: World) -> int:
    """Go on to the end, each piece by another process; how many steps it took."""
    for number in range(100):
        removing = Removing(world.database)
        try:
            if not await removing.step():
                return number
        finally:
            removing.close()
    raise AssertionError("It does not come to an end.")


def under_way(world: World) -> list[tuple[int, int]]:
    with world.database.read() as tx:
        return [(one.done, one.total) for one in removals.list_all(tx).values()]


async def test_a_source_goes_with_its_comments(filled: World) -> None:
    with filled.database.write() as tx:
        (source,) = sources.list_all(tx)
        removal.begin_source(tx, source.id, at=filled.time())
    filled.exchange.mailbox(ORDERS).deliver(eml(9))
    await filled.sync()
    assert len(filled.comments()) == NUMBER, "nothing new arrives in it"
    removing = Removing(filled.database)
    assert await removing.step()
    removing.close()
    assert under_way(filled) == [(2, NUMBER)]
    assert len(filled.comments()) == NUMBER - 2
    assert await steps(filled) == 3
    assert under_way(filled) == []
    with filled.database.read() as tx:
        assert sources.list_all(tx) == ()
        (bucket,) = buckets.list_all(tx)
        assert buckets.count_emails(tx, bucket.id) == NUMBER + 1


async def test_an_integration_goes_with_its_mailboxes_and_copies(filled: World) -> None:
    with filled.database.write() as tx:
        removal.begin_integration(tx, filled.integration().id, at=filled.time())
    assert not filled.integration().enabled
    assert under_way(filled) == [(0, NUMBER + 2)]
    # Two of two copies, one copy and its mailbox, the other mailbox, the integration.
    assert await steps(filled) == 5
    with filled.database.read() as tx:
        assert integrations.list_all(tx) == ()
        (bucket,) = buckets.list_all(tx)
        kept = emails.scan(tx, bucket.id, after=None, limit=99)
        assert copies.of_emails(tx, [one.key for one in kept]) == {}
    assert (len(kept), len(filled.comments())) == (NUMBER, NUMBER)


async def test_a_bucket_goes_with_its_emails_unless_a_mailbox_fills_it(filled: World) -> None:
    with filled.database.write() as tx:
        (bucket,) = buckets.list_all(tx)
        removal.begin_bucket(tx, bucket.id, at=filled.time())
    assert await steps(filled) == 1
    with filled.database.write() as tx:
        assert buckets.count_emails(tx, bucket.id) == NUMBER
        integrations.remove(tx, filled.integration().id)
        removal.begin_bucket(tx, bucket.id, at=filled.time())
    assert await steps(filled) == 4
    with filled.database.read() as tx:
        assert buckets.list_all(tx) == ()
    assert len(filled.comments()) == NUMBER


async def test_two_processes_count_what_is_gone_once(filled: World) -> None:
    with filled.database.write() as tx:
        (source,) = sources.list_all(tx)
        removal.begin_source(tx, source.id, at=filled.time())
    both = [Removing(filled.database) for _ in range(2)]
    await asyncio.gather(*(one.step() for one in both))
    for one in both:
        one.close()
    assert under_way(filled) == [(4, NUMBER)]
    with filled.database.read() as tx:
        assert comments.count(tx, source.id) == NUMBER - 4


async def test_what_is_gone_already_is_crossed_out(filled: World) -> None:
    with filled.database.write() as tx:
        (source,) = sources.list_all(tx)
        removal.begin_source(tx, source.id, at=filled.time())
        removals.begin(tx, Kind.BUCKET, source.id, at=filled.time())
    removal.remove_source(filled.database, source.id)
    assert await steps(filled) == 1
    assert under_way(filled) == []


async def test_it_runs_until_it_is_stopped(filled: World) -> None:
    with filled.database.write() as tx:
        removal.begin_integration(tx, filled.integration().id, at=filled.time())
    stop = asyncio.Event()

    class Watched(Removing):
        async def step(self) -> bool:
            is_more = await super().step()
            if not is_more:
                stop.set()
            return is_more

    await Watched(filled.database).run(stop)
    with filled.database.read() as tx:
        assert integrations.list_all(tx) == ()
