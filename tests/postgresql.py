"""A private PostgreSQL for the tests: started from the machine's own binaries, in a passing folder."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from mailmine.store.schema import metadata

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
"""Debian keeps each version in a folder of its own, outside of PATH."""

OPTIONS = "-c listen_addresses='' -c fsync=off -c full_page_writes=off -c shared_buffers=32MB"
"""No network but a socket in the folder, and no care for power cuts."""


DEFAULT_PORT = 5432
"""Also the name of the socket."""


def missing() -> str | None:
    """Why there can be no PostgreSQL here; None where there can."""
    if _bin() is None:
        return "PostgreSQL is not installed (no `postgres` in PATH or /usr/lib/postgresql)"
    if os.geteuid() == 0 and (shutil.which("setpriv") is None or not _user_exists()):
        return "PostgreSQL refuses to run as root, and there is no `setpriv` or no user `postgres`"
    return None


class Server:
    """A running server with one user, `mailmine`, who may do everything."""

    def __init__(self, folder: Path, options: str, port: int) -> None:
        self._folder = folder
        self._options = options
        self._port = port
        self._number = count(1)

    def url(self, name: str, host: str | None = None) -> str:
        """Address a database: by a socket, or at an address of this machine where the server is in the `network`."""
        return f"postgresql://mailmine@/{name}?host={host or self._folder}&port={self._port}"

    def create(self) -> str:
        """Make a database; its name."""
        name = f"test_{next(self._number)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name

    def empty(self, url: str) -> None:
        """Delete all rows of a database with our tables: quicker than making a new one."""
        tables = ["comment_words", *(table.name for table in reversed(metadata.sorted_tables))]
        with psycopg.connect(url) as connection:
            for table in tables:
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))

    def start(self) -> None:
        """Start it; also again, after `kill`."""
        _run(
            "pg_ctl",
            "start",
            "--wait",
            "--silent",
            f"--log={self._folder / 'log'}",
            f"--pgdata={self._folder / 'data'}",
            "--options",
            f"{OPTIONS} {self._options} -k {self._folder}",
        )

    def kill(self) -> None:
        """Kill it as the kernel does: nothing is written down, nobody is told."""
        pids = [self.pid, *children(self.pid)]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # A new one finds the memory of the old one in use until all of them are gone.
        while any(Path(f"/proc/{pid}").exists() for pid in pids):
            time.sleep(0.05)

    def stop(self) -> None:
        """End it, also where it is not up; what it holds goes with its folder."""
        data = f"--pgdata={self._folder / 'data'}"
        with suppress(subprocess.CalledProcessError):
            _run("pg_ctl", "stop", "--wait", "--silent", "--mode=immediate", data)

    @contextmanager
    def standby(self, options: str = "") -> Iterator["Server"]:
        """Run a second server, which follows this one by streaming replication and can only be read."""
        with _folder() as folder:
            source = (f"--host={self._folder}", f"--port={self._port}", "--username=mailmine")
            target = (f"--pgdata={folder / 'data'}", "--write-recovery-conf", "--no-sync")
            _run("pg_basebackup", *source, *target, "--checkpoint=fast", "--wal-method=stream")
            yield from _running(Server(folder, f"{options} -p {self._port}", self._port))

    @property
    def pid(self) -> int:
        """The process that all others of it were started by."""
        text = (self._folder / "data" / "postmaster.pid").read_text(encoding="ascii")
        return int(text.splitlines()[0])


def children(pid: int) -> list[int]:
    """Name the processes that a process started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def run(options: str = "", network: str | None = None) -> Iterator[Server]:
    """Run a server until the end, with more `options` of postgres.

    Clients from `network`, as `10.0.0.0/24`, are let in at a port of its own.
    """
    port = DEFAULT_PORT
    if network is not None:
        port = _free_port()
        options = f"{options} -c listen_addresses=*"
    with _folder() as folder:
        _run(
            "initdb",
            "--auth=trust",
            "--username=mailmine",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            f"--pgdata={folder / 'data'}",
        )
        if network is not None:
            with (folder / "data" / "pg_hba.conf").open("a", encoding="ascii") as file:
                file.write(f"host all all {network} trust\n")
        yield from _running(Server(folder, f"{options} -p {port}", port))


def _running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mailmine-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(program: str, *arguments: str) -> None:
    binaries = _bin()
    assert binaries is not None
    command: Sequence[str] = (str(binaries / program), *arguments)
    if os.geteuid() == 0:
        command = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


def _bin() -> Path | None:
    found = shutil.which("postgres")
    if found is not None:
        return Path(found).resolve().parent
    return BINARIES[-1].parent if BINARIES else None


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _user_exists() -> bool:
    return any(
        line.startswith("postgres:") for line in Path("/etc/passwd").read_text().splitlines()
    )
