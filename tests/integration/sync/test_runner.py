import asyncio
import importlib
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from exchange_simulator import Account
from mailmine.model.integration import DisabledReason
from mailmine.model.past_round import PastRound
from mailmine.store import (
    events,
    integrations,
    leases,
    mailboxes,
    overview,
    rounds,
    strikes,
    workers,
)
from mailmine.store.presence import Presence
from mailmine.sync import claiming, runner
from mailmine.sync.claiming import Claims
from mailmine.sync.reach import by_secret
from mailmine.sync.runner import Runner
from mailmine.sync.settings import SyncSettings
from tests.integration.sync.conftest import ACCOUNT, CLAIMS, ORDERS, World, eml

QUICK = SyncSettings(
    poll_interval=timedelta(seconds=0.2),
    first_pause=timedelta(seconds=0.1),
    drain=timedelta(seconds=5),
)


@asynccontextmanager
async def running(
    world: World,
    settings: SyncSettings = QUICK,
    *,
    has_room: Callable[[], bool] = lambda: True,
    together: timedelta = timedelta(),  # nobody waits for a test
) -> AsyncIterator[Runner]:
    stop = asyncio.Event()
    runner = Runner(
        world.database,
        world.blobs,
        reach=by_secret(lambda _: world.password),
        settings=replace(settings, together=together),
        has_room=has_room,
        now=world.time,
        jitter=lambda: 0.0,
    )
    task = asyncio.create_task(runner.run(stop))
    try:
        yield runner
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        await asyncio.sleep(0.02)
    raise TimeoutError("what was waited for did not happen")


def rounds_of(world: World) -> list[int]:
    """Give the mailboxes that had a round and are to wait now."""
    with world.database.read() as tx:
        later = world.time() + timedelta(minutes=1)
        return [1 for one in mailboxes.list_all(tx) if one.next_due_at > later]


async def test_mail_keeps_arriving(world: World) -> None:
    for address in (ORDERS, CLAIMS):
        for number in range(5):
            world.exchange.mailbox(address).deliver(eml(number, message_id=f"<{number}{address}>"))
    world.configure(ORDERS, CLAIMS)
    async with running(world):
        await until(lambda: len(world.comments()) == 10)
        world.exchange.mailbox(CLAIMS).deliver(eml(100))
        await until(lambda: len(world.comments()) == 11)
    with world.database.read() as tx:
        assert all(mailbox.last_round_at for mailbox in mailboxes.list_all(tx))


def many(world: World, number: int) -> list[str]:
    """Configure so many mailboxes, and name them."""
    boxes = [f"box-{one}@example.com" for one in range(number)]
    for box in boxes:
        world.exchange.mailbox(box)
        world.exchange.grant(ACCOUNT, mailbox=box)
    world.configure(*boxes)
    return boxes


