"""What it costs to ask an idle mailbox whether anything changed."""

import argparse
import time

import uvloop

from bench.measure import Cost, report
from bench.server import PASSWORD
from bench.sync import reaching
from mailmine.exchange import open_account

POLLS = 500
SERIES = 7


async def poll(address: str, mailbox: str) -> Cost:
    """Ask again and again; gives the cheapest of some series, as the others had the machine less to themselves."""
    connection = reaching(address, by_graph=False)
    account = open_account(connection, PASSWORD)
    reader = account.reader(mailbox)
    costs: list[Cost] = []
    try:
        await reader.folders()
        for _ in range(SERIES):
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(POLLS):
                await reader.folders()
            seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
            costs.append(Cost(POLLS, seconds, cpu_seconds))
    finally:
        await account.aclose()
    return min(costs, key=lambda cost: cost.cpu_seconds)


def main() -> None:
    """Poll one mailbox and report the cost."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("address")
    arguments.add_argument("mailbox")
    given = arguments.parse_args()
    report(uvloop.run(poll(given.address, given.mailbox)))


if __name__ == "__main__":
    main()
