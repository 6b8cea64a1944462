"""`mailmine move`: takes an installation from SQLite and a folder to PostgreSQL and an object store."""

import asyncio
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import Connection as Transaction, make_url

from mailmine.cli.errors import Failed
from mailmine.cli.installation import Installation, opened
from mailmine.cli.options import BlobPlace, Data, settings
from mailmine.store import leases, moving, moving_contents, settings as kept
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.store.errors import StoreError
from mailmine.store.moving_contents import Moved
from mailmine.store.presence import Presence
from mailmine.store.types import new_id

NAME = "installation"
"""The setting by which an installation knows itself again."""


def move(
    to_database: Annotated[
        str, typer.Option(help="The PostgreSQL to move to: postgresql://…, an empty database.")
    ],
    to_blobs: Annotated[
        str | None,
        typer.Option(help="Where attachments go: s3://…, or a folder. Default: they stay."),
    ] = None,
    data: Data = None,
    blobs: BlobPlace = None,
) -> None:
    """Take everything to PostgreSQL and to an object store: nothing is read from Exchange again.

    While the server runs, a first pass is made. The last one wants it stopped. Broken off, the same command goes on.
    """
    given = settings(data=data, blobs=blobs)
    if given.database is not None and not given.database.startswith("sqlite"):
        raise Failed("only an installation with SQLite can be moved: leave MAILMINE_DATABASE out")
    if not to_database.startswith("postgres"):
        raise Failed("--to-database wants postgresql://…")
    path = Path(make_url(given.database_url).database or "")
    if not path.is_file():
        raise Failed(f"there is no installation at {path}. Give its folder by --data")
    console = Console()
    with opened(given) as here:
        target = Database.open(to_database)
        try:
            _Move(here, target, to_blobs, console).run()
        finally:
            target.close()
    console.print(
        f"All is there, and equal. Go on with [bold]{escape(_next(target, to_blobs or blobs, data))}[/], with the same "
        f"secret.key (or MAILMINE_SECRET_KEY){_of_password(target)}. The old database and folder are as they were: keep "
        "them for a while, and start nothing on them.",
        highlight=False,
        soft_wrap=True,
    )


def _next(target: Database, blobs: str | None, data: Path | None) -> str:
    """Write the command that serves from the new places; what the environment says it says then as well."""
    given = {"--data": data, "--database": target.address, "--blobs": blobs}
    options = [f"{name} {shlex.quote(str(value))}" for name, value in given.items() if value]
    return " ".join(["mailmine serve", *options])


def _of_password(target: Database) -> str:
    return " and the password in place of the stars" if ":***@" in target.address else ""


class _Move:
    """One run of the command."""

    def __init__(
        self, here: Installation, target: Database, to_blobs: str | None, console: Console
    ) -> None:
        self._here = here
        self._target = target
        self._blobs = None if to_blobs is None else Blobs.open(to_blobs)
        self._console = console

    def run(self) -> None:
        """Copy, and copy once more what has changed; compare all. Raises Failed, StoreError."""
        if self._blobs is not None:
            asyncio.run(self._blobs.check())
        self._target.migrate()
        moving.begin(self._target, self._name())
        with Presence.alone(self._here.database) as is_alone:
            if is_alone:
                self._finish()
                return
        self._say("mailmine runs here still: a first pass, while it works on.")
        with self._here.database.read() as source:
            self._copy(source, reads_back=False)
        with Presence.alone(self._here.database) as is_alone:
            if not is_alone:
                raise Failed(
                    "the first pass is done. Stop mailmine (all processes on this database), and give the same "
                    "command again: only what has changed is copied then"
                )
            self._finish()

    def _name(self) -> str:
        with self._here.database.write() as tx:
            if (name := kept.get(tx, NAME)) is None:
                name = new_id()
                kept.put(tx, NAME, name)
            return name

    def _finish(self) -> None:
        """Make the last pass while nobody can write, and compare."""
        with self._here.database.write() as source:
            leases.end_leases(source)
            moved = self._copy(source, reads_back=True)
            self._compare(source)
        moving.end(self._target)
        if moved and moved.missing:
            self._say(
                f"[yellow]{len(moved.missing)} contents are named but were missing here already[/], "
                f"the first is {moved.missing[0]}"
            )

    def _copy(self, source: Transaction, *, reads_back: bool) -> Moved | None:
        # Contents first: whatever a row in the target names is there.
        moved = None
        if self._blobs is not None:
            with self._progress("contents", None) as step:
                names = moving.contents(source)
                moved = asyncio.run(
                    moving_contents.copy(
                        names, self._here.blobs, self._blobs, lambda: step(1), reads_back=reads_back
                    )
                )
            self._say(f"contents: {moved.looked_at:,} looked at, {moved.copied:,} copied")
        rows = moving.count(source)
        with self._progress("rows", rows) as step:
            written = moving.copy(source, self._target, lambda _, count: step(count))
        self._say(f"rows: {rows:,} looked at, {written:,} written")
        return moved

    def _compare(self, source: Transaction) -> None:
        rows = moving.count(source)
        with self._progress("compared", 2 * rows) as step, self._target.read() as target:
            ours = moving.digest(source, lambda _, count: step(count))
            theirs = moving.digest(target, lambda _, count: step(count))
            is_index_whole = moving.is_index_whole(target)
        if wrong := [name for name, found in ours.items() if theirs[name] != found]:
            raise StoreError(
                f"The target does not hold the same: {', '.join(wrong)}. Does something else write to it? "
                "Give the same command again."
            )
        if not is_index_whole:
            raise StoreError(
                "The search index of the target lacks comments. Begin with an empty database."
            )
        for name, found in ours.items():
            if found.rows:
                self._say(f"  {name}: {found.rows:,} equal", style="dim")

    @contextmanager
    def _progress(self, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(what, total=total)
            yield lambda count: progress.advance(task, count)

    def _say(self, words: str, style: str | None = None) -> None:
        self._console.print(words, highlight=False, style=style)
