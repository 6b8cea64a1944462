"""What runs: PostgreSQL, an object store, a simulated Exchange, workers, the API and a reader of a stream."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import psycopg

from bench.scale_run import forwarder, network, objects, reader
from bench.scale_run.network import Network
from bench.scale_run.objects import ObjectStore
from bench.scale_run.reader import StreamReader
from exchange_simulator import Exchange
from tests import postgresql

WORKERS: Final = 3
INTERVAL: Final = 30
"""Seconds between two polls of a mailbox."""
PER_INTEGRATION: Final = 500
"""Mailboxes that one account reads."""
PER_BUCKET: Final = 25
"""Mailboxes whose comments come into one source: its writers take turns."""
ATTACHED: Final = 3
"""Each mail of so many has an attachment."""
PASSWORD: Final = "bench"  # noqa: S105 - of the simulator
BEFORE: Final = timedelta(hours=2)
"""How long ago the first mail came, as that of mailboxes that are configured did: their folders are read once, and not until
their hints are certain to be old."""
MICRO: Final = 1e6
SETTLE: Final = 1_200
"""Seconds that the first load, or what comes after a fault, may take: a limit, not a target."""
CONFIGURATION: Final = """
[[integration]]
project = "bench"
name = "exchange-{number}"
endpoint = "{endpoint}/EWS/Exchange.asmx"
username = "{account}"
password = "bench"
plain_http = true
"""
MAILBOX: Final = """
[[integration.mailbox]]
address = "{address}"
bucket = "mail-{number}"
attachments = true
"""


@dataclass(slots=True)
class Worker:
    """A worker, and what it says."""

    process: subprocess.Popen[str]
    output: Path
    is_alone: bool = False
    """In a network of its own."""

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None


@dataclass
class Cluster:
    """All of it."""

    exchange: Exchange
    server: postgresql.Server
    database: str
    """Its name."""
    objects: ObjectStore
    network: Network | None
    """Where one worker is alone; None where this machine does not let us."""
    folder: Path
    mailboxes: tuple[str, ...]
    workers: list[Worker] = field(default_factory=list)
    delivered: int = 0
    attached: int = 0
    """Of those, with an attachment."""
    _numbers: Iterator[int] = field(default_factory=count)
    _places: Iterator[int] = field(default_factory=count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Of the database."""
        return self.server.url(self.database)

    def start(self, within: Network | None = None) -> Worker:
        """Start one more worker."""
        prefix: Sequence[str] = ()
        url = self.url
        if within is not None:
            prefix = within.prefix
            url = self.server.url(self.database, network.DATABASE)
        command = (*prefix, *_mailmine("worker", "--database", url, "--port", "0"))
        worker = self.run(f"worker-{next(self._places)}", command)
        worker.is_alone = within is not None
        self.workers.append(worker)
        return worker

    def run(self, name: str, command: Sequence[str]) -> Worker:
        """Run a process with a data folder of its own, which holds nothing but the key."""
        place = self.folder / name
        (place / "mailmine-data").mkdir(parents=True)
        shutil.copy(self.folder / "mailmine-data" / "secret.key", place / "mailmine-data")
        # Its output is kept for whoever asks why something went wrong.
        with (place / "output").open("w") as output:
            process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=place,
                env=self.environment,
            )
        return Worker(process, place / "output")

    @property
    def environment(self) -> dict[str, str]:
        """What all of its processes are told."""
        wanted = {"MAILMINE_BLOBS": self.objects.place, "COLUMNS": "200", "NO_COLOR": "1"}
        return {**os.environ, **self.objects.environment, **wanted}

    def deliver(self, mails: int) -> None:
        """Let mail arrive, each in another mailbox."""
        with self._lock:
            for _ in range(mails):
                number = next(self._numbers)
                address = self.mailboxes[number * 7919 % len(self.mailboxes)]
                is_attached = number % ATTACHED == 0
                letter = _letter(number, address, is_attached=is_attached)
                self.exchange.mailbox(address).deliver(letter)
                self.delivered += 1
                self.attached += is_attached

    @contextmanager
    def arriving(self, pause: float) -> Iterator[None]:
        """Let one mail arrive after the other meanwhile, with so many seconds in between."""
        is_over = threading.Event()

        def arrive() -> None:
            while not is_over.wait(pause):
                self.deliver(1)

        thread = threading.Thread(target=arrive)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    @contextmanager
    def read(self) -> Iterator[StreamReader]:
        """Let somebody read a stream over all sources meanwhile, by an API of its own."""
        serving = self.run(
            "api", _mailmine("serve", "--no-sync", "--database", self.url, "--port", "0")
        )
        try:
            address: list[str] = []

            def is_there() -> bool:
                address[:] = re.findall(r"mailmine is at (\S+)", serving.output.read_text())
                return bool(address)

            until(is_there)
            made = subprocess.run(
                _mailmine("token", "create", "admin", "--database", self.url),
                cwd=self.folder,
                env=self.environment,
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            token = made.stdout.strip()
            url = f"{address[0]}/api/v1"
            headers = {"Authorization": f"Bearer {token}"}
            sources = -(-len(self.mailboxes) // PER_BUCKET)
            with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
                stream = reader.subscribe(client, sources, until)
            one = StreamReader(url, token, stream)
            one.start()
            try:
                yield one
            finally:
                one.stop()
        finally:
            serving.process.terminate()
            serving.process.wait(60)

    def ask(self, query: str, *values: object) -> list[Any]:
        """Ask the database from outside; nothing while it is away."""
        with psycopg.connect(self.url, connect_timeout=2) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def number(self, query: str, *values: object) -> float:
        """Ask for one number."""
        return float(self.ask(query, *values)[0][0] or 0)


@contextmanager
def cluster(mailboxes: int, options: str) -> Iterator[Cluster]:
    """Run all of it, the mailboxes configured and each with a mail."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        alone = stack.enter_context(network.network())
        server = stack.enter_context(
            postgresql.run(options, None if alone is None else network.NETWORK)
        )
        kept = stack.enter_context(objects.running("127.0.0.1" if alone is None else network.HERE))
        ago = BEFORE
        exchange = Exchange(folder=folder, now=lambda: datetime.now(UTC) - ago)
        stack.callback(exchange.close)
        exchange.compresses = False
        names = tuple(f"box-{number}@example.com" for number in range(mailboxes))
        configured: list[str] = []
        port = urlsplit(
            stack.enter_context(exchange.serve(host="127.0.0.1" if alone is None else "0.0.0.0"))  # noqa: S104
        ).port
        assert port is not None
        if alone is not None:
            # Without TLS an Exchange is asked on the own machine only: it has to be there as well.
            way = forwarder.start(port, network.HERE, port, alone.prefix)
            stack.callback(way.communicate)
            stack.callback(way.kill)
        for number, first in enumerate(range(0, mailboxes, PER_INTEGRATION)):
            account = f"reader-{number}@example.com"
            exchange.account(account, password=PASSWORD)
            configured.append(
                CONFIGURATION.format(
                    number=number, endpoint=f"http://127.0.0.1:{port}", account=account
                )
            )
            for place, name in enumerate(names[first : first + PER_INTEGRATION], first):
                exchange.mailbox(name)
                exchange.grant(account, mailbox=name)
                configured.append(MAILBOX.format(address=name, number=place // PER_BUCKET))
        (folder / "bench.toml").write_text("".join(configured), encoding="utf-8")
        made = Cluster(exchange, server, server.create(), kept, alone, folder, names)
        subprocess.run(
            _mailmine("import", "bench.toml", "--database", made.url),
            cwd=folder,
            env=made.environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        made.deliver(mailboxes)
        ago = timedelta()
        try:
            yield made
        finally:
            for worker in made.workers:
                worker.process.send_signal(signal.SIGCONT)
                worker.process.terminate()
            for worker in made.workers:
                worker.process.wait(60)


def until(is_so: Callable[[], bool]) -> float:
    """Wait until something is so, whether or not the database is there; gives when it was so."""
    end = time.monotonic() + SETTLE
    while time.monotonic() < end:
        try:
            if is_so():
                return time.time()
        except psycopg.OperationalError:
            pass  # it is not back yet
        time.sleep(0.5)
    raise SystemExit("it did not come about in time")


def _mailmine(*arguments: str) -> Sequence[str]:
    return (sys.executable, "-m", "mailmine", *arguments)


def _letter(number: int, to: str, *, is_attached: bool) -> bytes:
    headers = (
        f"Message-ID: <{number}@bench.example>\r\nFrom: Ann <ann@example.com>\r\nTo: {to}\r\n"
        f"Subject: Order {number}\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\n"
    )
    text = f"Please send {number} chairs.\r\n"
    if not is_attached:
        return f"{headers}\r\n{text}".encode()
    return (
        f"{headers}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=next\r\n\r\n"
        f"--next\r\nContent-Type: text/plain\r\n\r\n{text}"
        f'--next\r\nContent-Type: application/pdf; name="order-{number}.pdf"\r\n'
        f"Content-Disposition: attachment\r\n\r\n%PDF {number}\r\n--next--\r\n"
    ).encode()
