"""Sources: the comments of a bucket, or those that clients put in."""

import re
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection as Transaction

from mailmine.access.permissions import Permission
from mailmine.api import addresses
from mailmine.api.answers import ok
from mailmine.api.asking import Asked, Asker, Data
from mailmine.api.bodies import takes
from mailmine.api.errors import InvalidError, NotFoundError
from mailmine.api.limits import Description, Title, said
from mailmine.api.noting import note
from mailmine.model.comment_filter import CommentFilter
from mailmine.model.ids import BucketId, SourceId
from mailmine.model.wire import timestamp
from mailmine.store import buckets, comments, fills, projects, selection, sources
from mailmine.store.fills import Fill
from mailmine.store.sources import Source
from mailmine.sync import making, removal

router = APIRouter(prefix="/api/v1/sources", tags=["sources"])

TRANSFORM_TAG = re.compile(r"[A-Za-z0-9_-]+\.[0-9]+\.[A-Z0-9]{8}", re.ASCII)
"""`generic.0.CONVKER5`. Each asks for the one refinement that there is."""


class SourceSettings(Struct, frozen=True, rename={"kind": "_kind"}):
    """What may be said of a source."""

    title: Title | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    language: Annotated[str, Meta(max_length=8)] | UnsetType | None = UNSET
    should_translate: bool | UnsetType | None = UNSET
    bucket_id: str | UnsetType | None = UNSET
    """Null detaches it from its bucket."""
    email_transform_tag: str | UnsetType | None = UNSET
    kind: Annotated[str, Meta(max_length=256)] | UnsetType | None = UNSET


class SourceBody(Struct, frozen=True):
    """A source to be made or changed."""

    source: SourceSettings


class StatisticsQuery(Struct, frozen=True):
    """Which comments are to be counted."""

    comment_filter: CommentFilter = CommentFilter()


@router.get("")
def read_all(request: Request, asker: Asker, data: Data) -> Response:
    """List the sources of all projects."""
    with data.read() as tx:
        found = [one for one in sources.list_all(tx) if asker.sees(one.project)]
        return ok(request, sources=_all_json(tx, found))


@router.get("/{source:address}")
def read(request: Request, source: str, asker: Asker, data: Data) -> Response:
    """Tell of one source."""
    with data.read() as tx:
        return ok(request, source=_all_json(tx, [find(tx, source, asker)])[0])


@router.get("/{project}")
def read_project(request: Request, project: str, asker: Asker, data: Data) -> Response:
    """List the sources of one project."""
    missing = f"There is no project {project}."
    asker.check(project, missing)
    with data.read() as tx:
        if projects.get(tx, project) is None:
            raise NotFoundError(missing)
        return ok(request, sources=_all_json(tx, sources.list_all(tx, project)))


@router.put("/{source:address}")
def create(
    request: Request,
    source: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[SourceBody, Depends(takes(SourceBody))],
) -> Response:
    """Make a source. On a bucket that has emails it fills in the background; `fill` tells how far it is."""
    given = wanted.source
    with data.write() as tx:
        project, name = addresses.new("source", source, asker, tx)
        made = making.source(
            tx,
            project,
            name,
            title=given.title or "",
            description=given.description or "",
            language=given.language or "",
            should_translate=bool(given.should_translate),
            bucket_id=_bucket(tx, asker, given.bucket_id),
            transform_tag=_tag(given.email_transform_tag),
            kind=given.kind or "unknown",
            at=asker.at,
        )
        note(tx, asker, "source_created", project=project.name, name=name)
        return ok(request, source=_all_json(tx, [made])[0])


