"""`mailmine serve`: the API, the pages and the sync in one process."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from mailmine.cli import import_, logs
from mailmine.cli.errors import Failed
from mailmine.cli.installation import Installation, opened
from mailmine.cli.options import BlobPlace, Data, DatabaseUrl, Host, Port, ReadDatabaseUrl, settings
from mailmine.cli.server import Server


def serve(
    config: Annotated[
        Path | None,
        typer.Option(help="Take this configuration over first, as `mailmine import` does."),
    ] = None,
    data: Data = None,
    database: DatabaseUrl = None,
    read_database: ReadDatabaseUrl = None,
    blobs: BlobPlace = None,
    host: Host = None,
    port: Port = None,
    sync: Annotated[bool, typer.Option(help="Read the mailboxes, too.")] = True,
) -> None:
    """Serve until interrupted (Ctrl-C): API, web pages, and sync of what is configured."""
    console = Console()
    given = settings(
        data=data,
        database=database,
        read_database=read_database,
        blobs=blobs,
        host=host,
        port=port,
    )
    logs.configure(given.log_level)
    with opened(given) as here:
        if config is not None:
            import_.take(here, config, console)
        if sync:
            here.check_key()
        else:
            # It reads no mailbox, so it stops none; and it is where somebody enters passwords whose key is lost.
            _warn_of_key(here, console)
        server = Server(here, syncs=sync)
        if made := server.administrator:
            console.print(
                f"Sign in as [bold]{made.user.username}[/] with the password [bold]{made.password}[/] "
                "(shown this once; `mailmine user password admin` makes another)",
                highlight=False,
            )
        server.run(lambda url: console.print(f"mailmine is at [bold]{url}[/] (Ctrl-C ends it)"))


def _warn_of_key(here: Installation, console: Console) -> None:
    try:
        here.check_key()
    except Failed as error:
        console.print(f"[yellow]Note:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
