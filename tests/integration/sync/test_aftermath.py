"""What failed rounds do to mailboxes and integrations as time goes by."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailmine.exchange.faults import Fault, Scope, Where
from mailmine.model.integration import DisabledReason
from mailmine.store import events, leases, strikes
from mailmine.store.leases import Release
from mailmine.sync import aftermath, editing, schedule
from mailmine.sync.configure import Configuration, ConfigurationError, apply
from mailmine.sync.patience import Patience, Threshold
from tests.integration.sync.conftest import CLAIMS, ORDERS, World

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DENIED = Fault(
    where=Where.EWS, code="ErrorAccessDenied", message="Not allowed.", scope=Scope.MAILBOX
)
REFUSED = Fault(where=Where.HTTP, code="http_401", message="Refused.", scope=Scope.CONNECTION)
DOWN = Fault(where=Where.NETWORK, code="refused", message="Refused.", scope=Scope.CONNECTION)


def how_long(times: int, retry_after: timedelta | None) -> timedelta:
    return schedule.pause(times, retry_after, first=timedelta(seconds=10), jitter=0)


def fail(
    world: World,
    fault: Fault,
    at: datetime,
    address: str = ORDERS,
    *,
    meanwhile: Callable[[], object] = lambda: None,
) -> bool:
    """Let a round of the mailbox fail; tells whether the integration is off now."""
    mailbox, integration = world.mailbox(address), world.integration()
    meanwhile()
    with world.database.write() as tx:
        until = at + timedelta(seconds=30)
        lease = leases.claim(tx, [mailbox.id], owner="test", now=at, until=until).get(mailbox.id)
        assert lease is not None
        return aftermath.failed(tx, lease, mailbox, integration, fault, at=at, pause=how_long)


def succeed(
    world: World,
    at: datetime,
    address: str = ORDERS,
    *,
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    mailbox, integration = world.mailbox(address), world.integration()
    meanwhile()
    with world.database.write() as tx:
        until = at + timedelta(seconds=30)
        lease = leases.claim(tx, [mailbox.id], owner="test", now=at, until=until).get(mailbox.id)
        assert lease is not None
        given_back = Release(lease=lease, next_due_at=until, round_ended_at=at)
        aftermath.went_well(tx, given_back, mailbox, integration, at=at)


def kinds(world: World) -> list[str]:
    with world.database.read() as tx:
        return [event.kind for event in reversed(events.page(tx, before=None, limit=50))][1:]


def test_a_right_must_be_missing_often_and_for_long(world: World) -> None:
    world.configure(ORDERS, CLAIMS)
    for minutes in (0, 20, 40, 59):
        fail(world, DENIED, NOON + timedelta(minutes=minutes))
        assert world.mailbox().enabled
    fail(world, DENIED, NOON + timedelta(hours=1))
    mailbox = world.mailbox()
    assert (mailbox.enabled, mailbox.disabled_reason) == (False, DisabledReason.SYNC_ERROR)
    assert mailbox.trouble is not None
    assert mailbox.trouble.since == NOON
    assert world.mailbox(CLAIMS).enabled
    assert world.integration().enabled
    assert kinds(world) == ["mailbox_troubled", "mailbox_disabled"]


def test_a_success_in_between_begins_the_count_anew(world: World) -> None:
    world.configure()
    for hours in range(10):
        fail(world, DENIED, NOON + timedelta(hours=hours))
        fail(world, DENIED, NOON + timedelta(hours=hours, minutes=20))
        succeed(world, NOON + timedelta(hours=hours, minutes=30))
    assert world.mailbox().enabled
    assert world.mailbox().trouble is None
    assert kinds(world) == ["mailbox_troubled", "mailbox_mended"] * 10


def test_what_stopped_an_integration_is_not_over_with_a_round_that_began_before(
    world: World,
) -> None:
    world.configure(ORDERS, CLAIMS)
    fail(world, REFUSED, NOON)
    later = NOON + timedelta(hours=1)
    succeed(world, later, CLAIMS, meanwhile=lambda: fail(world, REFUSED, later))
    integration = world.integration()
    assert not integration.enabled
    assert integration.trouble is not None
    assert kinds(world) == ["integration_troubled", "integration_disabled"]


def test_what_a_person_stopped_stays_his_when_its_round_fails(world: World) -> None:
    world.configure(ORDERS)
    for minutes in (0, 20, 40, 59):
        fail(world, DENIED, NOON + timedelta(minutes=minutes))

    def stop() -> None:
        with world.database.write() as tx:
            editing.stop_mailbox(tx, world.mailbox())

    fail(world, DENIED, NOON + timedelta(hours=1), meanwhile=stop)
    mailbox = world.mailbox()
    assert (mailbox.enabled, mailbox.disabled_reason) == (False, DisabledReason.USER)


def test_a_server_that_is_down_counts_once_for_all_mailboxes(world: World) -> None:
    world.configure(ORDERS, CLAIMS)
    for address in (ORDERS, CLAIMS):
        fail(world, DOWN, NOON, address)
    with world.database.read() as tx:
        counted = strikes.of(tx, world.integration().id)
    assert counted is not None
    assert counted.times == 1
    assert counted.hold_until == NOON + timedelta(seconds=10)
    assert world.mailbox(CLAIMS).next_due_at == counted.hold_until
    for day in range(1, 30):
        fail(world, DOWN, NOON + timedelta(days=day))
    assert world.integration().enabled
    succeed(world, NOON + timedelta(days=31), CLAIMS)
    assert world.integration().trouble is None
    assert kinds(world) == ["integration_troubled", "integration_mended"]


def test_the_servers_wish_to_be_left_alone_is_kept(world: World) -> None:
    world.configure()
    busy = Fault(
        where=Where.EWS,
        code="ErrorServerBusy",
        message="Busy.",
        scope=Scope.CONNECTION,
        retry_after=timedelta(minutes=7),
    )
    fail(world, busy, NOON)
    assert world.mailbox().next_due_at == NOON + timedelta(minutes=7)


def test_a_bug_of_ours_switches_nothing_off(world: World) -> None:
    world.configure()
    fault = aftermath.fault_of_bug(ValueError("words of an email"))
    for hours in range(20):
        fail(world, fault, NOON + timedelta(hours=hours))
    mailbox = world.mailbox()
    assert mailbox.enabled
    assert mailbox.trouble is not None
    assert "words of an email" not in mailbox.trouble.message
    assert "ValueError" in mailbox.trouble.message


def test_an_address_that_is_no_exchange_switches_the_integration_off(world: World) -> None:
    world.configure()
    fault = Fault(
        where=Where.CLIENT, code="not_exchange", message="A page.", scope=Scope.CONNECTION
    )
    assert not fail(world, fault, NOON)
    assert not fail(world, fault, NOON + timedelta(minutes=29))
    assert fail(world, fault, NOON + timedelta(minutes=30))
    assert not world.integration().enabled
    assert world.mailbox().enabled


def test_a_threshold_that_was_configured_counts_at_once(world: World) -> None:
    world.configure()
    fail(world, DENIED, NOON)
    quick = Threshold(tries=2, lasting=timedelta(minutes=5))
    wanted = Configuration(patience=Patience(thresholds={"no-permission": quick}))
    with world.database.write() as tx:
        assert [one.kind for one in apply(tx, wanted, at=NOON)] == ["policy"]
        assert apply(tx, wanted, at=NOON) == ()
    fail(world, DENIED, NOON + timedelta(minutes=4))
    assert world.mailbox().enabled
    fail(world, DENIED, NOON + timedelta(minutes=5))
    assert not world.mailbox().enabled


def test_what_passes_has_no_threshold(world: World) -> None:
    wanted = Patience(thresholds={"outage": Threshold(tries=1, lasting=timedelta())})
    with world.database.write() as tx, pytest.raises(ConfigurationError, match="outage"):
        apply(tx, Configuration(patience=wanted), at=NOON)


def test_the_first_and_the_last_error_are_kept(world: World) -> None:
    world.configure()
    for minutes, request in ((0, "one"), (20, "two"), (61, "three")):
        asked = replace(DENIED, server="exchange.example.com (EX01)", request_id=request)
        fail(world, asked, NOON + timedelta(minutes=minutes))
    trouble = world.mailbox().trouble
    assert trouble is not None
    assert not world.mailbox().enabled
    assert (trouble.since, trouble.reason) == (NOON, "no-permission")
    assert trouble.first is not None
    assert trouble.last is not None
    assert (trouble.first.at, trouble.first.request_id) == (NOON, "one")
    assert trouble.last.at == NOON + timedelta(minutes=61)
    assert trouble.last.request_id == "three"
    assert trouble.last.server == "exchange.example.com (EX01)"
    with world.database.read() as tx:
        (disabled, *_) = events.page(tx, before=None, limit=1)
    assert disabled.detail["server"] == "exchange.example.com (EX01)"


def test_what_was_held_back_is_no_last_error(world: World) -> None:
    world.configure(ORDERS, CLAIMS)
    fail(world, DOWN, NOON)
    fail(world, replace(DOWN, request_id="later"), NOON + timedelta(seconds=1), CLAIMS)
    trouble = world.integration().trouble
    assert trouble is not None
    assert trouble.last == trouble.first
