"""`mailmine notify`: tries the channels, shows what was told, and what people want to be told."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mailmine.cli import notifications
from mailmine.cli.errors import Failed
from mailmine.cli.installation import existing
from mailmine.cli.options import Data, DatabaseUrl, settings
from mailmine.cli.user import find
from mailmine.model.notice import PersonalChannel, Topic
from mailmine.notify import audience, trial, words
from mailmine.notify.channel import Channel
from mailmine.store import deliveries, subscriptions
from mailmine.store.deliveries import State

app = typer.Typer(help="Who is told when something stops.", no_args_is_help=True)

Username = Annotated[str, typer.Argument(help="The name of the account.")]


@app.command("test")
def try_out(
    to: Annotated[str, typer.Option(help="The account to write to.")],
    data: Data = None,
    database: DatabaseUrl = None,
) -> None:
    """Send a test message through each channel that is set up, and say what happened."""
    given = settings(data=data, database=database)
    channels = notifications.load(given)
    console = Console()
    with existing(given) as here, here.database.read() as tx:
        user = find(tx, to)
    tried: dict[str, tuple[Channel, str]] = {}
    address = audience.address_of(user)
    if channels.email is None:
        console.print("--  email: MAILMINE_SMTP_HOST is not set", highlight=False)
    elif address is None:
        console.print(f"--  email: {escape(user.username)} has no address", highlight=False)
    else:
        tried[f"email to {address}"] = channels.email, address
    for name, (_, channel) in channels.rooms.items():
        tried[name] = channel, ""
    letter = trial.letter(
        f"`mailmine notify test --to {user.username}`", public_url=given.public_url
    )
    failed = 0
    for name, (channel, address_or_none) in tried.items():
        why = asyncio.run(trial.send(channel, letter, to=address_or_none))
        failed += why is not None
        said = (
            f"[green]ok[/]  {escape(name)}"
            if why is None
            else f"[red]no[/]  {escape(name)}: {escape(why)}"
        )
        console.print(said, highlight=False, soft_wrap=True)
    if failed:
        raise Failed(f"{failed} of {len(tried)} channels did not take the message: see above")


@app.command()
def log(
    failed: Annotated[bool, typer.Option("--failed", help="Only what was given up.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 50,
    data: Data = None,
    database: DatabaseUrl = None,
) -> None:
    """Show what was told, the latest first, and why something did not arrive."""
    table = Table("when", "channel", "message", "state", "tries", "last error")
    with existing(settings(data=data, database=database)) as here, here.database.read() as tx:
        for one in deliveries.latest(tx, limit, only=State.FAILED if failed else None):
            table.add_row(
                f"{one.created_at:%Y-%m-%d %H:%M:%S}",
                one.channel,
                escape(words.write(one.notices, public_url="").title),
                one.state,
                str(one.attempts),
                escape(one.last_error or ""),
            )
    Console().print(table)


@app.command()
def choices(username: Username, data: Data = None, database: DatabaseUrl = None) -> None:
    """Show what somebody is told, and by which channel."""
    table = Table("topic", *PersonalChannel)
    with existing(settings(data=data, database=database)) as here, here.database.read() as tx:
        wanted = audience.choices_of(tx, find(tx, username).id)
    for topic in Topic:
        table.add_row(
            topic, *("yes" if wanted[topic, channel] else "no" for channel in PersonalChannel)
        )
    Console().print(table)


@app.command()
def choose(
    username: Username,
    topic: Annotated[Topic, typer.Argument(help="What.")],
    channel: Annotated[PersonalChannel, typer.Argument(help="By which channel.")],
    wanted: Annotated[bool, typer.Option("--on/--off", help="Whether he wants it.")] = True,
    data: Data = None,
    database: DatabaseUrl = None,
) -> None:
    """Subscribe somebody to a topic in a channel, or unsubscribe him (--off)."""
    with existing(settings(data=data, database=database)) as here, here.database.write() as tx:
        subscriptions.put(tx, find(tx, username).id, topic, channel, wanted=wanted)
