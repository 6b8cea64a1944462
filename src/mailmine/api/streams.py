"""Streams: a client reads the comments of a dataset one after the other, none twice and none left out.

A fetch does not move the stream; `advance` does, once what was fetched is done with. Every route is also there under
its old name, `triggers` instead of `streams`, in its paths and in JSON.
"""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection as Transaction

from mailmine import tracing
from mailmine.api import datasets
from mailmine.api.answers import ok
from mailmine.api.asking import Asked, Asker, Data
from mailmine.api.bodies import takes
from mailmine.api.errors import BadRequestError, InvalidError, NotFoundError
from mailmine.api.limits import Description, Name, Title, check_json, said
from mailmine.api.noting import note
from mailmine.api.uploads import utc
from mailmine.model.comment_filter import CommentFilter
from mailmine.model.wire import timestamp, without_markup
from mailmine.store import batches, streams, traces
from mailmine.store.batches import Batch
from mailmine.store.datasets import Dataset
from mailmine.store.streams import Stream, Updates
from mailmine.sync import making

router = APIRouter(prefix="/api/v1/datasets/{dataset:address}", tags=["streams"])

MOST = 1_024
DEFAULT_SIZE = 16
STREAMS = ("/streams", "/triggers")


class StreamSettings(Struct, frozen=True):
    """What may be said of a stream."""

    name: Name | UnsetType = UNSET
    title: Title | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    comment_filter: CommentFilter | UnsetType | None = UNSET
    model: dict[str, Any] | UnsetType | None = UNSET
    """A model to predict labels with. Kept and given back; there are no predictions."""
    updates: Literal["text", "never"] | UnsetType = UNSET
    """Whether a comment comes again when its `text` changed, or `never`."""


class StreamBody(Struct, frozen=True):
    """A stream to be made or changed."""

    stream: StreamSettings | UnsetType = UNSET
    trigger: StreamSettings | UnsetType = UNSET

    @property
    def settings(self) -> StreamSettings:
        """What is said, by either name. Raises InvalidError."""
        given = self.trigger if self.stream is UNSET else self.stream
        if given is UNSET:
            raise InvalidError("The body says no `stream`.")
        if given.model:
            check_json(given.model, "stream.model")
        if given.comment_filter and given.comment_filter.annotations:
            labels = given.comment_filter.annotations.labels
            check_json(labels, "stream.comment_filter.annotations.labels")
        return given


class FetchBody(Struct, frozen=True):
    """How much is to be fetched."""

    size: Annotated[int, Meta(ge=1, le=MOST)] = DEFAULT_SIZE
    max_filtered: Annotated[int, Meta(ge=1, le=MOST)] | None = None


class AdvanceBody(Struct, frozen=True):
    """Up to where all is done with: of a batch, or of one of its results."""

    sequence_id: str | None = None
    continuation: str | None = None
    """The same, as `results` calls it."""


class ResetBody(Struct, frozen=True):
    """From when on it is to be read."""

    to_comment_created_at: datetime


class ExceptionMetadata(Struct, frozen=True):
    """What is the matter."""

    type: Annotated[str, Meta(max_length=256)]


class StreamException(Struct, frozen=True):
    """A comment that needs a person."""

    uid: Annotated[str, Meta(max_length=2_048)]
    metadata: ExceptionMetadata


class ExceptionsBody(Struct, frozen=True):
    """Comments that need a person."""

    exceptions: Annotated[tuple[StreamException, ...], Meta(max_length=MOST)]


def read_all(request: Request, dataset: str, asker: Asker, data: Data) -> Response:
    """List the streams of a dataset."""
    with data.read() as tx:
        found = streams.of_dataset(tx, datasets.find(tx, dataset, asker).id)
    return ok(request, **{f"{_word(request)}s": [_json(one) for one in found]})


