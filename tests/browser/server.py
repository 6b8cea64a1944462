"""The pages on a real server, on a free port of this machine."""

import asyncio
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from mailmine.access.secrets import Keyring
from mailmine.exchange.check import Name, Outcome, Step, Steps
from mailmine.exchange.faults import Fault, Scope, Where
from mailmine.model.integration import Connection
from mailmine.store.database import Database
from mailmine.sync.enabling import Enabling
from mailmine.sync.removal import Removing
from mailmine.web.app import create
from mailmine.web.language import Language
from mailmine.web.setup import Setup
from tests.browser import seed

PATIENCE = 20.0
"""Seconds for the server to start or to end."""


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """Serve `app` and give its address; when done, end its streams and then the server."""
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=5, ws="none")
    )
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    try:
        deadline = time.monotonic() + PATIENCE
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        pages = getattr(app.state, "pages", app)
        pages.state.site.live.stop()
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()


@dataclass(frozen=True, slots=True)
class Served:
    """A company, and where its pages are."""

    address: str
    company: seed.Company
    database: Database
    keyring: Keyring

    def remove(self) -> None:
        """Remove what is to be removed, as a process does in the background."""

        async def go_on() -> None:
            removing = Removing(self.database)
            while await removing.step():
                pass
            removing.close()

        # This thread may have a loop of its own.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: asyncio.run(go_on())).result()


async def _try_out(connection: Connection, secret: str, boxes: Sequence[str]) -> Steps:
    """Find the old server as it was, and one mailbox gone; all else is well."""
    del secret
    old = Fault(
        where=Where.HTTP,
        code="http_401",
        message=seed.REFUSED,
        scope=Scope.CONNECTION,
        server="old.nordwind.example (EX02)",
        request_id="0b7e",
    )
    gone = Fault(
        where=Where.EWS,
        code="ErrorNonExistentMailbox",
        message=seed.NO_SUCH_MAILBOX,
        scope=Scope.MAILBOX,
    )
    for address in boxes:
        fault = old if "old." in connection.endpoint else gone if "benelux" in address else None
        outcome = Outcome.FAILED if fault else Outcome.OK
        yield Step(name=Name.FOLDERS, outcome=outcome, words="", mailbox=address, fault=fault)


@contextmanager
def serving_company(
    folder: Path, *, setup: Setup | None = None, languages: Iterable[Language] | None = None
) -> Iterator[Served]:
    """Serve the pages of the seeded company, whose database lies in `folder`."""
    database = Database.open(f"sqlite:///{folder / 'mailmine.db'}")
    database.migrate()
    company = seed.company(database, datetime.now(UTC))
    enabling = Enabling(
        database, lambda _: "", lambda integration: integration.connection, try_out=_try_out
    )
    keyring = Keyring.generate()
    app = create(database, keyring, enabling=enabling, setup=setup, languages=languages)
    with serving(app) as address:
        yield Served(address, company, database, keyring)
    database.close()
