"""`mailmine check`: says whether what is configured can be reached and read; what trouble stopped goes on if it can."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape

from mailmine.cli import import_
from mailmine.cli.errors import Failed
from mailmine.cli.installation import Installation, existing, opened
from mailmine.cli.options import Data, DatabaseUrl, settings
from mailmine.exchange.check import Outcome, Step, check as try_out
from mailmine.model.integration import Integration, Mailbox
from mailmine.store import integrations, mailboxes
from mailmine.sync.enabling import readable
from mailmine.sync.resume import resume

MARKS: Final = {
    Outcome.OK: "[green]ok[/]  ",
    Outcome.WARNING: "[yellow]!![/]  ",
    Outcome.FAILED: "[red]no[/]  ",
    Outcome.SKIPPED: "[dim]--[/]  ",
}


def check(
    only: Annotated[
        list[str] | None,
        typer.Argument(help="Integrations by name or project/name, or mailboxes; default: all."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Take this configuration over first, as `mailmine import` does."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Say it all as JSON, at the end.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the details too.")] = False,
    data: Data = None,
    database: DatabaseUrl = None,
) -> None:
    """Say what can be read of what is configured; what is wrong, and what to do.

    What was stopped because it could not be read goes on where it can be read now.
    """
    console = Console(stderr=as_json)
    opening = existing if config is None else opened
    with opening(settings(data=data, database=database)) as here:
        if config is not None:
            import_.take(here, config, console)
        here.check_key()
        chosen = [_Tried(*each) for each in choose(here, only or [])]
        tried = [asyncio.run(_try(here, each, console, details=verbose)) for each in chosen]
    if as_json:
        typer.echo(json.dumps([each.as_json() for each in tried], indent=2, ensure_ascii=False))
    wrong = sum(len(each.boxes) - len(each.readable) for each in tried)
    if wrong:
        raise Failed(
            f"{wrong} {'mailbox' if wrong == 1 else 'mailboxes'} cannot be read: see above"
        )
    if any(step.outcome is Outcome.FAILED for each in tried for step in each.steps):
        raise Failed("not everything is well: see above")


@dataclass(frozen=True, slots=True)
class _Tried:
    """An integration with what was chosen of its mailboxes, and the steps that were gone."""

    integration: Integration
    boxes: tuple[Mailbox, ...]
    steps: list[Step] = field(default_factory=list)

    @property
    def readable(self) -> list[Mailbox]:
        """The mailboxes whose folders were read, and of which nothing failed."""
        return readable(self.boxes, self.steps)

    def as_json(self) -> dict[str, Any]:
        """Describe it for programs."""
        return {
            "project": self.integration.project,
            "integration": self.integration.name,
            "steps": [
                {
                    "mailbox": step.mailbox,
                    "step": step.name,
                    "outcome": step.outcome,
                    "words": step.words,
                    "remedy": step.remedy.words if step.remedy else None,
                    "commands": step.remedy.commands if step.remedy else (),
                    "code": step.fault.code if step.fault else None,
                    "detail": step.detail,
                }
                for step in self.steps
            ],
        }


def choose(
    here: Installation, only: Sequence[str]
) -> list[tuple[Integration, tuple[Mailbox, ...]]]:
    """Give the integrations and mailboxes that are named, or all. Raises Failed where there are none."""
    with here.database.read() as tx:
        configured = [
            (each, mailboxes.of_integration(tx, each.id)) for each in integrations.list_all(tx)
        ]
    if not configured:
        raise Failed(
            "nothing is configured yet: write a configuration (docs/configuration.md) and give it by --config"
        )
    wanted = {name.lower() for name in only}
    chosen, known = list[tuple[Integration, tuple[Mailbox, ...]]](), set[str]()
    for integration, members in configured:
        names = {integration.name, f"{integration.project}/{integration.name}"}
        known |= {name.lower() for name in names} | {box.address.lower() for box in members}
        is_whole = not wanted or any(name.lower() in wanted for name in names)
        boxes = tuple(box for box in members if is_whole or box.address.lower() in wanted)
        if is_whole or boxes:
            chosen.append((integration, boxes))
    if unknown := sorted(wanted - known):
        raise Failed(f"neither an integration nor a mailbox is named {', '.join(unknown)}")
    return chosen


async def _try(here: Installation, tried: _Tried, console: Console, *, details: bool) -> _Tried:
    """Go the steps of one integration and show each; what can be read goes on."""
    integration = tried.integration
    connection, name = integration.connection, f"{integration.project}/{integration.name}"
    way = (
        f"{connection.endpoint or 'Autodiscover'} as {connection.username or connection.client_id}"
    )
    _say(console, f"[bold]{escape(name)}[/] {escape(way)}")
    tell = teller(console, details=details)
    addresses = [box.address for box in tried.boxes]
    with console.status(f"Trying {escape(name)}"):
        connection = here.connection_of(integration)
        async for step in try_out(connection, here.secret_of(integration), addresses):
            tried.steps.append(step)
            tell(step)
    if tried.readable:
        with here.database.write() as tx:
            resume(tx, integration, tried.readable, at=datetime.now(UTC))
    return tried


def teller(console: Console, *, details: bool) -> Callable[[Step], None]:
    """Give what shows each step, below its mailbox."""
    about: str | None = None

    def tell(step: Step) -> None:
        nonlocal about
        if step.mailbox not in (None, about):
            about = step.mailbox
            _say(console, f"  [bold]{escape(about or '')}[/]")
        _show(console, step, details=details)

    return tell


def _show(console: Console, step: Step, *, details: bool) -> None:
    """Show a step, with what is to be done."""
    margin = "  " if step.mailbox is None else "    "
    _say(console, f"{margin}{MARKS[step.outcome]}{step.name}: {escape(step.words)}")
    if step.remedy is not None and step.outcome is not Outcome.OK:
        _say(console, f"{margin}    {escape(step.remedy.words)}")
        for line in step.remedy.commands:
            _say(console, f"{margin}      [cyan]{escape(line)}[/]")
    if details and step.detail:
        _say(console, f"{margin}    [dim]{escape(step.detail)}[/]")


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True)
