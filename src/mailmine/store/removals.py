"""What is being removed in the background, for it holds much: sources, buckets and integrations."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, delete, func, select, update

from mailmine.model.ids import BucketId, IntegrationId, SourceId
from mailmine.store.schema import comments, copies, emails, mailboxes, removals
from mailmine.store.upsert import insert


class Kind(StrEnum):
    """What it is."""

    SOURCE = "source"
    BUCKET = "bucket"
    INTEGRATION = "integration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """One thing that is being removed."""

    id: str
    """Of the source, the bucket or the integration."""
    kind: Kind
    done: int
    """Comments, emails, or copies and mailboxes that are gone."""
    total: int
    """Of them when it began."""
    begun_at: datetime


def begin(
    tx: Connection, kind: Kind, id_: SourceId | BucketId | IntegrationId, *, at: datetime
) -> None:
    """Let it be removed; what is being removed already goes on."""
    total = _held(tx, kind, id_)
    row = {"id": id_, "kind": kind, "done": 0, "total": total, "begun_at": at}
    tx.execute(insert(tx, removals).values(**row).on_conflict_do_nothing())


def list_all(tx: Connection) -> dict[str, Removal]:
    """All that is under way by the id of what goes, what began first at the front."""
    rows = tx.execute(select(removals).order_by(removals.c.begun_at, removals.c.id))
    return {row.id: Removal(**row._asdict() | {"kind": Kind(row.kind)}) for row in rows}


def hold(tx: Connection, id_: str) -> bool:
    """Tell whether it is still to be removed; who writes waits here until others that go on with it have."""
    mine = select(removals.c.id).where(removals.c.id == id_).with_for_update()
    return tx.execute(mine).one_or_none() is not None


def progress(tx: Connection, id_: str, *, more: int) -> None:
    """Note that so much more is gone."""
    tx.execute(update(removals).where(removals.c.id == id_).values(done=removals.c.done + more))


def end(tx: Connection, id_: str) -> None:
    """Note that it is gone, or is to stay."""
    tx.execute(delete(removals).where(removals.c.id == id_))


def _held(tx: Connection, kind: Kind, id_: str) -> int:
    match kind:
        case Kind.SOURCE:
            queries = [select(func.count()).where(comments.c.source_id == id_)]
        case Kind.BUCKET:
            queries = [select(func.count()).where(emails.c.bucket_id == id_)]
        case Kind.INTEGRATION:
            mine = select(mailboxes.c.id).where(mailboxes.c.integration_id == id_)
            queries = [
                select(func.count()).where(mailboxes.c.integration_id == id_),
                select(func.count()).where(copies.c.mailbox_id.in_(mine)),
            ]
    return sum(tx.execute(query).scalar_one() for query in queries)
