"""A process that answers on a port and works beside it, until it is told to stop (Ctrl-C, SIGTERM)."""

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from mailmine import tracing
from mailmine.cli.errors import cannot_listen
from mailmine.cli.settings import Settings

log = structlog.get_logger(__name__)

GARBAGE = 5_000
"""New objects after which Python looks for garbage: by default 700, which costs some percent of all time."""

GRACE = 5
"""Seconds that open connections get at the end."""

LATEST = 26.0
"""Seconds after the word to stop in which the process has ended, whatever it waits for: running rounds get 20 of them. Who
starts processes kills them after 45, as our units say."""

PATIENCE = 75
"""Seconds that a connection without requests stays open: longer than load balancers keep theirs, which is 60 mostly, and
than robots pause. Whoever closes first decides; a request that crosses the end of its connection is lost, and a POST not sent
again."""

Work = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""What is done until the event is set; it may take its time to end."""


class _Uvicorn(uvicorn.Server):
    """Leaves signals to us: the work has to end as well."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(
    given: Settings,
    work: Callable[["Listener"], Awaitable[None]],
    when_listening: Callable[[str], None],
) -> None:
    """Take the port and run `work` on it; `when_listening` is called with the address. Raises Failed."""
    is_ipv6 = ":" in given.host
    family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
    try:
        listener = socket.create_server((given.host, given.port), family=family, backlog=512)
    except OSError as error:
        raise cannot_listen(given.host, given.port, error) from error
    host = f"[{given.host}]" if is_ipv6 else given.host
    address = f"http://{host}:{listener.getsockname()[1]}{given.root_path}"

    deadline = threading.Timer(LATEST, _cut_off)
    deadline.daemon = True

    async def main() -> None:
        await work(Listener(listener, lambda: when_listening(address), deadline.start))

    try:
        with (
            listener,
            tracing.exported(),
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
        ):
            loop.run(main())
    finally:
        deadline.cancel()


def _cut_off() -> None:
    """End the process as if it were killed, which loses nothing: what it had is taken over by others.

    A thread that asks a database which is frozen behind a pooler, or writes to a disk that is away, cannot be ended otherwise:
    the connection is well, and no answer will ever come.
    """

    def tell() -> None:
        log.error("cut off", seconds=LATEST)
        sys.stderr.flush()

    # Whoever reads the log may have stopped, too.
    telling = threading.Thread(target=tell, daemon=True)
    telling.start()
    telling.join(1)
    os._exit(1)


class Listener:
    """A port that is taken."""

    def __init__(
        self,
        listener: socket.socket,
        when_listening: Callable[[], None],
        when_ending: Callable[[], None],
    ) -> None:
        self._listener = listener
        self._when_listening = when_listening
        self._when_ending = when_ending

    async def serve(
        self, app: ASGIApp, work: Work, when_stopping: Callable[[], None] = lambda: None
    ) -> None:
        """Answer by `app`, and do the work beside it, until one of them ends or a signal comes; then end both."""
        server = _Uvicorn(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE,
                timeout_keep_alive=PATIENCE,
            )
        )
        gc.freeze()  # what was imported stays
        gc.set_threshold(GARBAGE)
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        serving = asyncio.create_task(server.serve(sockets=[self._listener]))
        working = asyncio.create_task(work(stop))
        stopping = asyncio.create_task(stop.wait())
        self._when_listening()
        await asyncio.wait({serving, working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        self._when_ending()
        stop.set()
        when_stopping()
        server.should_exit = True
        await asyncio.gather(serving, working)
        log.info("stopped")
