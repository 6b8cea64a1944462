"""Contents that clients put to the attachments of comments which were not made of an email."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from mailmine.model.comment import CommentAttachment
from mailmine.model.ids import AttachmentReference, CommentId, ContentHash, SourceId
from mailmine.store import amounts, contents, orphans
from mailmine.store.among import among
from mailmine.store.amounts import Amount
from mailmine.store.schema import comment_attachments as table


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentContent:
    """One content."""

    reference: AttachmentReference
    source_id: SourceId
    comment_id: CommentId
    index: int
    """Its place in the comment's attachments."""
    name: str
    content_type: str
    size: int
    """Bytes."""
    content_hash: ContentHash


def put(
    tx: Connection,
    source_id: SourceId,
    comment_id: CommentId,
    index: int,
    *,
    name: str,
    content_type: str,
    size: int,
    content_hash: ContentHash,
) -> CommentContent:
    """Keep where a content lies. The reference is made once; a content that is put again keeps it.

    The content that was there before may be an orphan then.
    """
    mine = (
        (table.c.source_id == source_id)
        & (table.c.comment_id == comment_id)
        & (table.c.index == index)
    )
    place = {"source_id": source_id, "comment_id": comment_id, "index": index}
    said = {"name": name, "content_type": content_type, "size": size, "content_hash": content_hash}
    more = contents.put(tx, table, place, said)
    amounts.note_in_source(tx, source_id, Amount(0, more))
    return CommentContent(**tx.execute(select(table).where(mine)).one()._asdict())


def remove(tx: Connection, source_id: SourceId, comment_ids: Collection[CommentId]) -> None:
    """Forget those of comments that go."""
    mine = (table.c.source_id == source_id) & among(tx, table.c.comment_id, comment_ids)
    query = select(table.c.content_hash, table.c.size).where(mine)
    held = tx.execute(query.with_for_update()).all()
    if held:
        amounts.note_in_source(tx, source_id, -Amount(0, sum(row.size for row in held)))
        tx.execute(delete(table).where(mine))
        orphans.add(tx, {row.content_hash for row in held})


def keep_listed(
    tx: Connection, source_id: SourceId, listed: Mapping[CommentId, Sequence[CommentAttachment]]
) -> Mapping[tuple[CommentId, int], CommentContent]:
    """Forget the contents that these comments list no more, and give the others by their comment and place.

    Listed is what stands at its place by its name, or by its reference.
    """
    mine = (table.c.source_id == source_id) & among(tx, table.c.comment_id, list(listed))
    kept: dict[tuple[CommentId, int], CommentContent] = {}
    gone: list[CommentContent] = []
    for row in tx.execute(select(table).where(mine).with_for_update()):
        one = CommentContent(**row._asdict())
        if any(
            one.reference == each.attachment_reference or one.name == each.name
            for each in listed[one.comment_id][one.index : one.index + 1]
        ):
            kept[one.comment_id, one.index] = one
        else:
            gone.append(one)
    if gone:
        amounts.note_in_source(tx, source_id, -Amount(0, sum(one.size for one in gone)))
        tx.execute(
            delete(table).where(among(tx, table.c.reference, [one.reference for one in gone]))
        )
        orphans.add(tx, {one.content_hash for one in gone})
    return kept


def by_reference(tx: Connection, reference: AttachmentReference) -> CommentContent | None:
    """Find one by its reference."""
    row = tx.execute(select(table).where(table.c.reference == reference)).one_or_none()
    return None if row is None else CommentContent(**row._asdict())
