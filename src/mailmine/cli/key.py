"""`mailmine key`: the keys under which passwords of integrations are kept."""

import base64
from datetime import UTC, datetime

import typer

from mailmine.access import secrets
from mailmine.access.secrets import ENVIRONMENT, FILE, Keyring
from mailmine.cli.installation import existing
from mailmine.cli.options import Data, DatabaseUrl, settings

app = typer.Typer(help="Encryption keys.", no_args_is_help=True)


@app.command()
def generate() -> None:
    """Print a new key, for the file secret.key of the data folder or the environment."""
    typer.echo(base64.urlsafe_b64encode(Keyring.generate().keys[0]).decode())
    typer.echo(
        f"Put it before the others, in {FILE} of the data folder or in {ENVIRONMENT}, and keep those: "
        "the first seals, all open.",
        err=True,
    )


@app.command()
def reseal(data: Data = None, database: DatabaseUrl = None) -> None:
    """Encrypt all passwords with the first key, so that the others are needed no more."""
    with existing(settings(data=data, database=database)) as here, here.database.write() as tx:
        changed = secrets.reseal(tx, here.keyring, at=datetime.now(UTC))
    typer.echo(f"{changed} {'secret was' if changed == 1 else 'secrets were'} encrypted anew.")
