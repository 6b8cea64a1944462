"""The present version starts on what an earlier one left, and an earlier one refuses what a later one left."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from exchange_simulator import Exchange
from mailmine.store import migrations
from mailmine.store.database import Database
from tests.integration.cli.test_commands import DEADLINE, failed, mailmine, until
from tests.integration.cli.test_move import (
    ACCOUNT,
    CONFIGURATION,
    ORDERS,
    PASSWORD,
    attachments,
    letter,
    read_some,
    served,
    subjects,
)

EARLIER = "0005"
MAILS = 6


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    exchange = Exchange(folder=tmp_path)
    exchange.account(ACCOUNT, password=PASSWORD)
    exchange.grant(ACCOUNT, mailbox=ORDERS)
    for number in range(MAILS):
        exchange.mailbox(ORDERS).deliver(letter(number))
    with exchange.serve() as address:
        (tmp_path / "sales.toml").write_text(CONFIGURATION.format(endpoint=address), "utf-8")
        yield exchange


def as_earlier(path: Path) -> None:
    """Put a database into the schema of `EARLIER`: all rows, with the columns that there were."""
    later = path.rename(path.with_suffix(".later"))
    database = Database.open(f"sqlite:///{path}")
    with database.write() as tx:
        migrations.upgrade(tx, EARLIER)
    database.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ATTACH ? AS later", (str(later),))
        for table in tables(connection, "main"):
            columns = ", ".join(
                f'"{name}"'
                for name in names(connection, "main", table) & names(connection, "later", table)
            )
            connection.execute(f'DELETE FROM main."{table}"')  # noqa: S608
            connection.execute(
                f'INSERT INTO main."{table}" ({columns}) SELECT {columns} FROM later."{table}"'  # noqa: S608
            )
        assert tables(connection, "later") > tables(connection, "main")
        connection.commit()


def tables(connection: sqlite3.Connection, database: str) -> set[str]:
    """Give all tables but the one of words itself, which lives in tables of its own."""
    found = connection.execute(f"SELECT name FROM {database}.sqlite_schema WHERE type = 'table'")  # noqa: S608
    return {
        name
        for (name,) in found
        if name not in {"comment_words", "alembic_version"} and not name.startswith("sqlite_")
    }


def names(connection: sqlite3.Connection, database: str, table: str) -> set[str]:
    return {row[1] for row in connection.execute(f'PRAGMA {database}.table_info("{table}")')}


def revision(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        (found,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(found)


@pytest.mark.timeout(300)
def test_an_installation_of_before_works_on(exchange: Exchange, tmp_path: Path) -> None:
    everything = {f"Order {number}" for number in range(MAILS)}
    data = tmp_path / "mailmine-data"
    with served(tmp_path, "--config", "sales.toml") as url:
        token = mailmine("token", "create", "admin", folder=tmp_path).stdout.strip()
        until(lambda: set(subjects(url, token)) == everything)
        until(lambda: len(attachments(url, token)) == MAILS)
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"{url}/api/v1", headers=headers) as admin:
            source = admin.get("/sources/sales/mail").json()["source"]["id"]
            dataset = {"dataset": {"source_ids": [source]}}
            admin.put("/datasets/sales/all", json=dataset).raise_for_status()
            stream = {"stream": {"name": "robot"}}
            admin.put("/datasets/sales/all/streams", json=stream).raise_for_status()
        before = read_some(url, token, 2)
    as_earlier(data / "mailmine.db")
    failed(mailmine("status", folder=tmp_path), "up to date")
    assert revision(data / "mailmine.db") == EARLIER

    exchange.requests.clear()
    with served(tmp_path) as url:
        assert httpx.get(f"{url}/readyz", timeout=DEADLINE).status_code == 200
        assert set(subjects(url, token)) == everything
        until(lambda: exchange.requests.count("GetStreamingEvents"))
        assert exchange.requests.count("GetItem") == exchange.requests.count("GetAttachment") == 0
        exchange.mailbox(ORDERS).deliver(letter(MAILS))
        until(lambda: len(subjects(url, token)) == MAILS + 1)
        after = read_some(url, token)
        until(lambda: len(attachments(url, token)) == MAILS + 1)
    assert sorted(before + after) == sorted([*everything, f"Order {MAILS}"])
    assert "orders@example.com" in mailmine("status", folder=tmp_path).stdout


def test_a_version_of_before_touches_nothing_of_a_later_one(tmp_path: Path) -> None:
    """As after a rollback: what is installed is older than the database, and only the backup of then suits it."""
    assert mailmine("user", "add", "ann", folder=tmp_path).returncode == 0
    path = tmp_path / "mailmine-data" / "mailmine.db"
    backup = shutil.copy(path, tmp_path / "backup.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("ALTER TABLE users ADD COLUMN of_later TEXT")
        connection.commit()
    left = path.read_bytes()
    for command in (("serve", "--port", "0"), ("worker", "--port", "0"), ("user", "list")):
        failed(mailmine(*command, folder=tmp_path), "newer mailmine", "9999", "backup")
    failed(mailmine("status", folder=tmp_path), "newer")
    assert path.read_bytes() == left

    shutil.copy(backup, path)
    assert "ann" in mailmine("user", "list", folder=tmp_path).stdout
