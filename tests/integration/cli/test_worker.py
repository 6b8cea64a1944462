"""Workers share one PostgreSQL: one that dies is replaced, one that loses the database waits for it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx
import psycopg
import pytest

from exchange_simulator import Exchange
from mailmine.store.database import Database
from tests import pgbouncer, postgresql
from tests.integration.cli.test_commands import (
    DEADLINE,
    environment,
    failed,
    free_port,
    mailmine,
    running,
    until,
)
from tests.integration.cli.test_move import ACCOUNT, PASSWORD, letter

BOXES = tuple(f"box{number}@example.com" for number in range(8))
"""Twice as many as one worker reads of an integration at a time."""
MAILS = 10
LEASE = 30
CONFIGURATION = """
[[integration]]
project = "sales"
name = "exchange"
endpoint = "{endpoint}/EWS/Exchange.asmx"
username = "svc@example.com"
password = "secret"
plain_http = true
"""
MAILBOX = """
[[integration.mailbox]]
address = "{address}"
bucket = "mail"
"""


@pytest.fixture
def exchange(tmp_path: Path, pg_url: str) -> Iterator[Exchange]:
    """Make mailboxes with mail, configured, and the data folders of three hosts with the same key."""
    exchange = Exchange(folder=tmp_path)
    exchange.account(ACCOUNT, password=PASSWORD)
    for box, address in enumerate(BOXES):
        exchange.mailbox(address)
        exchange.grant(ACCOUNT, mailbox=address)
        for number in range(MAILS):
            exchange.mailbox(address).deliver(letter(box * MAILS + number))
    with exchange.serve() as address:
        configuration = CONFIGURATION.format(endpoint=address) + "".join(
            MAILBOX.format(address=box) for box in BOXES
        )
        (tmp_path / "sales.toml").write_text(configuration, encoding="utf-8")
        taken = mailmine("import", "sales.toml", "--database", pg_url, folder=tmp_path)
        assert taken.returncode == 0, taken.stderr
        for host in "abc":
            (tmp_path / host / "mailmine-data").mkdir(parents=True)
            key = tmp_path / "mailmine-data" / "secret.key"
            shutil.copy(key, tmp_path / host / "mailmine-data")
        yield exchange
    exchange.close()


@contextmanager
def working(folder: Path, pg_url: str) -> Iterator[tuple[Popen[str], str]]:
    port = free_port()
    wanted = ("worker", "--database", pg_url, "--port", str(port))
    with running(*wanted, folder=folder, says="mailmine works") as process:
        try:
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGCONT)


def ask(pg_url: str, query: str, *values: object) -> list[Any]:
    with psycopg.connect(pg_url) as connection:
        return [row[0] for row in connection.execute(query.encode(), values)]


def owners(pg_url: str) -> set[str]:
    query = "SELECT lease_owner FROM mailboxes WHERE lease_owner IS NOT NULL"
    return set(ask(pg_url, query))


def owners_at(pg_url: str, worker: Popen[str]) -> set[str]:
    query = "SELECT w.id FROM workers w WHERE w.pid = %s AND w.id IN (SELECT lease_owner FROM mailboxes)"
    return set(ask(pg_url, query, worker.pid))


def read(pg_url: str) -> int:
    return int(ask(pg_url, "SELECT count(*) FROM comments")[0])


@pytest.mark.timeout(300)
def test_what_a_dead_and_a_frozen_worker_had_is_taken_over(
    exchange: Exchange, pg_url: str, tmp_path: Path
) -> None:
    everything = len(BOXES) * MAILS
    exchange.latency = 20  # no round ends before its worker is lost
    with working(tmp_path / "a", pg_url) as (dead, _):
        (first,) = until(lambda: owners(pg_url))
        with (
            working(tmp_path / "b", pg_url) as (frozen, frozen_url),
            working(tmp_path / "c", pg_url) as (other, url),
        ):
            (second,) = until(lambda: owners_at(pg_url, frozen))
            until(lambda: {first, second} <= owners(pg_url))
            dead.kill()
            frozen.send_signal(signal.SIGSTOP)
            assert dead.wait(DEADLINE) == -signal.SIGKILL
            gone = [first, second]
            held = ask(
                pg_url, "SELECT lease_until FROM mailboxes WHERE lease_owner = ANY(%s)", gone
            )
            assert held
            assert max(held) / 1e6 - time.time() <= LEASE
            exchange.latency = 0
            until(lambda: owners(pg_url).isdisjoint(gone))
            until(lambda: read(pg_url) == everything)
            frozen.send_signal(signal.SIGCONT)
            lost = 'mailmine_rounds_total{outcome="taken_over"}'
            until(lambda: lost in httpx.get(f"{frozen_url}/metrics").text)
            assert httpx.get(f"{url}/healthz").status_code == 200
            assert httpx.get(f"{url}/readyz").status_code == 200
            assert 'mailmine_rounds_total{outcome="done"}' in httpx.get(f"{url}/metrics").text
            assert httpx.get(f"{url}/api/v1/sources").status_code == 404
            for left in (frozen, other):
                left.send_signal(signal.SIGTERM)
                assert left.wait(DEADLINE) == 0
    assert owners(pg_url) == set()
    for table in ("emails", "copies", "comments"):
        assert ask(pg_url, f"SELECT count(*) FROM {table}") == [everything]  # noqa: S608
    assert ask(pg_url, "SELECT count(DISTINCT arrival) FROM comments") == [everything]


def test_a_worker_waits_for_a_database_that_is_gone(
    exchange: Exchange, pg_server: postgresql.Server, pg_url: str, tmp_path: Path
) -> None:
    (name,) = ask(pg_url, "SELECT current_database()")
    with (
        working(tmp_path / "a", pg_url) as (process, url),
        psycopg.connect(pg_server.url("postgres"), autocommit=True) as root,
    ):
        until(lambda: read(pg_url) == len(BOXES) * MAILS)
        root.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        try:
            root.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            until(lambda: httpx.get(f"{url}/readyz").status_code == 503)
            exchange.mailbox(BOXES[0]).deliver(letter(1_000))
        finally:
            root.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
        until(lambda: read(pg_url) == len(BOXES) * MAILS + 1)
        assert process.poll() is None


@contextmanager
def frozen(server: postgresql.Server) -> Iterator[None]:
    """Let all processes of a server stand still: connections stay, and nothing is ever answered."""
    stopped: list[int] = []

    def stop(pids: Iterable[int]) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)
            until(partial(is_still, pid))

    try:
        # The first one before its children are named: from then on it starts none, and reaps none.
        stop([server.pid])
        stop(postgresql.children(server.pid))
        yield
    finally:
        # And last, since it reaps those that ended meanwhile.
        for pid in reversed(stopped):
            os.kill(pid, signal.SIGCONT)


def is_still(pid: int) -> bool:
    """Tell whether a process is stopped (T), or has ended and not been reaped (Z): proc(5)."""
    state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    return state in {"T", "Z"}


def test_a_worker_ends_in_time_though_the_database_is_frozen_behind_a_pooler(
    exchange: Exchange, pg_server: postgresql.Server, pg_url: str, tmp_path: Path
) -> None:
    del exchange
    if reason := pgbouncer.missing():
        pytest.skip(reason)
    folder, quickly = (
        tmp_path / "a",
        "from mailmine.cli import listening, main; listening.LATEST = 1.0; main()",
    )
    with (
        pgbouncer.before(pg_url) as pooled,
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-c", quickly, "worker", "--database", pooled, "--port", "0"],
            cwd=folder,
            env=environment(),
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            until(lambda: read(pg_url) or process.poll() is not None)
            with frozen(pg_server):
                process.send_signal(signal.SIGTERM)
                assert process.wait(10) == 1
        finally:
            process.kill()
    assert '"event": "cut off"' in (folder / "log").read_text()


def test_a_worker_without_the_key_does_not_begin(
    exchange: Exchange, pg_url: str, tmp_path: Path
) -> None:
    del exchange
    (tmp_path / "a" / "mailmine-data" / "secret.key").unlink()
    refused = mailmine("worker", "--database", pg_url, folder=tmp_path / "a")
    failed(refused, "MAILMINE_SECRET_KEY", "secret.key")


def test_a_worker_loads_what_it_needs(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'mailmine.db'}"
    Database.open(database).migrate()
    code = (
        "import sys, mailmine.cli.worker; from mailmine.store.database import Database;"
        f"Database.open({database!r}).migrate();"
        "print({name.partition('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    few_need = ("alembic", "apprise", "gssapi", "jinja2", "krb5", "msal", "numpy", "spnego")
    assert [name for name in few_need if repr(name) in loaded] == []
