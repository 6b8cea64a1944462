"""mailmine syncs mailboxes, as `mailmine serve` does, from nothing to the last comment: into SQLite, or another database.

Where mailboxes are configured already, it is one of several workers on one database.
"""

import argparse
import asyncio
import gc
import logging
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
import uvloop

from bench.measure import cost_of, report
from bench.server import ACCOUNT, APP, PASSWORD, TENANT
from mailmine.model.integration import AuthType, Backend, Connection, FolderStatus
from mailmine.store import comments, folders, mailboxes, sources
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.sync import configure
from mailmine.sync.analyzing import Analyzing
from mailmine.sync.configure import Configuration, IntegrationConfiguration, MailboxConfiguration
from mailmine.sync.reach import by_secret
from mailmine.sync.refinery import Apart
from mailmine.sync.runner import Runner
from mailmine.sync.settings import SyncSettings

LOOK = 0.1
"""Seconds between two looks at how far it is."""


def reaching(address: str, *, by_graph: bool) -> Connection:
    """Say how the server is reached."""
    if by_graph:
        return Connection(
            endpoint=address,
            backend=Backend.GRAPH,
            auth=AuthType.CLIENT_SECRET,
            tenant_id=TENANT,
            client_id=APP,
            authority=address,
            plain_http=True,
        )
    return Connection(endpoint=f"{address}/EWS/Exchange.asmx", username=ACCOUNT, plain_http=True)


def opened(
    connection: Connection, addresses: list[str], folder: Path, settings: SyncSettings
) -> tuple[Database, Runner]:
    """Make an empty database in `folder`, and what is to fill it."""
    database = made(f"sqlite:///{folder / 'mailmine.db'}", connection, addresses)
    return database, filling(database, folder, settings)


def made(url: str, connection: Connection, addresses: list[str]) -> Database:
    """Make the schema of a database, and configure mailboxes in it."""
    database = Database.open(url)
    database.migrate()
    wanted = IntegrationConfiguration(
        project="bench",
        name="exchange",
        connection=connection,
        mailboxes=tuple(
            MailboxConfiguration(address=each, project="bench", bucket=each.partition("@")[0])
            for each in addresses
        ),
    )
    with database.write() as tx:
        configure.apply(tx, Configuration(integrations=(wanted,)), at=datetime.now(UTC))
    return database


def filling(database: Database, folder: Path, settings: SyncSettings) -> Runner:
    """Make what fills a database."""
    return Runner(
        database,
        Blobs.open(folder / "blobs"),
        reach=by_secret(lambda _: PASSWORD),
        refinery=Apart(),
        settings=settings,
    )


def sync(database: Database, folder: Path, *, at_once: int) -> int:
    """Sync mailboxes wholly, so many at a time; gives how many comments there are."""
    settings = SyncSettings(poll_interval=timedelta(seconds=5), rounds_per_integration=at_once)
    runner = filling(database, folder, settings)

    async def run() -> None:
        gc.freeze()  # as `mailmine serve` does
        gc.set_threshold(5_000)
        stop = asyncio.Event()
        running = asyncio.gather(runner.run(stop), Analyzing(database).run(stop))
        while not await asyncio.to_thread(is_up_to_date, database):
            await asyncio.sleep(LOOK)
        stop.set()
        await running

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(run())
    with database.read() as tx:
        return sum(comments.count(tx, source.id) for source in sources.list_all(tx))


def is_up_to_date(database: Database) -> bool:
    """Tell whether every folder was read to its end."""
    with database.read() as tx:
        known = [folders.of_mailbox(tx, mailbox.id) for mailbox in mailboxes.list_all(tx)]
    return all(
        states and all(state.status is FolderStatus.UP_TO_DATE for state in states)
        for states in known
    )


def main() -> None:
    """Sync mailboxes at a time and report the cost."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("address")
    arguments.add_argument("mailboxes", nargs="+")
    arguments.add_argument("--graph", action="store_true", help="by Graph instead of EWS")
    arguments.add_argument("--database", help="another than an SQLite of its own")
    arguments.add_argument("--at-once", type=int, default=4, help="mailboxes")
    given = arguments.parse_args()
    connection = reaching(given.address, by_graph=given.graph)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = given.database or f"sqlite:///{folder / 'mailmine.db'}"

        def fill() -> int:
            database = made(url, connection, given.mailboxes)
            return sync(database, folder, at_once=given.at_once)

        report(cost_of(fill))


if __name__ == "__main__":
    main()
