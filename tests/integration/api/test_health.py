"""Whether we are there, and whether we can serve."""

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from mailmine.access.secrets import Keyring
from mailmine.api import app as api
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from tests.integration.api.client import Answer, Client
from tests.integration.api.town import NOON

HOST = "db.internal.example"


class World:
    """An installation of nothing, and its clock."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self.now = NOON
        self.database = database
        app = api.create(database, blobs, Keyring.generate(), clock=self.time)
        self.client = Client(app)

    def time(self) -> datetime:
        return self.now

    async def ask(self, *, later: bool = True) -> Answer:
        if later:
            self.now += timedelta(seconds=6)
        return await self.client.get("/readyz")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        found: str = request.getfixturevalue("empty_pg_url")
        return found
    return f"sqlite:///{tmp_path / 'mailmine.db'}"


@pytest.fixture
def world(url: str, tmp_path: Path) -> Iterator[World]:
    database = Database.open(url, patience=1)
    yield World(database, Blobs.open(tmp_path / "blobs"))
    database.close()


async def test_alive_whatever_is_missing(world: World) -> None:
    answer = await world.client.get("/healthz")
    assert (answer.status, answer.json) == (200, {"status": "ok"})


async def test_ready_once_the_schema_is_ours(world: World) -> None:
    answer = await world.ask()
    assert answer.status == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.json["message"] == (
        "Not ready: the schema of the database is not that of this version."
    )
    world.database.migrate()
    answer = await world.ask()
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    with world.database.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert (await world.ask()).status == 503


async def test_while_a_later_version_takes_over(world: World) -> None:
    """Its first process brought the schema up to date; those of before go on until they are replaced."""
    world.database.migrate()
    with world.database.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert (await world.ask()).status == 200


async def test_an_answer_holds_for_some_seconds(world: World) -> None:
    assert (await world.ask()).status == 503
    world.database.migrate()
    assert (await world.ask(later=False)).status == 503
    assert (await world.ask()).status == 200


async def test_without_room_for_contents(world: World, tmp_path: Path) -> None:
    world.database.migrate()
    shutil.rmtree(tmp_path / "blobs")
    (tmp_path / "blobs").write_text("no folder")
    answer = await world.ask()
    assert answer.status == 503
    assert answer.json["message"] == "Not ready: contents cannot be kept."


async def test_nothing_is_left_behind(world: World, tmp_path: Path) -> None:
    world.database.migrate()
    assert (await world.ask()).status == 200
    assert not [file for file in (tmp_path / "blobs").rglob("*") if file.is_file()]


async def test_the_reasons_help_no_attacker() -> None:
    database = Database.open(f"postgresql://secretary:hush@127.0.0.1:1/{HOST}", patience=1)
    answer = await World(database, Blobs.in_memory()).ask()
    database.close()
    assert answer.status == 503
    assert answer.json["message"] == "Not ready: the database cannot be used."
