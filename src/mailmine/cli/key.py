"""`mailmine key`: the keys under which passwords of integrations are kept."""

import base64

import typer

from mailmine.access.secrets import ENVIRONMENT, FILE, Keyring

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
