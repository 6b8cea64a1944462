"""Buckets keep the raw emails; their keyed sync states tell how far each folder is."""

import hashlib
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from msgspec import Struct
from sqlalchemy import Connection as Transaction

from mailmine.api import addresses
from mailmine.api.answers import ok
from mailmine.api.asking import Asked, Asker, Data
from mailmine.api.bodies import takes
from mailmine.api.errors import InvalidError, NotFoundError
from mailmine.api.limits import Title
from mailmine.api.noting import note
from mailmine.model.ids import BucketId
from mailmine.model.integration import FolderStatus, Mailbox
from mailmine.model.wire import timestamp
from mailmine.store import buckets, fills, folders, mailboxes, projects, sources
from mailmine.store.buckets import Bucket
from mailmine.store.folders import FolderState
from mailmine.sync import configure, filling, making, removal

router = APIRouter(prefix="/api/_private/buckets", tags=["buckets"])


class BucketSettings(Struct, frozen=True):
    """What may be said of a bucket."""

    bucket_type: Literal["emails"] = "emails"
    title: Title | None = None


class BucketBody(Struct, frozen=True):
    """A bucket to be made or changed."""

    bucket: BucketSettings


class RefiningBody(Struct, frozen=True):
    """Nothing need be said."""


class OfMailbox(Struct, frozen=True):
    """The address of a mailbox."""

    mailbox_name: str


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
        return ok(request, bucket=_json(find(tx, bucket, asker)))


@router.get("/{project}")
def read_project(request: Request, project: str, asker: Asker, data: Data) -> Response:
    """List the buckets of one project."""
    missing = f"There is no project {project}."
    asker.check(project, missing)
    with data.read() as tx:
        if projects.get(tx, project) is None:
            raise NotFoundError(missing)
        found = [one for one in buckets.list_all(tx) if one.project == project]
    return ok(request, buckets=[_json(one) for one in found])


@router.put("/{bucket:address}")
def create(
    request: Request,
    bucket: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[BucketBody, Depends(takes(BucketBody))],
) -> Response:
    """Make a bucket."""
    with data.write() as tx:
        project, name = addresses.new("bucket", bucket, asker, tx)
        made = making.bucket(tx, project, name, title=wanted.bucket.title or "", at=asker.at)
        note(tx, asker, "bucket_created", project=project.name, name=name)
    return ok(request, bucket=_json(made))


@router.post("/{bucket:address}")
def update(
    request: Request,
    bucket: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[BucketBody, Depends(takes(BucketBody))],
) -> Response:
    """Give a bucket another title."""
    with data.write() as tx:
        found = find(tx, bucket, asker)
        if wanted.bucket.title is not None:
            buckets.retitle(tx, found.id, wanted.bucket.title, at=asker.at)
            note(tx, asker, "bucket_changed", project=found.project, name=found.name)
        changed = buckets.by_id(tx, found.id) or found
    return ok(request, bucket=_json(changed))


@router.delete("/{bucket:address}")
def remove(request: Request, bucket: str, asker: Asker, data: Data) -> Response:
    """Remove a bucket with its emails; comments stay. One that a mailbox fills is refused."""
    with data.read() as tx:
        found = find(tx, bucket, asker)
        if names := removal.filling(tx, found.id):
            raise InvalidError(
                f"The bucket {found.project}/{found.name} is filled by {', '.join(names[:5])}: remove the "
                "mailbox from its integration first, or let it fill another bucket."
            )
    removal.remove_bucket(data, found.id)
    with data.write() as tx:
        note(tx, asker, "bucket_removed", project=found.project, name=found.name)
    return ok(request)


@router.get("/{bucket:address}/statistics")
def statistics(request: Request, bucket: str, asker: Asker, data: Data) -> Response:
    """Count the emails of a bucket."""
    with data.read() as tx:
        count = buckets.count_emails(tx, find(tx, bucket, asker).id)
    return ok(request, statistics={"count": {"kind": "exact", "value": count}})


@router.post("/{bucket:address}/refine-anew")
def refine_anew(
    request: Request,
    bucket: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[RefiningBody, Depends(takes(RefiningBody))],
) -> Response:
    """Make the comments of all sources of a bucket anew from its emails, in the background."""
    del wanted
    with data.write() as tx:
        found = find(tx, bucket, asker)
        filling.begin_anew(tx, found.id, at=asker.at)
        note(tx, asker, "bucket_refined_anew", project=found.project, name=found.name)
        return ok(request, refining=_refining(tx, found))


