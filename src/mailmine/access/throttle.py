"""Slows down the guessing of passwords."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

FREE = 5
"""Failures before one has to wait."""

LONGEST = timedelta(minutes=15)

FORGOTTEN = timedelta(hours=1)
"""After this long without a failure all is as before."""

CAPACITY = 10_000
"""Pairs of username and address to remember; beyond them the oldest is forgotten."""


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    last: datetime


class Throttle:
    """Remembers failures per username and address, for one process. Threads may share it.

    Per both, so that guessing cannot lock a person out who signs in from elsewhere.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, username: str, address: str, *, now: datetime) -> timedelta:
        """Say how long to wait before the next attempt; zero = go ahead."""
        with self._lock:
            failures = self._failures.get(_key(username, address))
        if failures is None or failures.count < FREE or now - failures.last > FORGOTTEN:
            return timedelta(0)
        # 2, 4, 8, … seconds
        pause = min(timedelta(seconds=2 ** min(failures.count - FREE + 1, 20)), LONGEST)
        return max(failures.last + pause - now, timedelta(0))

    def failed(self, username: str, address: str, *, now: datetime) -> None:
        """Remember a wrong password."""
        key = _key(username, address)
        with self._lock:
            known = self._failures.pop(key, None)
            is_fresh = known is not None and now - known.last <= FORGOTTEN
            self._failures[key] = _Failures(known.count + 1 if known and is_fresh else 1, now)
            while len(self._failures) > CAPACITY:
                self._failures.popitem(last=False)

    def succeeded(self, username: str, address: str) -> None:
        """Forget what failed before."""
        with self._lock:
            self._failures.pop(_key(username, address), None)


def _key(username: str, address: str) -> tuple[str, str]:
    return username.casefold(), address
