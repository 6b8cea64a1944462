"""Where the content of an attachment lies: the same for those of emails and those that clients put."""

import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, and_, select, update

from mailmine.store import orphans
from mailmine.store.errors import Conflict
from mailmine.store.upsert import insert


def put(tx: Connection, table: Table, place: Mapping[str, Any], said: Mapping[str, Any]) -> int:
    """Keep what is `said` of the content at a `place` of `table`; says how many bytes more are kept than before.

    The reference is made once; a content that is put again keeps it, and the content that was there before may be an orphan
    then. Raises Conflict where that goes in this moment, NotFound if there is nothing that it belongs to.
    """
    adding = insert(tx, table).values(reference=secrets.token_urlsafe(24), **place, **said)
    new = adding.on_conflict_do_nothing().returning(table.c.reference)
    if tx.execute(new).one_or_none() is not None:
        return int(said["size"])
    here = and_(*(table.c[name] == value for name, value in place.items()))
    query = select(table.c.content_hash, table.c.size).where(here)
    held = tx.execute(query.with_for_update()).one_or_none()
    if held is None:
        raise Conflict("A content went while it came once more. Try again.")
    tx.execute(update(table).where(here).values(**said))
    if held.content_hash != said["content_hash"]:
        orphans.add(tx, {held.content_hash})
    return int(said["size"] - held.size)
