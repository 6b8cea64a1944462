"""What the contract suites of the store run against."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailmine.store.database import Database
from tests import amounts


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an SQLite database with our tables, to be copied for each test."""
    file = tmp_path_factory.mktemp("template") / "mailmine.db"
    database = Database.open(f"sqlite:///{file}")
    database.migrate()
    database.close()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> str:
    """Make a database with our tables, empty; each test runs once on either kind."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("pg_url")
        return url
    file = shutil.copy(sqlite_template, tmp_path / "mailmine.db")
    return f"sqlite:///{file}"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Open that database."""
    opened = Database.open(database_url, patience=5)
    yield opened
    assert amounts.are_right(opened)
    opened.close()