def create(
    request: Request,
    dataset: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[StreamBody, Depends(takes(StreamBody))],
) -> Response:
    """Make a stream, at the beginning of its dataset: `reset` moves it to a later time."""
    given = wanted.settings
    if given.name is UNSET:
        raise InvalidError("stream.name: a stream needs a name.")
    with data.write() as tx:
        found = datasets.find(tx, dataset, asker)
        made = making.stream(
            tx,
            found,
            given.name,
            title=given.title or "",
            description=given.description or "",
            wanted=given.comment_filter or CommentFilter(),
            model=given.model or None,
            updates=Updates(given.updates or Updates.TEXT),
            at=asker.at,
        )
        _note(tx, asker, "stream_created", found, made)
    return ok(request, **{_word(request): _json(made)})


def read(request: Request, dataset: str, stream: str, asker: Asker, data: Data) -> Response:
    """Tell of one stream, and how many comments it has not read yet (`behind`)."""
    with data.read() as tx:
        owner, found = _find(tx, dataset, stream, asker)
        behind = batches.behind(tx, found, owner.source_ids)
    return ok(request, **{_word(request): _json(found) | {"behind": behind}})


def update(
    request: Request,
    dataset: str,
    stream: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[StreamBody, Depends(takes(StreamBody))],
) -> Response:
    """Change what is named; its position stays."""
    given = wanted.settings
    with data.write() as tx:
        owner, before = _find(tx, dataset, stream, asker)
        comment_filter = before.comment_filter
        if given.comment_filter is not UNSET:
            comment_filter = making.written(given.comment_filter or CommentFilter())
        after = replace(
            before,
            name=given.name or before.name,
            title=said(given.title, before.title),
            description=said(given.description, before.description),
            comment_filter=comment_filter,
            model=before.model if given.model is UNSET else given.model,
            updates=Updates(given.updates or before.updates),
            updated_at=asker.at,
        )
        streams.save(tx, after)
        _note(tx, asker, "stream_changed", owner, after)
    return ok(request, **{_word(request): _json(after)})


def remove(request: Request, dataset: str, stream: str, asker: Asker, data: Data) -> Response:
    """Remove a stream."""
    with data.write() as tx:
        owner, found = _find(tx, dataset, stream, asker)
        streams.remove(tx, found.id)
        _note(tx, asker, "stream_removed", owner, found)
    return ok(request)


def results(
    request: Request,
    dataset: str,
    stream: str,
    asker: Asker,
    data: Data,
    *,
    max_results: Annotated[int, Query(ge=1, le=MOST)] = DEFAULT_SIZE,
    max_filtered: Annotated[int, Query(ge=1, le=MOST)] = MOST,
) -> Response:
    """Give the comments that come next. The same again until the stream is advanced."""
    batch = _fetch(data.read, dataset, stream, asker, max_results, max_filtered)
    return ok(
        request,
        results=[
            {
                "comment": orjson.Fragment(without_markup(one.json)),
                "continuation": batches.write(one.position),
                "prediction": None,
            }
            for one in batch.results
        ],
        num_filtered=batch.filtered,
        more_results=not batch.is_end,
        continuation=batches.write(batch.position),
        sequence_id=batches.write(batch.position),
    )


def fetch(
    request: Request,
    dataset: str,
    stream: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[FetchBody, Depends(takes(FetchBody))],
) -> Response:
    """Give the comments that come next, in the old form."""
    limit = wanted.max_filtered or MOST
    batch = _fetch(data.read, dataset, stream, asker, wanted.size, limit)
    return ok(
        request,
        results=[
            {
                "comment": orjson.Fragment(without_markup(one.json)),
                "sequence_id": batches.write(one.position),
                "labels": [],
                "entities": [],
            }
            for one in batch.results
        ],
        filtered=batch.filtered,
        sequence_id=batches.write(batch.position),
        is_end_sequence=batch.is_end,
    )


def advance(
    request: Request,
    dataset: str,
    stream: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[AdvanceBody, Depends(takes(AdvanceBody))],
) -> Response:
    """Move a stream behind what is done with; never back, so a request may be sent twice."""
    written = wanted.continuation if wanted.sequence_id is None else wanted.sequence_id
    if written is None:
        raise InvalidError("sequence_id: say which one of those that a fetch gave.")
    position = batches.read(written)
    if position is None:
        raise BadRequestError("The sequence_id is not one that mailmine gave.")
    with data.write() as tx:
        _, found = _find(tx, dataset, stream, asker)
        streams.advance(tx, found.id, position)
    return ok(request, sequence_id=written)


