"""`mailmine switch CONFIG`: lets integrations be read another way, by Graph instead of EWS, once that was tried."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from mailmine.access import credentials
from mailmine.cli import check, configuration, import_
from mailmine.cli.errors import Failed
from mailmine.cli.installation import Installation, existing
from mailmine.cli.options import Data, DatabaseUrl, settings
from mailmine.exchange import proxy
from mailmine.exchange.check import Outcome, Step, check as try_out, readable
from mailmine.model.integration import Connection, Integration
from mailmine.store import integrations, mailboxes
from mailmine.sync.configure import IntegrationConfiguration


def switch(
    config: Annotated[
        Path, typer.Argument(help="The configuration with the new way, as for `mailmine import`.")
    ],
    data: Data = None,
    database: DatabaseUrl = None,
) -> None:
    """Take over a configuration that reads integrations another way, if all their mailboxes can be read so.

    Otherwise nothing is changed. Comments keep their ids, and no email that is kept is read again.
    """
    console = Console()
    wanted = configuration.load(config).configuration
    with existing(settings(data=data, database=database)) as here:
        with here.database.read() as tx:
            switched = [
                (known, each)
                for each in wanted.integrations
                if (known := integrations.get(tx, each.project, each.name)) is not None
                and known.connection.backend is not each.connection.backend
            ]
        if not switched:
            raise Failed(
                f"{config} reads no integration another way than now: `mailmine import` takes it over"
            )
        wrong = sum(_count_failed(here, known, each, console) for known, each in switched)
        if wrong:
            boxes = "mailbox" if wrong == 1 else "mailboxes"
            raise Failed(f"{wrong} {boxes} cannot be read: see above. Nothing was changed")
        import_.take(here, config, console)


def _count_failed(
    here: Installation, known: Integration, wanted: IntegrationConfiguration, console: Console
) -> int:
    """Try to read the mailboxes of one integration the new way; how much of that failed."""
    name = escape(f"{known.project}/{known.name}")
    ways = f"{known.connection.backend} → {wanted.connection.backend}"
    console.print(f"[bold]{name}[/] {ways}", highlight=False, soft_wrap=True)
    with here.database.read() as tx:
        kept = credentials.of(tx, here.keyring, known.id)
        of_proxy = credentials.of(tx, here.keyring, known.id, credentials.PROXY)
        boxes = [one for one in mailboxes.of_integration(tx, known.id) if one.enabled]
    secret = wanted.secret.read() if wanted.secret is not None else kept or ""
    if wanted.proxy_secret is not None:
        of_proxy = wanted.proxy_secret.read()
    connection = proxy.with_password(wanted.connection, of_proxy)
    addresses = [box.address for box in boxes]
    tell = check.teller(console, details=False)
    with console.status(f"Trying {name}"):
        steps = asyncio.run(_tried(connection, secret, addresses, tell))
    unreadable = set(addresses) - readable(steps)
    is_failed = any(step.outcome is Outcome.FAILED for step in steps)
    return max(len(unreadable), int(is_failed))


async def _tried(
    connection: Connection, secret: str, addresses: list[str], tell: Callable[[Step], None]
) -> list[Step]:
    """Try to read mailboxes, and tell of each step when it is done. Keeps nothing."""
    steps: list[Step] = []
    async for step in try_out(connection, secret, addresses):
        steps.append(step)
        tell(step)
    return steps
