"""`python -m bench.scale_run`: three workers share one PostgreSQL and poll many mailboxes of a simulated Exchange.

Everything is on this machine. After a while of steady polling a worker is killed, another frozen for longer than its
lease and thawed, and PostgreSQL killed and started again, while new mail keeps arriving; in the end all of it
must be there once.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg
from rich.console import Console
from rich.table import Table

from exchange_simulator import Exchange
from mailmine.store.database import Database
from tests import postgresql

WORKERS: Final = 3
INTERVAL: Final = 30
"""Seconds between two polls of a mailbox."""
LATE: Final = 2.0
"""Seconds that a poll may be late: a worker looks that often for what is due."""
LEASE: Final = 30
PER_INTEGRATION: Final = 500
"""Mailboxes that one account reads."""
HISTORY: Final = 1
PASSWORD: Final = "bench"  # noqa: S105 - of the simulator
TICKS: Final = os.sysconf("SC_CLK_TCK")
MICRO: Final = 1e6
SETTLE: Final = 600
"""Seconds that the first load, or what comes after a fault, may take."""
CONFIGURATION: Final = """
[[integration]]
project = "bench"
name = "exchange-{number}"
endpoint = "{endpoint}/EWS/Exchange.asmx"
username = "{account}"
password = "bench"
plain_http = true
"""
TOP: Final = """
SELECT calls, total_exec_time, query FROM pg_stat_statements ORDER BY calls DESC LIMIT 25
"""
"""The statements that are asked most, to know where to look."""
MAILBOX: Final = """
[[integration.mailbox]]
address = "{address}"
bucket = "mail-{number}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    what: str
    figure: str
    target: str = ""
    is_met: bool = True


