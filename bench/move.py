"""`python -m bench.move`: an embedded installation with many comments goes to PostgreSQL and an object store while mail arrives.

Says how long it stands still, and whether all is there afterwards: ids, places of folders and streams, the mail that came
meanwhile; and whether any mail was read twice. Everything is on this machine; the object store is moto's S3.
"""

import argparse
import asyncio
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
from rich.console import Console
from rich.table import Table

from bench.api import made
from bench.scale_run.reader import StreamReader, subscribe
from bench.scale_run.rows import Row, yes
from exchange_simulator import Exchange
from mailmine.model.comment import Comment
from mailmine.model.email import Email
from mailmine.model.ids import ContentHash, EmailKey
from mailmine.refine import identity
from mailmine.store import attachments, buckets, comments, emails, sources
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.store.emails import NewEmail
from tests import object_store, postgresql

ACCOUNT: Final = "bench@example.com"
PASSWORD: Final = "bench"  # noqa: S105 - of the simulator
MAILBOXES: Final = 20
HISTORY: Final = 50
"""Mails in each that were read before."""
ARRIVE: Final = 0.5
"""Seconds between two new mails."""
PIECE: Final = 2_000
"""Comments that are written at a time."""
CONTENT_BYTES: Final = 20_000
AFTERWARDS: Final = 45
"""Seconds for which mail arrives still, when all is moved: every mailbox is polled."""
READ: Final = 512
"""Comments that are fetched of the stream at a time."""
COMMENTS: Final = "SELECT count(*) FROM comments"
THERE: Final = (
    "SELECT count(*), count(DISTINCT comment_id), (SELECT count(*) FROM emails) FROM comments"
)
ITEM: Final = re.compile(rb'ItemId [^>]*?Id="([^"]+)"')
PATIENCE: Final = 1_800
CONFIGURATION: Final = """
[[integration]]
project = "bench"
name = "exchange"
endpoint = "{endpoint}/EWS/Exchange.asmx"
username = "bench@example.com"
password = "bench"
plain_http = true
"""
MAILBOX: Final = """
[[integration.mailbox]]
address = "{address}"
bucket = "mail"
"""
KEPT: Final = {
    "ids and order of comments": "SELECT seq, comment_id, source_id, arrival, revision FROM comments ORDER BY seq",
    "ids of emails": "SELECT key, comment_id FROM emails ORDER BY key",
    "places in the folders of Exchange": "SELECT key, cursor FROM folders ORDER BY key",
    "places of streams": "SELECT id, position FROM streams ORDER BY id",
}
"""What must be the same in both databases before anything runs on the new one."""


