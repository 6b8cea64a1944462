"""How long ago mailboxes were read, over all of them."""

from datetime import UTC, datetime, timedelta

from mailmine.sync import freshness

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def seconds(*ages: float) -> dict[str, float]:
    synced = (NOW - timedelta(seconds=age) for age in ages)
    return {name: age.total_seconds() for name, age in freshness.percentiles(synced, NOW).items()}


def test_none() -> None:
    assert seconds() == {}


def test_one() -> None:
    assert seconds(3) == {"p50": 3, "p95": 3, "p99": 3, "max": 3}


def test_a_hundred() -> None:
    assert seconds(*range(100, -1, -1)) == {"p50": 50, "p95": 95, "p99": 99, "max": 100}


def test_few_are_told_upwards() -> None:
    assert seconds(1, 2)["p50"] == 2


def test_clocks_that_differ() -> None:
    assert seconds(-5)["max"] == 0
