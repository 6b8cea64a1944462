"""Slows down the guessing of passwords."""

import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

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

    def attempt(self, username: str, address: str, *, now: datetime) -> timedelta:
        """Say how long to wait before an attempt; zero = go ahead, and it counts as failed until it succeeds.

        Counted before the password is checked, so that many guesses at once are still many guesses.
        """
        key = _key(username, address)
        with self._lock:
            known = self._failures.pop(key, None)
            if known is None or now - known.last > FORGOTTEN:
                known = _Failures(0, now)
            wait = max(known.last + _pause(known.count) - now, timedelta(0))
            self._failures[key] = known if wait else _Failures(known.count + 1, now)
            while len(self._failures) > CAPACITY:
                self._failures.popitem(last=False)
        return wait

    def succeeded(self, username: str, address: str) -> None:
        """Forget what failed before."""
        with self._lock:
            self._failures.pop(_key(username, address), None)


def _key(username: str, address: str) -> tuple[str, str]:
    """Take addresses of IPv6 by their first 64 bits: the others are for each machine to choose (RFC 4291, 2.5.4)."""
    with suppress(ValueError):
        known = ip_address(address)
        if isinstance(known, IPv6Address) and known.ipv4_mapped is None:
            address = str(ip_network((known, 64), strict=False))
    return username.casefold(), address


def _pause(failures: int) -> timedelta:
    """Nothing for the first failures, then 2, 4, 8, … seconds."""
    if failures < FREE:
        return timedelta(0)
    return min(timedelta(seconds=2 ** min(failures - FREE + 1, 20)), LONGEST)
