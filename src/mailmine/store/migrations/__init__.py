"""Brings a database to the schema of this version: one revision per change, never edited once released."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text


def upgrade(tx: Connection) -> None:
    """Bring the schema up to date within `tx`; other processes that want the same wait.

    SQLite lets one process write at a time anyway. PostgreSQL takes a lock until the end of `tx`.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('mailmine.migrate'))"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = tx
    command.upgrade(config, "head")
