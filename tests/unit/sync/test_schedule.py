from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st

from mailmine.sync.schedule import ITEM_TRIES, LONGEST_PAUSE, after_success, item_retry, pause

NOW = datetime(2026, 3, 2, tzinfo=UTC)
FIRST = timedelta(seconds=10)
spans = st.timedeltas(timedelta(), timedelta(hours=2))


def test_polls_are_counted_from_when_a_round_began() -> None:
    interval = timedelta(seconds=30)
    ended = NOW + timedelta(seconds=4)
    assert after_success(NOW, ended, interval, is_unfinished=False) == NOW + interval
    late = NOW + timedelta(minutes=5)
    assert after_success(NOW, late, interval, is_unfinished=False) == late
    assert after_success(NOW, ended, interval, is_unfinished=True) == ended


def test_pauses_double_up_to_the_longest() -> None:
    found = [pause(times, None, first=FIRST, jitter=0).total_seconds() for times in range(1, 10)]
    assert found == [10, 20, 40, 80, 160, 320, 640, 900, 900]


@given(st.integers(1, 10_000), spans, st.floats(0, 1, exclude_max=True))
def test_the_servers_wish_is_a_floor(times: int, wish: timedelta, jitter: float) -> None:
    found = pause(times, wish, first=FIRST, jitter=jitter)
    assert found >= wish
    assert found >= pause(times, None, first=FIRST, jitter=0)
    assert found <= max(wish, LONGEST_PAUSE) * 1.2


def test_an_item_is_given_up_after_some_tries() -> None:
    found = [item_retry(NOW, tries) for tries in range(1, ITEM_TRIES + 1)]
    assert found[-1] is None
    waits = [at - NOW for at in found if at is not None]
    assert waits == sorted(waits)
    assert waits[0] == timedelta(minutes=1)
    assert len(waits) == ITEM_TRIES - 1
