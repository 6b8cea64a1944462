"""A PgBouncer before the PostgreSQL of the tests, in transaction mode with very few sessions, so that they change hands."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

SESSIONS = 2
"""Of PostgreSQL, for however many connections."""

CONFIGURATION = """
[databases]
* = host={host} port={port} user=mailmine
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
listen_port = 6432
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 100
logfile = {folder}/log
"""


def missing() -> str | None:
    """Why there can be no PgBouncer here; None where there can."""
    return None if _program() else "PgBouncer is not installed (Debian's package pgbouncer)"


@contextmanager
def before(url: str) -> Iterator[str]:
    """Run a pooler before the server of a database; gives the address of the database behind it."""
    program = _program()
    assert program is not None
    parsed = make_url(url)
    folder = Path(tempfile.mkdtemp(prefix="mailmine-"))
    try:
        host = str(parsed.query["host"])
        settings = folder / "pgbouncer.ini"
        settings.write_text(
            CONFIGURATION.format(
                host=host, port=parsed.query["port"], folder=folder, sessions=SESSIONS
            ),
            encoding="utf-8",
        )
        command = [program, "--quiet", str(settings)]
        if os.geteuid() == 0:  # it refuses to be root, as PostgreSQL does
            for path in (folder, settings):
                shutil.chown(path, "postgres", "postgres")
            command[:0] = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                _wait_for(folder / ".s.PGSQL.6432", process)
                there = parsed.update_query_dict(
                    {"host": str(folder), "port": "6432", "pooler": "transaction"}
                )
                yield there.render_as_string(hide_password=False)
            finally:
                process.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(socket: Path, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 30
    while not socket.exists():
        assert process.poll() is None, "PgBouncer ended"
        assert time.monotonic() < end, "PgBouncer does not listen"
        time.sleep(0.02)


def _program() -> str | None:
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
