"""Brings a database to the schema of this version: one revision per change, never edited once released.

On PostgreSQL others work meanwhile. A statement that changes a table waits for all who are using it, and whoever comes
later waits behind that statement, be it only to read. So each revision has a transaction of its own, so that none
holds its locks while the next works; it waits for a lock for `LOCK_WAIT` at most, gives up its place in the queue,
lets the others pass, and comes again.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from structlog import get_logger

from mailmine.store.errors import Conflict, DatabaseUnavailable, LockedOut

log = get_logger(__name__)

LOCK_WAIT = 2.0
"""Seconds that others may have to wait behind a change of the schema that waits itself."""
PATIENCE = 600.0
"""Seconds in which one revision is tried."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
"""Seconds between two tries, twice as long each time."""
_HERE = Path(__file__).parent


def upgrade_beside_others(write: Callable[[], AbstractContextManager[Connection]]) -> None:
    """Bring PostgreSQL up to date, a revision in each transaction that `write` opens; begun by several, they take turns.

    What was done before it broke off stays, and the next time goes on from there. Raises DatabaseUnavailable.
    """
    until, pause = time.monotonic() + PATIENCE, FIRST_PAUSE
    while True:
        try:
            with write() as tx:
                if not _step(tx):
                    return
        except (LockedOut, Conflict) as error:
            if time.monotonic() >= until:
                raise DatabaseUnavailable(
                    "The schema cannot be changed, since somebody has been using the database in one transaction for too "
                    "long: a backup, a report, or a session that was left open (pg_stat_activity tells). "
                    "End that, and start again."
                ) from error
            log.warning("schema waits for others", seconds=pause)
            _sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            until, pause = time.monotonic() + PATIENCE, FIRST_PAUSE


def _step(tx: Connection) -> bool:
    """Take the next revision; False where there is none."""
    if is_current(tx):
        return False
    _take_turn(tx)
    if is_current(tx):  # another process was quicker
        return False
    upgrade(tx, "+1")
    return True


def _take_turn(tx: Connection) -> None:
    """Wait, for as long as it takes, until no other process changes the schema; then for locks only shortly.

    SQLite lets one process write at a time anyway.
    """
    if tx.dialect.name == "sqlite":
        return
    tx.execute(text("SET LOCAL lock_timeout = 0"))
    tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('mailmine.migrate'))"))
    tx.execute(text(f"SET LOCAL lock_timeout = {max(1, int(LOCK_WAIT * 1000))}"))


_sleep = time.sleep


def upgrade(tx: Connection, to: str = "head") -> None:
    """Bring the schema up to date (or to a revision) within `tx`; other processes that want the same wait.

    Raises DatabaseUnavailable for a database of a newer version, LockedOut.
    """
    # Loaded where something is to be done: with all revisions it takes ten megabytes of each process.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    _take_turn(tx)
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.attributes["connection"] = tx
    try:
        command.upgrade(config, to)
    except CommandError as error:
        raise DatabaseUnavailable(
            f"This database was written by a newer mailmine (its schema is {version(tx)}, that of this version {revisions()[-1]}). "
            "Install that version, restore the backup from before it, or name another database."
        ) from error


def is_current(tx: Connection) -> bool:
    """Tell whether the schema is that of this version; an empty database has none."""
    return version(tx) == revisions()[-1]


def is_usable(tx: Connection) -> bool:
    """Tell whether the schema is that of this version, or one that this version does not know yet.

    A running process has seen its own, and schemas only go on. What a later one takes away, the version before it does
    not use any more: CONTRIBUTING.md, "Changing the schema".
    """
    found = version(tx)
    return found is not None and found not in revisions()[:-1]


def version(tx: Connection) -> str | None:
    """Name the revision of the schema; None for an empty database."""
    if not inspect(tx).has_table("alembic_version"):
        return None
    found = tx.execute(text("SELECT version_num FROM alembic_version")).scalars()
    return next(iter(found), None)


@cache
def revisions() -> tuple[str, ...]:
    """Name all revisions, the first one first, by the files that hold them."""
    return tuple(sorted(one.name.partition("_")[0] for one in _HERE.glob("versions/*_*.py")))
