"""Removes what holds much, piece by piece, so that no transaction keeps the others waiting."""

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection as Transaction

from mailmine.model.ids import BucketId, SourceId
from mailmine.store import (
    buckets,
    comments,
    datasets,
    emails,
    integrations,
    mailboxes,
    sources,
)
from mailmine.store.database import Database
from mailmine.store.projects import Project

PIECE = 500
"""Comments or emails of one transaction."""


def remove_source(database: Database, source_id: SourceId) -> None:
    """Remove a source with its comments. Broken off, it has fewer comments, and can be removed again."""
    _detach(database, source_id)
    while _do(database, lambda tx: comments.remove_some(tx, source_id, limit=PIECE)):
        pass
    with database.write() as tx:
        sources.remove(tx, source_id)


def _detach(database: Database, source_id: SourceId) -> None:
    """Let nothing new arrive in a source that goes."""
    with database.write() as tx:
        source = sources.by_id(tx, source_id)
        if source is not None and source.bucket_id is not None:
            sources.save(tx, replace(source, bucket_id=None))


def remove_bucket(database: Database, bucket_id: BucketId) -> None:
    """Remove a bucket with its emails. Comments that were made of them stay in their sources.

    No mailbox may fill it any more: NotFound otherwise.
    """
    while _do(database, lambda tx: emails.remove_some(tx, bucket_id, limit=PIECE)):
        pass
    with database.write() as tx:
        buckets.remove(tx, bucket_id)


def held(tx: Transaction, project: Project) -> dict[str, int]:
    """Count what a project holds, by kind; what is not there is left out."""
    counted = {
        "sources": len(sources.list_all(tx, project.name)),
        "datasets": len(datasets.list_all(tx, project.name)),
        "buckets": sum(one.project_id == project.id for one in buckets.list_all(tx)),
        "integrations": sum(one.project_id == project.id for one in integrations.list_all(tx)),
    }
    return {kind: count for kind, count in counted.items() if count}


def empty_project(database: Database, project: Project) -> None:
    """Remove all that a project holds. Raises NotFound where another project's mailbox fills a bucket of it."""
    with database.write() as tx:
        for integration in integrations.list_all(tx):
            if integration.project_id == project.id:
                integrations.remove(tx, integration.id)
        for dataset in datasets.list_all(tx, project.name):
            datasets.remove(tx, dataset.id)
    with database.read() as tx:
        own = sources.list_all(tx, project.name)
        kept = [one for one in buckets.list_all(tx) if one.project_id == project.id]
    for source in own:
        remove_source(database, source.id)
    for bucket in kept:
        remove_bucket(database, bucket.id)


def filling(tx: Transaction, bucket_id: BucketId) -> tuple[str, ...]:
    """Name the mailboxes that fill a bucket."""
    return tuple(one.address for one in mailboxes.list_all(tx) if one.bucket_id == bucket_id)


def _do(database: Database, act: Callable[[Transaction], int]) -> int:
    with database.write() as tx:
        return act(tx)
