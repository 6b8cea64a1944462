"""Brings a database to the schema of this version: one revision per change, never edited once released."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, text

from mailmine.store.errors import DatabaseUnavailable


def upgrade(tx: Connection, to: str = "head") -> None:
    """Bring the schema up to date (or to a revision) within `tx`; other processes that want the same wait.

    SQLite lets one process write at a time anyway. PostgreSQL takes a lock until the end of `tx`.
    Raises DatabaseUnavailable for a database of a newer version.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('mailmine.migrate'))"))
    config = _config()
    config.attributes["connection"] = tx
    try:
        command.upgrade(config, to)
    except CommandError as error:
        raise DatabaseUnavailable(
            f"This database was written by a newer mailmine (its schema is {version(tx)}, that of this version {_head()}). "
            "Install that version, restore the backup from before it, or name another database."
        ) from error


def is_current(tx: Connection) -> bool:
    """Tell whether the schema is that of this version; an empty database has none."""
    return version(tx) == _head()


def version(tx: Connection) -> str | None:
    """Name the revision of the schema; None for an empty database."""
    if not inspect(tx).has_table("alembic_version"):
        return None
    found = tx.execute(text("SELECT version_num FROM alembic_version")).scalars()
    return next(iter(found), None)


@cache
def _head() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
