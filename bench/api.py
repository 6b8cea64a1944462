"""`python -m bench.api`: pages, streams, search and uploads of the API, on SQLite and PostgreSQL, with many comments.

The server is `mailmine serve` in a process of its own; who asks it is another.
"""

import argparse
import asyncio
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import psycopg
import uvloop
from rich.console import Console
from rich.table import Table

from bench.filling import PATTERNS, multiply
from mailmine.access import tokens
from mailmine.model.comment import Comment, Message
from mailmine.model.comment_filter import CommentFilter
from mailmine.model.facts import Wanted
from mailmine.model.ids import CommentId, MessageId, ThreadId
from mailmine.refine import identity
from mailmine.store import (
    batches,
    comments,
    datasets,
    explore,
    projects,
    search,
    search_index,
    sources,
    streams,
    users,
)
from mailmine.store.comments import NewComment
from mailmine.store.database import Database
from tests import postgresql

WORDS = [
    "please",
    "send",
    "the",
    "order",
    "invoice",
    "for",
    "our",
    "customer",
    "number",
    "delivery",
    "address",
    "late",
    "thanks",
    "regards",
    "monday",
    "urgent",
    "quote",
    "price",
    "stock",
    "return",
    "refund",
]
RARE = 500
"""Words that one comment each of so many has."""
PIECE = 2_000
AT_ONCE = 16_384
"""Comments of one upload: as many as there may be."""
CONNECTIONS = 8
REQUESTS = 8_000
TRIES = 300
NOW = datetime.now(UTC)

Metric = tuple[str, float, Callable[[float], bool], str]


@dataclass(frozen=True, slots=True)
class Place:
    """A database with many comments, and a token for its API."""

    url: str
    token: str


@contextmanager
def sqlite(folder: Path) -> Iterator[str]:
    """Give a database in a file."""
    yield f"sqlite:///{folder / 'mailmine.db'}"


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Give a database of a server of its own."""
    del folder
    with postgresql.run("-c shared_buffers=1GB -c max_wal_size=8GB") as server:
        yield server.url(server.create())


def fill(url: str, number: int) -> Place:
    """Put so many comments into a source, and make a stream on it."""
    draw = random.Random(1)  # noqa: S311 - words of no meaning
    database = Database.open(url)
    database.migrate()
    with database.write() as tx:
        project = projects.ensure(tx, "bench")
        source = sources.ensure(tx, project.id, "mail")
        patterns = sources.ensure(tx, project.id, "patterns")
        sources.ensure(tx, project.id, "uploads")
        user = users.add(
            tx,
            username="bench",
            email="",
            password_hash=None,
            global_permissions=frozenset({"root"}),
            project_permissions={},
        )
        token = tokens.issue(tx, user, "bench", at=NOW)
        dataset = datasets.add(
            tx,
            project.id,
            "all",
            title="",
            description="",
            has_sentiment=False,
            model_family="english",
            flags=(),
            definitions={},
            source_ids=(source.id,),
            at=NOW,
        )
        streams.add(
            tx,
            dataset.id,
            "new",
            title="",
            description="",
            comment_filter={},
            model=None,
            updates=streams.Updates.TEXT,
            at=NOW,
        )
    is_multiplied = database.dialect == "postgresql" and number > PATTERNS
    put = PATTERNS if is_multiplied else number
    for first in range(0, put, PIECE):
        some = range(first, min(put, first + PIECE))
        with database.write() as tx:
            into = patterns if is_multiplied else source
            comments.put(tx, into.id, [made(one, number, draw) for one in some], at=NOW)
    if is_multiplied:
        began = int((NOW - timedelta(minutes=number)).timestamp())
        with database.write() as tx:
            search_index.catch_up(tx, most=PATTERNS)
            multiply(tx, patterns.id, source.id, number, began=began)
        settle(url)
    database.close()
    return Place(url, token)


def settle(url: str) -> None:
    """Do what PostgreSQL does by itself after a while."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE comments, comment_words")


def made(number: int, of: int, draw: random.Random) -> NewComment:
    """Make a comment like those of mail."""
    message_id = f"<{number}@bench.example>"
    comment = Comment(
        id=CommentId(identity.comment_id(MessageId(message_id))),
        timestamp=NOW - timedelta(minutes=of - number),
        messages=(
            Message(
                body=" ".join((*draw.choices(WORDS, k=60), f"n{number % RARE}")),
                subject=" ".join(draw.choices(WORDS, k=6)),
                from_="Ann <ann@bench.example>",
                to=("orders@bench.example",),
                sent_at=NOW,
                language="en",
            ),
        ),
        user_properties={
            "string:Folder": "Inbox (/ Inbox)",
            "string:Sender": "ann@bench.example",
            "string:Message ID": message_id,
            "number:Messages": 1,
        },
        thread_id=ThreadId(f"{number // 3:x}"),
    )
    return NewComment(comment=comment, email_key=None, refined=1)


