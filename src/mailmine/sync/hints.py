"""What the hints of an Exchange are worth, which name the folders that changed.

That they tell of everything stands in no document of Microsoft's, so every folder is read from time to time whatever they say.
That costs as much as all polls together: it is done less often where they told of what happened, and kept nothing back, and
seldom in folders that hold nothing, as is told besides.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

PROOFS: Final = 10
"""Changes that hints told of, for each interval by which the next look is put off."""
MOST: Final = 8
"""How many intervals at most: two hours."""


@dataclass(slots=True)
class Hints:
    """How those of one integration did, as far as this process has seen."""

    _told: int = 0

    def told(self) -> None:
        """Count that a folder was named in which something was new."""
        self._told += 1

    def kept_back(self) -> None:
        """Note that something was new in a folder that was not named: they are worth nothing again."""
        self._told = 0

    def full_pass(self, interval: timedelta, *, is_empty: bool = False) -> timedelta:
        """Say how long a folder is left alone that is not named; no less than `interval`, the longest where it is empty."""
        return interval * (MOST if is_empty else min(MOST, 1 + self._told // PROOFS))
