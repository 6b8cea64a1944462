"""`python -m bench`: mailmine and others read the same simulated mailboxes, one after the other, in one run.

Each reader is a process of its own, and the server is another. mailmine stores and indexes what it reads;
the others store nothing. Read the ratios: the absolute figures belong to this machine.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.measure import Cost, run
from bench.server import mailbox_of, serving

SHIPPED = "exchangelib as shipped, MIME and properties"
"""What the target is about: ids by sync_items, then fetch of MIME and properties."""
PEERS = {
    SHIPPED: ("--mime",),
    "exchangelib as shipped, properties": (),
    "exchangelib mended, MIME and properties": ("--mime", "--mended"),
    "exchangelib mended, properties": ("--mended",),
}
LARGE = "mailmine: SQLite with search, the large mailbox"
SMALL = "mailmine: SQLite with search, a quarter of it"
SDK = "msgraph-sdk, by the delta of each folder"
GRAPH = "mailmine by Graph: SQLite with search, the large mailbox"
RAW = "raw download, four mailboxes far away"
FAR = "mailmine: SQLite with search, four mailboxes far away"
IDLE = "mailmine: an idle mailbox is asked for news"
FRESH = "mailmine: new mail while the large mailbox is read"
FRESH_GRAPH = "mailmine by Graph: new mail while the large mailbox is read"
TOLD = "mailmine: new mail in one of 200 idle mailboxes"
CONNECTIONS = 4
LATENCY = 0.05
"""Seconds of a server that is far away."""

EWS_TARGET = 15.0
GRAPH_TARGET = 15.0
FAR_TARGET = 0.8
POLL_TARGET = 200.0
"""Microseconds of CPU."""
FRESH_TARGET = 5.0
TOLD_TARGET = 2.0
"""Seconds from the delivery to the comment, the longest of some."""
WAITED = {FRESH: FRESH_TARGET, FRESH_GRAPH: FRESH_TARGET, TOLD: TOLD_TARGET}
IDLE_MAILBOXES = 200
MEMORY = 250.0
"""MiB that mailmine may take at most."""
FLAT = 1.15
"""How much more memory the large mailbox may take than a quarter of it."""


@dataclass
class Measured:
    """What was measured, in rounds."""

    costs: dict[str, list[Cost]] = field(default_factory=dict)

    def take(self, name: str, module: str, *arguments: str) -> None:
        """Run a module that reports its cost."""
        self.costs.setdefault(name, []).append(run(module, *arguments))

    def middle(self, name: str, figure: str) -> float:
        """Give the median of one figure."""
        return float(median(getattr(cost, figure) for cost in self.costs[name]))

    def speed(self, name: str) -> float:
        """Give messages a second."""
        return self.middle(name, "per_second")


def main() -> None:
    """Measure, print the table, and exit with 1 where a target is missed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--messages", type=int, default=20_000, help="in the large mailbox")
    arguments.add_argument("--peer-messages", type=int, default=1_000, help="that others read")
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    console = Console()
    measured = Measured()
    series: tuple[Callable[[Measured, argparse.Namespace], None], ...] = (near, far, fresh)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("Measuring", total=len(series))
        for each in series:
            each(measured, given)
            progress.advance(task)
    sys.exit(judge(measured, console))


def near(measured: Measured, given: argparse.Namespace) -> None:
    """Read from a server that answers at once."""
    large, small, peers = given.messages, given.messages // 4, given.peer_messages
    with serving([large, small, peers]) as address:
        for _ in range(given.rounds):
            for name, options in PEERS.items():
                measured.take(name, "bench.exchangelib_peer", address, mailbox_of(peers), *options)
            for name, size in ((SMALL, small), (LARGE, large)):
                measured.take(name, "bench.sync", address, mailbox_of(size))
            measured.take(SDK, "bench.msgraph_peer", address, mailbox_of(peers))
            measured.take(GRAPH, "bench.sync", address, mailbox_of(large), "--graph")
            measured.take(IDLE, "bench.poll", address, mailbox_of(peers))


def far(measured: Measured, given: argparse.Namespace) -> None:
    """Read from a server whose answers take their time, as many mailboxes as there may be connections."""
    each = given.messages // 8
    with serving([each], copies=CONNECTIONS, latency=LATENCY) as address:
        names = [mailbox_of(each, copy) for copy in range(CONNECTIONS)]
        for _ in range(given.rounds):
            measured.take(RAW, "bench.raw", address, *names)
            measured.take(FAR, "bench.sync", address, *names)


def fresh(measured: Measured, given: argparse.Namespace) -> None:
    """See how long new mail takes."""
    with serving([given.messages]) as address:
        measured.take(FRESH, "bench.fresh", address, mailbox_of(given.messages))
        measured.take(FRESH_GRAPH, "bench.fresh", address, mailbox_of(given.messages), "--graph")
    with serving([1], copies=IDLE_MAILBOXES) as address:
        names = [mailbox_of(1, copy) for copy in range(IDLE_MAILBOXES)]
        measured.take(TOLD, "bench.fresh", address, *names)


def judge(measured: Measured, console: Console) -> int:
    """Print what was measured; gives 1 where a target is missed."""
    base = measured.speed(SHIPPED)
    table = Table("reader", "messages", "messages/s", "CPU µs/message", "peak MiB", "ratio")
    for name, costs in measured.costs.items():
        if name in WAITED:
            continue
        table.add_row(
            name,
            str(costs[0].messages),
            f"{measured.speed(name):,.0f}",
            f"{measured.middle(name, 'cpu_microseconds'):,.0f}",
            f"{measured.middle(name, 'peak_mib'):,.0f}",
            f"{measured.speed(name) / base:.1f}",
        )
    console.print(table)
    results = list(targets(measured))
    for name, is_met in results:
        console.print(f"{'met' if is_met else 'MISSED'}: {name}")
    return 0 if all(is_met for _, is_met in results) else 1


def targets(measured: Measured) -> Sequence[tuple[str, bool]]:
    """Say of each target whether it is met, with its figure."""
    ews = measured.speed(LARGE) / measured.speed(SHIPPED)
    graph = measured.speed(GRAPH) / measured.speed(SDK)
    memory = measured.middle(LARGE, "peak_mib")
    growth = memory / measured.middle(SMALL, "peak_mib")
    distant = measured.speed(FAR) / measured.speed(RAW)
    poll = measured.middle(IDLE, "cpu_microseconds")
    waited = [
        (
            f"{name}: at most {most:g} s: {measured.middle(name, 'seconds'):.1f}",
            measured.middle(name, "seconds") <= most,
        )
        for name, most in WAITED.items()
    ]
    return (
        (f"at least {EWS_TARGET:g} times {SHIPPED}: {ews:.1f}", ews >= EWS_TARGET),
        (f"at least {GRAPH_TARGET:g} times {SDK}: {graph:.1f}", graph >= GRAPH_TARGET),
        (f"under {MEMORY:g} MiB: {memory:.0f}", memory < MEMORY),
        (f"memory flat with the size: {growth:.2f}", growth < FLAT),
        (
            (
                f"at {LATENCY * 1000:g} ms and {CONNECTIONS} connections at least {FAR_TARGET:g} "
                f"of the raw download: {distant:.2f}"
            ),
            distant >= FAR_TARGET,
        ),
        (f"an idle poll under {POLL_TARGET:g} µs of CPU: {poll:.0f}", poll < POLL_TARGET),
        *waited,
    )


if __name__ == "__main__":
    main()
