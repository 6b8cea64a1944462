"""`mailmine demo`: a simulated Exchange with a small company's mail, and mailmine on it."""

import signal
import socket
import tempfile
import threading
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from exchange_simulator import Exchange
from exchange_simulator.company import mailboxes
from exchange_simulator.company.play import Play
from mailmine.cli import logs
from mailmine.cli.installation import opened
from mailmine.cli.options import settings
from mailmine.cli.server import Server
from mailmine.model.integration import Connection
from mailmine.sync.configure import (
    Configuration,
    IntegrationConfiguration,
    MailboxConfiguration,
    SecretSource,
)

ACCOUNT = "mailmine@lindholt-instruments.example"
PASSWORD = "demo"  # noqa: S105


def demo(
    port: Annotated[
        int, typer.Option(help="Where to look at it; another if it is taken.", min=0, max=65535)
    ] = 8450,
) -> None:
    """Look around in one minute: everything simulated, in a temporary folder, gone at the end (Ctrl-C)."""
    console = Console()
    # As Ctrl-C does: the folder is to go also where the terminal is closed, or it is ended before it listens.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="mailmine-demo-") as folder:
        given = settings(
            data=Path(folder),
            port=_free(port),
            poll_interval=timedelta(seconds=2),
            log_level="error",
        )
        logs.configure(given.log_level)
        exchange = Exchange()
        exchange.account(ACCOUNT, password=PASSWORD)
        for address in mailboxes():
            exchange.grant(ACCOUNT, mailbox=address)
        with console.status("Writing the mail of a small company"):
            play = Play(exchange)
        stop = threading.Event()
        with exchange.serve() as address, opened(given) as here:
            here.configure(_configuration(address))
            player = threading.Thread(target=play.run, args=(stop,), name="company", daemon=True)
            player.start()
            try:
                Server(here, administrator_password=PASSWORD).run(
                    lambda url: console.print(
                        f"\n  [bold]{url}[/]\n\n  Sign in as [bold]admin[/] with [bold]{PASSWORD}[/]."
                        "\n  New mail arrives every few seconds. Ctrl-C ends it.\n"
                    )
                )
            finally:
                stop.set()
                player.join()


def _free(port: int) -> int:
    """Give this port if nothing listens on it, and any free one if something does."""
    for candidate in (port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return 0


def _configuration(address: str) -> Configuration:
    return Configuration(
        integrations=(
            IntegrationConfiguration(
                project="lindholt",
                name="exchange",
                title="Lindholt Instruments (simulated Exchange)",
                connection=Connection(
                    endpoint=f"{address}/EWS/Exchange.asmx", username=ACCOUNT, plain_http=True
                ),
                secret=SecretSource(value=PASSWORD),
                mailboxes=tuple(
                    MailboxConfiguration(
                        address=mailbox,
                        project="lindholt",
                        bucket=mailbox.partition("@")[0],
                        sync_attachments=True,
                    )
                    for mailbox in mailboxes()
                ),
            ),
        )
    )
