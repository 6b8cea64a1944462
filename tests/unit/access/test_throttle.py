from datetime import UTC, datetime, timedelta

from mailmine.access.throttle import CAPACITY, FREE, LONGEST, Throttle

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = timedelta(0)


def failing(throttle: Throttle, times: int, at: datetime = NOON) -> timedelta:
    """Guess wrong; each guess comes when its wait is over. How long the last had to wait."""
    waited = NOW
    for _ in range(times):
        waited = throttle.attempt("ann", "10.0.0.1", now=at)
        at += waited
        if waited:
            assert throttle.attempt("ann", "10.0.0.1", now=at) == NOW
    return waited


def test_a_few_mistakes_cost_nothing() -> None:
    assert failing(Throttle(), FREE) == NOW


def test_then_the_wait_doubles_up_to_a_quarter_of_an_hour() -> None:
    waits = [failing(Throttle(), FREE + more) for more in range(1, 13)]

    assert waits[:4] == [timedelta(seconds=seconds) for seconds in (2, 4, 8, 16)]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST


def test_who_does_not_wait_is_refused_but_not_punished_more() -> None:
    throttle = Throttle()
    failing(throttle, FREE)
    for _ in range(50):
        assert throttle.attempt("ann", "10.0.0.1", now=NOON) == timedelta(seconds=2)


def test_many_guesses_at_once_are_many_guesses() -> None:
    throttle = Throttle()
    admitted = [throttle.attempt("ann", "10.0.0.1", now=NOON) == NOW for _ in range(40)]
    assert admitted.count(True) == FREE


def test_who_signs_in_from_elsewhere_is_not_locked_out() -> None:
    throttle = Throttle()
    failing(throttle, FREE)

    assert throttle.attempt("ANN", "10.0.0.1", now=NOON) > NOW
    assert throttle.attempt("ann", "10.0.0.2", now=NOON) == NOW
    assert throttle.attempt("bob", "10.0.0.1", now=NOON) == NOW


def test_success_and_time_make_it_forget() -> None:
    throttle = Throttle()
    failing(throttle, FREE)
    later = NOON + timedelta(hours=2)
    assert failing(throttle, FREE, later) == NOW

    throttle.succeeded("ann", "10.0.0.1")
    assert failing(throttle, FREE, later) == NOW


def test_a_flood_of_names_takes_no_more_memory() -> None:
    throttle = Throttle()
    for number in range(CAPACITY + 50):
        throttle.attempt(f"user{number}", "10.0.0.1", now=NOON)
    assert len(throttle._failures) == CAPACITY


def test_all_addresses_of_one_network_of_ipv6_are_one_guesser() -> None:
    throttle = Throttle()
    waits = [
        throttle.attempt("ann", f"2001:db8:0:1::{number:x}", now=NOON) for number in range(FREE + 1)
    ]
    assert waits[-1] > NOW
    assert throttle.attempt("ann", "2001:db8:0:2::1", now=NOON) == NOW
    throttle.succeeded("ann", "2001:db8:0:1::ffff")
    assert throttle.attempt("ann", "2001:db8:0:1::1", now=NOON) == NOW


def test_addresses_of_ipv4_written_as_ipv6_stay_apart() -> None:
    throttle = Throttle()
    for number in range(FREE + 1):
        assert throttle.attempt("ann", f"::ffff:10.0.0.{number}", now=NOON) == NOW