@router.get("/{bucket:address}/refine-anew")
def refining_anew(request: Request, bucket: str, asker: Asker, data: Data) -> Response:
    """Tell how far the sources of a bucket are whose comments are being made; none when all is done."""
    with data.read() as tx:
        return ok(request, refining=_refining(tx, find(tx, bucket, asker)))


def _refining(tx: Transaction, bucket: Bucket) -> list[dict[str, object]]:
    under_way = {one.source_id: one for one in fills.list_all(tx)}
    return [
        {
            "source": f"{source.project}/{source.name}",
            "done": under_way[source.id].done,
            "total": under_way[source.id].total,
        }
        for source in sources.of_bucket(tx, bucket.id)
        if source.id in under_way
    ]


@router.get("/{bucket:address}/keyed-sync-states")
def keyed_sync_states(request: Request, bucket: str, asker: Asker, data: Data) -> Response:
    """Tell how far the folders of all mailboxes are that fill this bucket."""
    with data.read() as tx:
        states = _all_states(tx, find(tx, bucket, asker))
    return ok(request, keyed_sync_states=states)


@router.post("/{bucket:address}/keyed-sync-state-ids")
def keyed_sync_state_ids(
    request: Request,
    bucket: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[OfMailbox, Depends(takes(OfMailbox))],
) -> Response:
    """Name the sync states of one mailbox, to get or delete each."""
    with data.read() as tx:
        states = _all_states(tx, find(tx, bucket, asker))
    mine = [
        state["id"]
        for state in states
        if str(state["mailbox_name"]).lower() == wanted.mailbox_name.lower()
    ]
    return ok(request, keyed_sync_state_ids=mine)


@router.get("/{bucket:address}/keyed-sync-state/{state_id}")
def keyed_sync_state(
    request: Request, bucket: str, state_id: str, asker: Asker, data: Data
) -> Response:
    """Tell one sync state."""
    with data.read() as tx:
        for state in _all_states(tx, find(tx, bucket, asker)):
            if state["id"] == state_id:
                return ok(request, keyed_sync_state=state)
    raise NotFoundError(f"There is no sync state {state_id} in the bucket {bucket}.")


@router.delete("/{bucket:address}/keyed-sync-state/{state_id}")
def remove_keyed_sync_state(
    request: Request, bucket: str, state_id: str, asker: Asker, data: Data
) -> Response:
    """Let a folder be read anew from its beginning, or all of a mailbox by the state that names no folder.

    Nothing is doubled by it, and a state that is not there any more is as good as deleted.
    """
    with data.write() as tx:
        found = find(tx, bucket, asker)
        for mailbox in mailboxes.of_bucket(tx, found.id):
            known = folders.of_mailbox(tx, mailbox.id)
            if state_id == _state_id(mailbox, None):
                configure.read_anew(tx, mailbox)
            elif any(state_id == _state_id(mailbox, folder) for folder in known):
                for folder in known:
                    if state_id == _state_id(mailbox, folder):
                        configure.read_folder_anew(tx, folder)
            else:
                continue
            mailboxes.wake(tx, mailbox.id, asker.at)
            note(tx, asker, "read_anew", project=found.project, mailbox=mailbox.address)
    return ok(request)


def find(tx: Transaction, address: str, asker: Asked) -> Bucket:
    """Find the bucket that a path names. Raises NotFoundError or ForbiddenError."""
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


def _all_states(tx: Transaction, bucket: Bucket) -> list[dict[str, object]]:
    return [
        state
        for mailbox in mailboxes.of_bucket(tx, bucket.id)
        for state in _states(mailbox, folders.of_mailbox(tx, mailbox.id))
    ]


def _state_id(mailbox: Mailbox, folder: FolderState | None) -> str:
    """Name a sync state: the same as long as mailbox and folder are there."""
    whole = f"{mailbox.id} {folder.folder_id if folder else ''}"
    return hashlib.sha256(whole.encode()).hexdigest()[:32]


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
        "id": _state_id(mailbox, folder),
        "mailbox_name": mailbox.address,
        "folder_id": folder.folder_id if folder else None,
        "folder_path": folder.path if folder else None,
        "status": status,
        "synced_until": timestamp(until) if until else None,
        "last_synced_at": timestamp(last_synced_at),
    }
