"""`python -m bench.scale`: what 1,000 to 1,000,000 mailboxes would take, by arithmetic on costs that were measured.

Nothing is run. Each cost is a constant with its source; what could not be measured is assumed, and said to be. The answer
is no better than they are: it tells sizes, and which limit is met first, not percents.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from rich.console import Console
from rich.table import Table

# Measured on one machine of two cores. "Internals" is docs/internals.md, "prototypes" what was measured before there was a mailmine.
IDLE_ROUNDS: Final = 180.0
"""Idle rounds a second of one process with SQLite, with reading and writing the rows (Internals, "Runner")."""
WORKER_ROUNDS: Final = 442.0
"""Of a worker with PostgreSQL and a core to itself: 2.26 ms each (`bench.scale_run --mailboxes 2000`)."""
MESSAGE_CPU: Final = 1.2e-3
"""Seconds of CPU to read, refine and store an email (Internals, "Speed")."""
EMAIL_BYTES: Final = 18_300.0
"""Of an email in PostgreSQL with its comment and index: 2,000 of `bench.mailbox` took 36.6 MB. SQLite took 18,600 each."""
COMMENT_ROWS: Final = 8_850.0
"""Comments a second that one writer brings into PostgreSQL, by COPY and upsert with lz4 (prototypes)."""
INDEXED: Final = 1_460.0
"""Of those a second into the search index by one writer (prototypes)."""
CLAIMS: Final = 2_000.0
"""Rounds a second that workers claim, one worker after the other: 25 in 12 ms, of 10,000 mailboxes in 20 integrations."""
PAGES: Final = 4_300.0
"""Pages of 50 comments a second of one server of the API (prototypes, a client on the same two cores)."""

# Of mailmine as it is set.
ROUNDS_AT_ONCE: Final = 8
"""Mailboxes that a worker reads at a time (`SyncSettings.rounds`)."""
ROUNDS_OF_ONE: Final = 24
"""Mailboxes of one server, or one app, that all workers read at a time (`SyncSettings.rounds_per_exchange`)."""
CONNECTIONS_EACH: Final = 16
"""Connections to PostgreSQL of one process at most (`READERS`, twice)."""

# Of others.
GRAPH_REQUESTS: Final = 13_000.0
"""Requests a second that Microsoft takes from one application, over all tenants."""
CONNECTIONS: Final = 97
"""Connections of PostgreSQL as it comes, without those of its administrator."""

# Assumed: nothing of ours has been that large.
REQUEST: Final = 0.1
"""Seconds until Exchange has answered the one request of an idle mailbox, and the database the rest."""
MAIL_A_DAY: Final = 40.0
"""Emails that arrive in a mailbox."""
PEAK: Final = 4.0
"""How much more arrives in the busiest hour than on average."""
ATTACHMENT_BYTES: Final = 0.2 * 250e3
"""Of an email: one in five has some (the synthetic mailbox of the benchmarks)."""
HISTORY: Final = 10_000
"""Emails that a mailbox holds when it is first read."""
BUSY: Final = 0.7
"""How much of anything is used at most: beyond, what waits grows quickly."""
PRIMARY_BYTES: Final = 4e12
"""What one PostgreSQL holds that can still be copied, restored and vacuumed within a night."""
WORKER_CORES: Final = 1.0
API_READERS: Final = 1_000
"""Mailboxes whose comments bring one request a second to the API."""

DAY: Final = 86_400
SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many mailboxes, how often they are asked, and what arrives in them."""

    mailboxes: int
    interval: float = 30.0
    mail_a_day: float = MAIL_A_DAY
    days: int = 365
    """How long comments are kept."""

    @property
    def polls(self) -> float:
        """Rounds a second."""
        return self.mailboxes / self.interval

    @property
    def arrivals(self) -> float:
        """Emails a second in the busiest hour."""
        return self.mailboxes * self.mail_a_day * PEAK / DAY

    @property
    def comments(self) -> float:
        """How many there are once as many go as come."""
        return self.mailboxes * self.mail_a_day * self.days

    @property
    def requests(self) -> float:
        """Requests a second to the API."""
        return self.mailboxes / API_READERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a load takes."""

    workers: int
    servers: int
    connections: int
    database_bytes: float
    blob_bytes: float
    first_days: float
    """Until all of history is read, by these workers."""


def need(load: Load) -> Need:
    """Work out what it takes for every mailbox to be read within its interval in the busiest hour."""
    # Two things bound a worker: its core, and how many mailboxes it may wait for at once.
    cores = load.polls / WORKER_ROUNDS + load.arrivals * MESSAGE_CPU
    waiting = load.polls * REQUEST / ROUNDS_AT_ONCE
    workers = max(2, ceil(max(cores / WORKER_CORES, waiting) / BUSY))
    servers = max(2, ceil(load.requests / (PAGES * BUSY)))
    spare = max(0.1, workers * WORKER_CORES - load.polls / WORKER_ROUNDS)
    stored = min(spare / MESSAGE_CPU, INDEXED)
    return Need(
        workers=workers,
        servers=servers,
        connections=(workers + servers) * CONNECTIONS_EACH,
        database_bytes=load.comments * EMAIL_BYTES,
        blob_bytes=load.comments * ATTACHMENT_BYTES,
        first_days=load.mailboxes * HISTORY / stored / DAY,
    )


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that has an end, how much of it a load uses, and what is done then."""

    name: str
    used: Callable[[Load], float]
    """1.0: all that may be used of it."""
    then: str


