"""`mailmine simulate`: an Exchange to try things on, filled with one's own mail."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from exchange_simulator import Exchange, Version, mail, server
from mailmine.cli.errors import Failed, cannot_listen

CONFIGURATION = """\
[[integration]]
project = "demo"
name = "simulated"
endpoint = {endpoint}
username = {user}
password = {password}
{network}
[[integration.mailbox]]
address = {mailbox}
bucket = {bucket}
attachments = true
"""


def simulate(
    mail_paths: Annotated[
        list[Path] | None,
        typer.Option("--mail", help="An .eml or .mbox file, or a folder of them; may be repeated."),
    ] = None,
    mailbox: Annotated[str, typer.Option(help="The mailbox it goes into.")] = "mail@example.com",
    user: Annotated[str, typer.Option(help="The account that may read it.")] = "sync@example.com",
    password: Annotated[str, typer.Option(help="Its password.")] = "simulated",  # noqa: S107
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 = any free one.", min=0, max=65535)] = 8460,
    version: Annotated[Version, typer.Option(help="What it claims to be.")] = Version.EXCHANGE_2016,
    tls: Annotated[
        bool, typer.Option("--tls", help="By HTTPS, with a certificate of its own.")
    ] = False,
    write_config: Annotated[
        Path | None,
        typer.Option(help="Write a configuration that names it, for `mailmine serve --config`."),
    ] = None,
) -> None:
    """Run a simulated Exchange until it is interrupted (Ctrl-C)."""
    console = Console(stderr=True)
    exchange = Exchange(version=version)
    exchange.account(user, password=password)
    exchange.grant(user, mailbox=mailbox)
    delivered = 0
    for path in mail_paths or []:
        with console.status(f"Delivering the mail of {escape(str(path))}"):
            try:
                delivered += len(mail.load(exchange.mailbox(mailbox), path))
            except (OSError, ValueError) as error:
                raise Failed(f"{error}. Give .eml or .mbox files, or a folder of them") from error

    def listening(address: str) -> None:
        typer.echo(f"Exchange (simulated, {version}): {address}/EWS/Exchange.asmx", err=True)
        typer.echo(f"{delivered} emails in {mailbox}; sign in as {user} with {password}", err=True)
        if write_config is not None:
            text = CONFIGURATION.format(
                endpoint=_quoted(f"{address}/EWS/Exchange.asmx"),
                user=_quoted(user),
                password=_quoted(password),
                network="verify_tls = false\n" if tls else "plain_http = true\n",
                mailbox=_quoted(mailbox),
                bucket=_quoted(mailbox.partition("@")[0]),
            )
            try:
                write_config.write_text(text, encoding="utf-8")
            except OSError as error:
                raise Failed(f"{write_config} cannot be written: {error.strerror}") from error
            typer.echo(f"Now: mailmine serve --config {write_config}", err=True)

    try:
        server.run(exchange, host=host, port=port, tls=tls, when_listening=listening)
    except OSError as error:
        raise cannot_listen(host, port, error) from error


def _quoted(text: str) -> str:
    """Write a string of TOML: JSON's are among them."""
    return json.dumps(text, ensure_ascii=False)
