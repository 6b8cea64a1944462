"""The version of EWS that the server of a mailbox takes is found once, and not again after each restart."""

from datetime import timedelta

import pytest

from exchange_simulator.versions import Version
from mailmine.store import mailboxes, settings
from tests.integration.sync.conftest import ORDERS, World, eml
from tests.integration.sync.test_runner import running, until

REFUSED = "ErrorInvalidSchemaVersionForMailboxVersion"


@pytest.fixture
def claimed(world: World) -> list[str]:
    """Give the versions that requests claim, as they come."""
    versions: list[str] = []

    def note(request: bytes, _answer: bytes, _version: Version) -> None:
        if b"GetPasswordExpirationDate" not in request:  # not one of the mailbox
            versions.append(
                request.partition(b'RequestServerVersion Version="')[2].split(b'"')[0].decode()
            )

    world.exchange.on_exchange.append(note)
    return versions


async def read_in_a_process_of_its_own(world: World, number: int) -> None:
    """Deliver an email, start, wait for its comment, and stop."""
    world.exchange.mailbox(ORDERS).deliver(eml(number))
    with world.database.write() as tx:
        mailboxes.wake(tx, world.mailbox().id, world.time())
    before = len(world.comments())
    world.exchange.requests.clear()
    async with running(world):
        await until(lambda: len(world.comments()) == before + 1)
        await until(lambda: world.mailbox().last_round_at is not None)


def refusals(world: World) -> int:
    return sum(one.code == REFUSED for one in world.exchange.requests)


async def test_the_version_is_remembered_across_restarts(world: World, claimed: list[str]) -> None:
    world.exchange.mailbox(ORDERS).version = Version.EXCHANGE_2010
    world.configure()
    await read_in_a_process_of_its_own(world, 1)
    assert claimed[:3] == ["Exchange2010_SP2", "Exchange2010_SP1", "Exchange2010"]
    assert refusals(world) == 2
    claimed.clear()
    await read_in_a_process_of_its_own(world, 2)
    assert set(claimed) == {"Exchange2010"}
    assert refusals(world) == 0


async def test_after_a_week_the_usual_version_is_tried_again(
    world: World, claimed: list[str]
) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.version = Version.EXCHANGE_2010_SP1
    world.configure()
    world.now = world.time()
    async with running(world) as runner:
        orders.deliver(eml(1))
        await until(lambda: len(world.comments()) == 1)
        await until(lambda: world.mailbox().last_round_at is not None)
        orders.version = None  # the server was brought up to date
        world.now += timedelta(days=6)
        claimed.clear()
        orders.deliver(eml(2))
        runner.wake()
        await until(lambda: len(world.comments()) == 2)
        assert set(claimed) == {"Exchange2010_SP1"}
        world.now += timedelta(days=2)
        claimed.clear()
        orders.deliver(eml(3))
        runner.wake()
        await until(lambda: len(world.comments()) == 3)
        assert "Exchange2010_SP2" in claimed
    claimed.clear()
    await read_in_a_process_of_its_own(world, 4)
    assert set(claimed) == {"Exchange2010_SP2"}


async def test_at_another_endpoint_nothing_is_assumed(world: World, claimed: list[str]) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.version = Version.EXCHANGE_2010
    world.configure()
    await read_in_a_process_of_its_own(world, 1)
    orders.version = None
    world.address = world.address.replace("127.0.0.1", "localhost")
    world.configure()
    claimed.clear()
    await read_in_a_process_of_its_own(world, 2)
    assert set(claimed) == {"Exchange2010_SP2"}


async def test_nothing_is_written_of_a_server_that_takes_the_usual_version(world: World) -> None:
    world.configure()
    await read_in_a_process_of_its_own(world, 1)
    with world.database.read() as tx:
        assert settings.get(tx, f"ews_version:{world.mailbox().id}") is None
