"""The server of one process: the API and the pages, and beside them the sync."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import anyio.to_thread
from starlette.types import ASGIApp, Receive, Scope, Send

from mailmine.access import first
from mailmine.access.first import FirstAdministrator
from mailmine.access.secrets import place_of
from mailmine.api import app as api
from mailmine.cli import listening, notifications, single_sign_on
from mailmine.cli.installation import Installation
from mailmine.cli.listening import Listener
from mailmine.cli.syncing import Syncing
from mailmine.sync.enabling import Enabling
from mailmine.sync.indexing import Indexing
from mailmine.sync.refinery import Apart
from mailmine.web import app as web
from mailmine.web.setup import Setup

THREADS = {"sqlite": 3, "postgresql": 16}
"""Requests that are worked on at once. SQLite works in the thread that asks, so that more of them only wait for each
other at Python's one lock: eight answer half as many requests as two. PostgreSQL is waited for."""


class Front:
    """Gives each request to the API or to the pages, with or without the prefix that a proxy adds."""

    def __init__(self, api_app: ASGIApp, pages: ASGIApp, prefix: str) -> None:
        self._api = api_app
        self._pages = pages
        self._prefix = prefix.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope["path"]
        if self._prefix and (path == self._prefix or path.startswith(f"{self._prefix}/")):
            path = path[len(self._prefix) :]
        # Of a client whose address ends in a slash `//api/…` comes.
        path = f"/{path.lstrip('/')}"
        is_api = any(path == prefix or path.startswith(f"{prefix}/") for prefix in api.PREFIXES)
        scope = {**scope, "root_path": self._prefix, "path": f"{self._prefix}{path}"}
        await (self._api if is_api else self._pages)(scope, receive, send)


class Server:
    """Serves one installation until it is told to stop (Ctrl-C, SIGTERM)."""

    def __init__(
        self, here: Installation, *, syncs: bool = True, administrator_password: str | None = None
    ) -> None:
        """Make ready; the first start of an installation makes its administrator. Raises Failed, StoreError."""
        self._here = here
        self._syncs = syncs
        self._enabling = Enabling(here.database, here.secret_of, here.connection_of)
        self._channels = notifications.load(here.settings)
        self._provider = single_sign_on.load(here.settings, here.keyring)
        if here.blobs.folder is None:
            # A wrong address or right is told now, not by the first email; and before a password is shown once.
            asyncio.run(here.blobs.check())
        with here.database.write() as tx:
            self.administrator: FirstAdministrator | None = first.administrator(
                tx, at=datetime.now(UTC), password=administrator_password
            )

    def run(self, when_listening: Callable[[str], None]) -> None:
        """Serve; `when_listening` is called once with the address. Raises Failed where the port cannot be had."""
        listening.run(self._here.settings, self._serve, when_listening)

    async def _serve(self, listener: Listener) -> None:
        here = self._here
        pages = web.create(
            here.database,
            here.keyring,
            provider=self._provider,
            enabling=self._enabling,
            setup=Setup(
                public_url=here.settings.public_url,
                blobs=here.settings.blob_place,
                key=place_of(here.settings.data.resolve()),
                channels=self._channels,
            ),
        )
        refinery = Apart()
        front = Front(
            api.create(
                here.database,
                here.blobs,
                here.keyring,
                refinery=refinery,
                metrics_token=here.settings.metrics_token.get_secret_value(),
                learns=here.settings.learn,
            ),
            pages,
            here.settings.root_path,
        )
        limiter = anyio.to_thread.current_default_thread_limiter()
        limiter.total_tokens = THREADS[here.database.dialect]
        syncing = Syncing(here, self._channels, refinery)
        work = syncing.run if self._syncs else Indexing(here.database).run
        await listener.serve(front, work, when_stopping=pages.state.site.live.stop)
        await refinery.aclose()
