"""`mailmine token`: by these programs use the API."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mailmine.access import tokens
from mailmine.cli import may as may_text
from mailmine.cli.errors import Failed
from mailmine.cli.installation import existing
from mailmine.cli.options import Data, DatabaseUrl, settings
from mailmine.cli.user import find
from mailmine.model.token_scope import TokenScope
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
    with existing(settings(data=data, database=database)) as here, here.database.write() as tx:
        user = find(tx, username)
        expires_at = now + timedelta(days=days) if days else None
        plain = tokens.issue(tx, user, name, at=now, expires_at=expires_at)
        events.append(tx, "token_created", at=now, user_id=user.id)
    # Not through rich, which would break a long line: this is for scripts.
    typer.echo(plain)


@app.command()
def add(
    username: Username,
    name: Annotated[
        str, typer.Argument(help="What it is for; a new one of the same name ends the old.")
    ],
    may: Annotated[
        list[str] | None,
        typer.Option(
            help="PROJECT:PERMISSION[,PERMISSION…], of what the user may do; may be repeated. Without: all of it."
        ),
    ] = None,
    days: Annotated[int | None, typer.Option(help="Ends after so many days.", min=1)] = None,
    data: Data = None,
    database: DatabaseUrl = None,
) -> None:
    """Make a token for one purpose beside the user's API token, printed once."""
    now = datetime.now(UTC)
    with existing(settings(data=data, database=database)) as here, here.database.write() as tx:
        user = find(tx, username)
        plain = tokens.issue_further(
            tx,
            user,
            name,
            at=now,
            expires_at=now + timedelta(days=days) if days else None,
            scope=TokenScope(project_permissions=may_text.read(tx, may)) if may else None,
        )
        events.append(tx, "token_created", at=now, user_id=user.id, detail={"name": name})
    typer.echo(plain)


@app.command("list")
def list_(data: Data = None, database: DatabaseUrl = None) -> None:
    """Show which tokens there are, but not the tokens themselves."""
    table = Table("username", "name", "may do", "created", "ends", "last used")
    with existing(settings(data=data, database=database)) as here, here.database.read() as tx:
        for user in users.list_all(tx):
            for token in stored.of_user(tx, user.id):
                table.add_row(
                    user.username,
                    token.name,
                    may_text.write(token.scope) if token.scope else "all that its user may",
                    _day(token.created_at, "-"),
                    _day(token.expires_at, "never"),
                    _day(token.last_used_at, "never"),
                )
    Console().print(table)


@app.command()
def revoke(
    username: Username,
    name: Annotated[
        str | None, typer.Argument(help="The one of this name. Without: all of them.")
    ] = None,
    data: Data = None,
    database: DatabaseUrl = None,
) -> None:
    """End tokens of a user."""
    now = datetime.now(UTC)
    with existing(settings(data=data, database=database)) as here, here.database.write() as tx:
        user = find(tx, username)
        ended = [one for one in stored.of_user(tx, user.id) if name in (None, one.name)]
        if name is not None and not ended:
            raise Failed(f"{username} has no token {name}; `mailmine token list` shows all")
        for token in ended:
            stored.remove(tx, token.id)
            detail = {"name": token.name}
            events.append(tx, "token_revoked", at=now, user_id=user.id, detail=detail)


def _day(at: datetime | None, otherwise: str) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC") if at else otherwise
