"""What all tests may ask for."""

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from mailmine.store.database import Database
from tests import kerberos, object_store, pgbouncer, postgresql
from tests.object_store import Bucket

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("MAILMINE_SHARED", ROOT.parent / "shared"))

# How long a machine takes says nothing about what is tested.
settings.register_profile("mailmine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mailmine")

CHROMIUM = Path("/usr/bin/chromium")


def _program(name: str) -> Path:
    """Find a program; where it is missing, give a path at which nothing is and which says so."""
    return Path(shutil.which(name) or f"the program {name}")


WANTED = {
    "corpus": SHARED / "corpus",
    "schema": SHARED / "schema",
    "browser": CHROMIUM,
    "curl": _program("curl"),
    "jq": _program("jq"),
    "node": _program("node"),
}
"""What a marker stands for: tests so marked need that path, which is not part of the project."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests whose outside material is missing."""
    for item in items:
        for marker, path in WANTED.items():
            if item.get_closest_marker(marker) and not path.exists():
                item.add_marker(pytest.mark.skip(reason=f"{path} is missing"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what could not be tested."""
    without = postgresql.missing()
    if without:
        terminalreporter.section("NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.line(f"Nothing was tested on PostgreSQL: {without}.")
    without = pgbouncer.missing()
    if without:
        terminalreporter.section("NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.line(f"Nothing was tested behind a pooler: {without}.")
    without = object_store.missing()
    if without:
        terminalreporter.section("NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.line(f"Nothing was tested on an object store: {without}.")
    without = kerberos.missing()
    if without:
        terminalreporter.section("NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.line(f"Nothing was tested with Kerberos: {without}.")
    missing = [str(path) for path in WANTED.values() if not path.exists()]
    if missing:
        terminalreporter.section("NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.line(
            f"What tests need was missing, and those tests were skipped: {', '.join(missing)}"
        )


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real emails (`corpus`), Microsoft's schema (`schema`): for tests only, never part of the project."""
    return SHARED


@pytest.fixture(scope="session")
def pg_server() -> Iterator[postgresql.Server]:
    """Run a PostgreSQL for all tests of this process."""
    reason = postgresql.missing()
    if reason:
        pytest.skip(reason)
    with postgresql.run() as server:
        yield server


@pytest.fixture
def empty_pg_url(pg_server: postgresql.Server) -> str:
    """Make a database with nothing in it."""
    return pg_server.url(pg_server.create())


@pytest.fixture(scope="session")
def pg_database(pg_server: postgresql.Server) -> str:
    """Make the PostgreSQL database that the tests use one after the other."""
    url = pg_server.url(pg_server.create())
    database = Database.open(url)
    database.migrate()
    database.close()
    return url


@pytest.fixture
def pg_url(pg_server: postgresql.Server, pg_database: str) -> str:
    """Make a PostgreSQL database with our tables, empty."""
    pg_server.empty(pg_database)
    return pg_database


@pytest.fixture(scope="session")
def object_store_url() -> Iterator[str]:
    """Run an object store that speaks S3 for all tests of this process."""
    reason = object_store.missing()
    if reason:
        pytest.skip(reason)
    with object_store.run() as url:
        yield url


@pytest.fixture
def bucket(object_store_url: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Make a place in that object store, empty, and let the environment lead there."""
    for name, value in object_store.environment(object_store_url).items():
        monkeypatch.setenv(name, value)
    return Bucket(secrets.token_hex(8))
