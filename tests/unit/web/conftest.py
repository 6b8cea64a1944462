"""The pages of the seeded company over plain HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from mailmine.access import sessions
from mailmine.store import users
from mailmine.store.database import Database
from tests.browser.server import Served, serving_company


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving_company(tmp_path_factory.mktemp("pages")) as served:
        yield served


@pytest.fixture
async def visitor(served: Served) -> AsyncIterator[aiohttp.ClientSession]:
    """Give somebody who is not signed in."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(served.address, cookie_jar=jar) as session:
        yield session


SignIn = Callable[[str], Awaitable[aiohttp.ClientSession]]


@pytest.fixture
async def sign_in(served: Served) -> AsyncIterator[SignIn]:
    """Let `ann` (may everything), `ben` (reads sources of one project) or `eve` (nothing) in."""
    async with AsyncExitStack() as stack:

        async def enter(username: str) -> aiohttp.ClientSession:
            with served.database.write() as tx:
                user = users.by_username(tx, username)
                assert user is not None
                token = sessions.begin(tx, user, at=datetime.now(UTC))
            jar = aiohttp.CookieJar(unsafe=True)
            jar.update_cookies({sessions.COOKIE: token}, URL(served.address))
            return await stack.enter_async_context(
                aiohttp.ClientSession(served.address, cookie_jar=jar)
            )

        yield enter


@pytest.fixture
def broken(tmp_path: Path) -> Database:
    """Give a database whose file is none."""
    (tmp_path / "mailmine.db").write_bytes(b"this is no database" * 100)
    return Database.open(f"sqlite:///{tmp_path / 'mailmine.db'}")
