"""`mailmine check`: says whether what is configured can be reached and read; what trouble stopped goes on if it can."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from mailmine.cli import import_
from mailmine.cli.errors import Failed
from mailmine.cli.installation import Installation, opened
from mailmine.cli.options import Data, DatabaseUrl, settings
from mailmine.exchange import open_account
from mailmine.exchange.faults import ExchangeError, Scope
from mailmine.exchange.reader import Account
from mailmine.model.integration import Integration, Mailbox
from mailmine.store import integrations, mailboxes
from mailmine.sync.resume import resume


def check(
    config: Annotated[
        Path | None,
        typer.Option(help="Take this configuration over first, as `mailmine import` does."),
    ] = None,
    data: Data = None,
    database: DatabaseUrl = None,
) -> None:
    """Say what can be read of what is configured; what is wrong, and what to do.

    What was stopped because it could not be read goes on where it can be read now.
    """
    console = Console()
    with opened(settings(data=data, database=database)) as here:
        if config is not None:
            import_.take(here, config, console)
        wrong = asyncio.run(_check(here, console))
    if wrong:
        raise Failed(
            f"{wrong} {'mailbox' if wrong == 1 else 'mailboxes'} cannot be read: see above"
        )


async def _check(here: Installation, console: Console) -> int:
    """Try every mailbox; gives how many cannot be read."""
    with here.database.read() as tx:
        configured = [
            (each, mailboxes.of_integration(tx, each.id)) for each in integrations.list_all(tx)
        ]
    if not configured:
        raise Failed(
            "nothing is configured yet: write a configuration (docs/configuration.md) and give it by --config"
        )
    return sum([await _check_integration(here, each, boxes, console) for each, boxes in configured])


async def _check_integration(
    here: Installation, integration: Integration, boxes: tuple[Mailbox, ...], console: Console
) -> int:
    connection = integration.connection
    console.print(
        f"[bold]{integration.project}/{integration.name}[/] "
        + escape(f"{connection.endpoint} as {connection.username}"),
        highlight=False,
        soft_wrap=True,
    )
    account = open_account(connection, here.secret_of(integration))
    wrong, readable = 0, list[Mailbox]()
    try:
        for count, mailbox in enumerate(boxes, start=1):
            try:
                console.print(
                    f"  [green]ok[/]  {escape(mailbox.address)}: {await _read(account, mailbox)}",
                    highlight=False,
                    soft_wrap=True,
                )
                readable.append(mailbox)
            except ExchangeError as error:
                wrong += 1
                console.print(
                    f"  [red]no[/]  {escape(f'{mailbox.address}: {error}')}",
                    highlight=False,
                    soft_wrap=True,
                )
                if error.fault.scope is Scope.CONNECTION:
                    # Another try with the same password could lock the account (exchange.md, C.1).
                    return wrong + len(boxes) - count
    finally:
        await account.aclose()
        if readable:
            with here.database.write() as tx:
                resume(tx, integration, readable, at=datetime.now(UTC))
    return wrong


async def _read(account: Account, mailbox: Mailbox) -> str:
    reader = account.reader(mailbox.address)
    try:
        tree = await reader.folders()
    finally:
        await reader.aclose()
    items = sum(folder.total for folder in tree.folders)
    partly = "" if tree.is_complete else ", all that this account may see"
    return f"{len(tree.folders)} folders, {items} items{partly}"
