"""`mailmine import CONFIG`: takes a configuration over into an installation."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from mailmine.cli import configuration
from mailmine.cli.installation import Installation, opened
from mailmine.cli.options import Data, DatabaseUrl, settings


def import_(
    config: Annotated[Path, typer.Argument(help="The vendor's JSON, or mailmine's TOML.")],
    data: Data = None,
    database: DatabaseUrl = None,
    key_lost: Annotated[
        bool,
        typer.Option(
            "--key-lost",
            help="Enter the passwords anew: nobody has the key any more that opens those in the database.",
        ),
    ] = False,
) -> None:
    """Take over a configuration; what it does not name stays as it is."""
    with opened(settings(data=data, database=database)) as here:
        take(here, config, Console(), is_key_lost=key_lost)


def take(here: Installation, config: Path, console: Console, *, is_key_lost: bool = False) -> None:
    """Take over the configuration in `config` and say what changed. Raises ConfigurationError.

    Raises Failed where another key sealed the passwords in the database, unless that one is lost: what this one seals the
    other processes could not open.
    """
    if not is_key_lost:
        here.check_key()
    loaded = configuration.load(config)
    for warning in loaded.warnings:
        console.print(f"[yellow]Note:[/] {escape(warning)}", highlight=False, soft_wrap=True)
    changes = here.configure(loaded.configuration)
    for change in changes:
        kind = f"{'New' if change.is_new else 'Changed'} {change.kind}"
        console.print(f"{kind}: {escape(change.name)}", highlight=False, soft_wrap=True)
    if not changes:
        console.print(f"{escape(str(config))}: nothing new", highlight=False, soft_wrap=True)
