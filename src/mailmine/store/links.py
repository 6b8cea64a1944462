"""What leads from one name of a conversation to another, beside the emails themselves.

Exchange has names of its own for conversations, and they show that emails belong together whose headers do not say so.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from mailmine.model.ids import SourceId
from mailmine.store import many
from mailmine.store.among import among, of_one
from mailmine.store.schema import thread_links


@dataclass(frozen=True, slots=True)
class Link:
    """Where a name leads."""

    leads_to: str
    """The name of the conversation."""
    began: datetime | None = None
    """Of a name of Exchange's: when the earliest email under it was sent."""
    is_beginning: bool = False
    """Whether the conversation began with that email, as far as it tells."""


def of(tx: Connection, source_id: SourceId, names: Collection[str]) -> dict[str, Link]:
    """Find where these names lead; those that lead nowhere are left out."""
    if not names:
        return {}
    columns = thread_links.c
    query = select(columns.name, columns.leads_to, columns.began, columns.is_beginning)
    mine = of_one(tx, columns.source_id, source_id) & among(tx, columns.name, names)
    return {name: Link(*rest) for name, *rest in tx.execute(query.where(mine))}


def put(tx: Connection, source_id: SourceId, links: Mapping[str, Link]) -> None:
    """Keep where names lead from now on."""
    if links:
        many.put(
            tx,
            thread_links,
            [
                {
                    "source_id": source_id,
                    "name": name,
                    "leads_to": link.leads_to,
                    "began": link.began,
                    "is_beginning": link.is_beginning,
                }
                for name, link in links.items()
            ],
            key=("source_id", "name"),
            change=("leads_to", "began", "is_beginning"),
        )


def move(tx: Connection, source_id: SourceId, moved: Mapping[str, str]) -> None:
    """Let what led to one name lead to another."""
    if not moved:
        return
    columns = thread_links.c
    led_to = of_one(tx, columns.source_id, source_id) & among(tx, columns.leads_to, moved)
    leading = tx.execute(select(columns.leads_to).where(led_to).distinct()).scalars().all()
    if leading:  # to hardly any name does another lead
        tx.execute(
            update(thread_links)
            .where((columns.source_id == source_id) & (columns.leads_to == bindparam("old")))
            .values(leads_to=bindparam("new")),
            [{"old": old, "new": moved[old]} for old in leading],
        )
