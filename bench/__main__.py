"""`python -m bench`: mailmine and exchangelib read the same simulated mailbox, one after the other, in one run.

Each reader is a process of its own, and the server is another. mailmine stores and indexes what it reads;
exchangelib stores nothing. Read the ratios: the absolute figures belong to this machine.
"""

import argparse
import subprocess
import sys
from statistics import median

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.measure import Cost, run
from bench.server import mailbox_of

PEERS = {
    "exchangelib as shipped, MIME and properties": ("--mime",),
    "exchangelib as shipped, properties": (),
    "exchangelib mended, MIME and properties": ("--mime", "--mended"),
    "exchangelib mended, properties": ("--mended",),
}
BASE = next(iter(PEERS))
"""What the target is about: ids by sync_items, then fetch of MIME and properties."""
LARGE = "mailmine: SQLite with search, the large mailbox"
SMALL = "mailmine: SQLite with search, a quarter of it"
TARGET = 15.0
MEMORY = 250.0
"""MiB that mailmine may take at most."""
FLAT = 1.15
"""How much more memory the large mailbox may take than a quarter of it."""


def main() -> None:
    """Measure, print the table, and exit with 1 where a target is missed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--messages", type=int, default=20_000, help="in the large mailbox")
    arguments.add_argument(
        "--peer-messages", type=int, default=1_000, help="that exchangelib reads"
    )
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    large, small, peers = given.messages, given.messages // 4, given.peer_messages
    console = Console()
    console.print(f"Delivering {large} messages to a simulated Exchange …")
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.server", str(large), str(small), str(peers)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        costs: dict[str, list[Cost]] = {}
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("Measuring", total=given.rounds * (len(PEERS) + 2))
            for _ in range(given.rounds):
                for name, options in PEERS.items():
                    cost = run("bench.exchangelib_peer", address, mailbox_of(peers), *options)
                    costs.setdefault(name, []).append(cost)
                    progress.advance(task)
                for name, size in ((SMALL, small), (LARGE, large)):
                    costs.setdefault(name, []).append(run("bench.sync", address, mailbox_of(size)))
                    progress.advance(task)
    finally:
        server.terminate()
        server.wait()
    sys.exit(judge(costs, console))


def judge(costs: dict[str, list[Cost]], console: Console) -> int:
    """Print what was measured; gives 1 where a target is missed."""

    def middle(name: str, figure: str) -> float:
        return float(median(getattr(cost, figure) for cost in costs[name]))

    base = middle(BASE, "per_second")
    table = Table("reader", "messages", "messages/s", "CPU µs/message", "peak MiB", "ratio")
    for name, measured in costs.items():
        table.add_row(
            name,
            str(measured[0].messages),
            f"{middle(name, 'per_second'):,.0f}",
            f"{middle(name, 'cpu_microseconds'):,.0f}",
            f"{middle(name, 'peak_mib'):,.0f}",
            f"{middle(name, 'per_second') / base:.1f}",
        )
    console.print(table)
    targets = (
        (f"at least {TARGET:g} times {BASE}", middle(LARGE, "per_second") >= TARGET * base),
        (f"under {MEMORY:g} MiB", middle(LARGE, "peak_mib") < MEMORY),
        ("memory flat with the size", middle(LARGE, "peak_mib") < FLAT * middle(SMALL, "peak_mib")),
    )
    for name, is_met in targets:
        console.print(f"{'met' if is_met else 'MISSED'}: {name}")
    return 0 if all(is_met for _, is_met in targets) else 1


if __name__ == "__main__":
    main()
