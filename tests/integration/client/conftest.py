"""The town of the API's tests, served, and both clients of its people."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Protocol

import httpx
import pytest
from fastapi import FastAPI

from mailmine.access.secrets import Keyring
from mailmine.api import app as api
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from tests.integration.api import town
from tests.integration.api.town import NOON, Town
from tests.integration.client.both import Awaited, Blocking, Face
from tests.integration.client.serving import serving


class FaceOf(Protocol):
    """Makes a client."""

    def __call__(
        self,
        user: str = "root",
        *,
        url: str | None = None,
        transport: httpx.MockTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> Face: ...


class MakeStream(Protocol):
    """Makes a stream over all comments of sales, or those that the filter says; gives its address."""

    def __call__(self, **comment_filter: object) -> str: ...


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder: Path = tmp_path_factory.mktemp("town")
    database = Database.open(f"sqlite:///{folder}/mailmine.db")
    database.migrate()
    yield database
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

    return api.create(database, blobs, Keyring.generate(), clock=clock)


@pytest.fixture(scope="module")
def url(app: FastAPI, sales: Town) -> Iterator[str]:
    del sales
    with serving(app) as url:
        yield url


@pytest.fixture
def admin(url: str, sales: Town) -> Iterator[httpx.Client]:
    """Ask what the clients have no words for."""
    headers = {"Authorization": f"Bearer {sales.tokens['root']}"}
    with httpx.Client(base_url=url, headers=headers) as admin:
        yield admin


def unexpected_pause(seconds: float) -> None:
    pytest.fail(f"There was no reason to wait {seconds} seconds.")


@pytest.fixture(params=[Blocking, Awaited])
def face_of(request: pytest.FixtureRequest, url: str, sales: Town) -> Iterator[FaceOf]:
    made: list[Face] = []
    at_home = url

    def face_of(
        user: str = "root",
        *,
        url: str | None = None,
        transport: httpx.MockTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> Face:
        face: Face = request.param(
            url or at_home,
            sales.tokens.get(user, "nobody's"),
            transport=transport,
            sleep=sleep or unexpected_pause,
        )
        made.append(face)
        return face

    yield face_of
    for face in made:
        face.close()


@pytest.fixture
def face(face_of: FaceOf) -> Face:
    return face_of()


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def make_stream(admin: httpx.Client, numbers: Iterator[int]) -> MakeStream:
    def make(**comment_filter: object) -> str:
        name = f"robot-{next(numbers)}"
        stream = {"name": name, "comment_filter": comment_filter}
        admin.put("/api/v1/datasets/sales/all/streams", json={"stream": stream}).raise_for_status()
        return f"sales/all/{name}"

    return make


@pytest.fixture
def source(admin: httpx.Client, numbers: Iterator[int]) -> str:
    """Make an empty source."""
    address = f"sales/source-{next(numbers)}"
    admin.put(f"/api/v1/sources/{address}", json={"source": {}}).raise_for_status()
    return address
