"""What goes wrong on purpose, while mail keeps arriving, and how long it takes until all is well again."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

import psycopg

from bench.scale_run.cluster import INTERVAL, MICRO, Cluster, Worker, until
from bench.scale_run.network import Network
from bench.scale_run.rows import Row, at_most, yes
from bench.scale_run.steady import LATE

LEASE: Final = 30
"""Seconds after which the mailboxes of a worker that is not heard of are others'."""
LONG: Final = 45
"""Seconds that a worker is cut off, or the object store is away: longer than a lease, and than a request is tried again."""
UNAVAILABLE: Final = "PostgreSQL cannot be used now"
"""What a worker says when it has noticed."""

Fault = Callable[[Cluster], Iterator[Row]]


def killed(here: Cluster) -> Iterator[Row]:
    """Kill a worker while it reads."""
    gone = here.workers.pop(0).process
    # Frozen first, so that it is known which leases it leaves behind.
    gone.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    began = time.time()
    gone.kill()
    gone.wait(30)
    here.deliver(50)
    yield from _goes_on(here, "kill -9 of a worker", began)
    here.start()


def frozen(here: Cluster) -> Iterator[Row]:
    """Freeze a worker for longer than its lease, and thaw it."""
    one = here.workers[-1]
    one.process.send_signal(signal.SIGSTOP)
    began = time.time()
    here.deliver(50)
    yield from _goes_on(here, "a worker frozen", began)
    time.sleep(max(0.0, began + LEASE + 10 - time.time()))
    one.process.send_signal(signal.SIGCONT)
    here.deliver(50)
    yield from _goes_on(here, "thawed", time.time())
    yield yes("the thawed worker lives", is_so=one.is_alive)


def without_database(here: Cluster) -> Iterator[Row]:
    """Kill PostgreSQL, and start it again some seconds later."""
    here.server.kill()
    time.sleep(5)
    here.deliver(50)
    here.server.start()
    began = time.time()
    yield from _goes_on(here, "kill -9 of PostgreSQL, started again", began)
    yield yes("the workers live on", is_so=all(one.is_alive for one in here.workers))


def without_objects(here: Cluster) -> Iterator[Row]:
    """Kill (what stands before) the object store, and start it again after mail with attachments has come."""
    began = time.time()
    here.objects.kill()
    here.deliver(50)
    delivered = here.delivered
    seen = until(lambda: here.number("SELECT count(*) FROM comments") >= delivered) - began
    yield at_most(
        "kill -9 of the object store: seconds until mail is there all the same",
        seen,
        INTERVAL + LEASE,
    )
    yield from _goes_on(here, "without an object store", began)
    time.sleep(max(0.0, began + LONG - time.time()))
    attached = here.attached
    here.objects.start()
    back = time.time()
    took = until(lambda: here.number("SELECT count(*) FROM attachments") >= attached) - back
    yield at_most(
        "the object store is back: seconds until the contents are there", took, INTERVAL + LEASE
    )
    yield yes("the workers live on", is_so=all(one.is_alive for one in here.workers))


def cut_off(here: Cluster) -> Iterator[Row]:
    """Cut a worker off from the database for longer than its lease, and let it through again."""
    network = here.network
    assert network is not None
    one = next(one for one in here.workers if one.is_alone)
    network.cut()
    began = time.time()
    here.deliver(50)
    yield from _noticed(one, began)
    yield from _goes_on(here, "a worker cut off from the database", began)
    time.sleep(max(0.0, began + LONG - time.time()))
    yield from _healed(here, network, one)


def _noticed(one: Worker, began: float) -> Iterator[Row]:
    """Wait until the worker says that something is wrong."""
    before = one.output.stat().st_size

    def says() -> bool:
        with one.output.open("rb") as output:
            output.seek(before)
            return UNAVAILABLE.encode() in output.read()

    yield at_most("cut off: seconds until the worker has noticed", until(says) - began, LEASE)


def _healed(here: Cluster, network: Network, one: Worker) -> Iterator[Row]:
    network.heal()
    here.deliver(50)
    healed = time.time()
    seen = "SELECT max(seen_at) FROM workers WHERE pid = %s"
    took = until(lambda: here.number(seen, one.process.pid) > healed * MICRO) - healed
    yield at_most("let through again: seconds until the worker is back", took, LEASE)
    yield from _goes_on(here, "let through again", healed)
    yield yes("the worker lives", is_so=one.is_alive)


def _goes_on(here: Cluster, what: str, began: float) -> Iterator[Row]:
    """Wait until every mailbox was read after `began`, and say how late the last lease or mail was."""
    due = "SELECT count(*) FROM mailboxes WHERE last_round_at < %s"
    stuck = "SELECT count(*) FROM mailboxes WHERE lease_until IS NOT NULL AND lease_until < %s"
    freed = 0.0

    def is_over() -> bool:
        nonlocal freed
        now = time.time()
        if here.number(stuck, int(now * MICRO)):
            freed = now - began
        return not here.number(due, int(began * MICRO))

    took = until(is_over) - began
    # Each is read within an interval anyway; what a dead one held, within a lease.
    yield at_most(f"{what}: seconds until all were read", took, INTERVAL + LEASE)
    if freed:
        yield at_most(f"{what}: seconds until its leases were taken", freed, LEASE + LATE)


def waiting(here: Cluster) -> None:
    """Let nothing of a fault be left when the next comes: all mailboxes are read, and nobody's lease has run out."""
    began = time.time()
    with suppress(psycopg.OperationalError):
        for _ in _goes_on(here, "", began):
            pass