def at_the_database(place: Place) -> Iterator[Metric]:
    """Measure what a request asks of the database: milliseconds, of the slowest in a hundred."""
    database = Database.open(place.url)
    with database.read() as tx:
        source = sources.get(tx, "bench", "mail")
        dataset = datasets.get(tx, "bench", "all")
        assert source is not None
        assert dataset is not None
        stream = streams.get(tx, dataset.id, "new")
        assert stream is not None
        first, last = comments.span(tx, source.id) or (0, 0)
    draw = random.Random(2)  # noqa: S311 - places of no meaning

    def page() -> None:
        with database.glance() as tx:
            after = draw.randint(first, last)
            comments.json_page(tx, "bench", "mail", after=after, limit=51, since=None, until=None)

    def fetch() -> None:
        with database.read() as tx:
            batch = batches.fetch(
                tx, stream, dataset.source_ids, CommentFilter(), size=500, max_filtered=1024
            )
            for one in batch.results:
                batches.write(one.position)

    def find() -> None:
        with database.read() as tx:
            search.find(tx, source.id, " ".join(draw.sample(WORDS, 2)), before=None, limit=50)

    def explore_all() -> None:
        with database.read() as tx:
            explore.look(tx, source.id, Wanted(), before=None, limit=50, counting=True)
            parts = [NOW - timedelta(minutes=number * part // 60) for part in range(60, -1, -1)]
            explore.volume(tx, source.id, parts)

    with database.read() as tx:
        number = comments.count(tx, source.id)

    def find_rare() -> None:
        with database.read() as tx:
            word = f"n{draw.randrange(RARE)}"
            search.find(tx, source.id, word, before=None, limit=50)

    for name, ask, limit in (
        ("page of 50: p99 ms", page, 20.0),
        ("stream fetch of 500: p99 ms", fetch, 60.0),
        ("search, newest 50: p99 ms", find, 150.0),
        ("search of a rare word, newest 50: p99 ms", find_rare, 150.0),
        ("explore, with its plots: p99 ms", explore_all, 400.0),
    ):
        figure = p99(ask)
        yield name, figure, limit.__gt__, f"under {limit:g}"
    database.close()


def p99(ask: Callable[[], None]) -> float:
    """Give the milliseconds under which 99 of 100 stay."""
    took: list[float] = []
    for _ in range(TRIES):
        begun = time.perf_counter()
        ask()
        took.append(time.perf_counter() - begun)
    return sorted(took)[int(TRIES * 0.99)] * 1_000


@contextmanager
def serving(place: Place, folder: Path) -> Iterator[tuple[str, int]]:
    """Run `mailmine serve`; gives its address and the id of its process."""
    command = [sys.executable, "-m", "mailmine", "serve", "--no-sync", "--port", "0"]
    command += ["--database", place.url, "--data", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if found := re.search(r"mailmine is at (\S+)", line):
                    yield found.group(1), process.pid
                    return
            raise SystemExit("mailmine serve failed")
        finally:
            process.terminate()


async def requests_per_second(address: str, path: str, token: str) -> float:
    """Ask for the same again and again over some connections; gives requests a second."""
    parts = urlsplit(address)
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()

    async def ask(times: int) -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        for _ in range(times):
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert b" 200 " in head.split(b"\r\n", 1)[0]
            length = re.search(rb"content-length: (\d+)", head)
            assert length is not None
            await reader.readexactly(int(length.group(1)))
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(ask(REQUESTS // CONNECTIONS) for _ in range(CONNECTIONS)))
    return REQUESTS / (time.perf_counter() - begun)


def over_http(place: Place, folder: Path) -> Iterator[Metric]:
    """Measure the server from outside."""
    with serving(place, folder) as (address, pid):
        path = "/api/_private/sources/bench/mail/comments?limit=50"
        uvloop.run(requests_per_second(address, path, place.token))
        rate = uvloop.run(requests_per_second(address, path, place.token))
        yield "page of 50: requests/s", rate, (2_000.0).__lt__, "at least 2,000"
        text = " ".join(WORDS * 5)
        new = [
            {
                "id": f"{number:x}",
                "timestamp": "2026-01-01T00:00:00Z",
                "messages": [{"body": {"text": text}, "subject": {"text": "Order"}}],
            }
            for number in range(AT_ONCE)
        ]
        documents = [
            {
                "raw_email": {
                    "headers": {"raw": f"Message-ID: <{number}@x>\nSubject: Order"},
                    "body": {"plain": text},
                }
            }
            for number in range(AT_ONCE)
        ]
        raw = {"documents": documents[:100], "transform_tag": "generic.0.CONVKER5"}
        uploads = "/api/v1/sources/bench/uploads"
        # The process that refines is started by the first.
        upload("POST", f"{address}{uploads}/sync-raw-emails", raw, place.token)
        bodies: Sequence[tuple[str, str, str, Mapping[str, object]]] = (
            ("put", "PUT", "/api/_private/sources/bench/uploads/comments", {"comments": new}),
            ("sync", "POST", f"{uploads}/sync", {"comments": new}),
            (
                "sync-raw-emails",
                "POST",
                f"{uploads}/sync-raw-emails",
                {**raw, "documents": documents},
            ),
        )
        for name, method, target, body in bodies:
            before = memory(pid)
            rate = upload(method, address + target, body, place.token)
            yield f"{name} of {AT_ONCE:,}: comments/s", rate, (3_000.0).__lt__, "at least 3,000"
            grown = memory(pid) - before
            yield f"{name} of {AT_ONCE:,}: MiB more", grown, (100.0).__gt__, "under 100"


def upload(method: str, target: str, body: Mapping[str, object], token: str) -> float:
    """Send a body; gives how many comments a second became of it."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = json.dumps(body).encode()
    begun = time.perf_counter()
    with urlopen(Request(target, data, headers, method=method)) as answer:  # noqa: S310 - ours
        answer.read()
    return AT_ONCE / (time.perf_counter() - begun)


def memory(pid: int) -> float:
    """Tell the most memory that a process ever held, in MiB (proc(5), VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found.group(1)) / 1024 if found else 0.0


@contextmanager
def arriving(place: Place, per_second: int) -> Iterator[list[float]]:
    """Let comments arrive meanwhile; how many a second they were is in the list afterwards."""
    if not per_second:
        yield []
        return
    command = [sys.executable, "-m", "bench.arriving", place.url, str(per_second)]
    rates = list[float]()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield rates
        finally:
            process.terminate()
            rates.append(float(process.communicate()[0]))


def meanwhile(place: Place, per_second: int) -> Iterator[Metric]:
    """Measure what is asked of the database while comments arrive."""
    with arriving(place, per_second) as rates:
        yield from at_the_database(place)
    for rate in rates:
        least = per_second * 0.95
        yield "arriving meanwhile: comments/s", rate, least.__lt__, f"at least {least:g}"


KINDS: Mapping[str, Callable[[Path], object]] = {"SQLite": sqlite, "PostgreSQL": postgres}


def measure(number: int, console: Console, *, per_second: int, only: str | None) -> bool:
    """Measure everything, print it, and tell whether each target is met."""
    chosen = {name: kind for name, kind in KINDS.items() if only in {None, name.lower()}}
    table = Table("what", *chosen, "target")
    figures: dict[str, list[str]] = {}
    targets: dict[str, str] = {}
    is_met = True
    for opening in chosen.values():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with opening(folder) as url:  # type: ignore[attr-defined]
                place = fill(url, number)
                for what, figure, is_good, target in (
                    *meanwhile(place, per_second),
                    *over_http(place, folder),
                ):
                    good = is_good(figure)
                    # Uploads are to be quick into SQLite.
                    is_met &= good or (opening is postgres and "comments/s" in what)
                    said = f"{figure:,.1f}" if figure < 100 else f"{figure:,.0f}"
                    figures.setdefault(what, []).append(said if good else f"[bold]{said}[/]")
                    targets[what] = target
    for what, cells in figures.items():
        table.add_row(what, *cells, targets[what])
    console.print(f"The API, with {number:,} comments in a source; bold misses its target")
    console.print(table)
    return is_met


def main() -> None:
    """Measure; exit with 1 where a target is missed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--comments", type=int, default=200_000, help="in the source")
    arguments.add_argument("--arriving", type=int, default=0, help="comments a second, meanwhile")
    arguments.add_argument("--only", choices=[name.lower() for name in KINDS])
    given = arguments.parse_args()
    is_met = measure(given.comments, Console(), per_second=given.arriving, only=given.only)
    sys.exit(0 if is_met else 1)


if __name__ == "__main__":
    main()
