"""Rights that come back are found once a day, where that is wanted."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mailmine.model.integration import DisabledReason
from mailmine.store import mailboxes
from mailmine.sync import patience
from mailmine.sync.daily import A_DAY, Daily
from mailmine.sync.enabling import Enabling
from mailmine.sync.patience import Patience
from tests.integration.sync.conftest import CLAIMS, ORDERS, World
from tests.integration.sync.test_enabling import stop_integration, stop_mailbox


def daily(world: World) -> Daily:
    enabling = Enabling(
        world.database,
        lambda _: world.password,
        lambda integration: integration.connection,
        now=world.time,
    )
    return Daily(world.database, enabling, now=world.time)


def stopped(world: World, *, retries: bool = True) -> None:
    """Let both mailboxes have been stopped for the want of a right, now."""
    world.now = datetime.now(UTC)
    world.configure(ORDERS, CLAIMS)
    with world.database.write() as tx:
        patience.keep(tx, Patience(retries_daily=retries))
    for address in (ORDERS, CLAIMS):
        trouble = replace(stop_mailbox(world, address), reason="no-permission", since=world.now)
        with world.database.write() as tx:
            mailboxes.set_trouble(
                tx, world.mailbox(address).id, replace(trouble, first=None, last=None)
            )


def later(world: World, time: timedelta) -> None:
    assert world.now is not None
    world.now += time


async def test_what_can_be_read_again_goes_on_after_a_day(world: World) -> None:
    stopped(world)
    world.exchange.fail(None, "ErrorAccessDenied", times=None, mailbox=CLAIMS)
    later(world, A_DAY - timedelta(minutes=1))
    await daily(world).step()
    assert len(world.exchange.requests) == 0
    later(world, timedelta(minutes=1))
    await daily(world).step()
    assert world.mailbox(ORDERS).enabled
    still = world.mailbox(CLAIMS)
    assert not still.enabled
    assert still.trouble is not None
    assert still.trouble.last is not None
    assert still.trouble.last.at == world.now
    world.exchange.requests.clear()
    later(world, A_DAY / 2)
    await daily(world).step()
    assert len(world.exchange.requests) == 0


async def test_of_several_processes_one_tries(world: World) -> None:
    stopped(world)
    world.exchange.fail(None, "ErrorAccessDenied", times=None)
    later(world, A_DAY)
    await daily(world).step()
    alone = len(world.exchange.requests)
    later(world, A_DAY)
    world.exchange.requests.clear()
    await asyncio.gather(*(daily(world).step() for _ in range(3)))
    assert len(world.exchange.requests) == alone


async def test_it_is_off_by_default(world: World) -> None:
    stopped(world, retries=False)
    later(world, 2 * A_DAY)
    await daily(world).step()
    assert len(world.exchange.requests) == 0


async def test_other_reasons_and_stopped_integrations_are_left_alone(world: World) -> None:
    stopped(world)
    with world.database.write() as tx:
        box = world.mailbox(ORDERS)
        assert box.trouble is not None
        mailboxes.set_trouble(tx, box.id, replace(box.trouble, reason="no-mailbox"))
        mailboxes.set_enabled(
            tx, world.mailbox(CLAIMS).id, enabled=False, reason=DisabledReason.USER
        )
    later(world, 2 * A_DAY)
    await daily(world).step()
    assert len(world.exchange.requests) == 0
    stop_integration(world)
    await daily(world).step()
    assert len(world.exchange.requests) == 0
