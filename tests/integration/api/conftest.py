"""A town to ask about, and clients of its people."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from fastapi import FastAPI

from mailmine.access.secrets import Keyring
from mailmine.api import app as api
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from tests import amounts, postgresql
from tests.integration.api import town
from tests.integration.api.client import Client
from tests.integration.api.town import NOON, Town

KEYRING = Keyring.generate()

ClientOf = Callable[[str | None], Client]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('town')}/mailmine.db"
    else:
        server: postgresql.Server = request.getfixturevalue("pg_server")
        url = server.url(server.create())
    database = Database.open(url)
    database.migrate()
    yield database
    assert amounts.are_right(database)
    database.close()


@pytest.fixture(scope="module")
def blobs() -> Blobs:
    return Blobs.in_memory()


@pytest.fixture(scope="module")
def sales(database: Database, blobs: Blobs) -> Town:
    return asyncio.run(town.found(database, blobs))


@pytest.fixture(scope="module")
def app(database: Database, blobs: Blobs) -> FastAPI:
    def clock() -> datetime:
        return NOON

    return api.create(database, blobs, KEYRING, clock=clock)


@pytest.fixture
def client_of(app: FastAPI, sales: Town) -> ClientOf:
    """Give the client of one of the town's people; of None it sends no token."""
    return lambda name: Client(app, sales.tokens[name] if name else None)


@pytest.fixture
def reader(client_of: ClientOf) -> Client:
    return client_of("reader")


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Blobs, Town]:
    """Found a town to be copied by whoever changes something in it."""
    path = tmp_path_factory.mktemp("pattern") / "mailmine.db"
    database, blobs = Database.open(f"sqlite:///{path}"), Blobs.in_memory()
    database.migrate()
    sales = asyncio.run(town.found(database, blobs))
    database.close()
    return path, blobs, sales


@pytest.fixture
def fresh(
    pattern: tuple[Path, Blobs, Town], tmp_path: Path
) -> Iterator[tuple[Database, Blobs, Town]]:
    """Give a town of one's own."""
    path, blobs, sales = pattern
    for file in path.parent.glob("mailmine.db*"):
        shutil.copy(file, tmp_path / file.name)
    database = Database.open(f"sqlite:///{tmp_path / path.name}")
    yield database, blobs, sales
    assert amounts.are_right(database)
    database.close()
