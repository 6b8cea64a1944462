"""`mailmine enable`: switches on what was stopped, once it was tried."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from mailmine.cli.check import choose
from mailmine.cli.errors import Failed
from mailmine.cli.installation import existing
from mailmine.cli.options import Data, DatabaseUrl, settings
from mailmine.sync.enabling import Enabling, Obstacle, is_stopped


def enable(
    only: Annotated[
        list[str], typer.Argument(help="Integrations by name or project/name, or mailboxes.")
    ],
    insist: Annotated[
        bool, typer.Option("--insist", help="Switch on untried, whatever will come of it.")
    ] = False,
    data: Data = None,
    database: DatabaseUrl = None,
) -> None:
    """Switch on what was stopped: it is tried first, and what would be stopped again stays off.

    An integration is switched on with those of its mailboxes that trouble stopped. What goes on is read from where it was.
    """
    console = Console()
    wanted = {name.lower() for name in only}
    obstacles: list[Obstacle] = []
    with existing(settings(data=data, database=database)) as here:
        enabling = Enabling(here.database, here.secret_of, here.connection_of)
        for integration, boxes in choose(here, only):
            name = f"{integration.project}/{integration.name}"
            itself = bool(wanted & {integration.name.lower(), name.lower()})
            ids = [
                box.id
                for box in boxes
                if box.address.lower() in wanted or (itself and is_stopped(box))
            ]
            with console.status(f"Trying {escape(name)}"):
                found = asyncio.run(
                    enabling.switch_on(integration.id, ids, itself=itself, insists=insist)
                )
            for one in found:
                _show(console, name, one)
            obstacles += found
    if obstacles:
        raise Failed("not everything is on: see above. Mend it, or say --insist")


def _show(console: Console, name: str, obstacle: Obstacle) -> None:
    what = obstacle.mailbox or name
    words = f"{what} would be stopped again: {obstacle.message} [{obstacle.code}]"
    console.print(escape(words), highlight=False, soft_wrap=True)
    for line in obstacle.commands:
        console.print(f"  [cyan]{escape(line)}[/]", highlight=False, soft_wrap=True)
