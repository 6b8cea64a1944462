"""Removes what holds much, piece by piece, so that no transaction keeps the others waiting.

The API waits for it. For the pages it is only noted (`begin_…`), and `Removing` goes on with it in the background.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import Connection as Transaction

from mailmine.model.ids import BucketId, IntegrationId, SourceId
from mailmine.repeating import repeat
from mailmine.store import (
    buckets,
    comments,
    copies,
    datasets,
    emails,
    integrations,
    mailboxes,
    removals,
    sources,
)
from mailmine.store.database import Database
from mailmine.store.errors import StoreError
from mailmine.store.projects import Project
from mailmine.store.removals import Kind, Removal
from mailmine.sync import editing
from mailmine.sync.desk import Desk

log = structlog.get_logger(__name__)

PIECE = 500
"""Comments, emails or copies of one transaction."""
LOOK = 1.0
"""Seconds between two looks for something to do."""


def remove_source(database: Database, source_id: SourceId) -> None:
    """Remove a source with its comments. Broken off, it has fewer comments, and can be removed again."""
    _all(database, partial(_piece_of_source, source_id=source_id))


def remove_bucket(database: Database, bucket_id: BucketId) -> None:
    """Remove a bucket with its emails. Comments that were made of them stay in their sources.

    No mailbox may fill it any more: NotFound otherwise.
    """
    _all(database, partial(_piece_of_bucket, bucket_id=bucket_id))


def remove_integration(database: Database, integration_id: IntegrationId) -> None:
    """Remove an integration with its mailboxes. Emails and comments stay. Broken off, it is switched off."""
    with database.write() as tx:
        integration = integrations.by_id(tx, integration_id)
        if integration is not None:
            editing.stop(tx, integration)
    _all(database, partial(_piece_of_integration, integration_id=integration_id))


def begin_source(tx: Transaction, source_id: SourceId, *, at: datetime) -> None:
    """Let a source be removed in the background; nothing new arrives in it from now on."""
    _detach(tx, source_id)
    removals.begin(tx, Kind.SOURCE, source_id, at=at)


def begin_bucket(tx: Transaction, bucket_id: BucketId, *, at: datetime) -> None:
    """Let a bucket be removed in the background; one that a mailbox fills before it is gone stays."""
    removals.begin(tx, Kind.BUCKET, bucket_id, at=at)


def begin_integration(tx: Transaction, integration_id: IntegrationId, *, at: datetime) -> None:
    """Let an integration be removed in the background; it is read no more from now on."""
    integration = integrations.by_id(tx, integration_id)
    if integration is not None:
        editing.stop(tx, integration)
        removals.begin(tx, Kind.INTEGRATION, integration_id, at=at)


class Removing:
    """Goes on with all that is being removed, a piece of each in turn."""

    def __init__(self, database: Database) -> None:
        self._desk = Desk(database)

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop`; what is begun is finished by the next process."""
        try:
            await repeat(self.step, stop, what="removing", pause=LOOK, expected=(StoreError,))
        finally:
            await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Wait for what was begun."""
        self._desk.close()

    async def step(self) -> bool:
        """Do a piece of each thing that goes; whether there was any. Raises StoreError."""
        waiting = await self._desk.read(removals.list_all)
        for one in waiting.values():
            await self._desk.write(partial(_go_on, removal=one))
        return bool(waiting)


def _go_on(tx: Transaction, removal: Removal) -> None:
    if not removals.hold(tx, removal.id):
        return  # another process was quicker
    if removal.kind is Kind.BUCKET and filling(tx, BucketId(removal.id)):
        log.warning("bucket not removed: a mailbox fills it by now", bucket=removal.id)
        removals.end(tx, removal.id)
        return
    done = _PIECES[removal.kind](tx, removal.id)
    if done:
        removals.progress(tx, removal.id, more=done)
    else:
        removals.end(tx, removal.id)
        log.info("removed", kind=removal.kind, id=removal.id, held=removal.done)


def _piece_of_source(tx: Transaction, source_id: SourceId) -> int:
    """Remove some comments of a source, or the source itself: then there were none."""
    _detach(tx, source_id)
    done = comments.remove_some(tx, source_id, limit=PIECE)
    if not done:
        sources.remove(tx, source_id)
    return done


def _detach(tx: Transaction, source_id: SourceId) -> None:
    """Let nothing new arrive in a source that goes."""
    source = sources.by_id(tx, source_id)
    if source is not None and source.bucket_id is not None:
        comments.take_turns(tx, source.bucket_id)  # who writes comments takes his before the row
        sources.save(tx, replace(source, bucket_id=None))


def _piece_of_bucket(tx: Transaction, bucket_id: BucketId) -> int:
    done = emails.remove_some(tx, bucket_id, limit=PIECE)
    if not done:
        buckets.remove(tx, bucket_id)
    return done


def _piece_of_integration(tx: Transaction, integration_id: IntegrationId) -> int:
    """Remove some copies of one of its mailboxes, with the last the mailbox; or the integration, when it has none."""
    for mailbox in mailboxes.of_integration(tx, integration_id):
        done = copies.remove_some(tx, mailbox.id, limit=PIECE)
        if done < PIECE:
            mailboxes.remove(tx, mailbox.id)
            done += 1
        return done
    integrations.remove(tx, integration_id)
    return 0


_PIECES: Final[Mapping[Kind, Callable[[Transaction, Any], int]]] = {
    Kind.SOURCE: _piece_of_source,
    Kind.BUCKET: _piece_of_bucket,
    Kind.INTEGRATION: _piece_of_integration,
}


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
    with database.read() as tx:
        read = [one.id for one in integrations.list_all(tx) if one.project_id == project.id]
    for integration_id in read:
        remove_integration(database, integration_id)
    with database.write() as tx:
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
    return tuple(one.address for one in mailboxes.of_bucket(tx, bucket_id))


def _all(database: Database, piece: Callable[[Transaction], int]) -> None:
    done = 1
    while done:
        with database.write() as tx:
            done = piece(tx)
