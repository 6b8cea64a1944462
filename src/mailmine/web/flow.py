"""The plot of what flows now: comments of each minute, as bars that a server can draw. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailmine.web.language import ngettext
from mailmine.web.words import count

MINUTES = 60
HEIGHT = 48
STEP = 10
"""Units of the plot for one minute; a bar is three quarters of it."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute."""

    x: int
    y: float
    height: float
    words: str


@dataclass(frozen=True, slots=True)
class Flow:
    """The last hour."""

    bars: tuple[Bar, ...]
    total: int
    most: int
    """Comments of the busiest minute."""
    last: int
    """Comments of the last whole minute."""

    @property
    def width(self) -> int:
        """Units of the whole plot."""
        return MINUTES * STEP


def begins(now: datetime) -> datetime:
    """Say when the first minute of the plot begins."""
    return now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)


def draw(counts: Mapping[datetime, int], now: datetime) -> Flow:
    """Draw what came in each minute of the last hour; the running minute is the last bar."""
    first = begins(now)
    minutes = [first + timedelta(minutes=number) for number in range(MINUTES)]
    numbers = [counts.get(minute, 0) for minute in minutes]
    most = max(numbers)
    bars = []
    for place, (minute, number) in enumerate(zip(minutes, numbers, strict=True)):
        height = max(2.0, round(HEIGHT * number / most, 1)) if number else 0.0
        words = ngettext(
            "%(number)s comment at %(time)s UTC", "%(number)s comments at %(time)s UTC", number
        ) % {"number": count(number), "time": f"{minute:%H:%M}"}
        bars.append(Bar(place * STEP, HEIGHT - height, height, words))
    return Flow(tuple(bars), sum(numbers), most, numbers[-2])
