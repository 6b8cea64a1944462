"""Whether all mailboxes are read in time: how many wait, and how long ago each was read. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mailmine.store.overview import MailboxStanding

POINTS: Final[Mapping[str, float]] = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
"""The parts of all mailboxes of which it is said how old they are at most."""

OVERDUE: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How the mailboxes that are to be read are kept up with."""

    reading: int
    waits: tuple[timedelta, ...]
    """Of those whose round should have begun: for how long."""
    ages: Mapping[str, timedelta]
    """For each of `POINTS`, how long ago so many were read at most; one that was not yet, since when it is there."""

    @property
    def overdue(self) -> int:
        """Count those that wait for more than half a minute."""
        return sum(wait > OVERDUE for wait in self.waits)


def schedule(mailboxes: Sequence[MailboxStanding], now: datetime) -> Schedule:
    """Sum up how the schedule is kept."""
    read = [one for one in mailboxes if one.lease_until is not None and one.lease_until > now]
    wanted = [one for one in mailboxes if one.is_wanted]
    return Schedule(
        reading=len(read),
        waits=tuple(
            now - one.next_due_at
            for one in wanted
            if one.next_due_at <= now and (one.lease_until is None or one.lease_until <= now)
        ),
        ages=percentiles((one.last_round_at or one.created_at for one in wanted), now),
    )


def percentiles(synced: Iterable[datetime], now: datetime) -> dict[str, timedelta]:
    """Say for each of `POINTS` how long ago so many of them were read; nothing where there are none."""
    ages = sorted(max(now - at, timedelta()) for at in synced)
    last = len(ages) - 1
    # The nearest of them, upwards: with few mailboxes no worse one is left out.
    return {name: ages[-int(-last * part // 1)] for name, part in POINTS.items()} if ages else {}
