"""Who falls silent is given up: PostgreSQL's clients by PostgreSQL, and PostgreSQL by its clients."""

import os
import select
import socket
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Connection, text

from mailmine.store.database import SILENCE, Database
from mailmine.store.errors import DatabaseUnavailable
from tests import postgresql

LEASE = 30
"""Seconds after which others read a worker's mailboxes."""


@pytest.fixture
def pg_database(pg_url: str) -> Iterator[Database]:
    database = Database.open(pg_url)
    yield database
    database.close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Run a PostgreSQL that is asked through the network."""
    if reason := postgresql.missing():
        pytest.skip(reason)
    with postgresql.run(network="127.0.0.1/32") as server:
        yield server.url(server.create(), "127.0.0.1")


def shown(tx: Connection, name: str) -> str:
    return str(tx.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar_one())


def fall_asleep(database: Database) -> None:
    """Let PostgreSQL end a transaction, and go on with it."""
    with database.write() as tx:
        tx.execute(text("SET LOCAL idle_in_transaction_session_timeout = 1"))
        connection = tx.connection.driver_connection
        assert connection is not None
        select.select([connection.pgconn.socket], [], [])  # until PostgreSQL has said something
        tx.execute(text("SELECT 1"))


def test_a_transaction_that_was_abandoned_is_no_bug(pg_database: Database) -> None:
    # As in a process that is frozen while it claims, and thawed.
    # What PostgreSQL said last is lost where the connection was reset before it was read.
    with pytest.raises(DatabaseUnavailable, match="cannot be used now"):
        fall_asleep(pg_database)
    with pg_database.write() as tx:  # on another connection
        assert tx.execute(text("SELECT 1")).scalar_one() == 1


def test_postgresql_ends_what_is_abandoned(pg_database: Database) -> None:
    with pg_database.read() as tx:
        assert shown(tx, "idle_in_transaction_session_timeout") == "30s"


def test_both_ends_notice_a_cut_before_a_lease_has_run_out(address: str) -> None:
    database = Database.open(address)
    with database.read() as tx:
        driver = tx.connection.driver_connection
        assert driver is not None
        with socket.socket(fileno=os.dup(driver.pgconn.socket)) as ours:
            options = [
                ours.getsockopt(socket.IPPROTO_TCP, option)
                for option in (
                    socket.TCP_KEEPIDLE,
                    socket.TCP_KEEPINTVL,
                    socket.TCP_KEEPCNT,
                    socket.TCP_USER_TIMEOUT,
                )
            ]
            assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        theirs = [
            shown(tx, f"tcp_{name}")
            for name in ("keepalives_idle", "keepalives_interval", "keepalives_count")
        ]
        patience = shown(tx, "tcp_user_timeout")
    database.close()
    idle, interval, count, milliseconds = options
    assert idle + interval * count <= SILENCE < LEASE
    assert milliseconds == SILENCE * 1000
    assert theirs == [f"{idle}", f"{interval}", f"{count}"]
    assert patience == f"{milliseconds}"


def test_an_address_may_say_otherwise(address: str) -> None:
    database = Database.open(f"{address}&tcp_user_timeout=60000&keepalives_idle=40")
    with database.read() as tx:
        driver = tx.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        found = driver.info.get_parameters()
    database.close()
    assert (found["tcp_user_timeout"], found["keepalives_idle"]) == ("60000", "40")
