"""An installation goes from SQLite and a folder to PostgreSQL and an object store, and works on there."""

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from itertools import islice
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql

from exchange_simulator import Exchange
from mailmine.cli.installation import opened
from mailmine.cli.move import move
from mailmine.cli.settings import Settings
from mailmine.client import Client
from mailmine.store.database import Database
from tests.integration.cli.test_commands import (
    environment,
    failed,
    free_port,
    mailmine,
    running,
    until,
)
from tests.object_store import Bucket

ACCOUNT = "svc@example.com"
PASSWORD = "secret"
ORDERS = "orders@example.com"
MAILS = 25
CONFIGURATION = """
[[integration]]
project = "sales"
name = "exchange"
endpoint = "{endpoint}/EWS/Exchange.asmx"
username = "svc@example.com"
password = "secret"
plain_http = true

[[integration.mailbox]]
address = "orders@example.com"
bucket = "mail"
attachments = true
"""


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    exchange = Exchange(folder=tmp_path)
    exchange.account(ACCOUNT, password=PASSWORD)
    exchange.mailbox(ORDERS)
    exchange.grant(ACCOUNT, mailbox=ORDERS)
    for number in range(MAILS):
        exchange.mailbox(ORDERS).deliver(letter(number))
    with exchange.serve() as address:
        configuration = CONFIGURATION.format(endpoint=address)
        (tmp_path / "sales.toml").write_text(configuration, encoding="utf-8")
        yield exchange
    exchange.close()


def letter(number: int) -> bytes:
    message = EmailMessage()
    message["Message-ID"] = f"<{number}@example.com>"
    message["From"] = "Ann <ann@example.com>"
    message["To"] = ORDERS
    message["Subject"] = f"Order {number}"
    message["Date"] = "Mon, 02 Mar 2026 10:00:00 +0000"
    message.set_content(f"Please send {number} chairs.\n")
    pdf = b"%PDF " + str(number).encode()
    message.add_attachment(pdf, maintype="application", subtype="pdf", filename="a.pdf")
    return message.as_bytes()


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[str]:
    port = free_port()
    wanted = ("serve", *arguments, "--port", str(port))
    with running(*wanted, folder=folder, says="mailmine is at"):
        yield f"http://127.0.0.1:{port}"


def subjects(url: str, token: str) -> list[str]:
    with Client(url, token) as client:
        try:
            return [str(one.messages[0].subject) for one in client.comments("sales/mail")]
        except LookupError:
            return []


def read_some(url: str, token: str, count: int | None = None) -> list[str]:
    with Client(url, token) as client:
        items = client.stream("sales/all/robot")
        found = [str(item.comment.messages[0].subject) for item in islice(items, count)]
        with suppress(StopIteration):
            next(items)  # it is moved behind an item when the next is asked for
        items.close()
        return found


def attachments(url: str, token: str) -> set[bytes]:
    with Client(url, token) as client:
        references = [
            file.reference for one in client.comments("sales/mail") for file in one.attachments
        ]
        return {client.attachment(each) for each in references if each}


def killed_when_it_waits_for(table: str, pg_url: str, arguments: list[str], folder: Path) -> None:
    """Run a command until it wants to write this table, and kill it there."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with psycopg.connect(pg_url) as holder, psycopg.connect(pg_url, autocommit=True) as watcher:
        holder.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(sql.Identifier(table)))
        with subprocess.Popen(
            [sys.executable, "-m", "mailmine", *arguments],
            cwd=folder,
            env=environment(),
            stdout=subprocess.DEVNULL,
        ) as process:
            until(lambda: watcher.execute(waiting).fetchone() != (0,) or process.poll() is not None)
            assert process.poll() is None, table
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        holder.rollback()


@pytest.mark.timeout(300)
def test_an_installation_moves_and_works_on(
    exchange: Exchange, pg_url: str, bucket: Bucket, tmp_path: Path
) -> None:
    move = ["move", "--to-database", pg_url, "--to-blobs", bucket.place]
    everything = {f"Order {number}" for number in range(MAILS)}
    with served(tmp_path, "--config", "sales.toml") as url:
        token = mailmine("token", "create", "admin", folder=tmp_path).stdout.strip()
        headers = {"Authorization": f"Bearer {token}"}
        until(lambda: set(subjects(url, token)) == everything)
        until(lambda: len(attachments(url, token)) == MAILS)
        with httpx.Client(base_url=f"{url}/api/v1", headers=headers) as admin:
            source = admin.get("/sources/sales/mail").json()["source"]["id"]
            dataset = {"dataset": {"source_ids": [source]}}
            admin.put("/datasets/sales/all", json=dataset).raise_for_status()
            stream = {"stream": {"name": "robot"}}
            admin.put("/datasets/sales/all/streams", json=stream).raise_for_status()
        before = read_some(url, token, 10)
        failed(mailmine(*move, folder=tmp_path), "first pass is done", "Stop mailmine")
        exchange.mailbox(ORDERS).deliver(letter(MAILS))  # after the first pass
        everything.add(f"Order {MAILS}")
        until(lambda: set(subjects(url, token)) == everything)
        until(lambda: len(attachments(url, token)) == MAILS + 1)

    for table in ("emails", "comments"):
        killed_when_it_waits_for(table, pg_url, move, tmp_path)
        failed(mailmine("serve", "--database", pg_url, folder=tmp_path), "`mailmine move` end")
    done = mailmine(*move, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"comments: {MAILS + 1} equal" in done.stdout
    failed(mailmine(*move, folder=tmp_path), "another installation")

    (tmp_path / "mailmine-data" / "blobs").rename(tmp_path / "put-away")
    (tmp_path / "mailmine-data" / "mailmine.db").rename(tmp_path / "mailmine.db")
    exchange.requests.clear()
    with served(tmp_path, "--database", pg_url, "--blobs", bucket.place) as url:
        until(lambda: exchange.requests.count("SyncFolderItems"))
        after = read_some(url, token)
        until(lambda: exchange.requests.count("GetStreamingEvents"))
        assert exchange.requests.count("GetItem") == exchange.requests.count("GetAttachment") == 0
        assert len(attachments(url, token)) == MAILS + 1
        exchange.mailbox(ORDERS).deliver(letter(MAILS + 1))
        until(lambda: len(subjects(url, token)) == MAILS + 2)
        after += read_some(url, token)
    assert len(before) == 10
    assert sorted(before + after) == sorted([*everything, f"Order {MAILS + 1}"])


def test_what_cannot_be_moved_is_said_in_words(pg_url: str, bucket: Bucket, tmp_path: Path) -> None:
    del bucket
    failed(mailmine("move", "--to-database", pg_url, folder=tmp_path), "no installation")
    failed(mailmine("move", "--to-database", "sqlite:///a.db", folder=tmp_path), "postgresql://")
    (tmp_path / "mailmine-data").mkdir()
    assert mailmine("user", "add", "ann", folder=tmp_path).returncode == 0
    nowhere = ("--to-blobs", "s3://nowhere/here")
    failed(mailmine("move", "--to-database", pg_url, *nowhere, folder=tmp_path), "no such bucket")


def test_the_next_command_is_there_to_be_copied(
    pg_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "the [old] data"
    with opened(Settings(data=data)):
        pass
    move(to_database=pg_url, data=data)
    (command,) = re.findall(
        r"Go on with (mailmine serve .*), with the same", capsys.readouterr().out
    )
    words = shlex.split(command)
    assert words[:5] == ["mailmine", "serve", "--data", str(data), "--database"]
    assert Database.open(words[5]).place == Database.open(pg_url).place
