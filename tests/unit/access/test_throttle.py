from datetime import UTC, datetime, timedelta

from mailmine.access.throttle import CAPACITY, FREE, LONGEST, Throttle

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = timedelta(0)


def failing(throttle: Throttle, times: int, at: datetime = NOON) -> None:
    for _ in range(times):
        throttle.failed("ann", "10.0.0.1", now=at)


def test_a_few_mistakes_cost_nothing() -> None:
    throttle = Throttle()
    failing(throttle, FREE - 1)
    assert throttle.wait("ann", "10.0.0.1", now=NOON) == NOW


def test_then_the_wait_doubles_up_to_a_quarter_of_an_hour() -> None:
    throttle = Throttle()
    waits = []
    failing(throttle, FREE - 1)
    for _ in range(12):
        failing(throttle, 1)
        waits.append(throttle.wait("ann", "10.0.0.1", now=NOON))

    assert waits[:4] == [timedelta(seconds=seconds) for seconds in (2, 4, 8, 16)]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST


def test_the_wait_passes() -> None:
    throttle = Throttle()
    failing(throttle, FREE)
    assert throttle.wait("ann", "10.0.0.1", now=NOON + timedelta(seconds=2)) == NOW


def test_who_signs_in_from_elsewhere_is_not_locked_out() -> None:
    throttle = Throttle()
    failing(throttle, 20)

    assert throttle.wait("ANN", "10.0.0.1", now=NOON) > NOW
    assert throttle.wait("ann", "10.0.0.2", now=NOON) == NOW
    assert throttle.wait("bob", "10.0.0.1", now=NOON) == NOW


def test_success_and_time_make_it_forget() -> None:
    throttle = Throttle()
    failing(throttle, 20)
    later = NOON + timedelta(hours=2)
    assert throttle.wait("ann", "10.0.0.1", now=later) == NOW
    failing(throttle, 1, later)
    assert throttle.wait("ann", "10.0.0.1", now=later) == NOW

    failing(throttle, 20, later)
    throttle.succeeded("ann", "10.0.0.1")
    assert throttle.wait("ann", "10.0.0.1", now=later) == NOW


def test_a_flood_of_names_takes_no_more_memory() -> None:
    throttle = Throttle()
    for number in range(CAPACITY + 50):
        throttle.failed(f"user{number}", "10.0.0.1", now=NOON)
    assert len(throttle._failures) == CAPACITY
