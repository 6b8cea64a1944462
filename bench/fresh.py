"""How long new mail takes to become a comment: while a large mailbox is read for the first time, and in one of many idle ones.

Reports the longest time as that of one message.
"""

import argparse
import asyncio
import base64
import logging
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import structlog
import uvloop

from bench.measure import Cost, report
from bench.sync import LOOK, is_up_to_date, opened, reaching
from mailmine.model.ids import MessageId
from mailmine.refine.identity import comment_id
from mailmine.store import comments, mailboxes, sources
from mailmine.store.database import Database
from mailmine.sync.listening import NEXT_WAIT
from mailmine.sync.settings import SyncSettings

MAILS = 5
BETWEEN = 1.5
"""Seconds from one comment to the next delivery."""
SETTLE = NEXT_WAIT + 10
"""Seconds after the first rounds until all mailboxes are listened to, also those that were read later than the first."""
MIME = "Message-ID: <{id}>\r\nFrom: ann@example.com\r\nSubject: New\r\n\r\nA new one.\r\n"


async def deliver(address: str, mailbox: str, identity: str) -> None:
    """Put a new email into a mailbox of the server."""
    mime = base64.b64encode(MIME.format(id=identity).encode()).decode()
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{address}/control/deliver", json={"mailbox": mailbox, "mime": mime}
        ) as answer,
    ):
        answer.raise_for_status()


async def until_comment(database: Database, identity: str) -> float:
    """Wait for the comment of an email; gives the seconds."""
    wanted, begun = comment_id(MessageId(f"<{identity}>")), time.perf_counter()

    def is_there() -> bool:
        with database.read() as tx:
            return any(comments.get(tx, one.id, wanted) for one in sources.list_all(tx))

    while not await asyncio.to_thread(is_there):
        await asyncio.sleep(0.02)
    return time.perf_counter() - begun


def all_read(database: Database) -> bool:
    """Tell whether every mailbox had its first round."""
    with database.read() as tx:
        return all(one.last_round_at is not None for one in mailboxes.list_all(tx))


@asynccontextmanager
async def syncing(
    address: str, names: list[str], folder: Path, settings: SyncSettings, *, by_graph: bool
) -> AsyncIterator[Database]:
    """Sync mailboxes meanwhile."""
    connection = reaching(address, by_graph=by_graph)
    database, runner = opened(connection, names, folder, settings)
    stop = asyncio.Event()
    running = asyncio.create_task(runner.run(stop))
    try:
        yield database
    finally:
        stop.set()
        await running


async def while_loading(address: str, mailbox: str, folder: Path, *, by_graph: bool) -> Cost:
    """Deliver again and again while the mailbox is read for the first time."""
    took: list[float] = []
    async with syncing(address, [mailbox], folder, SyncSettings(), by_graph=by_graph) as database:
        for number in range(MAILS):
            await asyncio.sleep(BETWEEN)
            if await asyncio.to_thread(is_up_to_date, database):
                break
            identity = f"{time.time_ns()}.{number}@new.example"
            await deliver(address, mailbox, identity)
            took.append(await until_comment(database, identity))
    if not took:
        raise SystemExit("the mailbox was read before anything new could be delivered")
    return Cost(1, max(took), 0.0)


async def while_idle(address: str, names: list[str], folder: Path) -> Cost:
    """Deliver to one after the other of many mailboxes in which nothing else happens; by the server's hints alone."""
    settings = SyncSettings(poll_interval=timedelta(hours=1))
    took: list[float] = []
    async with syncing(address, names, folder, settings, by_graph=False) as database:
        while not await asyncio.to_thread(all_read, database):
            await asyncio.sleep(LOOK)
        await asyncio.sleep(SETTLE)
        for mailbox in names[:: max(1, len(names) // MAILS)]:
            identity = f"{time.time_ns()}@new.example"
            await deliver(address, mailbox, identity)
            took.append(await until_comment(database, identity))
    return Cost(1, max(took), 0.0)


def main() -> None:
    """Deliver new mail and report how long the longest took."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("address")
    arguments.add_argument("mailboxes", nargs="+", help="one: a large one; several: idle ones")
    arguments.add_argument("--graph", action="store_true", help="by Graph instead of EWS")
    given = arguments.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if len(given.mailboxes) == 1:
            work = while_loading(given.address, given.mailboxes[0], folder, by_graph=given.graph)
        else:
            work = while_idle(given.address, given.mailboxes, folder)
        report(uvloop.run(work))


if __name__ == "__main__":
    main()