def reset(
    request: Request,
    dataset: str,
    stream: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[ResetBody, Depends(takes(ResetBody))],
) -> Response:
    """Move a stream, forth or back, to the comments that were made at or after a time."""
    with data.write() as tx:
        owner, found = _find(tx, dataset, stream, asker)
        streams.reset(tx, found.id, utc(wanted.to_comment_created_at))
        _note(tx, asker, "stream_reset", owner, found)
    return ok(request)


def tag_exceptions(
    request: Request,
    dataset: str,
    stream: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[ExceptionsBody, Depends(takes(ExceptionsBody))],
) -> Response:
    """Note that comments need a person."""
    types = {one.uid: one.metadata.type for one in wanted.exceptions}
    with data.write() as tx:
        _, found = _find(tx, dataset, stream, asker)
        streams.tag_exceptions(tx, found.id, types, at=asker.at)
    return ok(request)


def untag_exceptions(
    request: Request,
    dataset: str,
    stream: str,
    asker: Asker,
    data: Data,
    uid: Annotated[list[str], Query(min_length=1, max_length=MOST)],
) -> Response:
    """Take such notes back."""
    with data.write() as tx:
        _, found = _find(tx, dataset, stream, asker)
        streams.untag_exceptions(tx, found.id, uid)
    return ok(request)


_ROUTES = (
    ("GET", "", read_all),
    ("PUT", "", create),
    ("GET", "/{stream}", read),
    ("POST", "/{stream}", update),
    ("DELETE", "/{stream}", remove),
    ("GET", "/{stream}/results", results),
    ("POST", "/{stream}/fetch", fetch),
    ("POST", "/{stream}/advance", advance),
    ("POST", "/{stream}/reset", reset),
    ("PUT", "/{stream}/exceptions", tag_exceptions),
    ("DELETE", "/{stream}/exceptions", untag_exceptions),
)

for _name in STREAMS:
    for _method, _path, _endpoint in _ROUTES:
        router.add_api_route(
            _name + _path, _endpoint, methods=[_method], include_in_schema=_name == STREAMS[0]
        )


def _fetch(
    reading: Any, dataset: str, stream: str, asker: Asked, size: int, max_filtered: int
) -> Batch:
    about = {"mailmine.dataset": dataset, "mailmine.stream": stream}
    with tracing.span("stream fetch", about) as span, reading() as tx:
        owner, found = _find(tx, dataset, stream, asker)
        datasets.check_sources(tx, owner, asker)
        wanted = msgspec.convert(found.comment_filter, CommentFilter)
        batch = batches.fetch(
            tx, found, owner.source_ids, wanted, size=size, max_filtered=max_filtered
        )
        if span.is_heard:
            given = ((one.source_id, one.place) for one in batch.results)
            span.link(traces.of_places(tx, given))
            span.set({"mailmine.comments": len(batch.results), "mailmine.filtered": batch.filtered})
        return batch


def _find(tx: Transaction, dataset: str, name: str, asker: Asked) -> tuple[Dataset, Stream]:
    owner = datasets.find(tx, dataset, asker)
    found = streams.get(tx, owner.id, name)
    if found is None:
        raise NotFoundError(f"There is no stream {name} in the dataset {dataset}.")
    return owner, found


def _word(request: Request) -> str:
    """Tell by which name the client calls a stream."""
    return "trigger" if "/triggers" in request.scope["route"].path else "stream"


def _note(tx: Transaction, asker: Asked, kind: str, dataset: Dataset, stream: Stream) -> None:
    note(
        tx,
        asker,
        kind,
        project=dataset.project,
        name=f"{dataset.name}/{stream.name}",
        dataset_id=dataset.id,
    )


def _json(stream: Stream) -> dict[str, object]:
    told: dict[str, object] = {
        "id": stream.id,
        "dataset_id": stream.dataset_id,
        "name": stream.name,
        "title": stream.title,
        "description": stream.description,
        "created_at": timestamp(stream.created_at),
        "updated_at": timestamp(stream.updated_at),
        "comment_filter": stream.comment_filter,
        "updates": stream.updates,
    }
    return told if stream.model is None else told | {"model": stream.model}
