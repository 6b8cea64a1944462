"""`mailmine status`: says how the sync is doing, and whether something needs a person. Only reads the database."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from sqlalchemy import Connection as Transaction

from mailmine.cli.errors import Failed
from mailmine.cli.installation import check_is_there
from mailmine.cli.options import Data, DatabaseUrl, settings
from mailmine.cli.settings import Settings
from mailmine.model.integration import Integration, Occurrence, Trouble
from mailmine.store import failures, folders, integrations, mailboxes, overview
from mailmine.store.database import Database
from mailmine.store.overview import Queues
from mailmine.sync import policy
from mailmine.sync.standing import State
from mailmine.web import progress
from mailmine.web.progress import Progress
from mailmine.web.words import ago, full

AN_HOUR: Final = timedelta(hours=1)
"""What mends itself has done so by then, and a mailbox that is read at all was read."""

_PERSONS: Final = frozenset(
    code
    for (_, code), rule in policy.TABLE.items()
    if rule.action in (policy.Action.DISABLE_MAILBOX, policy.Action.DISABLE_INTEGRATION)
)
"""Trouble that no waiting mends."""
COLOURS: Final = {
    State.DISABLED: "red",
    State.TROUBLE: "yellow",
    State.UP_TO_DATE: "green",
    State.OFF: "dim",
}


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Say it all as JSON.")] = False,
    data: Data = None,
    database: DatabaseUrl = None,
) -> None:
    """Say how each mailbox is doing. Ends with status 1 where something needs a person.

    Works while the server runs, and without it: nothing is asked of Exchange, and nothing is changed.
    """
    now = datetime.now(UTC)
    with _opened(settings(data=data, database=database)) as opened, opened.read() as tx:
        views = [_view(tx, one, now) for one in integrations.list_all(tx)]
        queues = overview.queues(tx)
    wanting = sum(view.needs_person for view in views) + sum(
        box.needs_person for view in views for box in view.boxes
    )
    if as_json:
        said = _as_json(views, queues, is_well=not wanting, now=now)
        typer.echo(json.dumps(said, indent=2, ensure_ascii=False))
    else:
        _show(Console(), views, queues, now)
    if wanting:
        raise Failed(f"{wanting} {'thing needs' if wanting == 1 else 'things need'} a person")


@contextmanager
def _opened(given: Settings) -> Iterator[Database]:
    """Open a database that is there, and leave it as it is. Raises Failed, DatabaseUnavailable."""
    check_is_there(given)
    database = Database.open(given.database_url)
    try:
        if not database.is_current():
            raise Failed(
                "the schema of the database is not that of this version: `mailmine serve` brings an older "
                "one up to date, and a newer one needs the newer mailmine"
            )
        yield database
    finally:
        database.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    """A mailbox, and what is to be said of it."""

    progress: Progress
    synced_at: datetime | None
    troubles: tuple[Trouble, ...]
    is_stale: bool
    needs_person: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """An integration, and what is to be said of it."""

    integration: Integration
    state: State
    boxes: tuple[_Box, ...]
    needs_person: bool
    """For itself; its mailboxes apart."""


def _view(tx: Transaction, integration: Integration, now: datetime) -> _View:
    states = folders.of_integration(tx, integration.id)
    failed = failures.reasons(tx, integration.id)
    seen = [
        progress.of_mailbox(
            integration,
            mailbox,
            states.get(mailbox.id, ()),
            failures=failed.get(mailbox.id, ()),
        )
        for mailbox in mailboxes.of_integration(tx, integration.id)
    ]
    state = progress.of_integration(integration, seen)
    trouble = integration.trouble
    return _View(
        integration=integration,
        state=state,
        boxes=tuple(_box(one, now) for one in seen),
        needs_person=state is State.DISABLED
        or (state is State.TROUBLE and trouble is not None and _is_lasting(trouble, now)),
    )


def _box(seen: Progress, now: datetime) -> _Box:
    mailbox = seen.mailbox
    own = (mailbox.trouble,) if mailbox.trouble else ()
    left_out = tuple(
        folder.trouble for folder in seen.folders if folder.trouble and not seen.leaves_out(folder)
    )
    troubles = own + tuple(dict.fromkeys(left_out))
    is_running = mailbox.enabled and seen.integration.enabled
    is_stale = is_running and now - (mailbox.last_round_at or mailbox.created_at) > AN_HOUR
    is_troubled = seen.state is State.TROUBLE and any(_is_lasting(one, now) for one in troubles)
    return _Box(
        progress=seen,
        synced_at=mailbox.last_round_at,
        troubles=troubles,
        is_stale=is_stale,
        needs_person=seen.state is State.DISABLED or is_stale or is_troubled,
    )


def _is_lasting(trouble: Trouble, now: datetime) -> bool:
    """Tell trouble that wants a person from what mends itself."""
    return trouble.code in _PERSONS or now - trouble.since > AN_HOUR


def _show(console: Console, views: list[_View], queues: Queues, now: datetime) -> None:
    """Say it to a person."""
    if not views:
        _say(console, "Nothing is configured yet: docs/quickstart.md tells how.")
    for view in views:
        integration = view.integration
        name = escape(f"{integration.project}/{integration.name}")
        _say(console, f"[bold]{name}[/]  {_coloured(view.state, progress.WORDS[view.state])}")
        if integration.trouble is not None:
            _show_trouble(console, integration.trouble, now, margin="  ")
        for box in view.boxes:
            _show_box(console, box, now)
    waiting = {
        "contents of attachments": queues.attachments,
        "copies to look at again": queues.rechecks,
        "emails for new sources": queues.fills,
        "comments for the search": queues.words,
    }
    if any(waiting.values()):
        said = ", ".join(f"{number:,} {what}" for what, number in waiting.items() if number)
        _say(console, f"Waiting: {said}")


def _show_box(console: Console, box: _Box, now: datetime) -> None:
    seen = box.progress
    said = [_coloured(seen.state, seen.words)]
    said.append(f"synced {ago(box.synced_at, now)}" if box.synced_at else "not synced yet")
    if seen.state is State.READING:
        said.append(f"{seen.read:,} of {seen.total:,} emails read")
    if seen.failed:
        said.append(f"{seen.failed:,} {'item' if seen.failed == 1 else 'items'} failed")
    _say(console, f"  {escape(seen.mailbox.address)}: {', '.join(said)}")
    for trouble in box.troubles:
        _show_trouble(console, trouble, now, margin="    ")
    if box.is_stale:
        _say(console, "    Not read for more than an hour. Is `mailmine serve` running?")
    for reason in seen.failures:
        _say(console, f"    [dim]{reason.items:,} x {escape(reason.message)} ({reason.code})[/]")


def _show_trouble(console: Console, trouble: Trouble, now: datetime, *, margin: str) -> None:
    words = f"{escape(trouble.message)} ({escape(trouble.code)}, {ago(trouble.since, now)})"
    _say(console, f"{margin}{words}")
    first, last = trouble.first, trouble.last
    if first is not None and last is not None and first.at != last.at:
        _say(console, f"{margin}  [dim]first error: {escape(_occurrence(first))}[/]")
    if last is not None:
        _say(console, f"{margin}  [dim]last error: {escape(_occurrence(last))}[/]")


def _occurrence(one: Occurrence) -> str:
    request = one.request_id and f"request {one.request_id}"
    return ", ".join(filter(None, (full(one.at), one.code, one.server, request)))


def _coloured(state: State, words: str) -> str:
    colour = COLOURS.get(state)
    return f"[{colour}]{words}[/]" if colour else words


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True)


def _as_json(views: list[_View], queues: Queues, *, is_well: bool, now: datetime) -> dict[str, Any]:
    """Say it to a program."""
    return {
        "is_well": is_well,
        "integrations": [
            {
                "project": view.integration.project,
                "integration": view.integration.name,
                "state": view.state,
                "needs_person": view.needs_person,
                "trouble": _trouble_as_json(view.integration.trouble),
                "mailboxes": [_box_as_json(box, now) for box in view.boxes],
            }
            for view in views
        ],
        "waiting": {
            "attachments": queues.attachments,
            "rechecks": queues.rechecks,
            "fills": queues.fills,
            "words": queues.words,
        },
    }


def _box_as_json(box: _Box, now: datetime) -> dict[str, Any]:
    seen, at = box.progress, box.synced_at
    return {
        "mailbox": seen.mailbox.address,
        "state": seen.state,
        "needs_person": box.needs_person,
        "synced_at": at.isoformat() if at else None,
        "age_seconds": round((now - at).total_seconds(), 1) if at else None,
        "is_stale": box.is_stale,
        "emails_read": seen.read,
        "emails_total": seen.total,
        "backlog": max(seen.total - seen.read, 0) if seen.state is State.READING else 0,
        "failed_items": seen.failed,
        "failures": [
            {"code": one.code, "message": one.message, "items": one.items} for one in seen.failures
        ],
        "troubles": [_trouble_as_json(one) for one in box.troubles],
    }


def _trouble_as_json(trouble: Trouble | None) -> dict[str, Any] | None:
    if trouble is None:
        return None
    return {
        "code": trouble.code,
        "message": trouble.message,
        "since": trouble.since.isoformat(),
        "reason": trouble.reason,
        "first_error": _occurrence_as_json(trouble.first),
        "last_error": _occurrence_as_json(trouble.last),
    }


def _occurrence_as_json(one: Occurrence | None) -> dict[str, Any] | None:
    return None if one is None else asdict(one) | {"at": one.at.isoformat()}