@dataclass
class Scene:
    """What runs."""

    exchange: Exchange
    folder: Path
    environment: Mapping[str, str]
    database: str
    blobs: str
    delivered: int = 0
    token: str = ""
    stream: str = ""
    seen: Counter[str] = field(default_factory=Counter)
    """How often each comment was given to the reader of the stream."""
    known: frozenset[str] = frozenset()
    """Exchange's names of the mails that were kept when it was moved."""
    asked_after: Counter[str] = field(default_factory=Counter)
    """For which ones Exchange was asked afterwards."""

    def deliver(self) -> None:
        """Let one mail arrive."""
        number = self.delivered
        address = _address(number % MAILBOXES)
        self.exchange.mailbox(address).deliver(_letter(number, address))
        self.delivered += 1

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """Let mail arrive all along."""
        is_over = threading.Event()

        def arrive() -> None:
            while not is_over.wait(ARRIVE):
                self.deliver()

        thread = threading.Thread(target=arrive)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def mailmine(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            _mailmine(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    @contextmanager
    def served(self, *arguments: str) -> Iterator[str]:
        """Run a server until the end, as Ctrl-C ends it; gives its address."""
        output = self.folder / f"output-{len(list(self.folder.glob('output-*')))}"
        with output.open("w") as file:
            process = subprocess.Popen(
                _mailmine("serve", "--port", "0", *arguments),
                cwd=self.folder,
                env=self.environment,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        try:
            found: list[str] = []

            def is_there() -> bool:
                if process.poll() is not None:
                    raise SystemExit(output.read_text())
                found[:] = re.findall(r"mailmine is at (\S+)", output.read_text())
                return bool(found)

            _until(is_there)
            yield found[0]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)

    def succeeds(self, *arguments: str) -> str:
        """Run a command that must not fail; gives what it says."""
        done = self.mailmine(*arguments)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        return done.stdout

    @contextmanager
    def reading(self, url: str) -> Iterator[None]:
        """Let somebody read the stream meanwhile."""
        one = StreamReader(f"{url}/api/v1", self.token, self.stream, READ)
        one.seen = self.seen
        one.start()
        try:
            yield
        finally:
            one.stop()

    def note(self, request: bytes, answer: bytes, version: object) -> None:
        """Count for which mails Exchange is asked after the move."""
        del answer, version
        if self.known and b"GetItem" in request:
            self.asked_after.update(name.decode() for name in ITEM.findall(request))

    def old(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database that it comes from."""
        path = self.folder / "mailmine-data" / "mailmine.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()

    def new(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the one that it goes to."""
        with psycopg.connect(self.database) as connection:
            return connection.execute(query.encode()).fetchall()


@contextmanager
def scene() -> Iterator[Scene]:
    """Run an Exchange, PostgreSQL and an object store."""
    with (
        tempfile.TemporaryDirectory() as name,
        postgresql.run() as server,
        object_store.run() as store,
        closing(Exchange(folder=Path(name))) as exchange,
    ):
        folder = Path(name)
        exchange.compresses = False
        exchange.account(ACCOUNT, password=PASSWORD)
        for number in range(MAILBOXES):
            exchange.mailbox(_address(number))
            exchange.grant(ACCOUNT, mailbox=_address(number))
        with exchange.serve() as address:
            written = CONFIGURATION.format(endpoint=address) + "".join(
                MAILBOX.format(address=_address(number)) for number in range(MAILBOXES)
            )
            (folder / "bench.toml").write_text(written, encoding="utf-8")
            kept = {name: value for name, value in os.environ.items() if "MAILMINE" not in name}
            told = object_store.environment(store) | {"COLUMNS": "400", "NO_COLOR": "1"}
            made = Scene(
                exchange,
                folder,
                kept | told,
                server.url(server.create()),
                f"s3://{object_store.BUCKET}/moved",
            )
            exchange.on_exchange.append(made.note)
            yield made


def fill(here: Scene, number: int, contents: int) -> None:
    """Put so many comments with their emails into the source, and contents to some of them."""
    data = here.folder / "mailmine-data"
    database = Database.open(f"sqlite:///{data / 'mailmine.db'}")
    draw = random.Random(1)  # noqa: S311 - words of no meaning
    with database.read() as tx:
        bucket, source = buckets.list_all(tx)[0], sources.list_all(tx)[0]
    keys: list[EmailKey] = []
    for first in range(0, number, PIECE):
        some = [made(one, number, draw) for one in range(first, min(number, first + PIECE))]
        now = datetime.now(UTC)
        with database.write() as tx:
            known = emails.put(tx, bucket.id, [_email(one.comment) for one in some], at=now)
            named = [replace(one, email_key=known[one.comment.id].key) for one in some]
            comments.put(tx, source.id, named, at=now)
        keys += [one.key for one in known.values()]
    hashes = asyncio.run(_put(Blobs.open(data / "blobs"), contents, draw))
    with database.write() as tx:
        for key, content_hash in zip(keys, hashes, strict=False):
            attachments.put(
                tx,
                key,
                0,
                name="order.pdf",
                content_type="application/pdf",
                size=CONTENT_BYTES,
                content_hash=content_hash,
            )
    database.close()


def _email(comment: Comment) -> NewEmail:
    message = comment.messages[0]
    return NewEmail(
        comment_id=comment.id,
        fingerprint=comment.id[:8],
        email=Email(
            message_id=identity.message_id(comment.id),
            subject=message.subject or "",
            sent_at=comment.timestamp,
            text=message.body,
        ),
    )


async def _put(blobs: Blobs, contents: int, draw: random.Random) -> list[ContentHash]:
    return [await blobs.put_bytes(draw.randbytes(CONTENT_BYTES)) for _ in range(contents)]


def measure(number: int, contents: int) -> Iterator[Row]:
    """Run it all."""
    with scene() as here:
        for _ in range(MAILBOXES * HISTORY):
            here.deliver()
        here.succeeds("import", "bench.toml")
        with _timed() as took:
            fill(here, number, contents)
        yield Row(what=f"{number:,} comments written", figure=f"{took():.0f} s")
        with ExitStack() as arriving:
            arriving.enter_context(here.arriving())
            yield from _move(here, number, arriving.close)
        yield from _ending(here, number)


def _move(here: Scene, number: int, end_arriving: Callable[[], None]) -> Iterator[Row]:
    move = ("move", "--to-database", here.database, "--to-blobs", here.blobs)
    with here.served() as url:
        here.token = here.succeeds("token", "create", "admin").strip()
        headers = {"Authorization": f"Bearer {here.token}"}
        with httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=60) as client:
            here.stream = subscribe(client, 1, _until)
        with here.reading(url):
            everything = number + MAILBOXES * HISTORY
            _until(lambda: _one(here.old(COMMENTS)) >= everything)
            before, seen = here.delivered, len(here.seen)
            with _timed() as took:
                done = here.mailmine(*move)
            if "the first pass is done" not in done.stderr:
                raise SystemExit(done.stdout + done.stderr)
            yield Row(what="the first pass, while it works", figure=f"{took():.0f} s")
            arrived = f"{here.delivered - before:,}"
            yield Row(what="mails that arrived meanwhile", figure=arrived)
            given = f"{len(here.seen) - seen:,}"
            yield Row(what="comments that the reader was given meanwhile", figure=given)
        stood = time.monotonic()
    yield Row(what="to stop it", figure=f"{time.monotonic() - stood:.1f} s")
    with _timed() as took:
        print(here.succeeds(*move), file=sys.stderr)
    yield Row(what="the last pass, with the comparison", figure=f"{took():.0f} s")
    for what, query in KEPT.items():
        yield yes(f"{what} are the same", is_so=_plain(here.old(query)) == _plain(here.new(query)))
    here.known = frozenset(str(name) for (name,) in here.old("SELECT item_id FROM copies"))
    # Nothing may be written where it comes from, not even by mistake.
    (here.folder / "mailmine-data" / "mailmine.db").rename(here.folder / "put-away")
    begun = time.monotonic()
    with here.served("--database", here.database, "--blobs", here.blobs) as url:
        yield Row(what="to start it on PostgreSQL", figure=f"{time.monotonic() - begun:.1f} s")
        yield Row(what="it stood still", figure=f"{time.monotonic() - stood:.0f} s")
        waiting = here.delivered
        with here.reading(url):
            _until(lambda: _one(here.new(COMMENTS)) >= number + waiting)
            late = f"{time.monotonic() - begun:.0f} s"
            yield Row(what="until the mail that had waited was there", figure=late)
            time.sleep(AFTERWARDS)
            end_arriving()
            _until(lambda: len(here.seen) >= number + here.delivered)


def _ending(here: Scene, number: int) -> Iterator[Row]:
    """See that all is there once, and that no mail was read again."""
    wanted = number + here.delivered
    kinds = ("comments", "their ids", "emails")
    for what, found in zip(kinds, here.new(THERE)[0], strict=True):
        yield Row(
            what=f"{what} of {wanted:,} mails",
            figure=f"{found:,}",
            target=f"{wanted:,}",
            is_met=found == wanted,
        )
    again = here.seen.total() - len(here.seen)
    yield Row(
        what="comments that the reader was given, and those it was given again",
        figure=f"{len(here.seen):,} / {again:,}",
        target=f"{wanted:,} / 0",
        is_met=len(here.seen) == wanted and not again,
    )
    twice = [name for name in here.known if here.asked_after[name]]
    yield Row(
        what="mails that were kept before and were asked for again",
        figure=f"{len(twice):,} of {len(here.known):,}",
        target="0",
        is_met=not twice,
    )
    yield Row(what="mails asked for after the move", figure=f"{len(here.asked_after):,}", target="")


def _one(rows: list[tuple[Any, ...]]) -> int:
    return int(rows[0][0])


def _plain(rows: list[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    """Let JSON and bytes be compared as both drivers give them."""
    return [tuple(_text(value) for value in row) for row in rows]


def _text(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, str) and value[:1] in "{[" and value:
        value = json.loads(value)
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else str(value)


@contextmanager
def _timed() -> Iterator[Callable[[], float]]:
    began = time.monotonic()
    took: list[float] = []
    yield lambda: took[0]
    took.append(time.monotonic() - began)


def _until(is_so: Callable[[], bool]) -> float:
    end = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > end:
            raise SystemExit("it did not come about in time")
        time.sleep(0.5)
    return time.time()


def _address(number: int) -> str:
    return f"box-{number}@example.com"


def _letter(number: int, to: str) -> bytes:
    return (
        f"Message-ID: <new-{number}@bench.example>\r\nFrom: Ann <ann@example.com>\r\nTo: {to}\r\n"
        f"Subject: Order {number}\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\n\r\n"
        f"Please send {number} chairs.\r\n"
    ).encode()


def _mailmine(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "mailmine", *arguments)


def main() -> None:
    """Measure; exit with 1 where something is lost, doubled or read again."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--comments", type=int, default=200_000)
    arguments.add_argument("--contents", type=int, default=2_000, help="of attachments")
    given = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = Console()
    table = Table("what", "measured", "target", "")
    is_met = True
    for row in measure(given.comments, given.contents):
        said = "" if not row.target else "met" if row.is_met else "MISSED"
        table.add_row(row.what, row.figure, row.target, said)
        console.print(f"{row.what}: {row.figure} {said}", style="dim")
        is_met &= row.is_met
    console.print(table)
    sys.exit(0 if is_met else 1)


if __name__ == "__main__":
    main()
