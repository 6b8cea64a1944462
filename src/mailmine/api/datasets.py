"""Datasets: comments of some sources together. There is no trained model, so all that is labels stays empty."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection as Transaction

from mailmine.access.permissions import Permission
from mailmine.api import addresses, definitions, quotas
from mailmine.api.answers import ok
from mailmine.api.asking import Asked, Asker, Data
from mailmine.api.bodies import takes
from mailmine.api.definitions import (
    Definitions,
    EntityDefs,
    Flag,
    GeneralFields,
    LabelDefs,
    LabelGroups,
)
from mailmine.api.errors import BadRequestError, InvalidError, NotFoundError
from mailmine.api.limits import Description, Title, said
from mailmine.api.noting import note
from mailmine.model.comment_filter import CommentFilter
from mailmine.model.ids import CommentId, DatasetId, SourceId
from mailmine.model.wire import timestamp, without_markup
from mailmine.store import comments, datasets, projects, selection, sources, threads
from mailmine.store.comments import StoredComment
from mailmine.store.datasets import Dataset
from mailmine.store.selection import Place
from mailmine.store.threads import ThreadPlace
from mailmine.sync import making

router = APIRouter(tags=["datasets"])

V1 = "/api/v1/datasets"
PRIVATE = "/api/_private/datasets"

SUMMARY_COMMENTS = 2_000
"""The newest comments whose properties a summary names."""
SUMMARY_VALUES = 100

_KEY = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_KEYS = range(-(2**63), 2**63 - 1)
"""What a database can count, and look behind."""

SourceIds = Annotated[tuple[str, ...], Meta(max_length=1_024)]


class DatasetSettings(Struct, frozen=True, rename={"flags": "_dataset_flags"}):
    """What may be said of a dataset. What its labels and fields are called is kept; there is no model to find them."""

    source_ids: SourceIds | UnsetType = UNSET
    title: Title | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    has_sentiment: bool | UnsetType | None = UNSET
    model_family: str | UnsetType | None = UNSET
    flags: tuple[Flag, ...] | UnsetType | None = UNSET
    entity_defs: EntityDefs | UnsetType | None = UNSET
    general_fields: GeneralFields | UnsetType | None = UNSET
    label_defs: LabelDefs | UnsetType | None = UNSET
    label_groups: LabelGroups | UnsetType | None = UNSET
    copy_annotations_from: str | UnsetType | None = UNSET
    """The id of a dataset; its definitions are taken over where none are given."""


class DatasetBody(Struct, frozen=True):
    """A dataset to be made or changed."""

    dataset: DatasetSettings


class StringAnyOf(Struct, frozen=True, tag_field="kind", tag="string_any_of"):
    """Any of these values."""

    any_of: tuple[str, ...]


class NumberRange(Struct, frozen=True, tag_field="kind", tag="number_range"):
    """A number between two, both included."""

    minimum: float | None = None
    maximum: float | None = None


class AttributeFilter(Struct, frozen=True):
    """A filter on what is not in the comment's properties."""

    attribute: Literal["labels", "attachment_property_types", "attachment_property_num_attachments"]
    filter: StringAnyOf | NumberRange

    def matches(self, comment: Mapping[str, Any]) -> bool:
        """Tell whether a comment has it."""
        attachments = comment["attachments"]
        if isinstance(self.filter, NumberRange):
            low, high = self.filter.minimum, self.filter.maximum
            number = len(attachments) if self.attribute.endswith("num_attachments") else 0
            return (low is None or number >= low) and (high is None or number <= high)
        if self.attribute != "attachment_property_types":
            return False
        types = {one["content_type"].lower() for one in attachments}
        types |= {f".{one['name'].lower().rpartition('.')[2]}" for one in attachments}
        return any(wanted.lower() in types for wanted in self.filter.any_of)


class Recent(Struct, frozen=True, tag_field="kind", tag="recent"):
    """Newest first."""


class Sample(Struct, frozen=True, tag_field="kind", tag="sample"):
    """Drawn over the whole of time, the same for the same seed."""

    seed: int = 0


class ByLabel(Struct, frozen=True, tag_field="kind", tag="by_label"):
    """By how sure a label is; no comment has one."""

    label: str


AttributeFilters = Annotated[tuple[AttributeFilter, ...], Meta(max_length=128)]


class DatasetQuery(Struct, frozen=True):
    """Which comments, in which order."""

    filter: CommentFilter = CommentFilter()
    order: Recent | Sample | ByLabel = Recent()
    limit: Annotated[int, Meta(ge=1, le=1_024)] = 64
    continuation: str | None = None
    attribute_filters: AttributeFilters = ()


