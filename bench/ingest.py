"""`python -m bench.ingest`: two workers fill one PostgreSQL, next to one that fills SQLite, from the same mailboxes.

The whole way from a simulated Exchange on this machine to the last comment, for SQLite with its search index. That of PostgreSQL, which
is made beside other work, is measured apart. Read the ratio: the rest belongs to this machine.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from json import loads
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.measure import Cost
from bench.server import mailbox_of, serving
from bench.sync import made, reaching
from mailmine.store import search_index
from mailmine.store.database import Database
from mailmine.sync.indexing import PIECE
from tests import postgresql

MAILBOXES: Final = 4
"""Read at a time, by all workers together."""
RATIO: Final = 0.5
PER_SECOND: Final = 2_500
SERVER: Final = "-c shared_buffers=256MB -c max_wal_size=4GB"


@dataclass(frozen=True, slots=True)
class Filled:
    """What one filling took."""

    per_second: float
    cpu_microseconds: float
    """Of the workers, for one comment."""


def sync(address: str, names: list[str], *, workers: int, url: str | None) -> Filled:
    """Let workers fill a database together."""
    command = [sys.executable, "-m", "bench.sync", address, *names]
    command += ["--at-once", str(MAILBOXES // workers)]
    if url is not None:
        made(url, reaching(address, by_graph=False), names).close()
        command += ["--database", url]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(workers)]
    said = [one.communicate()[0] for one in running]
    if any(one.returncode for one in running):
        raise SystemExit("a worker failed")
    costs = [Cost(**loads(each.splitlines()[-1])) for each in said]
    seconds = max(cost.seconds for cost in costs)
    comments = costs[0].messages
    return Filled(comments / seconds, sum(cost.cpu_seconds for cost in costs) / comments * 1e6)


@contextmanager
def postgres() -> Iterator[str]:
    """Give an empty database of a server of its own."""
    with postgresql.run(SERVER) as server:
        yield server.url(server.create())


def index(url: str) -> float:
    """Index what is lined up, in one process; gives comments a second."""
    database, done, began = Database.open(url), 0, time.perf_counter()
    while True:
        with database.write() as tx:
            piece = search_index.catch_up(tx, most=PIECE)
        done += piece
        if not piece:
            database.close()
            return done / (time.perf_counter() - began)


def main() -> None:
    """Measure; exit with 1 where a target is missed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--messages", type=int, default=5_000, help="in each of the mailboxes")
    arguments.add_argument("--workers", type=int, default=2, help="on PostgreSQL")
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    names = [mailbox_of(given.messages, copy) for copy in range(MAILBOXES)]
    alone: list[Filled] = []
    together: list[Filled] = []
    indexed: list[float] = []
    with serving([given.messages], copies=MAILBOXES) as address:
        for _ in range(given.rounds):
            alone.append(sync(address, names, workers=1, url=None))
            with postgres() as url:
                together.append(sync(address, names, workers=given.workers, url=url))
                indexed.append(index(url))
    console = Console()
    status = judge(alone, together, given.workers, console)
    console.print(f"PostgreSQL, the index afterwards: {median(indexed):,.0f} comments/s")
    sys.exit(status)


def judge(alone: list[Filled], together: list[Filled], workers: int, console: Console) -> int:
    """Print what was measured; gives 1 where a target is missed."""
    table = Table("into", "comments/s", "CPU µs/comment, without PostgreSQL")
    for name, filled in (
        ("SQLite, one worker", alone),
        (f"PostgreSQL, {workers} workers", together),
    ):
        table.add_row(
            name,
            f"{median(one.per_second for one in filled):,.0f}",
            f"{median(one.cpu_microseconds for one in filled):,.0f}",
        )
    console.print(table)
    ratio = median(
        more.per_second / one.per_second for one, more in zip(alone, together, strict=True)
    )
    speed = median(one.per_second for one in together)
    results = (
        (f"at least {RATIO:g} of SQLite: {ratio:.2f}", ratio >= RATIO),
        (f"at least {PER_SECOND:,} comments/s into PostgreSQL: {speed:,.0f}", speed >= PER_SECOND),
    )
    for name, is_met in results:
        console.print(f"{'met' if is_met else 'MISSED'}: {name}")
    return 0 if all(is_met for _, is_met in results) else 1


if __name__ == "__main__":
    main()
