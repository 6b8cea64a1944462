"""What PostgreSQL knows of how much there is of what, by which it chooses its way to a row.

It looks by itself once a minute. Until then an empty database that mail streams into is an almost empty one to it, and it reads
all emails there are to find twenty of them: the more the longer.
"""

from typing import Final

from sqlalchemy import Connection, func, select, text, true

TABLES: Final = ("comments", "copies", "emails", "habits", "thread_links")
"""Those that mail comes into and that are asked for what a page names."""
LEAST: Final = 200
"""Rows that have to be new in a table: one page."""

_OUTGROWN = text(
    "SELECT seen.relname FROM pg_stat_user_tables AS seen JOIN pg_class ON pg_class.oid = relid "
    "WHERE seen.relname = ANY(:tables) AND schemaname = current_schema() "
    "AND n_mod_since_analyze >= greatest(:least, reltuples)"
)


def refresh(tx: Connection) -> int:
    """Let PostgreSQL look at tables that have doubled since it did; how many those were. For PostgreSQL alone.

    Nobody waits for it, and it waits for nobody: a table that another process looks at just now is left out.
    """
    tables = tx.execute(_OUTGROWN, {"tables": list(TABLES), "least": LEAST}).scalars().all()
    if tables:
        tx.execute(text(f"ANALYZE (SKIP_LOCKED) {', '.join(tables)}"))
    return len(tables)


def go_by_index(tx: Connection) -> None:
    """Let all that is asked until the end of `tx` be found by an index, in the order of that, whatever PostgreSQL counted.

    For the schedule, in which each poll leaves dead rows: they are counted a minute later, and none but who goes along an index
    sorts out of it what is dead. SQLite does so anyway.
    """
    if tx.dialect.name == "postgresql":
        ways = ("enable_seqscan", "enable_bitmapscan")
        tx.execute(select(*(func.set_config(way, "off", true()) for way in ways)))
