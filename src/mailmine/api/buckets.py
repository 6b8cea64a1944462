"""Buckets keep the raw emails; their keyed sync states tell how far each folder is."""

from datetime import datetime

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection as Transaction

from mailmine.api import addresses
from mailmine.api.answers import ok
from mailmine.api.asking import Asked, Asker, Data
from mailmine.model.ids import BucketId
from mailmine.model.integration import FolderStatus, Mailbox
from mailmine.model.wire import timestamp
from mailmine.store import buckets, folders, mailboxes
from mailmine.store.buckets import Bucket
from mailmine.store.folders import FolderState

router = APIRouter(prefix="/api/_private/buckets", tags=["buckets"])


@router.get("")
def read_all(request: Request, asker: Asker, data: Data) -> Response:
    """List the buckets."""
    with data.read() as tx:
        found = buckets.list_all(tx)
    return ok(request, buckets=[_json(one) for one in found if asker.sees(one.project)])


@router.get("/{bucket:address}")
def read(request: Request, bucket: str, asker: Asker, data: Data) -> Response:
    """Tell of one bucket."""
    with data.read() as tx:
        return ok(request, bucket=_json(_find(tx, bucket, asker)))


@router.get("/{bucket:address}/statistics")
def statistics(request: Request, bucket: str, asker: Asker, data: Data) -> Response:
    """Count the emails of a bucket."""
    with data.read() as tx:
        count = buckets.count_emails(tx, _find(tx, bucket, asker).id)
    return ok(request, statistics={"count": {"kind": "exact", "value": count}})


@router.get("/{bucket:address}/keyed-sync-states")
def keyed_sync_states(request: Request, bucket: str, asker: Asker, data: Data) -> Response:
    """Tell how far the folders of all mailboxes are that fill this bucket."""
    with data.read() as tx:
        bucket_id = _find(tx, bucket, asker).id
        states = [
            state
            for mailbox in mailboxes.list_all(tx)
            if mailbox.bucket_id == bucket_id
            for state in _states(mailbox, folders.of_mailbox(tx, mailbox.id))
        ]
    return ok(request, keyed_sync_states=states)


def _find(tx: Transaction, address: str, asker: Asked) -> Bucket:
    return addresses.find(
        "bucket",
        address,
        asker,
        by_id=lambda key: buckets.by_id(tx, BucketId(key)),
        by_name=lambda project, name: buckets.get(tx, project, name),
    )


def _json(bucket: Bucket) -> dict[str, object]:
    return {
        "id": bucket.id,
        "owner": bucket.project,
        "name": bucket.name,
        "title": bucket.title,
        "bucket_type": "emails",
        "created_at": timestamp(bucket.created_at),
        "updated_at": timestamp(bucket.updated_at),
    }


def _states(mailbox: Mailbox, known: tuple[FolderState, ...]) -> list[dict[str, object]]:
    """Give the record of the mailbox and those of its folders, as far as anything was read of them."""
    states: list[dict[str, object]] = []
    if mailbox.last_round_at is not None:
        is_done = all(folder.status is FolderStatus.UP_TO_DATE for folder in known)
        states.append(
            _state(
                mailbox,
                FolderStatus.UP_TO_DATE if is_done else FolderStatus.IN_PROGRESS,
                mailbox.last_round_at,
                None,
            )
        )
    states += [
        _state(mailbox, folder.status, folder.last_synced_at, folder)
        for folder in known
        if folder.last_synced_at is not None
    ]
    return states


def _state(
    mailbox: Mailbox, status: FolderStatus, last_synced_at: datetime, folder: FolderState | None
) -> dict[str, object]:
    until = folder.synced_until if folder else None
    return {
        "mailbox_name": mailbox.address,
        "folder_id": folder.folder_id if folder else None,
        "folder_path": folder.path if folder else None,
        "status": status,
        "synced_until": timestamp(until) if until else None,
        "last_synced_at": timestamp(last_synced_at),
    }
