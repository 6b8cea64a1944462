"""Slows down the guessing of passwords."""

import hashlib
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from mailmine.store import settings
from mailmine.store.database import Database

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
            wait, self._failures[key] = _one_more(self._failures.pop(key, None), now)
            while len(self._failures) > CAPACITY:
                self._failures.popitem(last=False)
        return wait

    def succeeded(self, username: str, address: str) -> None:
        """Forget what failed before."""
        with self._lock:
            self._failures.pop(_key(username, address), None)


class SharedThrottle:
    """Remembers failures for all processes of a database: behind a load balancer each would let as many guesses pass.

    Never within a transaction: what is counted stays, whatever becomes of the attempt.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def attempt(self, username: str, address: str, *, now: datetime) -> timedelta:
        """Do as that of one process. Raises StoreError."""
        name = _name(username, address)
        while True:
            with self._database.write() as tx:
                settings.remove_older(tx, _PREFIX, _written(_Failures(0, now - FORGOTTEN)))
                old = settings.get(tx, name)
                wait, failures = _one_more(None if old is None else _read(old), now)
                if wait or settings.swap(tx, name, old=old, new=_written(failures)):
                    return wait

    def succeeded(self, username: str, address: str) -> None:
        """Forget what failed before. Raises StoreError."""
        with self._database.write() as tx:
            settings.remove(tx, _name(username, address))


_PREFIX = "failed_sign_ins:"


def _name(username: str, address: str) -> str:
    """Name what is kept; not in clear, as people write their password where their name goes."""
    key = "\0".join(_key(username, address)).encode("utf-8", "surrogatepass")
    return f"{_PREFIX}{hashlib.sha256(key).hexdigest()}"


def _written(failures: _Failures) -> str:
    """Write them so that texts have the order of time."""
    return f"{failures.last.isoformat(timespec='microseconds')} {failures.count}"


def _read(written: str) -> _Failures:
    last, _, count = written.partition(" ")
    return _Failures(int(count), datetime.fromisoformat(last))


def _one_more(known: _Failures | None, now: datetime) -> tuple[timedelta, _Failures]:
    """Say how long to wait before one more attempt, and what to remember then."""
    if known is None or now - known.last > FORGOTTEN:
        known = _Failures(0, now)
    wait = max(known.last + _pause(known.count) - now, timedelta(0))
    return wait, known if wait else _Failures(known.count + 1, now)


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
