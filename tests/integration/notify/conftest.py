"""A town with a mail server and a receiver of webhooks, on either database."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mailmine.model.notice import Topic
from mailmine.notify.channel import Channels
from mailmine.notify.decide import Room
from mailmine.notify.webhook import Webhook
from mailmine.store.database import Database
from tests.integration.notify.town import Hook, Postman, Town, by_mail, mail_server, receiver

SECRET = "hush hush"
NAMES = tuple("abcdefghijklmnop")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name an empty database of either kind."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("pg_url")
        return url
    return f"sqlite:///{tmp_path / 'mailmine.db'}"


@pytest.fixture
async def mail() -> AsyncIterator[tuple[Postman, int]]:
    async with mail_server() as running:
        yield running


@pytest.fixture
def postman(mail: tuple[Postman, int]) -> Postman:
    return mail[0]


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async with receiver() as running:
        yield running


@pytest.fixture
def town(database_url: str, mail: tuple[Postman, int], hook: Hook) -> Iterator[Town]:
    """Build it: Ana may see the project, Bob may not, and the project has a webhook."""
    database = Database.open(database_url)
    database.migrate()
    room = Room(name="support/webhook", project="support", topics=frozenset(Topic))
    channels = Channels(
        email=by_mail(mail[1]),
        rooms={room.name: (room, Webhook(url=hook.url, secret=SECRET))},
    )
    town = Town(database, channels)
    town.build(*NAMES)
    town.person("ana", "support")
    town.person("bob", "sales")
    yield town
    database.close()
