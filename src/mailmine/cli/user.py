"""`mailmine user`: the accounts of people and programs."""

import dataclasses
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection as Transaction

from mailmine.access import passwords, people
from mailmine.access.permissions import GlobalPermission
from mailmine.cli import may as may_text, single_sign_on
from mailmine.cli.errors import Failed
from mailmine.cli.installation import existing, opened
from mailmine.cli.options import Data, DatabaseUrl, settings
from mailmine.cli.settings import Settings
from mailmine.store import events, identities, sessions, users
from mailmine.store.identities import UserIdentity
from mailmine.store.users import User

app = typer.Typer(help="Accounts.", no_args_is_help=True)

Username = Annotated[str, typer.Argument(help="The name to sign in with.")]


def find(tx: Transaction, username: str) -> User:
    """Find the account. Raises Failed."""
    if user := users.by_username(tx, username):
        return user
    raise Failed(f"there is no user {username}; `mailmine user list` shows all")


@app.command("list")
def list_(data: Data = None, database: DatabaseUrl = None) -> None:
    """Show who has an account, and what each may do."""
    table = Table("username", "email", "may", "state")
    with existing(settings(data=data, database=database)) as here, here.database.read() as tx:
        for user in users.list_all(tx):
            state = "enabled" if user.is_enabled else "disabled"
            table.add_row(user.username, user.email, may_text.write(user), state)
    Console().print(table)


@app.command()
def add(
    username: Username,
    email: Annotated[str, typer.Option(help="Where to reach him.")] = "",
    admin: Annotated[bool, typer.Option("--admin", help="May do everything.")] = False,
    may: Annotated[
        list[str] | None,
        typer.Option(
            help="PROJECT:PERMISSION[,PERMISSION…], e.g. support:sources-read; may be repeated."
        ),
    ] = None,
    data: Data = None,
    database: DatabaseUrl = None,
) -> None:
    """Make an account; its password is printed once."""
    if not people.USERNAME.fullmatch(username):
        raise Failed(
            f"{username!r} cannot be a username: it may hold letters, digits, and -_.@ only"
        )
    password = passwords.generate()
    with opened(settings(data=data, database=database)) as here, here.database.write() as tx:
        if users.by_username(tx, username):
            raise Failed(f"there is a user {username} already; `mailmine user list` shows all")
        user = users.add(
            tx,
            username=username,
            email=email or f"{username}@localhost",
            password_hash=passwords.hash_password(password),
            global_permissions=frozenset({GlobalPermission.ROOT}) if admin else frozenset(),
            project_permissions=may_text.read(tx, may or []),
        )
        events.append(tx, "user_added", at=datetime.now(UTC), user_id=user.id)
    typer.echo(f"{username} can sign in with the password {password}")


@app.command()
def password(username: Username, data: Data = None, database: DatabaseUrl = None) -> None:
    """Give an account a new password, printed once; its sessions end."""
    made = passwords.generate()
    with existing(settings(data=data, database=database)) as here, here.database.write() as tx:
        user = find(tx, username)
        users.save(tx, dataclasses.replace(user, password_hash=passwords.hash_password(made)))
        sessions.remove_of_user(tx, user.id)
        events.append(tx, "password_changed", at=datetime.now(UTC), user_id=user.id)
    typer.echo(f"{username} can sign in with the password {made}")


@app.command()
def disable(username: Username, data: Data = None, database: DatabaseUrl = None) -> None:
    """Let an account no longer in; its sessions end, its tokens no longer work."""
    _switch(username, settings(data=data, database=database), is_enabled=False)


@app.command()
def enable(username: Username, data: Data = None, database: DatabaseUrl = None) -> None:
    """Let an account in again."""
    _switch(username, settings(data=data, database=database), is_enabled=True)


@app.command()
def link(
    username: Username,
    subject: Annotated[
        str, typer.Argument(help="His id at the provider (sub), as a refused sign-in tells it.")
    ],
    data: Data = None,
    database: DatabaseUrl = None,
) -> None:
    """Let who is SUBJECT at the provider of MAILMINE_OIDC_ISSUER sign in as this account."""
    given = settings(data=data, database=database)
    provider = single_sign_on.registration(given)
    if provider is None:
        raise Failed("MAILMINE_OIDC_ISSUER is not set: there is no provider to sign in by")
    with existing(given) as here, here.database.write() as tx:
        user = find(tx, username)
        if known := identities.get(tx, provider.issuer, subject):
            owner = users.by_id(tx, known.user_id)
            name = owner.username if owner else "nobody"
            raise Failed(f"{subject} at {provider.issuer} is {name} here already")
        identities.add(tx, UserIdentity(issuer=provider.issuer, subject=subject, user_id=user.id))
        detail = {"user": user.username, "issuer": provider.issuer, "subject": subject}
        events.append(tx, "user_linked", at=datetime.now(UTC), user_id=user.id, detail=detail)
    typer.echo(f"{subject} at {provider.issuer} signs in as {user.username}")


def _switch(username: str, given: Settings, *, is_enabled: bool) -> None:
    with existing(given) as here, here.database.write() as tx:
        user = find(tx, username)
        users.save(tx, dataclasses.replace(user, is_enabled=is_enabled))
        if not is_enabled:
            sessions.remove_of_user(tx, user.id)
        kind = "user_enabled" if is_enabled else "user_disabled"
        events.append(tx, kind, at=datetime.now(UTC), user_id=user.id)
