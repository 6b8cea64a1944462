"""A simulated Exchange with a large mailbox and smaller ones, in a process of its own."""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from bench.mailbox import synthetic
from exchange_simulator import Exchange, server

ACCOUNT, PASSWORD = "bench@example.com", "bench"
APP, TENANT = "5e0d8ab2-7d0c-4ff1-8ee5-1b0d7b4dbb05", "bench.example"


LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
"""When all of it was received, so that nothing of it is new."""


def mailbox_of(messages: int, copy: int = 0) -> str:
    """Name a mailbox that holds so many messages."""
    return f"{messages}-{copy}@example.com"


@contextmanager
def serving(sizes: list[int], *, copies: int = 1, latency: float = 0.0) -> Iterator[str]:
    """Run a server with mailboxes of these sizes, `copies` of each; gives its address."""
    command = [sys.executable, "-m", "bench.server", *map(str, sizes)]
    command += ["--copies", str(copies), "--latency", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def main() -> None:
    """Deliver, then print the address and serve until killed."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("sizes", nargs="+", type=int, help="messages of each mailbox")
    arguments.add_argument("--copies", type=int, default=1, help="mailboxes of each size")
    arguments.add_argument("--latency", type=float, default=0.0, help="seconds, of each answer")
    given = arguments.parse_args()
    sizes = sorted(set(given.sizes))
    exchange = Exchange()
    exchange.latency = given.latency
    # Compressing would cost the server more than all else, and be what is measured.
    exchange.compresses = False
    exchange.account(ACCOUNT, password=PASSWORD)
    exchange.application(APP, tenant=TENANT, secret=PASSWORD)
    names = [(size, mailbox_of(size, copy)) for size in sizes for copy in range(given.copies)]
    for _, name in names:
        exchange.grant(ACCOUNT, mailbox=name)
    for number, mime in enumerate(synthetic(sizes[-1])):
        for size, name in names:
            if number < size:
                exchange.mailbox(name).deliver(mime, at=LONG_AGO)
    exchange.prepare()
    server.run(exchange, when_listening=lambda address: print(address, flush=True))


if __name__ == "__main__":
    main()
