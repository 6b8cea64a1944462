"""Makes buckets, sources, datasets and streams: the rules that hold for the API and for the pages.

Whether somebody may is asked where he asks.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection as Transaction

from mailmine.model.comment_filter import CommentFilter, Timestamp
from mailmine.model.ids import BucketId, SourceId
from mailmine.model.names import NAME
from mailmine.store import buckets, datasets, fills, projects, sources, streams
from mailmine.store.buckets import Bucket
from mailmine.store.datasets import Dataset
from mailmine.store.projects import Project
from mailmine.store.sources import Source
from mailmine.store.streams import Stream, Updates
from mailmine.sync.editing import over_quota

MODEL_FAMILY = "english"
"""What is told where nobody said otherwise: clients want a word."""


class NotMade(Exception):
    """It cannot be made like that; the message says why."""


class Taken(NotMade):
    """The name is taken."""


def check_name(name: str, what: str) -> None:
    """Refuse a name that is to be given to something new. Raises NotMade."""
    if not NAME.fullmatch(name):
        raise NotMade(
            f"{name!r} cannot be the name of a {what}: it may hold the letters A to Z, digits, - and _ only, "
            "256 at most."
        )


def check_quota(tx: Transaction, kind: str, count: int) -> None:
    """Refuse what would make `count` of a kind, where fewer are allowed. Raises NotMade."""
    if message := over_quota(tx, kind, count):
        raise NotMade(message)


def bucket(tx: Transaction, project: Project, name: str, *, title: str, at: datetime) -> Bucket:
    """Make a bucket. Raises NotMade."""
    check_name(name, "bucket")
    if buckets.get(tx, project.name, name) is not None:
        raise Taken(f"There is a bucket {project.name}/{name} already.")
    check_quota(tx, "buckets", len(buckets.list_all(tx)) + 1)
    return buckets.add(tx, project.id, name, title=title or name, at=at)


def source(
    tx: Transaction,
    project: Project,
    name: str,
    *,
    title: str,
    description: str,
    language: str,
    bucket_id: BucketId | None,
    at: datetime,
    should_translate: bool = False,
    transform_tag: str | None = None,
    kind: str = "unknown",
) -> Source:
    """Make a source; on a bucket that has emails it fills in the background. Raises NotMade."""
    check_name(name, "source")
    if sources.get(tx, project.name, name) is not None:
        raise Taken(f"There is a source {project.name}/{name} already.")
    check_quota(tx, "sources", len(sources.list_all(tx)) + 1)
    made = sources.add(
        tx,
        project.id,
        name,
        title=title or name,
        description=description,
        language=language or "en",
        should_translate=should_translate,
        bucket_id=bucket_id,
        transform_tag=transform_tag,
        kind=kind,
        at=at,
    )
    if bucket_id is not None:
        fills.begin(tx, made.id, bucket_id, at=at)
    return made


def change_source(tx: Transaction, before: Source, after: Source, *, at: datetime) -> None:
    """Write what a source is from now on; on another bucket it fills in the background. Raises NotFound."""
    sources.save(tx, after)
    if after.bucket_id != before.bucket_id:
        fills.end(tx, before.id)
        if after.bucket_id is not None:
            fills.begin(tx, before.id, after.bucket_id, at=at)


def dataset(
    tx: Transaction,
    project: Project,
    name: str,
    *,
    title: str,
    source_ids: Sequence[SourceId],
    at: datetime,
    description: str = "",
    has_sentiment: bool = False,
    model_family: str = MODEL_FAMILY,
    flags: tuple[str, ...] = (),
    definitions: Mapping[str, Any] | None = None,
) -> Dataset:
    """Make a dataset of some sources. Raises NotMade."""
    check_name(name, "dataset")
    if datasets.get(tx, project.name, name) is not None:
        raise Taken(f"There is a dataset {project.name}/{name} already.")
    every = datasets.list_all(tx)
    check_quota(tx, "datasets", len(every) + 1)
    check_quota(tx, "sources_per_dataset", len(source_ids))
    for source_id in source_ids:
        readers = sum(source_id in one.source_ids for one in every)
        check_quota(tx, "datasets_per_source", readers + 1)
    return datasets.add(
        tx,
        project.id,
        name,
        title=title or name,
        description=description,
        has_sentiment=has_sentiment,
        model_family=model_family,
        flags=flags,
        definitions=definitions or {},
        source_ids=source_ids,
        at=at,
    )


def stream(
    tx: Transaction,
    owner: Dataset,
    name: str,
    *,
    title: str,
    wanted: CommentFilter,
    updates: Updates,
    at: datetime,
    description: str = "",
    model: Mapping[str, Any] | None = None,
) -> Stream:
    """Make a stream, at the beginning of its dataset. Raises NotMade."""
    check_name(name, "stream")
    if streams.get(tx, owner.id, name) is not None:
        raise Taken(
            f"There is a stream {name} in the dataset {owner.project}/{owner.name} already."
        )
    check_quota(tx, "triggers", streams.count(tx) + 1)
    check_quota(tx, "triggers_per_dataset", streams.count(tx, owner.id) + 1)
    return streams.add(
        tx,
        owner.id,
        name,
        title=title or name,
        description=description,
        comment_filter=written(wanted),
        model=model,
        updates=updates,
        at=at,
    )


def written(wanted: CommentFilter) -> Mapping[str, Any]:
    """Write a filter as it is kept and given back: its times with an offset, without which clients fail."""
    if wanted.timestamp is not None:
        aware = Timestamp(minimum=wanted.since, maximum=wanted.until)
        wanted = msgspec.structs.replace(wanted, timestamp=aware)
    told: Mapping[str, Any] = msgspec.to_builtins(wanted, str_keys=True)
    return told


def project_of(tx: Transaction, name: str) -> Project:
    """Find the project in which something is to be made. Raises NotMade."""
    found = projects.get(tx, name)
    if found is None:
        raise NotMade(f"There is no project {name}.")
    return found
