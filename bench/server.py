"""A simulated Exchange with a large mailbox and smaller ones, in a process of its own."""

import argparse

from bench.mailbox import synthetic
from exchange_simulator import Exchange, server

ACCOUNT, PASSWORD = "bench@example.com", "bench"


def mailbox_of(messages: int) -> str:
    """Name the mailbox that holds so many messages."""
    return f"{messages}@example.com"


def main() -> None:
    """Deliver, then print the address and serve until killed."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("sizes", nargs="+", type=int, help="messages of each mailbox")
    sizes = sorted(set(arguments.parse_args().sizes))
    exchange = Exchange()
    # Compressing would cost the server more than all else, and be what is measured.
    exchange.compresses = False
    exchange.account(ACCOUNT, password=PASSWORD)
    for size in sizes:
        exchange.grant(ACCOUNT, mailbox=mailbox_of(size))
    for number, mime in enumerate(synthetic(sizes[-1])):
        for size in sizes:
            if number < size:
                exchange.mailbox(mailbox_of(size)).deliver(mime)
    exchange.prepare()
    server.run(exchange, when_listening=lambda address: print(address, flush=True))


if __name__ == "__main__":
    main()