@router.post("/{source:address}")
def update(
    request: Request,
    source: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[SourceBody, Depends(takes(SourceBody))],
) -> Response:
    """Change what is named; `bucket_id` null detaches the source from its bucket, its comments stay."""
    given = wanted.source
    with data.write() as tx:
        before = find(tx, source, asker)
        bucket_id = before.bucket_id
        if given.bucket_id is not UNSET:
            bucket_id = _bucket(tx, asker, given.bucket_id)
        tag = before.transform_tag
        if given.email_transform_tag is not UNSET:
            tag = _tag(given.email_transform_tag)
        after = replace(
            before,
            title=said(given.title, before.title),
            description=said(given.description, before.description),
            language=given.language or before.language,
            should_translate=said(given.should_translate, before.should_translate),
            bucket_id=bucket_id,
            transform_tag=tag,
            kind=given.kind or before.kind,
            updated_at=asker.at,
        )
        making.change_source(tx, before, after, at=asker.at)
        note(tx, asker, "source_changed", project=before.project, name=before.name)
        return ok(request, source=_all_json(tx, [after])[0])


@router.delete("/{source:address}")
def remove(request: Request, source: str, asker: Asker, data: Data) -> Response:
    """Remove a source with its comments; the emails of its bucket stay."""
    with data.read() as tx:
        found = find(tx, source, asker)
    removal.remove_source(data, found.id)
    with data.write() as tx:
        note(tx, asker, "source_removed", project=found.project, name=found.name)
    return ok(request)


@router.post("/{source:address}/statistics")
def statistics(
    request: Request,
    source: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[StatisticsQuery, Depends(takes(StatisticsQuery))],
) -> Response:
    """Count the comments of a source that match."""
    with data.read() as tx:
        found = find(tx, source, asker)
        if wanted.comment_filter == CommentFilter():
            number = comments.count(tx, found.id)
        else:
            number = selection.count(tx, [found.id], wanted.comment_filter)
    return ok(request, statistics={"num_comments": number})


def find(tx: Transaction, address: str, asker: Asked) -> Source:
    """Find the source that a path names. Raises NotFoundError or ForbiddenError."""
    return addresses.find(
        "source",
        address,
        asker,
        by_id=lambda key: sources.by_id(tx, SourceId(key)),
        by_name=lambda project, name: sources.get(tx, project, name),
    )


def names(tx: Transaction, address: str, asker: Asked) -> tuple[str, str]:
    """Tell the project and the name of the source that a path names; it may not exist.

    Raises NotFoundError or ForbiddenError where he may not read in that project, and as `find` for an id.
    """
    if address.startswith("id:"):
        found = find(tx, address, asker)
        return found.project, found.name
    project, _, name = address.partition("/")
    asker.check(project, f"There is no source {address}.")
    return project, name


def check_tag(tag: str) -> None:
    """Refuse what is no transform tag, in the original's words."""
    if not TRANSFORM_TAG.fullmatch(tag):
        raise InvalidError(f"The value '{tag}' is not a valid transform tag.")


def _tag(given: str | UnsetType | None) -> str | None:
    if not given:
        return None
    check_tag(given)
    return given


def _bucket(tx: Transaction, asker: Asked, given: str | UnsetType | None) -> BucketId | None:
    """Find the bucket that a source is to show; who connects them must be allowed to read the bucket."""
    if not given:
        return None
    missing = f"bucket_id: there is no bucket with the id {given}."
    bucket = buckets.by_id(tx, BucketId(given))
    if bucket is None or not asker.identity.sees(bucket.project):
        raise InvalidError(missing)
    asker.demand(Permission.BUCKETS_READ, bucket.project, missing)
    return bucket.id


def _all_json(
    tx: Transaction, found: "list[Source] | tuple[Source, ...]"
) -> list[dict[str, object]]:
    filling = {one.source_id: one for one in fills.list_all(tx)}
    return [_json(one, filling.get(one.id)) for one in found]


def _json(source: Source, fill: Fill | None) -> dict[str, object]:
    return {
        "id": source.id,
        "owner": source.project,
        "name": source.name,
        "title": source.title,
        "description": source.description,
        "language": source.language,
        "should_translate": source.should_translate,
        "bucket_id": source.bucket_id,
        "email_transform_tag": source.transform_tag,
        "sensitive_properties": [],
        "_kind": source.kind,
        "created_at": timestamp(source.created_at),
        "updated_at": timestamp(source.updated_at),
        "fill": {"done": fill.done, "total": fill.total} if fill else None,
    }