async def test_rounds_that_end_one_after_the_other_are_written_down_together(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = many(world, 20)
    looked: list[float] = []
    claim = claiming.claim

    def counted(*of: Any, **more: Any) -> Claims:
        looked.append(time.monotonic())
        return claim(*of, **more)

    monkeypatch.setattr(claiming, "claim", counted)
    settings = SyncSettings(
        poll_interval=timedelta(minutes=5),
        listen_after=timedelta(minutes=5),
        rounds=len(boxes) + 1,
        rounds_per_integration=len(boxes),
    )
    together = timedelta(seconds=1)
    async with running(world, settings, together=together):
        await until(lambda: len(rounds_of(world)) == len(boxes))
        await asyncio.sleep(together.total_seconds())  # so long a round that ended may wait
        took = time.monotonic() - looked[0]
        # Once at the start, then no more often than so.
        assert len(looked) <= 2 + took / together.total_seconds()


async def test_each_round_that_ends_makes_room_for_another(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LONGEST_SLEEP", timedelta(hours=1))  # nothing else wakes it
    boxes = many(world, 40)
    settings = SyncSettings(
        poll_interval=timedelta(hours=1),
        listen_after=timedelta(hours=1),
        rounds=3,
        rounds_per_integration=3,
    )
    async with running(world, settings, together=timedelta(seconds=0.1)):
        await until(lambda: len(rounds_of(world)) == len(boxes))


@pytest.fixture
def claimed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note how many mailboxes each claim brought."""
    numbers: list[int] = []
    claim = claiming.claim

    def noted(*of: Any, **more: Any) -> Claims:
        claims = claim(*of, **more)
        numbers.append(len(claims.claimed))
        return claims

    monkeypatch.setattr(claiming, "claim", noted)
    return numbers


AHEAD = SyncSettings(
    poll_interval=timedelta(seconds=0.1),
    listen_after=timedelta(hours=1),
    rounds=2,
    rounds_per_integration=2,
)
"""Two rounds at a time, and always something due."""


async def test_mailboxes_at_rest_are_claimed_before_there_is_room_for_their_rounds(
    world: World, claimed: list[int]
) -> None:
    many(world, 20)
    async with running(world, AHEAD, together=timedelta(seconds=2)):
        await until(lambda: max(claimed, default=0) > AHEAD.rounds)
    with world.database.read() as tx:
        leased = [one for one in overview.take(tx).mailboxes if one.lease_until is not None]
    assert leased == [], "what waited was given back"


async def test_a_password_that_is_refused_is_not_tried_for_those_that_wait(
    world: World, claimed: list[int]
) -> None:
    many(world, 20)
    account = world.exchange.find_account(ACCOUNT)
    assert account is not None
    async with running(world, AHEAD, together=timedelta(seconds=2)):
        await until(lambda: max(claimed, default=0) > AHEAD.rounds)
        account = world.exchange.account(ACCOUNT, password="another")
        await until(lambda: world.integration().trouble is not None)
    assert account.wrong_passwords <= AHEAD.rounds


async def test_what_a_round_brought_outlives_the_process(world: World) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure()

    def kept() -> tuple[PastRound, ...]:
        with world.database.read() as tx:
            return rounds.of_mailbox(tx, world.mailbox().id)

    async with running(world):
        await until(lambda: any(one.new for one in kept()))
        world.exchange.mailbox(ORDERS).deliver(eml(2))
        await until(lambda: sum(one.new for one in kept()) == 2)
    brought = [one for one in kept() if one.new]
    assert [one.ending for one in brought] == ["done", "done"]
    assert all(one.answers["200"] == one.requests for one in brought)
    # Between and after them the mailbox was idle, which is told once.
    assert len(kept()) <= 4


async def test_a_process_says_whether_its_disk_has_room(world: World) -> None:
    room = [True]

    def said() -> list[bool]:
        with world.database.read() as tx:
            return [one.has_room for one in workers.present(tx, now=world.time())]

    settings = SyncSettings(heartbeat=timedelta(seconds=0.05))
    async with running(world, settings, has_room=lambda: room[0]):
        await until(lambda: said() == [True])
        room[0] = False
        await until(lambda: said() == [False])
    assert said() == []


async def test_while_the_disk_is_full_nothing_is_read(world: World) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure()
    asked: list[bool] = []

    def has_room() -> bool:
        asked.append(len(asked) >= 2)
        return asked[-1] or world.mailbox().last_round_at is not None

    async with running(world, has_room=has_room):
        await until(lambda: len(world.comments()) == 1)
    assert asked[:3] == [False, False, True]


async def test_a_round_ends_when_the_disk_becomes_full(world: World) -> None:
    for number in range(20):
        world.exchange.mailbox(ORDERS).deliver(eml(number), at=world.time() - timedelta(days=1))
    world.configure()
    settings = replace(QUICK, page=2)
    async with running(world, settings, has_room=lambda: not world.comments()):
        await until(lambda: world.mailbox().last_round_at is not None)
        assert 0 < len(world.comments()) < 20


async def test_new_mail_is_there_within_the_poll_interval_and_two_seconds(world: World) -> None:
    world.configure()
    settings = SyncSettings(poll_interval=timedelta(seconds=1))
    async with running(world, settings):
        await until(lambda: world.mailbox().last_round_at is not None)
        world.exchange.mailbox(ORDERS).deliver(eml(1))
        await until(lambda: len(world.comments()) == 1, seconds=3)


async def test_nothing_waits_for_the_languages_to_be_loaded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded_in: list[int] = []
    languages = importlib.import_module("mailmine.refine.language")
    monkeypatch.setattr(languages, "_model", lambda: loaded_in.append(threading.get_ident()))
    async with running(world):
        await until(lambda: bool(loaded_in))
    assert loaded_in != [threading.get_ident()]


async def test_a_mailbox_that_is_configured_later_is_read_at_once(world: World) -> None:
    world.exchange.mailbox(CLAIMS).deliver(eml(1))
    world.configure(ORDERS)
    async with running(world, SyncSettings(poll_interval=timedelta(hours=1))) as runner:
        await until(lambda: world.mailbox().last_round_at is not None)
        world.configure(ORDERS, CLAIMS)
        runner.wake()
        await until(lambda: len(world.comments()) == 1)


async def test_a_wrong_password_is_tried_twice_for_all_mailboxes_together(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    sign_in = world.exchange.sign_in

    def counted(name: str, password: str) -> Account | None:
        tried.append(name)
        return sign_in(name, password)

    monkeypatch.setattr(world.exchange, "sign_in", counted)
    world.configure(ORDERS, CLAIMS, password="wrong")
    async with running(world):
        await until(lambda: world.integration().trouble is not None)
        await until(lambda: len(rounds_of(world)) == 2)
    assert len(tried) == 1
    assert world.integration().enabled
    world.now = world.time() + timedelta(minutes=6)
    async with running(world):  # a restart forgets nothing
        await until(lambda: not world.integration().enabled)
    assert len(tried) == 2
    trouble = world.integration().trouble
    assert trouble is not None
    assert trouble.code == "http_401"
    assert "password" in trouble.message
    async with running(world):
        await asyncio.sleep(0.3)
    assert len(tried) == 2


async def test_a_new_password_switches_the_integration_on_again(world: World) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure(password="wrong")
    async with running(world):
        await until(lambda: bool(world.integration().trouble))
    integration = world.integration()
    with world.database.write() as tx:
        integrations.set_enabled(
            tx,
            integration.id,
            enabled=False,
            reason=DisabledReason.SYNC_ERROR,
            trouble=integration.trouble,
        )
    async with running(world):
        await asyncio.sleep(0)
    assert not world.integration().enabled
    world.password = "secret"
    async with running(world):
        await until(lambda: len(world.comments()) == 1)
    assert world.integration().enabled
    assert world.integration().trouble is None


async def test_a_new_password_is_tried_at_once(world: World) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure(password="wrong")
    async with running(world):
        await until(lambda: bool(world.integration().trouble))
    assert world.integration().enabled
    world.password = "secret"
    async with running(world):  # though five minutes have not passed since the first was refused
        await until(lambda: len(world.comments()) == 1)
    assert world.integration().trouble is None


async def test_an_account_that_is_unlocked_is_tried_again_when_switched_on(world: World) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    account = world.exchange.account(ACCOUNT)
    account.is_locked = True
    world.configure()
    async with running(world):
        await until(lambda: world.integration().trouble is not None)
    world.now = world.time() + timedelta(minutes=6)
    async with running(world) as runner:
        await until(lambda: not world.integration().enabled)
        account.is_locked = False
        with world.database.write() as tx:
            integrations.set_enabled(tx, world.integration().id, enabled=True)
        world.now += timedelta(minutes=6)
        runner.wake()
        await until(lambda: len(world.comments()) == 1)
    assert world.integration().trouble is None


async def test_an_unknown_mailbox_is_disabled_and_the_others_go_on(world: World) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure(ORDERS, "nobody@example.com")
    async with running(world):
        await until(lambda: len(world.comments()) == 1)
        await until(lambda: world.mailbox("nobody@example.com").trouble is not None)
        nobody = world.mailbox("nobody@example.com").id
        with world.database.write() as tx:
            # As if it had been so for as long as it must be.
            known = strikes.of(tx, nobody)
            assert known is not None
            strikes.put(tx, nobody, replace(known, since=known.since - timedelta(minutes=10)))
            mailboxes.wake(tx, nobody, world.time())
        await until(lambda: not world.mailbox("nobody@example.com").enabled, seconds=30)
    mailbox = world.mailbox("nobody@example.com")
    assert mailbox.disabled_reason is DisabledReason.SYNC_ERROR
    assert mailbox.trouble is not None
    assert "nobody@example.com" in mailbox.trouble.message
    with world.database.read() as tx:
        kinds = {event.kind for event in events.page(tx, before=None, limit=20)}
    assert {"configured", "mailbox_troubled", "mailbox_disabled"} <= kinds


async def test_a_busy_exchange_disables_nothing(world: World) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.exchange.throttle(times=1, back_off=0.1)
    world.configure()
    async with running(world):
        await until(lambda: len(world.comments()) == 1, seconds=60)
    assert world.mailbox().enabled
    assert world.integration().enabled
    assert world.mailbox().trouble is None


async def test_a_mailbox_that_another_process_reads_is_left_alone(world: World) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure()
    another = Presence.enter(world.database)
    world.now = now = world.time()
    lease = timedelta(seconds=30)
    with world.database.write() as tx:
        assert leases.claim(tx, [world.mailbox().id], owner="another", now=now, until=now + lease)
    async with running(world):
        await asyncio.sleep(0.5)  # by the clock of the runner no time passes
        assert world.exchange.requests.count() == 0
        world.now = now + lease
        await until(lambda: len(world.comments()) == 1)
    another.leave()
