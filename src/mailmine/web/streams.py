"""Streams: where each program that works comments off is, and what it gets next."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import orjson
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailmine.access.permissions import Permission
from mailmine.model import facts, wire
from mailmine.model.comment import Comment, Message
from mailmine.model.comment_filter import CommentFilter
from mailmine.model.facts import ANSWER, HOUR, LANGUAGE
from mailmine.model.ids import SourceId
from mailmine.store import batches, datasets, explore, projects, sources, streams
from mailmine.store.datasets import Dataset
from mailmine.store.sources import Source
from mailmine.store.streams import Stream, Tagged, Updates
from mailmine.store.types import moment
from mailmine.sync import making
from mailmine.sync.making import NotMade
from mailmine.web import comments as listing
from mailmine.web.asked import Asked, Chip, label_of
from mailmine.web.forms import Fields, form, to
from mailmine.web.language import _
from mailmine.web.site import address, api_path
from mailmine.web.visit import Visit, page

MOST_BEHIND = 100_000
"""Comments of one source that are counted."""
NEXT = 10
MOST_FILTERED = 1_024
MOST_TAGGED = 100

CONSUME = (Permission.STREAMS_CONSUME, Permission.LABELS_READ)
MAKE = (Permission.STREAMS_ADMIN, Permission.LABELS_READ)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRow:
    """A stream in the list."""

    stream: Stream
    chips: Sequence[Chip]
    is_odd: bool
    """Its filter says more than pages can."""
    behind: int
    is_more: bool
    """Farther behind than is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A dataset with its streams."""

    dataset: Dataset
    sources: Sequence[Source]
    rows: Sequence[StreamRow]
    may_make: bool


@dataclass(frozen=True, slots=True)
class Place:
    """How far a source was read; None for its beginning."""

    source: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Coming:
    """A comment that the stream gives next."""

    source: Source | None
    comment: Comment
    message: Message


@dataclass(frozen=True, slots=True)
class Exceptional:
    """A comment that needs a person, and where it is."""

    tagged: Tagged
    source: Source | None
    comment_id: str


@page
def show_all(visit: Visit) -> Response:
    """Answer `/streams`."""
    return _all(visit)


def _all(
    visit: Visit, *, typed: Fields | None = None, faults: Mapping[str, str] | None = None
) -> Response:
    if not visit.identity.may_anywhere(Permission.STREAMS_READ):
        raise HTTPException(403)
    every = {source.id: source for source in visit.sources}
    shelves = [
        Shelf(
            dataset=one,
            sources=[every[source_id] for source_id in one.source_ids if source_id in every],
            rows=[_row(visit, one, stream) for stream in streams.of_dataset(visit.tx, one.id)],
            may_make=_may(visit, one.project, MAKE),
        )
        for one in datasets.list_all(visit.tx)
        if visit.identity.may(Permission.STREAMS_READ, one.project)
    ]
    return visit.render(
        "streams.html",
        status=422 if faults else 200,
        here="streams",
        title=_("Streams"),
        shelves=shelves,
        projects=_makers(visit),
        typed=typed or {},
        faults=faults or {},
    )


def _row(visit: Visit, dataset: Dataset, stream: Stream) -> StreamRow:
    asked = _asked(stream)
    behind = batches.behind(visit.tx, stream, dataset.source_ids, most=MOST_BEHIND)
    return StreamRow(
        stream=stream,
        chips=asked.chips if asked else (),
        is_odd=asked is None,
        behind=behind,
        is_more=behind >= MOST_BEHIND,
    )


def _asked(stream: Stream) -> Asked | None:
    """Read a stream's filter as the pages write one; None where it says more than they can."""
    wanted = facts.of_filter(msgspec.convert(stream.comment_filter, CommentFilter))
    return None if wanted is None else Asked.of(wanted)


