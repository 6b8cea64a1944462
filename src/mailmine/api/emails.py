"""Raw emails of a bucket: put, listed, found by their id."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec import Meta, Struct
from sqlalchemy import Connection as Transaction
from starlette.concurrency import run_in_threadpool

from mailmine.api import buckets, continuation, quotas
from mailmine.api.answers import ok
from mailmine.api.asking import Asker, Data, services
from mailmine.api.bodies import BULK, takes
from mailmine.api.checking import PIECE_OF_EMAILS, pieces
from mailmine.api.refining import refined, remembering
from mailmine.api.spool import Spool
from mailmine.api.uploads import EmailsBody, NewEmail, utc
from mailmine.model.email import Metadata
from mailmine.model.ids import EmailKey, MessageId
from mailmine.model.wire import timestamp
from mailmine.refine import Refined, composing, identity, mime
from mailmine.refine.comment import UNDATED
from mailmine.store import copies, emails, uploads
from mailmine.store.blobs import Blobs
from mailmine.store.emails import StoredEmail
from mailmine.store.errors import BlobDamaged, BlobMissing
from mailmine.sync import decide, uploading
from mailmine.sync.refinery import Refinery
from mailmine.sync.uploading import Uploaded

router = APIRouter(prefix="/api/_private/buckets", tags=["emails"])

KEPT_AT_ONCE = 8
"""Emails of one request whose contents are on the way to the disk or the object store."""


class EmailsQuery(Struct, frozen=True):
    """Which page of emails."""

    limit: Annotated[int, Meta(ge=1, le=256)] = 64
    continuation: str | None = None


@router.put("/{bucket:address}/emails")
async def put(
    request: Request,
    bucket: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[EmailsBody, Depends(takes(EmailsBody, limit=BULK))],
    *,
    no_charge: bool = False,
) -> Response:
    """Put emails, all or none. They become comments in the sources of the bucket; one that is there is replaced."""
    del no_charge
    blobs = services(request).blobs

    def check() -> Refinery:
        with data.read() as tx:
            found = buckets.find(tx, bucket, asker)
        return remembering(services(request), data, found.id)

    refinery = await run_in_threadpool(check)

    def write(spool: Spool[Uploaded]) -> None:
        with data.write() as tx:
            bucket_id = buckets.find(tx, bucket, asker).id
            for new in spool:
                uploading.take_in(tx, bucket_id, new, at=asker.at)
            quotas.check_emails(tx, bucket_id)

    with Spool(Uploaded) as spool:
        read = map(_understood, pieces(wanted.emails, NewEmail, "emails", PIECE_OF_EMAILS))
        async for piece in refined(read, attrgetter("parsed.email"), refinery, field="emails"):
            spool.add(await _all_kept(piece, blobs))
        await run_in_threadpool(write, spool)
    return ok(request)


@router.post("/{bucket:address}/emails")
async def read_page(
    request: Request,
    bucket: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[EmailsQuery, Depends(takes(EmailsQuery))],
) -> Response:
    """List the emails of a bucket in the order in which they came."""
    after = continuation.read(wanted.continuation)

    def find() -> tuple[Sequence[StoredEmail], list[dict[str, object]]]:
        with data.read() as tx:
            found = emails.scan(
                tx,
                buckets.find(tx, bucket, asker).id,
                after=None if after is None else EmailKey(after),
                limit=wanted.limit + 1,
            )
            shown = found[: wanted.limit]
            return found, _json(tx, shown)

    found, told = await run_in_threadpool(find)
    has_more = len(found) > wanted.limit
    await _add_mime(told, found[: wanted.limit], services(request).blobs)
    return ok(
        request,
        emails=told,
        continuation=continuation.write(found[wanted.limit - 1].key) if has_more else None,
    )


@router.get("/{bucket:address}/emails")
async def read(
    request: Request,
    bucket: str,
    asker: Asker,
    data: Data,
    id: Annotated[str, Query(description="The Message-ID, with its angle brackets.")],  # noqa: A002
) -> Response:
    """Find an email by its id; without one, the list is empty."""

    def find() -> tuple[Sequence[StoredEmail], list[dict[str, object]]]:
        with data.read() as tx:
            bucket_id = buckets.find(tx, bucket, asker).id
            found = emails.by_comment_id(tx, bucket_id, identity.comment_id(MessageId(id)))
            some = (found,) if found else ()
            return some, _json(tx, some)

    found, told = await run_in_threadpool(find)
    await _add_mime(told, found, services(request).blobs)
    return ok(request, emails=told)


@dataclass(frozen=True, slots=True)
class _Understood:
    """An email that a client put, read."""

    given: NewEmail
    metadata: Metadata | None
    timestamp: datetime
    raw: bytes
    parsed: mime.Parsed


def _understood(piece: Sequence[NewEmail]) -> list[_Understood]:
    understood: list[_Understood] = []
    for one in piece:
        raw = one.mime_content.encode("utf-8", "surrogatepass")
        metadata = one.metadata.metadata() if one.metadata else None
        understood.append(_Understood(one, metadata, utc(one.timestamp), raw, mime.parse(raw)))
    return understood


async def _all_kept(piece: Sequence[tuple[_Understood, Refined]], blobs: Blobs) -> list[Uploaded]:
    """Keep the contents of emails, several at once: disks and object stores answer them together as quickly as one."""
    turns = asyncio.Semaphore(KEPT_AT_ONCE)

    async def keep(one: _Understood, words: Refined) -> Uploaded:
        async with turns:
            return await _kept(one, words, blobs)

    return await asyncio.gather(*(keep(one, words) for one, words in piece))


async def _kept(one: _Understood, words: Refined, blobs: Blobs) -> Uploaded:
    """Keep the contents of an email, which are named by their hash."""
    contents = [(await blobs.put_bytes(each), len(each)) for each in one.parsed.contents]
    return Uploaded(
        id=one.given.id,
        mailbox=one.given.mailbox,
        timestamp=one.timestamp,
        metadata=one.metadata,
        email=one.parsed.email,
        raw=await blobs.put_bytes(one.raw),
        refined=words,
        contents=contents,
    )


def _json(tx: Transaction, found: Sequence[StoredEmail]) -> list[dict[str, object]]:
    """Tell of emails all but their MIME."""
    keys = [one.key for one in found]
    lying = copies.of_emails(tx, keys) if keys else {}
    said = uploads.of_emails(tx, keys) if keys else {}
    told: list[dict[str, object]] = []
    for one in found:
        upload, copy = said.get(one.key), decide.shown(lying.get(one.key, ()))
        metadata = copy.metadata if copy else upload.metadata if upload else Metadata()
        at = upload.timestamp if upload else one.email.sent_at or metadata.received_at or UNDATED
        told.append(
            {
                "id": upload.id if upload else one.email.message_id or one.comment_id,
                "mailbox": copy.mailbox if copy else upload.mailbox if upload else "",
                "timestamp": timestamp(at),
                "metadata": _metadata(metadata),
                "attachments": [
                    {"name": each.name, "size": each.size, "content_type": each.content_type}
                    for each in one.email.attachments
                ],
                "created_at": timestamp(one.created_at),
                "updated_at": timestamp(one.updated_at),
            }
        )
    return told


def _metadata(metadata: Metadata) -> dict[str, object]:
    known: dict[str, object] = {
        "sensitivity": metadata.sensitivity,
        "size": metadata.size,
        "categories": metadata.categories or None,
        "importance": metadata.importance,
        "has_attachments": metadata.has_attachments,
        "conversation_id": metadata.conversation_id,
        "conversation_topic": metadata.conversation_topic,
        "is_read": metadata.is_read,
        "folder": metadata.folder or None,
        "received_at": timestamp(metadata.received_at) if metadata.received_at else None,
    }
    return {name: value for name, value in known.items() if value is not None}


async def _add_mime(
    told: Sequence[dict[str, object]], found: Sequence[StoredEmail], blobs: Blobs
) -> None:
    """Add the MIME: as a client put it, else written anew of what was read."""
    for one, stored in zip(told, found, strict=True):
        one["mime_content"] = (await _mime(stored, blobs)).decode("utf-8", "replace")


async def _mime(stored: StoredEmail, blobs: Blobs) -> bytes:
    if stored.raw is not None:
        try:
            return b"".join([piece async for piece in blobs.read(stored.raw)])
        except (BlobMissing, BlobDamaged):
            pass
    return composing.compose(stored.email)
