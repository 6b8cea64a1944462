"""Comments: what an email became, or what a client put. Their JSON is kept ready-made and only spliced here."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec import Meta, Struct
from sqlalchemy import Connection as Transaction
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from mailmine.api import continuation, quotas, sources, uploads
from mailmine.api.answers import ok
from mailmine.api.asking import Asker, Data, quickly, services
from mailmine.api.bodies import BULK, limited, takes
from mailmine.api.checking import PIECE_OF_EMAILS, pieces
from mailmine.api.errors import BadRequestError, InvalidError, NotFoundError, TakenError
from mailmine.api.flat import FlatRoute
from mailmine.api.queries import asks
from mailmine.api.refining import refined, remembering
from mailmine.api.spool import Spool
from mailmine.api.uploads import CommentsBody, DocumentsBody
from mailmine.model.comment import Comment
from mailmine.model.email import Email
from mailmine.model.ids import CommentId, ContentHash, SourceId
from mailmine.model.wire import has_markup, without_markup
from mailmine.refine import Refined, identity
from mailmine.store import comment_attachments, comments
from mailmine.store.comment_attachments import CommentContent
from mailmine.store.comments import Counts, NewComment
from mailmine.sync import uploading
from mailmine.sync.refinery import Refinery

router = APIRouter(tags=["comments"])
often = APIRouter(tags=["comments"], route_class=FlatRoute)

Charge = Annotated[bool, Query(description="Of no consequence: nothing is charged.")]

MOST_DELETED = 32
LARGEST_ATTACHMENT = 256 << 20
"""Bytes; more than Exchange lets an email have."""
PIECE_OF_FILE = 1 << 20
FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "string",
                        "contentMediaType": "application/octet-stream",
                        "description": "The content.",
                    }
                },
            }
        }
    },
}


class PageQuery(Struct, frozen=True):
    """Which page of comments."""

    from_timestamp: Annotated[
        datetime | None, Meta(description="The first moment; without an offset it is UTC.")
    ] = None
    to_timestamp: Annotated[datetime | None, Meta(description="The last moment.")] = None
    after: Annotated[str | None, Meta(description="The `continuation` of the page before.")] = None
    limit: Annotated[int, Meta(ge=1, le=256, description="Comments in one answer.")] = 64
    include_markup: bool = False


@often.get("/api/_private/sources/{source:address}/comments")
async def read_all(
    request: Request,
    source: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[PageQuery, Depends(asks(PageQuery))],
) -> Response:
    """List the comments of a source, oldest first; mail that arrives meanwhile is at the end and not missed.

    Both bounds are inclusive; without an offset they are UTC. The `continuation` of an answer is the `after`
    of the next; without it the list is at its end.
    """
    place, limit = continuation.read(wanted.after), wanted.limit
    since, until = _utc(wanted.from_timestamp), _utc(wanted.to_timestamp)

    def read() -> Response:
        with data.glance() as tx:
            found = comments.json_page(
                tx,
                *sources.names(tx, source, asker),
                after=place,
                limit=limit + 1,
                since=since,
                until=until,
            )
        if not found:
            with data.read() as tx:
                sources.find(tx, source, asker)  # it might not exist
        shown = found[:limit]
        texts: Iterable[bytes] = [json for _, json in shown]
        if not wanted.include_markup and has_markup(b"".join(texts)):
            texts = map(without_markup, texts)
        return ok(
            request,
            comments=list(map(orjson.Fragment, texts)),
            continuation=continuation.write(shown[-1][0]) if len(found) > limit else None,
        )

    return await quickly(data, read)


@router.get("/api/v1/sources/{source:address}/comments/{comment_id}")
def read(
    request: Request,
    source: str,
    comment_id: str,
    asker: Asker,
    data: Data,
    *,
    include_markup: bool = False,
) -> Response:
    """Tell one comment."""
    with data.read() as tx:
        found = comments.get(tx, sources.find(tx, source, asker).id, CommentId(comment_id))
    if found is None:
        raise NotFoundError(f"There is no comment {comment_id} in the source {source}.")
    return ok(request, comment=_shown(found.json, include_markup=include_markup))


@router.put("/api/_private/sources/{source:address}/comments")
def create(
    request: Request,
    source: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[CommentsBody, Depends(takes(CommentsBody, limit=BULK))],
    *,
    no_charge: Charge = False,
) -> Response:
    """Put new comments, all or none: none if one of them is there already."""
    del no_charge
    with data.write() as tx:
        found = sources.find(tx, source, asker)
        seen: set[str] = set()
        for piece in pieces(wanted.comments, uploads.NewComment, "comments"):
            new = [_made(one.comment()) for one in piece]
            ids = [one.comment.id for one in new]
            if len(set(ids)) < len(ids) or seen.intersection(ids):
                raise InvalidError("comments: two of these comments have the same id.")
            there = comments.existing(tx, found.id, ids)
            if there:
                raise TakenError(
                    f"{len(there)} of these comments are there already, {min(there)} among them: "
                    "sync them instead, which changes what is there."
                )
            seen.update(ids)
            comments.put(tx, found.id, new, at=asker.at)
        quotas.check_comments(tx, found.id)
    return ok(request)


@router.post("/api/v1/sources/{source:address}/sync")
def sync(
    request: Request,
    source: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[CommentsBody, Depends(takes(CommentsBody, limit=BULK))],
    *,
    no_charge: Charge = False,
) -> Response:
    """Put comments, all or none; those that are there already say from now on what these say."""
    del no_charge
    counts = Counts(new=0, updated=0, unchanged=0)
    with data.write() as tx:
        found = sources.find(tx, source, asker)
        for piece in pieces(wanted.comments, uploads.NewComment, "comments"):
            new = _with_contents(tx, found.id, [_made(one.comment()) for one in piece])
            counts = _sum(counts, comments.put(tx, found.id, new, at=asker.at))
        quotas.check_comments(tx, found.id)
    return ok(request, new=counts.new, updated=counts.updated, unchanged=counts.unchanged)


@router.post("/api/v1/sources/{source:address}/sync-raw-emails")
async def sync_raw_emails(
    request: Request,
    source: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[DocumentsBody, Depends(takes(DocumentsBody, limit=BULK))],
    *,
    no_charge: Charge = False,
) -> Response:
    """Make comments of raw emails, all or none, without keeping the emails.

    They are refined by what is known in the bucket of the source, and not learned from: they are no part of it.
    """
    del no_charge
    sources.check_tag(wanted.transform_tag)
    overriding = frozenset(wanted.override_user_properties or ())

    def check() -> tuple[SourceId, Refinery]:
        with data.read() as tx:
            found = sources.find(tx, source, asker)
        return found.id, remembering(services(request), data, found.bucket_id)

    source_id, refinery = await run_in_threadpool(check)
    counts = Counts(new=0, updated=0, unchanged=0)
    shown: list[orjson.Fragment] = []

    def write(spool: Spool[NewComment]) -> None:
        nonlocal counts
        with data.write() as tx:
            for piece in spool:
                new = _with_contents(tx, source_id, piece)
                counts = _sum(counts, comments.put(tx, source_id, new, at=asker.at))
                if wanted.include_comments:
                    every = (comments.get(tx, source_id, one.comment.id) for one in new)
                    shown.extend(orjson.Fragment(one.json) for one in every if one is not None)
            quotas.check_comments(tx, source_id)

    with Spool(NewComment) as spool:
        read = pieces(wanted.documents, uploads.Document, "documents", PIECE_OF_EMAILS)
        with_email = ([(one, one.raw_email.email()) for one in piece] for piece in read)
        async for piece in refined(with_email, itemgetter(1), refinery, field="documents"):
            spool.add([_made_of(*one, words, overriding) for one, words in piece])
        await run_in_threadpool(write, spool)
    told: dict[str, object] = {"comments": shown} if wanted.include_comments else {}
    return ok(request, new=counts.new, updated=counts.updated, unchanged=counts.unchanged, **told)


@router.delete("/api/v1/sources/{source:address}/comments")
def remove(
    request: Request,
    source: str,
    asker: Asker,
    data: Data,
    id: Annotated[list[str], Query(min_length=1, max_length=MOST_DELETED)],  # noqa: A002
) -> Response:
    """Remove comments. One that comes from a bucket comes back when its email is read or refined again."""
    with data.write() as tx:
        found = sources.find(tx, source, asker)
        comments.remove(tx, found.id, [CommentId(one) for one in id])
    return ok(request)


async def uploaded(request: Request) -> AsyncIterator[UploadFile]:
    """Read the one file of a form, which lies on disk where it is large. Raises InvalidError, TooLargeError."""
    async with limited(request, LARGEST_ATTACHMENT).form(max_files=1, max_fields=8) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidError("Send the content as the field `file` of multipart/form-data.")
        yield file


@router.put(
    "/api/_private/sources/{source:address}/comments/{comment_id}/attachments/{index}",
    openapi_extra={"requestBody": FORM},
)
async def put_attachment(
    request: Request,
    source: str,
    comment_id: str,
    index: int,
    asker: Asker,
    data: Data,
    file: Annotated[UploadFile, Depends(uploaded)],
) -> Response:
    """Put the content of an attachment that a comment lists; then it has an `attachment_reference`."""

    def check() -> SourceId:
        with data.read() as tx:
            found = sources.find(tx, source, asker)
            _listed(comments.get(tx, found.id, CommentId(comment_id)), comment_id, index)
            return found.id

    source_id = await run_in_threadpool(check)
    content_hash, size = await services(request).blobs.put(_pieces(file))

    def keep() -> None:
        with data.write() as tx:
            # Another attachment of it may come at this moment: nobody else writes to the source from here on.
            comments.leads(tx, source_id, [CommentId(comment_id)])
            stored = comments.get(tx, source_id, CommentId(comment_id))
            comment = _listed(stored, comment_id, index)
            listed = list(comment.attachments)
            kept = comment_attachments.put(
                tx,
                source_id,
                comment.id,
                index,
                name=listed[index].name,
                content_type=listed[index].content_type,
                size=size,
                content_hash=content_hash,
            )
            listed[index] = replace(
                listed[index],
                size=kept.size,
                attachment_reference=kept.reference,
                content_hash=ContentHash(kept.content_hash),
            )
            if stored is not None:
                new = NewComment(
                    comment=replace(comment, attachments=tuple(listed)),
                    email_key=stored.email_key,
                    refined=stored.refined,
                )
                comments.put(tx, source_id, [new], at=asker.at)

    await run_in_threadpool(keep)
    return ok(request, content_hash=content_hash)


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(PIECE_OF_FILE):
        yield piece


def _listed(stored: comments.StoredComment | None, comment_id: str, index: int) -> Comment:
    if stored is None:
        raise NotFoundError(f"There is no comment {comment_id} in this source.")
    if not 0 <= index < len(stored.comment.attachments):
        raise NotFoundError(
            f"The comment {comment_id} lists {len(stored.comment.attachments)} attachments, none is number {index}."
        )
    return stored.comment


Contents = Mapping[tuple[CommentId, int], CommentContent]


def _with_contents(
    tx: Transaction, source_id: SourceId, new: Sequence[NewComment]
) -> Sequence[NewComment]:
    """Let attachments keep what was put to them; of several comments with one id the last counts, as it does for what is kept."""
    listed = {one.comment.id: one.comment.attachments for one in new}
    kept = comment_attachments.keep_listed(tx, source_id, listed)
    return [_filled(one, kept) for one in new] if kept else new


def _filled(new: NewComment, kept: Contents) -> NewComment:
    """Give a comment the references of its contents, where it says none."""
    attachments = tuple(
        replace(
            one,
            size=content.size,
            attachment_reference=content.reference,
            content_hash=content.content_hash,
        )
        if one.attachment_reference is None
        and (content := kept.get((new.comment.id, index))) is not None
        else one
        for index, one in enumerate(new.comment.attachments)
    )
    return replace(new, comment=replace(new.comment, attachments=attachments))


def _made(comment: Comment) -> NewComment:
    return NewComment(comment=comment, email_key=None, refined=0)


def _made_of(
    document: uploads.Document, email: Email, words: Refined, overriding: frozenset[str]
) -> NewComment:
    """Make the comment of a document. What we found out counts, unless the client says that its word does."""
    comment_id = CommentId(document.comment_id) if document.comment_id else identity.of(email)
    comment = uploading.own_comment(email, words, comment_id)
    given = uploads.checked(document.user_properties or {})
    ours = comment.user_properties
    properties = {**given, **ours, **{name: given[name] for name in given if name in overriding}}
    return NewComment(
        comment=replace(comment, user_properties=properties), email_key=None, refined=words.version
    )


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(
        new=one.new + other.new,
        updated=one.updated + other.updated,
        unchanged=one.unchanged + other.unchanged,
    )


def _shown(json: bytes, *, include_markup: bool) -> orjson.Fragment:
    return orjson.Fragment(json if include_markup else without_markup(json))


def _utc(at: datetime | None) -> datetime | None:
    """Take a moment without an offset as UTC, as the original's documentation does in its examples."""
    try:
        return None if at is None else uploads.utc(at)
    except InvalidError as error:
        raise BadRequestError(str(error)) from error