@form
def add_dataset(visit: Visit, given: Fields) -> Response:
    """Answer POST `/streams/datasets`: make a dataset of the sources that are ticked."""
    project = given.get("project", "")
    if not visit.identity.may(Permission.DATASETS_ADMIN, project):
        raise HTTPException(403)
    chosen = [source.id for source in visit.sources if f"source-{source.id}" in given]
    if not chosen:
        return _all(visit, typed=given, faults={"sources": _("Choose at least one source.")})
    try:
        made = making.dataset(
            visit.tx,
            making.project_of(visit.tx, project),
            given.get("name", "").strip(),
            title=given.get("title", "").strip()[:128],
            source_ids=chosen,
            at=visit.at,
        )
    except NotMade as error:
        return _all(visit, typed=given, faults={"name": str(error)})
    visit.note("dataset_created", project=made.project, name=made.name, dataset_id=made.id)
    if _may(visit, made.project, MAKE):
        response = to(visit, "stream_build", owner=made.project, name=made.name)
        response.headers["Location"] += Asked.read(QueryParams(given.get("query", ""))).query
        return response
    return to(visit, "streams")


@page
def choose(visit: Visit) -> Response:
    """Answer `/streams/new?source=…`: in which dataset a stream of this selection is to be."""
    params = visit.request.query_params
    asked = Asked.read(params)
    source = next((one for one in visit.sources if one.id == params.get("source")), None)
    fitting = [
        one
        for one in datasets.list_all(visit.tx)
        if _may(visit, one.project, MAKE) and (source is None or source.id in one.source_ids)
    ]
    if len(fitting) == 1:
        response = to(visit, "stream_build", owner=fitting[0].project, name=fitting[0].name)
        response.headers["Location"] += asked.query
        return response
    return visit.render(
        "stream_new.html",
        here="streams",
        title=_("A stream of what?"),
        datasets=fitting,
        asked=asked,
        source=source,
        projects=_makers(visit),
        typed={},
        faults={},
    )


@page
def build(visit: Visit) -> Response:
    """Answer `/streams/{owner}/{name}/new?folder=…`: the filter, and how many comments it lets through."""
    return _build(visit, Asked.read(visit.request.query_params))


def _build(
    visit: Visit,
    asked: Asked,
    *,
    typed: Fields | None = None,
    faults: Mapping[str, str] | None = None,
) -> Response:
    dataset = _dataset(visit, MAKE)
    written, left = asked.wanted.as_filter()
    effective = facts.of_filter(written) or asked.wanted
    readable = _readable(visit, dataset)
    seen = explore.look_all(visit.tx, readable, effective) if readable else None
    counts = seen.counts if seen else None
    return visit.render(
        "stream_build.html",
        status=422 if faults else 200,
        here="streams",
        title=_("Make a stream"),
        dataset=dataset,
        asked=asked,
        left=[_("words") if name == "words" else label_of(name).lower() for name in left],
        seen=seen,
        counts=counts,
        live=[f"source:{one}" for one in readable],
        facets=listing.facets(asked, counts, but={LANGUAGE, HOUR, ANSWER}) if counts else (),
        names=[
            (name, label_of(name))
            for name in sorted(counts.names if counts else (), key=label_of)
            if name not in {LANGUAGE, HOUR, ANSWER}
        ],
        filter_json=orjson.dumps(making.written(written), option=orjson.OPT_INDENT_2).decode(),
        typed=typed or {},
        faults=faults or {},
    )


@form
def add(visit: Visit, given: Fields) -> Response:
    """Answer POST `/streams/{owner}/{name}/new`: make the stream."""
    dataset = _dataset(visit, MAKE)
    asked = Asked.read(QueryParams(given.get("query", "")))
    updates = Updates.NEVER if given.get("updates") == Updates.NEVER else Updates.TEXT
    try:
        made = making.stream(
            visit.tx,
            dataset,
            given.get("name", "").strip(),
            title=given.get("title", "").strip()[:128],
            wanted=asked.wanted.as_filter()[0],
            updates=updates,
            at=visit.at,
        )
    except NotMade as error:
        return _build(visit, asked, typed=given, faults={"name": str(error)})
    if given.get("begin") == "now":
        streams.reset(visit.tx, made.id, visit.at)
    _note(visit, "stream_created", dataset, made)
    return _to_stream(visit, dataset, made)


