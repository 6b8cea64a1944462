"""Raw emails of a bucket: kept once per comment id, so that comments can be made anew without Exchange."""

import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import zstandard
from sqlalchemy import Column, Connection, Row, bindparam, delete, func, select, update

from mailmine.model.email import Email
from mailmine.model.ids import BucketId, CommentId, ContentHash, EmailKey
from mailmine.store import amounts, attachments, many, orphans
from mailmine.store.among import among, of_one
from mailmine.store.amounts import Amount
from mailmine.store.schema import comments, copies, emails
from mailmine.store.types import encode
from mailmine.store.upsert import insert

EMPTY = b""
"""The record of an email that is known, and whose words are not kept any more."""

MAX_RECORD = 1 << 30
"""Bytes of a decompressed record; a damaged row must not take all memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEmail:
    """What tells an email that is here already from another one under the same Message-ID."""

    key: EmailKey
    comment_id: CommentId
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEmail:
    """An email to keep."""

    comment_id: CommentId
    fingerprint: str
    email: Email
    raw: ContentHash | None = None
    """The blob with its MIME, when it came as MIME."""
    lines: Sequence[int] = ()
    """Hashes of its lines, for the emails that answer it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEmail:
    """An email that was kept."""

    key: EmailKey
    bucket_id: BucketId
    comment_id: CommentId
    fingerprint: str
    email: Email
    raw: ContentHash | None
    created_at: datetime
    updated_at: datetime


def known(
    tx: Connection, bucket_id: BucketId, ids: Collection[CommentId]
) -> dict[CommentId, KnownEmail]:
    """Which of `ids` are in the bucket already."""
    rows = tx.execute(
        select(*_KNOWN).where(
            of_one(tx, emails.c.bucket_id, bucket_id), among(tx, emails.c.comment_id, ids)
        )
    )
    return {row.comment_id: _known(row) for row in rows}


_KNOWN: tuple[Column[Any], ...] = (emails.c.key, emails.c.comment_id, emails.c.fingerprint)


def _known(row: Row[Any]) -> KnownEmail:
    return KnownEmail(key=row.key, comment_id=row.comment_id, fingerprint=row.fingerprint)


def put(
    tx: Connection, bucket_id: BucketId, emails_: Sequence[NewEmail], *, at: datetime
) -> dict[CommentId, KnownEmail]:
    """Keep emails, and say what is kept under their ids now: one that is here already stays as it is."""
    if not emails_:
        return {}
    kept = insert(tx, emails).on_conflict_do_nothing()
    fresh = many.execute(
        tx,
        kept.returning(*_KNOWN, func.length(emails.c.record).label("size")),
        [
            {
                "bucket_id": bucket_id,
                "comment_id": new.comment_id,
                "fingerprint": new.fingerprint,
                "record": pack(new.email),
                "raw": new.raw,
                "lines": _pack_lines(new.lines),
                "created_at": at,
                "updated_at": at,
            }
            # In one order for all writers, so that they never wait in a ring.
            for new in sorted(emails_, key=lambda new: new.comment_id)
        ],
    ).all()
    amounts.note_in_bucket(tx, bucket_id, Amount(len(fresh), sum(row.size for row in fresh)))
    found = {row.comment_id: _known(row) for row in fresh}
    others = [new.comment_id for new in emails_ if new.comment_id not in found]
    return found | (known(tx, bucket_id, others) if others else {})


def lines_of(
    tx: Connection, bucket_id: BucketId, ids: Collection[CommentId]
) -> dict[CommentId, frozenset[int]]:
    """Find the hashes of the lines of emails, as far as they are here and their lines are known."""
    if not ids:
        return {}
    rows = tx.execute(
        select(emails.c.comment_id, emails.c.lines).where(
            of_one(tx, emails.c.bucket_id, bucket_id),
            among(tx, emails.c.comment_id, ids),
            emails.c.lines.is_not(None),
        )
    )
    return {
        row.comment_id: frozenset(number for (number,) in _LINE.iter_unpack(row.lines))
        for row in rows
    }


def set_lines(tx: Connection, lines: Mapping[EmailKey, Sequence[int]]) -> None:
    """Keep the hashes of the lines of emails that are here already."""
    if lines:
        tx.execute(
            update(emails)
            .where(emails.c.key == bindparam("email"))
            .values(lines=bindparam("hashes")),
            [{"email": key, "hashes": _pack_lines(found)} for key, found in lines.items()],
        )