LIMITS: Final = (
    Limit(
        "one process with SQLite",
        lambda load: max(load.polls / IDLE_ROUNDS, load.polls * REQUEST / ROUNDS_AT_ONCE) / BUSY,
        "PostgreSQL and workers (`mailmine move`)",
    ),
    Limit(
        "what is read of one Exchange at a time, should all be of one",
        lambda load: load.polls * REQUEST / ROUNDS_OF_ONE / BUSY,
        "a longer interval, as notifications tell of new mail; several applications",
    ),
    Limit(
        "connections of PostgreSQL as it comes",
        lambda load: need(load).connections / CONNECTIONS,
        "`max_connections`, then a pooler in transaction mode",
    ),
    Limit(
        "what one PostgreSQL should hold",
        lambda load: need(load).database_bytes / PRIMARY_BYTES,
        "keep comments for less long; a PostgreSQL of its own for some projects; Citus by source",
    ),
    Limit(
        "claims, one worker after the other",
        lambda load: load.polls / (CLAIMS * BUSY),
        "a longer interval, as notifications tell of new mail; claims by integration",
    ),
    Limit(
        "requests to Graph of one application",
        lambda load: load.polls / (GRAPH_REQUESTS * BUSY),
        "several applications, one for each integration; a longer interval",
    ),
    Limit(
        "the search index, by one writer",
        lambda load: load.arrivals / (INDEXED * BUSY),
        "it is behind in the busiest hour and catches up after; a second writer",
    ),
    Limit(
        "comments that one PostgreSQL takes in",
        lambda load: load.arrivals / (COMMENT_ROWS * BUSY),
        "Citus by source",
    ),
)


def reached(limit: Limit, load: Load) -> int:
    """Give the number of mailboxes at which a limit is met, to three figures."""
    low, high = 1, 10**9
    while low < high:
        middle = (low + high) // 2
        if limit.used(replace(load, mailboxes=middle)) >= 1:
            high = middle
        else:
            low = middle + 1
    step: int = 10 ** max(0, len(str(low)) - 3)
    return low // step * step


def breaking(load: Load) -> tuple[tuple[int, Limit], ...]:
    """Give all limits by the number of mailboxes at which they are met, the first one first."""
    return tuple(
        sorted(((reached(limit, load), limit) for limit in LIMITS), key=lambda found: found[0])
    )


def sizes(load: Load, counts: Sequence[int] = SIZES) -> Iterator[tuple[str, ...]]:
    """Give the lines of the table of sizes: what is asked, and then each number of mailboxes."""
    loads = [replace(load, mailboxes=count) for count in counts]
    needs = [need(each) for each in loads]
    yield ("", *(f"{count:,}" for count in counts))
    yield ("polls a second", *(f"{each.polls:,.0f}" for each in loads))
    yield ("emails a second, in the busiest hour", *(f"{each.arrivals:,.0f}" for each in loads))
    yield ("workers (a core and 250 MiB each)", *(f"{each.workers:,}" for each in needs))
    yield ("servers of API and pages", *(f"{each.servers:,}" for each in needs))
    yield ("connections to PostgreSQL, at most", *(f"{each.connections:,}" for each in needs))
    yield ("comments", *(_count(each.comments) for each in loads))
    yield ("database", *(_bytes(each.database_bytes) for each in needs))
    yield ("attachments", *(_bytes(each.blob_bytes) for each in needs))
    yield ("days until all history is read", *(f"{each.first_days:,.1f}" for each in needs))


def _count(number: float) -> str:
    return f"{number / 1e6:,.0f} M" if number < 1e9 else f"{number / 1e9:,.1f} G"


def _bytes(number: float) -> str:
    return f"{number / 1e9:,.0f} GB" if number < 1e12 else f"{number / 1e12:,.1f} TB"


def main() -> None:
    """Print the table of sizes, and where it breaks."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("--interval", type=float, default=30.0, help="seconds between two polls")
    arguments.add_argument("--mail-a-day", type=float, default=MAIL_A_DAY, help="of a mailbox")
    arguments.add_argument("--days", type=int, default=365, help="how long comments are kept")
    given = arguments.parse_args()
    load = Load(mailboxes=1, interval=given.interval, mail_a_day=given.mail_a_day, days=given.days)
    console = Console()
    title, *lines = sizes(load)
    table = Table(*(title[0] or "mailboxes", *title[1:]))
    for line in lines:
        table.add_row(*line)
    console.print(table)
    table = Table("mailboxes", "what ends there", "and then")
    for count, limit in breaking(load):
        table.add_row(f"{count:,}", limit.name, limit.then)
    console.print(table)


if __name__ == "__main__":
    main()
