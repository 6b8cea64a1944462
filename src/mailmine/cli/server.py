"""The server of one process: the API and the pages, and beside them the sync."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import anyio.to_thread
import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from mailmine.access import first
from mailmine.access.first import FirstAdministrator
from mailmine.access.permissions import sees_integrations
from mailmine.api import app as api
from mailmine.cli import notifications, single_sign_on
from mailmine.cli.errors import Failed
from mailmine.cli.installation import Installation
from mailmine.notify.notifier import Notifier
from mailmine.sync.filling import Filling
from mailmine.sync.refinery import Apart, Refinery
from mailmine.sync.room import Room
from mailmine.sync.runner import Runner
from mailmine.sync.settings import SyncSettings
from mailmine.sync.watch import Watch
from mailmine.web import app as web

log = structlog.get_logger(__name__)

GARBAGE = 5_000
"""New objects after which Python looks for garbage: by default 700, which costs some percent of all time."""

THREADS = {"sqlite": 3, "postgresql": 16}
"""Requests that are worked on at once. SQLite works in the thread that asks, so that more of them only wait for each
other at Python's one lock: eight answer half as many requests as two. PostgreSQL is waited for."""

GRACE = 5
"""Seconds that open connections get at the end."""


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
            path = path[len(self._prefix) :] or "/"
        is_api = any(path == prefix or path.startswith(f"{prefix}/") for prefix in api.PREFIXES)
        scope = {**scope, "root_path": self._prefix, "path": f"{self._prefix}{path}"}
        await (self._api if is_api else self._pages)(scope, receive, send)


class _Uvicorn(uvicorn.Server):
    """Leaves signals to us: the sync has to end as well."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Server:
    """Serves one installation until it is told to stop (Ctrl-C, SIGTERM)."""

    def __init__(
        self, here: Installation, *, syncs: bool = True, administrator_password: str | None = None
    ) -> None:
        """Make ready; the first start of an installation makes its administrator. Raises Failed."""
        self._here = here
        self._syncs = syncs
        self._channels = notifications.load(here.settings)
        self._provider = single_sign_on.load(here.settings, here.keyring)
        with here.database.write() as tx:
            self.administrator: FirstAdministrator | None = first.administrator(
                tx, at=datetime.now(UTC), password=administrator_password
            )

    def run(self, when_listening: Callable[[str], None]) -> None:
        """Serve; `when_listening` is called once with the address. Raises Failed where the port cannot be had."""
        given = self._here.settings
        try:
            listener = socket.create_server((given.host, given.port), backlog=512)
        except OSError as error:
            raise Failed(
                f"cannot listen on {given.host}:{given.port}: {error.strerror}. Give another --port"
            ) from error
        port = listener.getsockname()[1]
        with listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
            loop.run(
                self._serve(
                    listener, lambda: when_listening(f"http://{given.host}:{port}{given.root_path}")
                )
            )

    async def _serve(self, listener: socket.socket, when_listening: Callable[[], None]) -> None:
        here = self._here
        if here.blobs.folder is None:
            await here.blobs.check()  # a wrong address or right is told now, not by the first email
        pages = web.create(here.database, provider=self._provider)
        refinery = Apart()
        front = Front(
            api.create(
                here.database,
                here.blobs,
                here.keyring,
                refinery=refinery,
                metrics_token=here.settings.metrics_token.get_secret_value(),
            ),
            pages,
            here.settings.root_path,
        )
        uvicorn_server = _Uvicorn(
            uvicorn.Config(
                front,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE,
            )
        )
        limiter = anyio.to_thread.current_default_thread_limiter()
        limiter.total_tokens = THREADS[here.database.dialect]
        gc.freeze()  # what was imported stays
        gc.set_threshold(GARBAGE)
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        serving = asyncio.create_task(uvicorn_server.serve(sockets=[listener]))
        syncing = asyncio.create_task(self._sync(stop, refinery))
        stopping = asyncio.create_task(stop.wait())
        when_listening()
        await asyncio.wait({serving, syncing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        pages.state.site.live.stop()
        uvicorn_server.should_exit = True
        await asyncio.gather(serving, syncing)
        await refinery.aclose()
        log.info("stopped")

    async def _sync(self, stop: asyncio.Event, refinery: Refinery) -> None:
        if not self._syncs:
            await stop.wait()
            return
        settings = SyncSettings(poll_interval=self._here.settings.poll_interval)
        room = Room(self._here.settings.data, settings.warnings)
        runner = Runner(
            self._here.database,
            self._here.blobs,
            secret_of=self._here.secret_of,
            connection_of=self._here.connection_of,
            refinery=Apart(),
            settings=settings,
            has_room=room.is_left,
        )
        watch = Watch(
            self._here.database,
            secret_of=self._here.secret_of,
            has_room=room.is_left,
            settings=settings,
        )
        filling = Filling(self._here.database, refinery=refinery)
        notifier = Notifier(
            self._here.database,
            self._channels,
            may_see=sees_integrations,
            public_url=self._here.settings.public_url,
        )
        await asyncio.gather(
            runner.run(stop), filling.run(stop), notifier.run(stop), watch.run(stop)
        )
