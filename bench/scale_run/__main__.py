"""`python -m bench.scale_run`: three workers share one PostgreSQL and poll many mailboxes of a simulated Exchange.

Everything is on this machine. After a while of steady polling one fault comes after the other, while mail keeps arriving and
somebody reads a stream: a worker is killed, another frozen for longer than its lease and thawed, a third cut off from the
database for longer than its lease, the object store killed, PostgreSQL killed. In the end all mail must be there once.
"""

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.scale_run import faults, steady
from bench.scale_run.cluster import INTERVAL, MICRO, WORKERS, Cluster, cluster, until
from bench.scale_run.counted import counted
from bench.scale_run.rows import Row

RESTLESS: Final = "SELECT count(*) FROM mailboxes WHERE rest_tree IS NULL AND lease_until IS NULL"
LATE: Final = "SELECT count(*) FROM mailboxes WHERE last_round_at < %s"
ARRIVE = 1.0
"""Seconds between two mails while things go wrong."""


def measure(mailboxes: int, seconds: float, *, with_faults: bool) -> Iterator[Row]:
    """Run it all."""
    with cluster(mailboxes, steady.OPTIONS) as here:
        steady.prepare(here)
        began = time.time()
        for _ in range(WORKERS - 1):
            here.start()
        here.start(here.network)
        unread = "SELECT count(*) FROM mailboxes WHERE last_round_at IS NULL"
        took = until(lambda: not here.number(unread)) - began
        yield Row(
            what=f"seconds until {mailboxes:,} mailboxes were read first", figure=f"{took:.0f}"
        )
        if seconds:
            # Each is read some times more before it is known to be at rest.
            took = until(lambda: has_settled(here)) - began
            yield Row(what="seconds until 19 of 20 were at rest and in time", figure=f"{took:.0f}")
            yield from steady.steady(here, seconds)
        here.deliver(100)
        if not with_faults:
            yield from counted(here, None)
            return
        with here.read() as reader:
            with here.arriving(ARRIVE):
                for fault in _possible(here):
                    yield from fault(here)
                    faults.waiting(here)
            yield from counted(here, reader)


def has_settled(here: Cluster) -> bool:
    """Whether hardly any is late any more, and 19 of 20 are at rest: some are read to their end again all the time."""
    at_rest = here.number(RESTLESS) <= len(here.mailboxes) // 20
    late = here.number(LATE, (time.time() - INTERVAL - steady.LATE) * MICRO)
    return at_rest and late <= len(here.mailboxes) // 200


def _possible(here: Cluster) -> Iterator[faults.Fault]:
    yield from (faults.killed, faults.frozen)
    yield faults.cut_off if here.network is not None else _not_cut_off
    yield from (faults.without_objects, faults.without_database)


def _not_cut_off(here: Cluster) -> Iterator[Row]:
    """Say loudly what was not tried."""
    del here
    yield Row(
        what="NOT TRIED: a worker cut off from the database",
        figure="no network namespaces here: iproute2 and root are needed",
    )


def main() -> None:
    """Measure; exit with 1 where a target is missed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--mailboxes", type=int, default=2_000)
    arguments.add_argument("--seconds", type=float, default=60, help="of steady polling")
    arguments.add_argument("--no-faults", action="store_true", help="steady polling alone")
    given = arguments.parse_args()
    # What was started is ended also where somebody stops it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = Console()
    table = Table("what", "measured", "target", "")
    is_met = True
    for row in measure(given.mailboxes, given.seconds, with_faults=not given.no_faults):
        said = "" if not row.target else "met" if row.is_met else "MISSED"
        table.add_row(row.what, row.figure, row.target, said)
        console.print(f"{row.what}: {row.figure} {said}", style="dim")
        is_met &= row.is_met
    console.print(f"{WORKERS} workers, {given.mailboxes:,} mailboxes, everything on one machine")
    console.print(table)
    sys.exit(0 if is_met else 1)


if __name__ == "__main__":
    main()
