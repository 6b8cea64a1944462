"""Chance that falls the same way for the same seed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random

SATURDAY = 5
FIRST_HOUR, LAST_HOUR = 6, 19
"""Waking hours, UTC."""


class Dice(Random):
    """A random generator with the few throws that inventing mail needs."""

    def chance(self, share: float) -> bool:
        """Whether something that happens in this share of cases happens now."""
        return self.random() < share

    def pick(self, weights: Mapping[str, int]) -> str:
        """One of the keys, each as often as its weight says."""
        return self.choices(list(weights), list(weights.values()))[0]

    def digits(self, count: int) -> str:
        """Throw a number of so many digits that does not begin with zero."""
        return str(self.randrange(10 ** (count - 1), 10**count))

    def hexadecimal(self, count: int) -> str:
        """So many hexadecimal digits, upper-case."""
        return f"{self.getrandbits(4 * count):0{count}X}"

    def office_hours(self, at: datetime) -> datetime:
        """Find a moment on the day of `at` when people write mail; weekends are quieter."""
        if at.weekday() >= SATURDAY and self.chance(0.9):
            at -= timedelta(days=2)
        seconds = int(self.triangular(FIRST_HOUR * 3600, LAST_HOUR * 3600, 9 * 3600))
        return at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(seconds=seconds)

    def after(self, at: datetime, mean: timedelta) -> datetime:
        """Find a later moment of waking hours, about `mean` from `at`."""
        later = at + timedelta(seconds=300 + int(self.expovariate(1 / mean.total_seconds())))
        if FIRST_HOUR <= later.hour < LAST_HOUR:
            return later
        morning = later + timedelta(hours=(FIRST_HOUR - later.hour) % 24)
        return morning.replace(minute=self.randrange(60), second=self.randrange(60))