@page
def show(visit: Visit) -> Response:
    """Answer `/streams/{owner}/{name}/{stream}`."""
    dataset, stream = _find(visit)
    return _stream(visit, dataset, stream)


def _stream(
    visit: Visit, dataset: Dataset, stream: Stream, *, faults: Mapping[str, str] | None = None
) -> Response:
    known = {source.id: source for source in visit.sources}
    may_read = len(_readable(visit, dataset)) == len(dataset.source_ids)
    may_consume = _may(visit, dataset.project, CONSUME)
    may_look = may_consume and may_read
    asked = _asked(stream)
    path = f"{dataset.project}/{dataset.name}/{stream.name}"
    return visit.render(
        "stream.html",
        status=422 if faults else 200,
        here="streams",
        title=stream.title or stream.name,
        dataset=dataset,
        stream=stream,
        row=_row(visit, dataset, stream),
        asked=asked,
        filter_json=orjson.dumps(stream.comment_filter, option=orjson.OPT_INDENT_2).decode(),
        places=[_place(visit, stream, source_id) for source_id in dataset.source_ids],
        coming=_coming(visit, dataset, stream, known) if may_look else (),
        may_look=may_look,
        may_consume=may_consume,
        may_admin=_may(visit, dataset.project, (Permission.STREAMS_ADMIN,)),
        exceptions=[
            Exceptional(one, known.get(SourceId(source_id)), comment_id)
            for one in streams.tagged(visit.tx, stream.id, MOST_TAGGED)
            for source_id, _dot, comment_id in [one.uid.partition(".")]
        ],
        live=" ".join(f"source:{one}" for one in dataset.source_ids if one in known),
        curl=_curl(visit, dataset, stream),
        python=_PYTHON.format(
            url=address(visit.request, api_path(visit.request)).removesuffix("/api/"), path=path
        ),
        now_local=f"{datetime.now(UTC):%Y-%m-%dT%H:%M}",
        faults=faults or {},
    )


def _place(visit: Visit, stream: Stream, source_id: SourceId) -> Place:
    source = sources.by_id(visit.tx, source_id)
    is_seen = source is not None and visit.sees(source)
    name = (source.title or source.name) if source and is_seen else _("a source not shown to you")
    place = stream.place(source_id)
    # What was reset to a time has read all that is before it.
    return Place(name, moment(place + 1) if place > 0 else None)


def _coming(
    visit: Visit, dataset: Dataset, stream: Stream, known: Mapping[SourceId, Source]
) -> list[Coming]:
    """Read what comes next; nothing moves by it."""
    wanted = msgspec.convert(stream.comment_filter, CommentFilter)
    batch = batches.fetch(
        visit.tx, stream, dataset.source_ids, wanted, size=NEXT, max_filtered=MOST_FILTERED
    )
    found = []
    for one in batch.results:
        comment = wire.decode(one.json)
        source_id = SourceId(orjson.loads(one.json)["source_id"])
        message = comment.messages[0] if comment.messages else Message(body="")
        found.append(Coming(known.get(source_id), comment, message))
    return found


@form
def reset(visit: Visit, given: Fields) -> Response:
    """Answer POST `/streams/{owner}/{name}/{stream}/reset`: who typed its name means it."""
    dataset, stream = _find(visit)
    _demand(visit, dataset.project, CONSUME)
    if given.get("name", "").strip() != stream.name:
        fault = _("Nothing was reset: type %(name)s to reset this stream.") % {"name": stream.name}
        return _stream(visit, dataset, stream, faults={"reset": fault})
    try:
        at = datetime.fromisoformat(given.get("to", ""))
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        streams.reset(visit.tx, stream.id, max(at, BEGINNING))
    except (ValueError, OverflowError):
        fault = _("Nothing was reset: say to which day and time.")
        return _stream(visit, dataset, stream, faults={"reset": fault})
    _note(visit, "stream_reset", dataset, stream)
    return _to_stream(visit, dataset, stream)


BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@form
def untag(visit: Visit, given: Fields) -> Response:
    """Answer POST `/streams/{owner}/{name}/{stream}/exceptions`: one was looked at."""
    dataset, stream = _find(visit)
    _demand(visit, dataset.project, (Permission.STREAMS_CONSUME, Permission.SOURCES_READ))
    streams.untag_exceptions(visit.tx, stream.id, [given.get("uid", "")])
    return _to_stream(visit, dataset, stream)


@form
def remove(visit: Visit, given: Fields) -> Response:
    """Answer POST `/streams/{owner}/{name}/{stream}/remove`: who typed its name means it."""
    dataset, stream = _find(visit)
    _demand(visit, dataset.project, (Permission.STREAMS_ADMIN,))
    if given.get("name", "").strip() != stream.name:
        fault = _("Nothing was removed: type %(name)s to remove this stream.") % {
            "name": stream.name
        }
        return _stream(visit, dataset, stream, faults={"remove": fault})
    streams.remove(visit.tx, stream.id)
    _note(visit, "stream_removed", dataset, stream)
    return to(visit, "streams")


def _to_stream(visit: Visit, dataset: Dataset, stream: Stream) -> Response:
    return to(visit, "stream", owner=dataset.project, name=dataset.name, stream=stream.name)


def _dataset(visit: Visit, permissions: Sequence[Permission]) -> Dataset:
    """Find the dataset that the address names. Raises HTTPException."""
    wanted = visit.request.path_params
    found = datasets.get(visit.tx, wanted["owner"], wanted["name"])
    if found is None or not visit.identity.may(Permission.STREAMS_READ, found.project):
        raise HTTPException(404)
    _demand(visit, found.project, permissions)
    return found


def _find(visit: Visit) -> tuple[Dataset, Stream]:
    """Find the stream that the address names. Raises HTTPException."""
    dataset = _dataset(visit, ())
    stream = streams.get(visit.tx, dataset.id, visit.request.path_params["stream"])
    if stream is None:
        raise HTTPException(404)
    return dataset, stream


def _may(visit: Visit, project: str, permissions: Sequence[Permission]) -> bool:
    return all(visit.identity.may(one, project) for one in permissions)


def _demand(visit: Visit, project: str, permissions: Sequence[Permission]) -> None:
    if not _may(visit, project, permissions):
        raise HTTPException(403)


def _readable(visit: Visit, dataset: Dataset) -> list[SourceId]:
    """Give those sources of a dataset that the visitor may read."""
    known = {source.id for source in visit.sources}
    return [one for one in dataset.source_ids if one in known]


def _makers(visit: Visit) -> list[str]:
    """Name the projects in which he may make a dataset."""
    names = (one.name for one in projects.list_all(visit.tx))
    return [name for name in names if visit.identity.may(Permission.DATASETS_ADMIN, name)]


def _note(visit: Visit, kind: str, dataset: Dataset, stream: Stream) -> None:
    name = f"{dataset.name}/{stream.name}"
    visit.note(kind, project=dataset.project, name=name, dataset_id=dataset.id)


def _curl(visit: Visit, dataset: Dataset, stream: Stream) -> str:
    base = ("v1", "datasets", dataset.project, dataset.name, "streams", stream.name)
    where: Callable[[str], str] = lambda what: shlex.quote(  # noqa: E731 - twice below
        address(visit.request, api_path(visit.request, *base, what))
    )
    post = (
        'curl -H "Authorization: Bearer $MAILMINE_TOKEN" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        "  -X POST"
    )
    return (
        f"# {_('What comes next; the same again until the stream is advanced.')}\n"
        f"{post} {where('fetch')} \\\n"
        "  -d '{\"size\": 16}'\n\n"
        f"# {_('Behind what is done with: the sequence_id of the batch, or of one of its results.')}\n"
        f"{post} {where('advance')} \\\n"
        '  -d \'{"sequence_id": "…"}\''
    )


_PYTHON = """\
import os

from mailmine.client import Client

with Client({url!r}, os.environ["MAILMINE_TOKEN"]) as client:
    for item in client.stream({path!r}):
        print(item.comment.uid, item.comment.messages[0].subject)
        # The stream moves behind it when the next one is asked for.
        # item.exception("No order number") marks it for a person.
"""
