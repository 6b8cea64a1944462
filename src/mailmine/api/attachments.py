"""The content of attachments, by the reference that a comment gives. Sent as a file, never shown."""

import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from mailmine.api.asking import Asker, Data, services
from mailmine.api.errors import NotFoundError, RangeError
from mailmine.api.transport import IS_HEAD
from mailmine.model.ids import AttachmentReference
from mailmine.store import attachments, buckets, comment_attachments, sources
from mailmine.store.attachments import StoredAttachment
from mailmine.store.comment_attachments import CommentContent

router = APIRouter(prefix="/api/v1/attachments", tags=["attachments"])

_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}", re.ASCII)
_LONGEST_NAME = 150
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


def _find(reference: str, asker: Asker, data: Data) -> StoredAttachment | CommentContent:
    """Find an attachment that who asks may read: in the project of its bucket, or of a source on that bucket."""
    missing = f"There is no attachment {reference}."
    with data.read() as tx:
        put = comment_attachments.by_reference(tx, AttachmentReference(reference))
        if put is not None:
            source = sources.by_id(tx, put.source_id)
            asker.check(source.project if source else "", missing)
            return put
        found = attachments.by_reference(tx, AttachmentReference(reference))
        bucket = buckets.by_id(tx, found.bucket_id) if found else None
        if found is None or bucket is None:
            raise NotFoundError(missing)
        if not any(asker.sees(one.project) for one in sources.of_bucket(tx, bucket.id)):
            asker.check(bucket.project, missing)
    return found


@router.get("/{reference}", response_class=Response)
async def read(
    request: Request, attachment: Annotated[StoredAttachment | CommentContent, Depends(_find)]
) -> Response:
    """Send the content of an attachment, or the one range of it that was asked for (RFC 9110, 14)."""
    blobs = services(request).blobs
    size = await blobs.size(attachment.content_hash)
    if size is None:
        raise NotFoundError(
            f"The content of the attachment {attachment.reference} is not kept any more."
        )
    etag = f'"{attachment.content_hash}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": _disposition(attachment.name),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    if _is_known(request.headers.get("If-None-Match", ""), etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    wanted = None
    is_head = bool(request.scope.get(IS_HEAD))
    if not is_head and request.headers.get("If-Range", etag) == etag:
        wanted = _range(request.headers.get("Range", ""), size)
    start, end = wanted or (0, size)
    headers["Content-Length"] = str(end - start)
    headers["Content-Type"] = _media_type(attachment.content_type)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    if is_head:
        return Response(headers=headers)
    content: AsyncIterator[bytes] = blobs.read(attachment.content_hash, start=start, end=end)
    first = await anext(content, b"")  # what goes wrong with it can be told yet
    status = HTTPStatus.OK if wanted is None else HTTPStatus.PARTIAL_CONTENT
    return StreamingResponse(_rest(first, content), status, headers)


async def _rest(first: bytes, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in content:
        yield piece


def _range(header: str, size: int) -> tuple[int, int] | None:
    """Give the start and the end (exclusive) of the range; None = everything, as for what we do not understand.

    Raises RangeError.
    """
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise RangeError(size)
    return start, end


def _is_known(header: str, etag: str) -> bool:
    """Whether the client has this content already (If-None-Match, compared weakly)."""
    return any(
        known.strip().removeprefix("W/") in {etag, "*"} for known in header.split(",") if known
    )


def _media_type(written: str) -> str:
    """Pass on what is a MIME type; senders write all sorts of things there."""
    lower = written.lower()
    return lower if _MEDIA_TYPE.fullmatch(lower) else "application/octet-stream"


def _disposition(name: str) -> str:
    """Name the file to save (RFC 6266): in ASCII for old clients, and as it is.

    Without letters that turn the direction of writing, by which `fdp.exe` looks like `exe.pdf`, and no longer
    than files may be called; the end stays, for it tells the kind.
    """
    clean = "".join(letter if letter.isprintable() else "_" for letter in name)
    clean = re.sub(r"[/\\]", "_", clean)[-_LONGEST_NAME:] or "attachment"
    plain = re.sub(r'[^ -~]|["%]', "_", clean)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(clean, safe='')}"
