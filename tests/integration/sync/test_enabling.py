"""What trouble stopped is tried before it is switched on, at a simulated Exchange."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from mailmine.exchange.check import Steps
from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.model.ids import UserId
from mailmine.model.integration import Connection, DisabledReason, Occurrence, Trouble
from mailmine.store import events, integrations, mailboxes, strikes
from mailmine.store.strikes import Strikes
from mailmine.sync.enabling import Enabling, is_stopped
from tests.integration.sync.conftest import ACCOUNT, CLAIMS, ORDERS, World, eml

ANN = UserId("ann")


def stop_integration(world: World, code: str = "http_401") -> Trouble:
    """Let trouble have stopped the integration an hour ago."""
    trouble = trouble_of(world, code)
    with world.database.write() as tx:
        integrations.set_enabled(
            tx,
            world.integration().id,
            enabled=False,
            reason=DisabledReason.SYNC_ERROR,
            trouble=trouble,
        )
    return trouble


def stop_mailbox(world: World, address: str) -> Trouble:
    trouble, box = trouble_of(world, "ErrorAccessDenied"), world.mailbox(address)
    counted = Strikes(
        code=trouble.code, times=3, since=trouble.since, last_at=trouble.since, hold_until=None
    )
    with world.database.write() as tx:
        mailboxes.set_enabled(
            tx, box.id, enabled=False, reason=DisabledReason.SYNC_ERROR, trouble=trouble
        )
        strikes.put(tx, box.id, counted)
    return trouble


def trouble_of(world: World, code: str) -> Trouble:
    at = world.time() - timedelta(hours=1)
    first = Occurrence(at=at, code=code, message="No.", server="ex", request_id="one")
    return Trouble(code=code, message="No.", since=at, first=first, last=first)


def tries(world: World) -> int:
    """Count the wrong passwords since the last right one."""
    account = world.exchange.find_account(ACCOUNT)
    assert account is not None
    return account.wrong_passwords


def enabling(world: World) -> Enabling:
    return Enabling(
        world.database,
        lambda _: world.password,
        lambda integration: integration.connection,
        now=world.time,
    )


async def test_what_can_be_read_goes_on_and_brings_what_arrived_meanwhile(world: World) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure(ORDERS, CLAIMS)
    await world.sync(ORDERS)
    stop_mailbox(world, ORDERS)
    world.exchange.mailbox(ORDERS).deliver(eml(2))
    box = world.mailbox(ORDERS)
    found = await enabling(world).switch_on(world.integration().id, [box.id], itself=False, by=ANN)
    assert found == ()
    assert (world.mailbox().enabled, world.mailbox().trouble) == (True, None)
    with world.database.read() as tx:
        assert strikes.of(tx, box.id) is None
        (event, *_) = events.page(tx, before=None, limit=1)
    assert (event.kind, event.user_id, event.detail["mailbox"]) == ("mailbox_enabled", ANN, ORDERS)
    await world.sync(ORDERS)
    assert len(world.comments()) == 2


async def test_a_wrong_password_is_tried_once_and_said(world: World) -> None:
    world.configure(ORDERS, CLAIMS, password="wrong")
    before = stop_integration(world)
    (found,) = await enabling(world).switch_on(world.integration().id, itself=True)
    assert (found.mailbox, found.code, found.reason) == (None, "http_401", "wrong-password")
    assert "password" in found.message
    integration = world.integration()
    assert is_stopped(integration)
    assert integration.trouble is not None
    assert (integration.trouble.since, integration.trouble.first) == (before.since, before.first)
    assert integration.trouble.last is not None
    assert integration.trouble.last.at > before.since
    assert tries(world) == 1


async def test_the_right_password_lets_all_go_on(world: World) -> None:
    world.configure(ORDERS, CLAIMS)
    stop_integration(world)
    assert await enabling(world).switch_on(world.integration().id, itself=True) == ()
    assert (world.integration().enabled, world.integration().trouble) == (True, None)


async def test_of_several_mailboxes_those_go_on_that_can_be_read(world: World) -> None:
    world.configure(ORDERS, "nobody@example.com")
    for address in (ORDERS, "nobody@example.com"):
        stop_mailbox(world, address)
    ids = [world.mailbox(address).id for address in (ORDERS, "nobody@example.com")]
    (found,) = await enabling(world).switch_on(world.integration().id, ids, itself=False)
    assert found.mailbox == "nobody@example.com"
    assert found.reason == "no-mailbox"
    assert world.mailbox(ORDERS).enabled
    stopped = world.mailbox("nobody@example.com")
    assert not stopped.enabled
    assert stopped.trouble is not None
    assert stopped.trouble.code == found.code
    assert stopped.trouble.message == found.message


async def test_who_insists_is_obeyed_untried(world: World) -> None:
    world.configure(ORDERS, CLAIMS, password="wrong")
    stop_integration(world)
    stop_mailbox(world, ORDERS)
    asked = enabling(world)
    ids = [world.mailbox(ORDERS).id]
    assert await asked.switch_on(world.integration().id, ids, itself=False, insists=True) == ()
    assert (world.mailbox(ORDERS).enabled, world.integration().enabled) == (True, False)
    assert await asked.switch_on(world.integration().id, itself=True, insists=True) == ()
    assert world.integration().enabled
    assert len(world.exchange.requests) == 0


async def test_no_mailbox_is_tried_where_the_integration_cannot_be_read(world: World) -> None:
    world.configure(ORDERS, CLAIMS, password="wrong")
    stop_integration(world)
    stop_mailbox(world, ORDERS)
    ids = [world.mailbox(ORDERS).id]
    found = await enabling(world).switch_on(world.integration().id, ids, itself=True)
    assert [one.mailbox for one in found] == [None]
    assert tries(world) == 1


async def test_what_runs_is_left_alone(world: World) -> None:
    world.configure(ORDERS)
    ids = [world.mailbox(ORDERS).id]
    assert await enabling(world).switch_on(world.integration().id, ids, itself=True) == ()
    assert len(world.exchange.requests) == 0


async def test_without_its_password_nothing_is_asked(world: World) -> None:
    def gone(_: object) -> str:
        raise LookupError("The key is gone.")

    world.configure(ORDERS)
    stop_integration(world)
    (found,) = await replace(enabling(world), secret_of=gone).switch_on(
        world.integration().id, itself=True
    )
    assert (found.code, found.message) == ("secret_missing", "The key is gone.")


async def test_what_cannot_even_be_begun_is_an_obstacle(world: World) -> None:
    def broken(connection: Connection, secret: str, boxes: Sequence[str]) -> Steps:
        del connection, secret, boxes
        fault = Fault(
            where=Where.TLS,
            code=Code.CA_FILE_UNREADABLE,
            message="Gone.",
            scope=Scope.CONNECTION,
        )
        raise ExchangeError(fault)

    world.configure(ORDERS)
    stop_integration(world)
    (found,) = await replace(enabling(world), try_out=broken).switch_on(
        world.integration().id, itself=True
    )
    assert (found.code, found.reason) == ("ca_file_unreadable", "tls-settings")


async def test_a_try_that_takes_too_long_is_given_up(world: World) -> None:
    world.configure(ORDERS)
    stop_integration(world)
    (found,) = await replace(enabling(world), patience=timedelta()).switch_on(
        world.integration().id, itself=True
    )
    assert found.code == "timed_out"
    assert not world.integration().enabled
