"""How fast an account goes, and when it stays away."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st

from mailmine.exchange import Limits
from mailmine.exchange.faults import ExchangeError, Fault, Scope, Where
from mailmine.exchange.pace import Pace
from mailmine.model.ids import FolderId, ItemId
from tests.unit.exchange.fakes import (
    Asked,
    FakeClock,
    Said,
    all_messages,
    changes,
    fault,
    reading,
    value,
)

INBOX = FolderId("inbox")


def busy(milliseconds: str | None = None) -> Said:
    return fault(
        "ErrorServerBusy",
        xml="" if milliseconds is None else value("BackOffMilliseconds", milliseconds),
    )


async def let_run() -> None:
    """Let the others go on as far as they can without us."""
    for _ in range(200):
        await asyncio.sleep(0)


async def test_c8_the_hint_of_a_busy_server_stops_all_mailboxes_of_the_account() -> None:
    on = reading(lambda _: busy("5000"))
    others = [on.account.reader(f"box{number}@example.com") for number in range(3)]
    for reader in (on.reader, *others):
        with pytest.raises(ExchangeError) as raised:
            await reader.changes(INBOX, None, limit=10)
        assert raised.value.fault.retry_after == timedelta(seconds=5)
        assert raised.value.fault.scope is Scope.CONNECTION
    assert len(on.exchange.asked) == 1


@pytest.mark.parametrize("hint", [None, "0", "-5", "soon", "9" * 400])
async def test_c8_no_hint_means_our_own_pause(hint: str | None) -> None:
    on = reading(lambda _: busy(hint))
    with pytest.raises(ExchangeError) as raised:
        await on.reader.changes(INBOX, None, limit=10)
    pause = raised.value.fault.retry_after
    assert pause is not None
    assert timedelta(seconds=10) <= pause <= timedelta(days=1)


async def test_c7_repeated_pauses_double_up_to_a_quarter_of_an_hour() -> None:
    on = reading(lambda _: Said(status=429, headers={"Retry-After": "1"}))
    pauses = []
    for _ in range(10):
        with pytest.raises(ExchangeError) as raised:
            await on.reader.changes(INBOX, None, limit=10)
        assert raised.value.fault.retry_after is not None
        pauses.append(raised.value.fault.retry_after.total_seconds())
        on.clock.time += pauses[-1]
    assert pauses == [1, 20, 40, 80, 160, 320, 640, 900, 900, 900]


async def test_c7_a_long_hint_is_a_floor_however_often_it_comes() -> None:
    on = reading(lambda _: Said(status=503, headers={"Retry-After": "1200"}))
    for _ in range(5):
        with pytest.raises(ExchangeError) as raised:
            await on.reader.changes(INBOX, None, limit=10)
        assert raised.value.fault.retry_after == timedelta(seconds=1200)
        on.clock.time += 1200


async def test_after_a_good_answer_the_pauses_begin_small_again() -> None:
    says: list[Said | str] = [busy("0"), busy("0"), changes(), busy("0")]
    on = reading(lambda _: says.pop(0))
    pauses = []
    for answer in tuple(says):
        if isinstance(answer, str):
            await on.reader.changes(INBOX, None, limit=10)
            continue
        with pytest.raises(ExchangeError) as raised:
            await on.reader.changes(INBOX, None, limit=10)
        assert raised.value.fault.retry_after is not None
        pauses.append(raised.value.fault.retry_after.total_seconds())
        on.clock.time += pauses[-1]
    assert pauses == [10, 20, 10]


async def test_c6_at_most_four_requests_are_in_flight_and_one_a_mailbox() -> None:
    on = reading(all_messages)
    readers = [on.account.reader(f"box{number}@example.com") for number in range(8)]

    async def fetch(number: int) -> int:
        return sum([len(batch) async for batch in readers[number].fetch([ItemId("a")] * 40)])

    await fetch(0)
    on.exchange.gate = asyncio.Event()
    working = [asyncio.create_task(fetch(number % 8)) for number in range(16)]
    await let_run()
    assert on.exchange.in_flight == 4
    anchors = [asked.headers["X-AnchorMailbox"] for asked in on.exchange.asked[-4:]]
    assert len(set(anchors)) == 4
    on.exchange.gate.set()
    assert await asyncio.gather(*working) == [40] * 16
    assert on.exchange.most_in_flight == 4


async def test_c8_a_mailbox_that_is_opened_twice_is_still_asked_one_thing_at_a_time() -> None:
    on = reading(lambda _: changes())
    await on.reader.changes(INBOX, None, limit=1)
    on.exchange.gate = asyncio.Event()
    working = [
        asyncio.create_task(on.account.reader(address).changes(INBOX, None, limit=1))
        for address in ("orders@example.com", "Orders@Example.com")
    ]
    await let_run()
    assert on.exchange.in_flight == 1
    on.exchange.gate.set()
    await asyncio.gather(*working)


async def test_c8_of_the_requests_in_flight_two_may_list_changes() -> None:
    on = reading(lambda _: changes())
    readers = [on.account.reader(f"box{number}@example.com") for number in range(6)]
    await readers[0].changes(INBOX, None, limit=1)
    on.exchange.gate = asyncio.Event()
    working = [asyncio.create_task(reader.changes(INBOX, None, limit=1)) for reader in readers]
    await let_run()
    assert on.exchange.in_flight == 2
    on.exchange.gate.set()
    await asyncio.gather(*working)


async def test_c1_a_password_that_was_never_accepted_is_not_sent_four_times_at_once() -> None:
    on = reading(lambda _: Said(status=401))
    readers = [on.account.reader(f"box{number}@example.com") for number in range(8)]
    refused = await asyncio.gather(
        *(reader.changes(INBOX, None, limit=1) for reader in readers), return_exceptions=True
    )
    assert all(isinstance(one, ExchangeError) for one in refused)
    assert len(on.exchange.asked) == 1


async def test_c1_a_refused_password_is_tried_again_after_minutes_and_then_hardly_ever() -> None:
    on = reading(lambda _: Said(status=401))
    sent_at, held_back = [], []
    for minute in range(60):
        before = len(on.exchange.asked)
        with pytest.raises(ExchangeError, match="password") as raised:
            await on.reader.changes(INBOX, None, limit=1)
        assert raised.value.fault.code == "http_401"
        held_back.append(raised.value.fault.retry_after is not None)
        if len(on.exchange.asked) > before:
            sent_at.append(minute)
        on.clock.time += 60
    assert sent_at == [0, 5, 20, 35, 50]
    assert held_back == [minute not in sent_at for minute in range(60)]


async def test_c1_a_password_that_is_not_good_any_more_is_tried_once_more_by_one_of_many() -> None:
    says: list[Said | str] = [changes(), *[Said(status=401)] * 5]
    on = reading(lambda _: says.pop(0))
    readers = [on.account.reader(f"box{number}@example.com") for number in range(4)]
    await readers[0].changes(INBOX, None, limit=1)
    with pytest.raises(ExchangeError):
        await readers[0].changes(INBOX, None, limit=1)
    on.clock.time += 301
    on.exchange.gate = asyncio.Event()
    working = [asyncio.create_task(reader.changes(INBOX, None, limit=1)) for reader in readers]
    await let_run()
    on.exchange.gate.set()
    refused = await asyncio.gather(*working, return_exceptions=True)
    assert all(isinstance(one, ExchangeError) for one in refused)
    assert len(on.exchange.asked) == 3


async def test_c1_a_front_end_that_fails_in_between_gives_no_further_tries() -> None:
    says = [401, 502, 401, 502]
    on = reading(lambda _: Said(status=says.pop(0)))
    for _ in range(4):
        with pytest.raises(ExchangeError):
            await on.reader.changes(INBOX, None, limit=1)
        on.clock.time += 600
    assert len(on.exchange.asked) == 3


async def test_c1_a_401_of_an_overloaded_server_passes() -> None:
    says: list[Said | str] = [changes(), Said(status=401), changes(), Said(status=401), changes()]
    on = reading(lambda _: says.pop(0))
    for _ in range(2):
        await on.reader.changes(INBOX, None, limit=1)
        with pytest.raises(ExchangeError):
            await on.reader.changes(INBOX, None, limit=1)
        on.clock.time += 301
    await on.reader.changes(INBOX, None, limit=1)
    assert len(on.exchange.asked) == 5


async def test_after_being_busy_fewer_requests_are_in_flight() -> None:
    pace = Pace(Limits(in_flight=4), clock := FakeClock())
    async with pace.slot() as ticket:
        pace.succeeded(ticket)
    async with pace.slot() as ticket:
        pace.busy(ticket, a_fault())
    clock.time += 10
    async with pace.slot(), pace.slot():
        third = asyncio.create_task(hold(pace))
        await asyncio.sleep(0)
        assert not third.done()
    await third


async def test_one_who_waits_and_gives_up_takes_no_slot_along() -> None:
    pace = Pace(Limits(in_flight=1), FakeClock())
    async with pace.slot():
        waiting = [asyncio.create_task(hold(pace)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert waiting[2].done()
    assert not waiting[2].cancelled()
    async with asyncio.timeout(5), pace.slot():
        pass


async def hold(pace: Pace) -> None:
    async with pace.slot():
        await asyncio.sleep(0)


def a_fault(seconds: float | None = None) -> Fault:
    return Fault(
        where=Where.EWS,
        code="ErrorServerBusy",
        message="busy",
        scope=Scope.CONNECTION,
        retry_after=None if seconds is None else timedelta(seconds=seconds),
    )


@given(st.lists(st.one_of(st.none(), st.integers(0, 5000)), min_size=1, max_size=12))
async def test_a_pause_is_never_shorter_than_asked_nor_than_our_own_when_repeated(
    hints: list[int | None],
) -> None:
    pace = Pace(Limits(), clock := FakeClock())
    for number, hint in enumerate(hints):
        async with pace.slot() as ticket:
            pause = pace.busy(ticket, a_fault(hint)).retry_after
        assert pause is not None
        own = min(10 * 2**number, 900)
        floor = max(hint or 0, own if number or not hint else 0)
        assert pause.total_seconds() == pytest.approx(floor, abs=1e-3)
        with pytest.raises(ExchangeError):
            await hold(pace)
        clock.time += pause.total_seconds() + 1e-3


async def test_requests_under_way_together_that_find_the_server_busy_count_once() -> None:
    pace = Pace(Limits(), clock := FakeClock())
    async with pace.slot() as first:
        pace.succeeded(first)
    async with pace.slot() as one, pace.slot() as two:
        clock.time += 1
        pace.busy(one, a_fault())
        later = pace.busy(two, a_fault())
    assert later.retry_after == timedelta(seconds=10)


async def test_asked_in_vain_says_how_long_is_left() -> None:
    on = reading(lambda _: busy("30000"))
    with pytest.raises(ExchangeError):
        await on.reader.changes(INBOX, None, limit=1)
    on.clock.time += 12
    with pytest.raises(ExchangeError) as raised:
        await on.reader.changes(INBOX, None, limit=1)
    assert raised.value.fault.retry_after == timedelta(seconds=18)


async def test_the_mailbox_that_is_asked_about_is_in_every_request() -> None:
    asked_for: list[Asked] = []

    def answer(asked: Asked) -> str:
        asked_for.append(asked)
        return changes()

    on = reading(answer)
    await on.reader.changes(INBOX, None, limit=1)
    assert asked_for[0].headers["X-AnchorMailbox"] == "orders@example.com"
    assert asked_for[0].headers["client-request-id"]