class DatasetStatisticsQuery(Struct, frozen=True):
    """Which comments are to be counted."""

    comment_filter: CommentFilter = CommentFilter()
    attribute_filters: AttributeFilters = ()


class DatasetSummaryQuery(Struct, frozen=True):
    """Whose properties are to be named."""

    filter: CommentFilter = CommentFilter()
    attribute_filters: AttributeFilters = ()


@router.get(V1)
def read_all(request: Request, asker: Asker, data: Data) -> Response:
    """List the datasets of all projects."""
    with data.read() as tx:
        found = datasets.list_all(tx)
    return ok(request, datasets=[_json(one) for one in found if asker.sees(one.project)])


@router.get(V1 + "/{dataset:address}")
def read(request: Request, dataset: str, asker: Asker, data: Data) -> Response:
    """Tell of one dataset."""
    with data.read() as tx:
        return ok(request, dataset=_json(find(tx, dataset, asker)))


@router.get(V1 + "/{project}")
def read_project(request: Request, project: str, asker: Asker, data: Data) -> Response:
    """List the datasets of one project."""
    missing = f"There is no project {project}."
    asker.check(project, missing)
    with data.read() as tx:
        if projects.get(tx, project) is None:
            raise NotFoundError(missing)
        found = datasets.list_all(tx, project)
    return ok(request, datasets=[_json(one) for one in found])


@router.put(V1 + "/{dataset:address}")
def create(
    request: Request,
    dataset: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[DatasetBody, Depends(takes(DatasetBody))],
) -> Response:
    """Make a dataset."""
    given = wanted.dataset
    with data.write() as tx:
        project, name = addresses.new("dataset", dataset, asker, tx)
        pattern = _pattern(tx, asker, given.copy_annotations_from)
        made = making.dataset(
            tx,
            project,
            name,
            title=given.title or "",
            description=given.description or "",
            has_sentiment=bool(given.has_sentiment),
            model_family=given.model_family or making.MODEL_FAMILY,
            flags=given.flags or (),
            definitions=_definitions(given, pattern),
            source_ids=_sources(tx, asker, given.source_ids or ()),
            at=asker.at,
        )
        note(tx, asker, "dataset_created", project=project.name, name=name, dataset_id=made.id)
    return ok(request, dataset=_json(made))


@router.post(V1 + "/{dataset:address}")
def update(
    request: Request,
    dataset: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[DatasetBody, Depends(takes(DatasetBody))],
) -> Response:
    """Change what is named."""
    given = wanted.dataset
    with data.write() as tx:
        before = find(tx, dataset, asker)
        read = before.source_ids
        if given.source_ids is not UNSET:
            read = _sources(tx, asker, given.source_ids)
            quotas.check(tx, "sources_per_dataset", len(read))
        after = replace(
            before,
            source_ids=read,
            title=said(given.title, before.title),
            description=said(given.description, before.description),
            has_sentiment=said(given.has_sentiment, before.has_sentiment),
            definitions=_definitions(given, definitions.read(before.definitions)),
            updated_at=asker.at,
        )
        datasets.save(tx, after)
        note(
            tx, asker, "dataset_changed",
            project=before.project, name=before.name, dataset_id=before.id,
        )  # fmt: skip
    return ok(request, dataset=_json(after))


@router.delete(V1 + "/{dataset:address}")
def remove(request: Request, dataset: str, asker: Asker, data: Data) -> Response:
    """Remove a dataset with its streams; the comments belong to its sources and stay."""
    with data.write() as tx:
        found = find(tx, dataset, asker)
        datasets.remove(tx, found.id)
        note(
            tx, asker, "dataset_removed",
            project=found.project, name=found.name, dataset_id=found.id,
        )  # fmt: skip
    return ok(request)


@router.post(PRIVATE + "/{dataset:address}/query")
def query(
    request: Request,
    dataset: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[DatasetQuery, Depends(takes(DatasetQuery))],
) -> Response:
    """Give the comments that match, as JSON or, where `Accept` says `text/csv`, as CSV.

    A page may hold fewer than were asked for and still have a `continuation`.
    """
    found, following = _select(data.read, dataset, asker, wanted)
    if "text/csv" in request.headers.get("Accept", ""):
        return Response(_csv(found), media_type="text/csv; charset=utf-8")
    return ok(request, results=_annotated(data.read, found), continuation=following)


