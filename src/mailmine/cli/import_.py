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
        kind = f"{'New' if change.is_new else 'Changed'} {change.kind}"
        console.print(f"{kind}: {escape(change.name)}", highlight=False, soft_wrap=True)
    if not changes:
        console.print(f"{escape(str(config))}: nothing new", highlight=False, soft_wrap=True)
