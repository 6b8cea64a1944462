"""`mailmine token`: by these programs use the API."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mailmine.access import tokens
from mailmine.cli.errors import Failed
from mailmine.cli.installation import opened
from mailmine.cli.options import Data, DatabaseUrl, settings
from mailmine.store import events, tokens as stored, users

app = typer.Typer(help="API tokens.", no_args_is_help=True)

Username = Annotated[str, typer.Argument(help="Whose token.")]


@app.command()
def create(
    username: Username,
    name: Annotated[str, typer.Option(help="What it is for.")] = "API",
    days: Annotated[int | None, typer.Option(help="Ends after so many days.", min=1)] = None,
    data: Data = None,
    database: DatabaseUrl = None,
) -> None:
    """Make the API token of a user, printed once; the one he had ends."""
    now = datetime.now(UTC)
    with opened(settings(data=data, database=database)) as here, here.database.write() as tx:
        user = users.by_username(tx, username)
        if user is None:
            raise Failed(f"there is no user {username}; `mailmine user list` shows all")
        expires_at = now + timedelta(days=days) if days else None
        plain = tokens.issue(tx, user, name, at=now, expires_at=expires_at)
        events.append(tx, "token_created", at=now, user_id=user.id)
    # Not through rich, which would break a long line: this is for scripts.
    typer.echo(plain)


@app.command("list")
def list_(data: Data = None, database: DatabaseUrl = None) -> None:
    """Show which tokens there are, but not the tokens themselves."""
    table = Table("username", "name", "created", "ends", "last used")
    with opened(settings(data=data, database=database)) as here, here.database.read() as tx:
        for user in users.list_all(tx):
            for token in stored.of_user(tx, user.id):
                table.add_row(
                    user.username,
                    token.name,
                    _day(token.created_at, "-"),
                    _day(token.expires_at, "never"),
                    _day(token.last_used_at, "never"),
                )
    Console().print(table)


@app.command()
def revoke(username: Username, data: Data = None, database: DatabaseUrl = None) -> None:
    """End the tokens of a user."""
    with opened(settings(data=data, database=database)) as here, here.database.write() as tx:
        user = users.by_username(tx, username)
        if user is None:
            raise Failed(f"there is no user {username}; `mailmine user list` shows all")
        for token in stored.of_user(tx, user.id):
            stored.remove(tx, token.id)
        events.append(tx, "token_revoked", at=datetime.now(UTC), user_id=user.id)


def _day(at: datetime | None, otherwise: str) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC") if at else otherwise
