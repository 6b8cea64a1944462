"""Contents that may be named by nothing any more, to be looked at once nobody can be writing them."""

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, select, union

from mailmine.model.ids import ContentHash
from mailmine.store.schema import attachments, comment_attachments, emails, orphans
from mailmine.store.upsert import upsert


def add(tx: Connection, hashes: Collection[ContentHash]) -> None:
    """Line up contents, in the transaction in which something ceases to name them."""
    if hashes:
        now = datetime.now(UTC)
        rows = [{"content_hash": one, "since": now} for one in sorted(hashes)]
        tx.execute(upsert(tx, orphans, key=("content_hash",), change=("since",)), rows)


def lined_up(tx: Connection, before: datetime, *, limit: int) -> tuple[ContentHash, ...]:
    """Give some of those lined up before a moment, the oldest first."""
    query = select(orphans.c.content_hash).where(orphans.c.since < before)
    return tuple(tx.execute(query.order_by(orphans.c.since).limit(limit)).scalars())


def named(tx: Connection, hashes: Collection[ContentHash]) -> frozenset[ContentHash]:
    """Tell which of these contents something names."""
    columns = (attachments.c.content_hash, comment_attachments.c.content_hash, emails.c.raw)
    query = union(*(select(column).where(column.in_(hashes)) for column in columns))
    return frozenset(tx.execute(query).scalars())


def drop(tx: Connection, hashes: Collection[ContentHash], before: datetime) -> None:
    """Take contents off the line, which are gone, or named again; one that was lined up anew since `before` stays in it."""
    lined = orphans.c.content_hash.in_(hashes)
    tx.execute(delete(orphans).where(lined, orphans.c.since < before))