def get(tx: Connection, key: EmailKey) -> StoredEmail | None:
    """Find an email by its key; one that was emptied is not found."""
    mine = (emails.c.key == key) & (emails.c.record != EMPTY)
    row = tx.execute(select(emails).where(mine)).one_or_none()
    return None if row is None else _stored(row)


def comment_ids(tx: Connection, keys: Collection[EmailKey]) -> dict[EmailKey, CommentId]:
    """Name the comments of these emails."""
    rows = tx.execute(
        select(emails.c.key, emails.c.comment_id).where(among(tx, emails.c.key, keys))
    )
    return {row.key: row.comment_id for row in rows}


def by_comment_id(tx: Connection, bucket_id: BucketId, comment_id: CommentId) -> StoredEmail | None:
    """Find an email of a bucket by its comment id; one that was emptied is not found."""
    mine = (emails.c.bucket_id == bucket_id) & (emails.c.comment_id == comment_id)
    mine &= emails.c.record != EMPTY
    row = tx.execute(select(emails).where(mine)).one_or_none()
    return None if row is None else _stored(row)


def scan(
    tx: Connection, bucket_id: BucketId, *, after: EmailKey | None, limit: int
) -> tuple[StoredEmail, ...]:
    """List the next `limit` emails of a bucket that were not emptied, in the order in which they came."""
    mine = (emails.c.bucket_id == bucket_id) & (emails.c.record != EMPTY)
    query = select(emails).where(mine).order_by(emails.c.key)
    if after is not None:
        query = query.where(emails.c.key > after)
    return tuple(_stored(row) for row in tx.execute(query.limit(limit)))


def replace_content(tx: Connection, key: EmailKey, new: NewEmail, *, at: datetime) -> None:
    """Let an email that a client put once more say what it says now; its MIME before that may be an orphan then."""
    query = select(emails.c.bucket_id, emails.c.raw, func.length(emails.c.record).label("size"))
    held = tx.execute(query.where(emails.c.key == key).with_for_update()).one_or_none()
    if held is None:
        return
    if held.raw is not None and held.raw != new.raw:
        orphans.add(tx, {held.raw})
    record = pack(new.email)
    amounts.note_in_bucket(tx, held.bucket_id, Amount(0, len(record) - held.size))
    tx.execute(
        update(emails)
        .where(emails.c.key == key)
        .values(
            fingerprint=new.fingerprint,
            record=record,
            raw=new.raw,
            lines=_pack_lines(new.lines),
            updated_at=at,
        )
    )


def remove_some(tx: Connection, bucket_id: BucketId, *, limit: int) -> int:
    """Forget any `limit` emails of a bucket with their copies and attachments, and say how many there were."""
    query = select(emails.c.key, emails.c.raw, func.length(emails.c.record).label("size"))
    mine = query.where(emails.c.bucket_id == bucket_id).limit(limit)
    rows = tx.execute(mine.with_for_update()).all()
    keys = [row.key for row in rows]
    if keys:
        amounts.note_in_bucket(tx, bucket_id, -Amount(len(keys), sum(row.size for row in rows)))
        attachments.forget(tx, keys)
        orphans.add(tx, {row.raw for row in rows if row.raw})
        tx.execute(
            update(comments).where(among(tx, comments.c.email_key, keys)).values(email_key=None)
        )
        tx.execute(delete(copies).where(among(tx, copies.c.email_key, keys)))
        tx.execute(delete(emails).where(among(tx, emails.c.key, keys)))
    return len(keys)


def _pack_lines(lines: Sequence[int]) -> bytes | None:
    return b"".join(map(_LINE.pack, lines)) if lines else None


_LINE = struct.Struct("<I")


_compressor = zstandard.ZstdCompressor(level=1)
_decoder = msgspec.json.Decoder(Email)


def pack(email: Email) -> bytes:
    """Write an email as the store keeps it."""
    return _compressor.compress(encode(email))


def unpack(record: bytes) -> Email:
    """Read what `pack` wrote."""
    json = zstandard.ZstdDecompressor().decompress(record, max_output_size=MAX_RECORD)
    return _decoder.decode(json)


def _stored(row: Row[Any]) -> StoredEmail:
    values = row._asdict()
    del values["lines"]
    return StoredEmail(email=unpack(values.pop("record")), **values)