@router.post(PRIVATE + "/{dataset:address}/recent")
def recent(
    request: Request,
    dataset: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[DatasetQuery, Depends(takes(DatasetQuery))],
) -> Response:
    """Give the comments that match, newest first."""
    found, following = _select(data.read, dataset, asker, wanted)
    return ok(request, results=_annotated(data.read, found), continuation=following)


@router.get(PRIVATE + "/{dataset:address}/labellings")
def labellings(
    request: Request,
    dataset: str,
    asker: Asker,
    data: Data,
    *,
    id: Annotated[list[str], Query(max_length=256)] = [],  # noqa: A002, B006
    source_id: str | None = None,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1_024)] = 64,
    return_predictions: bool = False,
) -> Response:
    """Give the comments with these uids. Of a source, those that were reviewed: none, as none is here."""
    del source_id, after, limit, return_predictions
    with data.read() as tx:
        read = _readable(tx, find(tx, dataset, asker), asker)
        found = []
        for uid in id:
            source, _, comment_id = uid.partition(".")
            if source in read and (
                one := comments.get(tx, SourceId(source), CommentId(comment_id))
            ):
                found.append(one)
    return ok(request, results=_annotated(data.read, found), after=None)


@router.post(PRIVATE + "/{dataset:address}/statistics")
def statistics(
    request: Request,
    dataset: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[DatasetStatisticsQuery, Depends(takes(DatasetStatisticsQuery))],
) -> Response:
    """Count the comments that match."""
    with data.read() as tx:
        read = _readable(tx, find(tx, dataset, asker), asker)
        number = selection.count(
            tx, read, wanted.comment_filter, also=_also(wanted.attribute_filters)
        )
    return ok(request, statistics={"num_comments": number})


@router.post(PRIVATE + "/{dataset:address}/summary")
def summary(
    request: Request,
    dataset: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[DatasetSummaryQuery, Depends(takes(DatasetSummaryQuery))],
) -> Response:
    """Name the user properties of the newest comments that match, and the values of each."""
    strings: dict[str, dict[str, None]] = {}
    numbers: dict[str, None] = {}
    with data.read() as tx:
        read = _readable(tx, find(tx, dataset, asker), asker)
        page = selection.page(
            tx,
            read,
            wanted.filter,
            after=None,
            limit=SUMMARY_COMMENTS,
            also=_also(wanted.attribute_filters),
        )
    for one in page.comments:
        for name, value in one.comment.user_properties.items():
            if name.startswith("number:"):
                numbers[name] = None
            elif len(values := strings.setdefault(name, {})) < SUMMARY_VALUES:
                values[str(value)] = None
    return ok(
        request,
        summary={
            "user_properties": {
                "string": [
                    {"full_name": name, "values": [{"value": value} for value in values]}
                    for name, values in sorted(strings.items())
                ],
                "number": [{"full_name": name} for name in sorted(numbers)],
            }
        },
    )


def find(tx: Transaction, address: str, asker: Asked) -> Dataset:
    """Find the dataset that a path names. Raises NotFoundError or ForbiddenError."""
    return addresses.find(
        "dataset",
        address,
        asker,
        by_id=lambda key: datasets.by_id(tx, DatasetId(key)),
        by_name=lambda project, name: datasets.get(tx, project, name),
    )


def _pattern(
    tx: Transaction, asker: Asked, dataset_id: str | UnsetType | None
) -> Definitions | None:
    """Find the definitions of the dataset that is to be copied. Raises InvalidError."""
    if not dataset_id:
        return None
    found = datasets.by_id(tx, DatasetId(dataset_id))
    if found is None or not asker.identity.may(Permission.LABELS_READ, found.project):
        raise InvalidError(f"copy_annotations_from: there is no dataset with the id {dataset_id}.")
    return definitions.read(found.definitions)


def _definitions(given: DatasetSettings, before: Definitions | None) -> Mapping[str, Any]:
    """Say what labels and fields are called from now on: as given, else as before."""
    said = {
        name: value or ()
        for name in Definitions.__struct_fields__
        if (value := getattr(given, name)) is not UNSET
    }
    return definitions.written(msgspec.structs.replace(before or Definitions(), **said))


def _sources(tx: Transaction, asker: Asked, given: Sequence[str]) -> tuple[SourceId, ...]:
    """Find the sources that a dataset is to read; who makes it must be allowed to read them."""
    for source_id in given:
        missing = f"source_ids: there is no source with the id {source_id}."
        source = sources.by_id(tx, SourceId(source_id))
        if source is None or not asker.identity.sees(source.project):
            raise InvalidError(missing)
        asker.demand(Permission.SOURCES_READ, source.project, missing)
    return tuple(sorted({SourceId(one) for one in given}))


