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
) -> None:
    """Take over a configuration; what it does not name stays as it is."""
    with opened(settings(data=data, database=database)) as here:
        take(here, config, Console())


def take(here: Installation, config: Path, console: Console) -> None:
    """Take over the configuration in `config` and say what changed. Raises ConfigurationError."""
    loaded = configuration.load(config)
    for warning in loaded.warnings:
        console.print(f"[yellow]Note:[/] {escape(warning)}", highlight=False, soft_wrap=True)
    changes = here.configure(loaded.configuration)
    for change in changes:
        typer.echo(f"{'New' if change.is_new else 'Changed'} {change.kind}: {change.name}")
    if not changes:
        typer.echo(f"{config}: nothing new")
