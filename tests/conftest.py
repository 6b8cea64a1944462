"""What all tests may ask for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailmine.store.database import Database
from tests import postgresql

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("MAILMINE_SHARED", ROOT.parent / "shared"))

WANTED = {"corpus": SHARED / "corpus", "schema": SHARED / "schema"}
"""What a marker stands for: tests so marked need that folder, which is not part of the project."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests whose outside material is missing."""
    for item in items:
        for marker, folder in WANTED.items():
            if item.get_closest_marker(marker) and not folder.is_dir():
                item.add_marker(pytest.mark.skip(reason=f"{folder} is missing"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what could not be tested."""
    without = postgresql.missing()
    if without:
        terminalreporter.section("NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.line(f"Nothing was tested on PostgreSQL: {without}.")
    missing = [str(folder) for folder in WANTED.values() if not folder.is_dir()]
    if missing:
        terminalreporter.section("NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.line(
            f"Real mail or schemas were missing, and their tests skipped: {', '.join(missing)}"
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
def empty_pg_url(pg_server: postgresql.Server) -> Iterator[str]:
    """Make a database with nothing in it."""
    name = pg_server.create()
    yield pg_server.url(name)
    pg_server.drop(name)


@pytest.fixture(scope="session")
def pg_template(pg_server: postgresql.Server) -> str:
    """Make a database with our tables, to be copied for each test."""
    name = pg_server.create()
    database = Database.open(pg_server.url(name))
    database.migrate()
    database.close()
    return name


@pytest.fixture
def pg_url(pg_server: postgresql.Server, pg_template: str) -> Iterator[str]:
    """Make a PostgreSQL database with our tables, empty."""
    name = pg_server.create(pg_template)
    yield pg_server.url(name)
    pg_server.drop(name)
