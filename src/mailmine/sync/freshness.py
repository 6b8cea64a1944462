"""How long ago mailboxes were read, over all of them. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

POINTS: Final[Mapping[str, float]] = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
"""The parts of all mailboxes of which it is said how old they are at most."""


def percentiles(synced: Iterable[datetime], now: datetime) -> dict[str, timedelta]:
    """Say for each of `POINTS` how long ago so many of them were read; nothing where there are none."""
    ages = sorted(max(now - at, timedelta()) for at in synced)
    last = len(ages) - 1
    # The nearest of them, upwards: with few mailboxes no worse one is left out.
    return {name: ages[-int(-last * part // 1)] for name, part in POINTS.items()} if ages else {}
