"""The pages, a provider to sign in by, and a browser."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from mailmine.access.oidc import Registration
from mailmine.access.roles import Role, Roles
from mailmine.access.secrets import Keyring
from mailmine.access.single_sign_on import SingleSignOn
from mailmine.cli.server import Front
from mailmine.store import users
from mailmine.store.database import Database
from mailmine.store.users import User
from mailmine.web.app import create
from tests.browser.server import serving
from tests.integration.sign_in.provider import CLIENT_ID, SECRET, Provider

ROLES = Roles(
    {
        "mail-admins": Role(global_permissions=frozenset({"root"})),
        "support-team": Role(project_permissions={"support": frozenset({"sources-read"})}),
    }
)


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Open an empty database with our tables, of either kind."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("pg_url")
    else:
        url = f"sqlite:///{tmp_path / 'any.db'}"
    database = Database.open(url)
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open an empty database with our tables."""
    database = Database.open(f"sqlite:///{tmp_path / 'mailmine.db'}")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """Run a provider."""
    provider = Provider()
    async with TestServer(provider.app()) as server:
        provider.issuer = str(server.make_url("")).rstrip("/")
        yield provider


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser shows in the end."""

    status: int
    url: str
    """Path and query."""
    text: str
    history: tuple[str, ...]
    """The addresses on the way there, as they were given."""


class Behind(Starlette):
    """The pages as `mailmine serve` offers them."""

    def __init__(self, pages: Starlette, prefix: str) -> None:
        super().__init__()
        self.state.pages = pages
        self._front = Front(pages, pages, prefix)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._front(scope, receive, send)


class World:
    """The pages of a database with that provider."""

    def __init__(self, database: Database, provider: Provider, stack: AsyncExitStack) -> None:
        self.database = database
        self.provider = provider
        self.address = ""
        self._stack = stack

    def serve(
        self,
        *,
        roles: Roles | None = None,
        prefix: str = "",
        username_claim: str = "",
        has_provider: bool = True,
    ) -> None:
        registration = Registration(
            issuer=self.provider.issuer,
            client_id=CLIENT_ID,
            client_secret=SECRET,
            name="Sign in with Acme",
            username_claim=username_claim,
            roles=roles,
        )
        sign_on = SingleSignOn(registration, Keyring.generate())
        pages = create(
            self.database, Keyring.generate(), provider=sign_on if has_provider else None
        )
        self.address = self._stack.enter_context(serving(Behind(pages, prefix)))

    async def browser(self) -> aiohttp.ClientSession:
        jar = aiohttp.CookieJar(unsafe=True)
        return await self._stack.enter_async_context(
            aiohttp.ClientSession(self.address, cookie_jar=jar)
        )

    async def get(self, browser: aiohttp.ClientSession, path: str) -> Answer:
        async with browser.get(path) as answer:
            return Answer(
                answer.status,
                answer.url.path_qs,
                await answer.text(),
                tuple(str(each.headers["Location"]) for each in answer.history),
            )

    async def sign_in(self, path: str = "/sign-in/oidc") -> Answer:
        """Sign in in a new browser."""
        return await self.get(await self.browser(), path)

    def user(self, username: str) -> User:
        with self.database.read() as tx:
            user = users.by_username(tx, username)
        assert user is not None
        return user

    def add(self, username: str, email: str = "") -> User:
        with self.database.write() as tx:
            return users.add(
                tx,
                username=username,
                email=email,
                password_hash=None,
                global_permissions=frozenset({"root"}),
                project_permissions={},
            )


@pytest.fixture
async def world(database: Database, provider: Provider) -> AsyncIterator[World]:
    """Give pages that are not served yet."""
    async with AsyncExitStack() as stack:
        yield World(database, provider, stack)
