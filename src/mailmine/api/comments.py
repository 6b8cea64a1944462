"""Comments: what an email became. Their JSON is kept ready-made and only spliced here."""

from datetime import UTC, datetime
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response

from mailmine.api import continuation, sources
from mailmine.api.answers import ok
from mailmine.api.asking import Asker, Data
from mailmine.api.errors import BadRequestError, NotFoundError
from mailmine.model.ids import CommentId
from mailmine.store import comments

router = APIRouter(tags=["comments"])

Limit = Annotated[int, Query(ge=1, le=256, description="Comments in one answer.")]


@router.get("/api/_private/sources/{source:address}/comments")
def read_all(
    request: Request,
    source: str,
    asker: Asker,
    data: Data,
    *,
    from_timestamp: datetime | None = None,
    to_timestamp: datetime | None = None,
    after: str | None = None,
    limit: Limit = 64,
    include_markup: bool = False,
) -> Response:
    """List the comments of a source, oldest first; mail that arrives meanwhile is at the end and not missed.

    Both bounds are inclusive; without an offset they are UTC. The `continuation` of an answer is the `after`
    of the next; without it the list is at its end. No comment has markup yet.
    """
    del include_markup
    place = continuation.read(after)
    since, until = _utc(from_timestamp), _utc(to_timestamp)
    with data.read() as tx:
        found = comments.page(
            tx,
            sources.find(tx, source, asker).id,
            newest_first=False,
            after=place,
            limit=limit + 1,
            since=since,
            until=until,
        )
    shown = found[:limit]
    return ok(
        request,
        comments=[orjson.Fragment(comment.json) for comment in shown],
        continuation=continuation.write(shown[-1].time_key) if len(found) > limit else None,
    )


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
    del include_markup
    with data.read() as tx:
        found = comments.get(tx, sources.find(tx, source, asker).id, CommentId(comment_id))
    if found is None:
        raise NotFoundError(f"There is no comment {comment_id} in the source {source}.")
    return ok(request, comment=orjson.Fragment(found.json))


def _utc(at: datetime | None) -> datetime | None:
    """Take a moment without an offset as UTC, as the original's documentation does in its examples."""
    if at is None:
        return None
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise BadRequestError(f"The moment {at.isoformat()} is beyond the calendar.") from error