def _readable(tx: Transaction, dataset: Dataset, asker: Asked) -> tuple[SourceId, ...]:
    """Give the sources of a dataset. Raises ForbiddenError where he may not read one of them."""
    check_sources(tx, dataset, asker)
    return dataset.source_ids


def check_sources(tx: Transaction, dataset: Dataset, asker: Asked) -> None:
    """Make sure that he may read the sources of a dataset that belong to other projects."""
    for source_id in dataset.source_ids:
        source = sources.by_id(tx, source_id)
        if source is not None and source.project != dataset.project:
            missing = "The dataset reads a source of another project."
            asker.demand(Permission.SOURCES_READ, source.project, missing)


def _select(
    reading: Callable[[], Any], dataset: str, asker: Asked, wanted: DatasetQuery
) -> tuple[Sequence[StoredComment], str | None]:
    place = _read_place(wanted.continuation)
    also = _also(wanted.attribute_filters)
    with reading() as tx:
        read = _readable(tx, find(tx, dataset, asker), asker)
        match wanted.order:
            case ByLabel():
                return (), None
            case Sample(seed=seed):
                return selection.sample(
                    tx, read, wanted.filter, seed=seed, limit=wanted.limit, also=also
                ), None
        page = selection.page(tx, read, wanted.filter, after=place, limit=wanted.limit, also=also)
    following = page.following
    return page.comments, f"{following.time_key}-{following.source_id}" if following else None


def _read_place(written: str | None) -> Place | None:
    if written is None:
        return None
    key, _, source_id = written.rpartition("-")
    if not (source_id and _KEY.fullmatch(key) and int(key) in _KEYS):
        raise BadRequestError(
            "The continuation is not one that mailmine gave. Begin without it, and pass on what you are given."
        )
    return Place(int(key), SourceId(source_id))


def _also(filters: Sequence[AttributeFilter]) -> Callable[[Mapping[str, Any]], bool] | None:
    if not filters:
        return None
    return lambda comment: all(one.matches(comment) for one in filters)


def _annotated(
    reading: Callable[[], Any], found: Sequence[StoredComment]
) -> list[dict[str, object]]:
    with reading() as tx:
        places = threads.places(tx, found)
    return [
        {
            "comment": orjson.Fragment(without_markup(one.json)),
            "labelling": [],
            "entities": {"assigned": [], "dismissed": [], "predicted": []},
            "thread_properties": _thread(places.get(one.seq)),
        }
        for one in found
    ]


def _thread(place: ThreadPlace | None) -> dict[str, object] | None:
    if place is None:
        return None
    return {
        "duration": place.duration,
        "response_time": place.response_time,
        "num_messages": place.comments,
        "thread_position": place.position,
        "first_sender": place.first_sender,
    }


def _csv(found: Sequence[StoredComment]) -> bytes:
    """Write comments as a table: what all have, then their properties."""
    rows = [orjson.loads(one.json) for one in found]
    names = sorted({name for row in rows for name in row["user_properties"]})
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["id", "uid", "timestamp", "from", "to", "subject", "body", *names])
    for row in rows:
        message = row["messages"][0] if row["messages"] else {"body": {"text": ""}}
        table.writerow(
            map(
                _cell,
                [
                    row["id"],
                    row["uid"],
                    row["timestamp"],
                    message.get("from"),
                    "; ".join(message.get("to", ())),
                    message.get("subject", {}).get("text"),
                    message["body"]["text"],
                    *(row["user_properties"].get(name) for name in names),
                ],
            )
        )
    return out.getvalue().encode()


def _cell(value: str | float | None) -> str | float | None:
    """Keep a spreadsheet from taking text of an email for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@"} else value


def _json(dataset: Dataset) -> dict[str, object]:
    return {
        "id": dataset.id,
        "owner": dataset.project,
        "name": dataset.name,
        "title": dataset.title,
        "description": dataset.description,
        "created": timestamp(dataset.created_at),
        "last_modified": timestamp(dataset.updated_at),
        "model_family": dataset.model_family,
        "source_ids": dataset.source_ids,
        "has_sentiment": dataset.has_sentiment,
        **definitions.read(dataset.definitions).shown(),
        "_dataset_flags": dataset.flags,
        "_model_config": {"kind": "cm"},
    }