@dataclass
class Cluster:
    """What runs."""

    exchange: Exchange
    server: postgresql.Server
    url: str
    folder: Path
    mailboxes: tuple[str, ...]
    workers: list[subprocess.Popen[str]] = field(default_factory=list)
    delivered: int = 0
    numbers: Iterator[int] = field(default_factory=count)
    places: Iterator[int] = field(default_factory=count)

    def start(self) -> subprocess.Popen[str]:
        """Start one more worker."""
        place = self.folder / f"worker-{next(self.places)}"
        (place / "mailmine-data").mkdir(parents=True)
        shutil.copy(self.folder / "mailmine-data" / "secret.key", place / "mailmine-data")
        # Its output is kept for whoever asks why something went wrong.
        with (place / "output").open("w") as output:
            worker = subprocess.Popen(
                _mailmine("worker", "--database", self.url, "--port", "0"),
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=place,
            )
        self.workers.append(worker)
        return worker

    def deliver(self, mails: int) -> None:
        """Let mail arrive, each in another mailbox."""
        for _ in range(mails):
            number = next(self.numbers)
            address = self.mailboxes[number * 7919 % len(self.mailboxes)]
            self.exchange.mailbox(address).deliver(_letter(number, address))
            self.delivered += 1

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
        server = stack.enter_context(postgresql.run(options))
        url = server.url(server.create())
        exchange = Exchange(folder=folder)
        stack.callback(exchange.close)
        exchange.compresses = False
        names = tuple(f"box-{number}@example.com" for number in range(mailboxes))
        configured: list[str] = []
        address = stack.enter_context(exchange.serve())
        for number, first in enumerate(range(0, mailboxes, PER_INTEGRATION)):
            account = f"reader-{number}@example.com"
            exchange.account(account, password=PASSWORD)
            configured.append(
                CONFIGURATION.format(number=number, endpoint=address, account=account)
            )
            for name in names[first : first + PER_INTEGRATION]:
                exchange.mailbox(name)
                exchange.grant(account, mailbox=name)
                configured.append(MAILBOX.format(address=name, number=number))
        (folder / "bench.toml").write_text("".join(configured), encoding="utf-8")
        subprocess.run(
            _mailmine("import", "bench.toml", "--database", url),
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        made = Cluster(exchange, server, url, folder, names)
        made.deliver(mailboxes * HISTORY)
        try:
            yield made
        finally:
            for worker in made.workers:
                worker.send_signal(signal.SIGCONT)
                worker.terminate()
            for worker in made.workers:
                worker.wait(60)


def steady(here: Cluster, seconds: float) -> Iterator[Row]:
    """Poll for a while: how fresh, and what it costs."""
    pids = [worker.pid for worker in here.workers]
    first_cpu, began = [_cpu(pid) for pid in pids], time.monotonic()
    base_cpu, own_cpu = _cpu(here.server.pid), time.process_time()
    rounds = here.number("SELECT sum(lease_epoch) FROM mailboxes")
    here.ask("SELECT 1 FROM pg_stat_statements_reset()")
    ages: list[float] = []
    peak = 0.0
    while time.monotonic() - began < seconds:
        time.sleep(1)
        found = here.ask("SELECT last_round_at FROM mailboxes")
        now = time.time()
        ages += [now - at / MICRO for (at,) in found]
        peak = max(peak, *(_memory(pid) for pid in pids))
    took = time.monotonic() - began
    cpu = sum(_cpu(pid) for pid in pids) - sum(first_cpu)
    done = here.number("SELECT sum(lease_epoch) FROM mailboxes") - rounds
    wanted = len(here.mailboxes) / INTERVAL
    fresh = sum(age <= INTERVAL + LATE for age in ages) / len(ages)
    ages.sort()
    yield Row(
        what=f"polled within {INTERVAL} s (+{LATE:g})",
        figure=f"{fresh:.2%}",
        target="at least 99.9%",
        is_met=fresh >= 0.999,
    )
    points = " / ".join(f"{ages[int((len(ages) - 1) * part)]:.1f}" for part in (0.5, 0.95, 0.99, 1))
    yield Row(what="seconds since the last poll: p50 / p95 / p99 / max", figure=points)
    yield Row(what="polls a second (wanted)", figure=f"{done / took:.0f} ({wanted:.0f})")
    yield Row(
        what="CPU of the workers, in cores",
        figure=f"{cpu / took:.2f}",
        target="under 1",
        is_met=cpu / took < 1,
    )
    yield Row(what="CPU of a poll in the workers, ms", figure=f"{cpu / max(done, 1) * 1e3:.2f}")
    base = _cpu(here.server.pid) - base_cpu
    yield Row(what="CPU of PostgreSQL, in cores", figure=f"{base / took:.2f}")
    yield Row(
        what="CPU of the simulator, in cores",
        figure=f"{(time.process_time() - own_cpu) / took:.2f}",
    )
    for calls, milliseconds, text in here.ask(TOP):
        print(
            f"{calls / done:8.2f} {milliseconds / done:8.3f} {' '.join(str(text).split())[:150]}",
            file=sys.stderr,
        )
    yield Row(what="statements a poll", figure=f"{_statements(here) / done:.1f}")
    yield Row(
        what="memory of a worker, MiB", figure=f"{peak:.0f}", target="under 200", is_met=peak < 200
    )


def killed(here: Cluster) -> Iterator[Row]:
    """Kill a worker while it reads."""
    gone = here.workers.pop(0)
    # Frozen first, so that it is known which leases it leaves behind.
    gone.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    began = time.time()
    gone.kill()
    gone.wait(30)
    here.deliver(50)
    yield from _goes_on(here, "kill -9 of a worker", began)
    here.start()


def frozen(here: Cluster) -> Iterator[Row]:
    """Freeze a worker for longer than its lease, and thaw it."""
    one = here.workers[0]
    one.send_signal(signal.SIGSTOP)
    began = time.time()
    here.deliver(50)
    yield from _goes_on(here, "a worker frozen", began)
    time.sleep(max(0.0, began + LEASE + 10 - time.time()))
    one.send_signal(signal.SIGCONT)
    here.deliver(50)
    yield from _goes_on(here, "thawed", time.time())
    alive = one.poll() is None
    yield Row(
        what="the thawed worker lives", figure="yes" if alive else "no", target="yes", is_met=alive
    )


def without_database(here: Cluster) -> Iterator[Row]:
    """Kill PostgreSQL, and start it again some seconds later."""
    here.server.kill()
    time.sleep(5)
    here.deliver(50)
    here.server.start()
    began = time.time()
    yield from _goes_on(here, "kill -9 of PostgreSQL, started again", began)
    alive = all(worker.poll() is None for worker in here.workers)
    yield Row(
        what="the workers live on", figure="yes" if alive else "no", target="yes", is_met=alive
    )


def _goes_on(here: Cluster, what: str, began: float) -> Iterator[Row]:
    """Wait until every mailbox was read after `began`, and say how late the last lease or mail was."""
    due = "SELECT count(*) FROM mailboxes WHERE last_round_at < %s"
    stuck = "SELECT count(*) FROM mailboxes WHERE lease_until IS NOT NULL AND lease_until < %s"
    freed = 0.0

    def is_over() -> bool:
        nonlocal freed
        now = time.time()
        if here.number(stuck, int(now * MICRO)):
            freed = now - began
        return not here.number(due, int(began * MICRO))

    took = _until(is_over) - began
    # Each is read within an interval anyway; what a dead one held, within a lease.
    most = INTERVAL + LEASE
    yield Row(
        what=f"{what}: seconds until all were read",
        figure=f"{took:.1f}",
        target=f"at most {most}",
        is_met=took <= most,
    )
    if freed:
        yield Row(
            what=f"{what}: seconds until its leases were taken",
            figure=f"{freed:.1f}",
            target=f"at most {LEASE + LATE:g}",
            is_met=freed <= LEASE + LATE,
        )


def counted(here: Cluster) -> Iterator[Row]:
    """Compare what was delivered with what is there."""
    wanted = here.delivered
    counts = "SELECT (SELECT count(*) FROM emails), (SELECT count(*) FROM copies), count(*), count(DISTINCT arrival) FROM comments"

    def found() -> tuple[float, ...]:
        return tuple(here.ask(counts)[0])

    # New mail is read within an interval; what is doubled would be there by then as well.
    _until(lambda: min(found()) >= wanted)
    kinds = ("emails", "copies", "comments", "places in their order")
    for kind, number in zip(kinds, found(), strict=True):
        yield Row(
            what=f"{kind} of {wanted:,} mails",
            figure=f"{number:,.0f}",
            target=f"{wanted:,}",
            is_met=number == wanted,
        )


def _until(is_so: Callable[[], bool]) -> float:
    """Wait for something in the database; gives when it was so."""
    end = time.monotonic() + SETTLE
    while time.monotonic() < end:
        try:
            if is_so():
                return time.time()
        except psycopg.OperationalError:
            pass  # it is not back yet
        time.sleep(0.5)
    raise SystemExit("it did not come about in time")


def _statements(here: Cluster) -> float:
    """Count what PostgreSQL was asked, where it counts that."""
    try:
        return here.number("SELECT sum(calls) FROM pg_stat_statements")
    except psycopg.Error:
        return float("nan")


def _mailmine(*arguments: str) -> Sequence[str]:
    return (sys.executable, "-m", "mailmine", *arguments)


def _letter(number: int, to: str) -> bytes:
    return (
        f"Message-ID: <{number}@bench.example>\r\nFrom: Ann <ann@example.com>\r\nTo: {to}\r\n"
        f"Subject: Order {number}\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\n\r\n"
        f"Please send {number} chairs.\r\n"
    ).encode()


def _family(pid: int) -> Iterator[int]:
    """Give a process and those that it started (proc(5))."""
    yield pid
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return
    for child in text.split():
        yield from _family(int(child))


def _cpu(pid: int) -> float:
    """Seconds of CPU of a process and those that it started, the ended ones as well."""
    ticks = 0
    for one in _family(pid):
        try:
            stat = Path(f"/proc/{one}/stat").read_text(encoding="utf-8")
        except OSError:
            continue
        ticks += sum(map(int, stat.rpartition(")")[2].split()[11:15]))
    return ticks / TICKS


def _memory(pid: int) -> float:
    """MiB of a process and those that it started; what they share counts once."""
    total = 0
    for one in _family(pid):
        try:
            text = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii")
        except OSError:
            continue
        found = re.search(r"Pss:\s+(\d+)", text)
        total += int(found.group(1)) if found else 0
    return total / 1024


def measure(mailboxes: int, seconds: float, *, with_faults: bool) -> Iterator[Row]:
    """Run it all."""
    options = "-c shared_preload_libraries=pg_stat_statements -c shared_buffers=128MB"
    with cluster(mailboxes, options) as here:
        with Database.open(here.url).write() as tx:
            tx.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        began = time.time()
        for _ in range(WORKERS):
            here.start()
        unread = "SELECT count(*) FROM mailboxes WHERE last_round_at IS NULL"
        took = _until(lambda: not here.number(unread)) - began
        yield Row(
            what=f"seconds until {mailboxes:,} mailboxes were read first", figure=f"{took:.0f}"
        )
        time.sleep(2 * INTERVAL)
        yield from steady(here, seconds)
        here.deliver(100)
        if with_faults:
            for fault in (killed, frozen, without_database):
                yield from fault(here)
        yield from counted(here)


def main() -> None:
    """Measure; exit with 1 where a target is missed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--mailboxes", type=int, default=2_000)
    arguments.add_argument("--seconds", type=float, default=60, help="of steady polling")
    arguments.add_argument("--no-faults", action="store_true", help="steady polling alone")
    given = arguments.parse_args()
    # What was started is ended also where somebody stops it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = Console()
    table = Table("what", "measured", "target", "")
    is_met = True
    for row in measure(given.mailboxes, given.seconds, with_faults=not given.no_faults):
        said = "" if not row.target else "met" if row.is_met else "MISSED"
        table.add_row(row.what, row.figure, row.target, said)
        console.print(f"{row.what}: {row.figure} {said}", style="dim")
        is_met &= row.is_met
    console.print(f"{WORKERS} workers, {given.mailboxes:,} mailboxes, everything on one machine")
    console.print(table)
    sys.exit(0 if is_met else 1)


if __name__ == "__main__":
    main()
