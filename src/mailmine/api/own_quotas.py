"""How much one bucket and one project may hold, and how much they do. The original knows quotas of kinds alone (`quotas`)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection as Transaction

from mailmine.api import buckets, projects
from mailmine.api.answers import ok
from mailmine.api.asking import Asker, Data
from mailmine.api.bodies import takes
from mailmine.api.errors import NotFoundError
from mailmine.api.noting import note
from mailmine.store import amounts, projects as stored_projects, quotas
from mailmine.store.amounts import Amount
from mailmine.store.buckets import Bucket
from mailmine.store.projects import Project
from mailmine.store.quotas import OwnQuota

router = APIRouter(prefix="/api/_private", tags=["quotas"])

MOST = 2**53 - 1
"""The largest number that all clients read exactly."""
Number = Annotated[int, Meta(ge=0, le=MOST)] | UnsetType | None


class OwnLimit(Struct, frozen=True):
    """A limit: a number sets it, null goes back to none, and what is not named stays."""

    comments: Number = UNSET
    bytes: Number = UNSET


@router.get("/buckets/{bucket:address}/quota")
def read_of_bucket(request: Request, bucket: str, asker: Asker, data: Data) -> Response:
    """Tell how much a bucket may hold, and how much it does."""
    with data.read() as tx:
        return ok(request, quota=_of_bucket(tx, buckets.find(tx, bucket, asker)))


@router.post("/buckets/{bucket:address}/quota")
def update_of_bucket(
    request: Request,
    bucket: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[OwnLimit, Depends(takes(OwnLimit))],
) -> Response:
    """Let a bucket hold so many comments and bytes. Where it is full, the mailboxes that fill it stop within a minute."""
    with data.write() as tx:
        found = buckets.find(tx, bucket, asker)
        own = _changed(quotas.of_buckets(tx).get(found.id, quotas.NONE), wanted)
        quotas.put_of_bucket(tx, found.id, own)
        note(
            tx, asker, "quota_changed",
            project=found.project, name=found.name, comments=own.comments, bytes=own.bytes,
        )  # fmt: skip
    with data.read() as tx:
        return ok(request, quota=_of_bucket(tx, found))


@router.get("/projects/{project}/quota")
def read_of_project(request: Request, project: str, asker: Asker, data: Data) -> Response:
    """Tell how much a project may hold, and how much it does."""
    with data.read() as tx:
        return ok(request, quota=_of_project(tx, projects.find(tx, project, asker)))


@router.post("/projects/{project}/quota")
def update_of_project(
    request: Request,
    project: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[OwnLimit, Depends(takes(OwnLimit))],
) -> Response:
    """Let a project hold so many comments and bytes. Where it is full, the mailboxes that fill it stop within a minute."""
    with data.write() as tx:
        # Who changes quotas changes those of all projects, whether or not he may do anything else in them.
        found = stored_projects.get(tx, project)
        if found is None:
            raise NotFoundError(f"There is no project {project}.")
        own = _changed(quotas.of_projects(tx).get(found.id, quotas.NONE), wanted)
        quotas.put_of_project(tx, found.id, own)
        note(tx, asker, "quota_changed", project=project, comments=own.comments, bytes=own.bytes)
    with data.read() as tx:
        return ok(request, quota=_of_project(tx, found))


def _changed(before: OwnQuota, wanted: OwnLimit) -> OwnQuota:
    return OwnQuota(
        comments=before.comments if wanted.comments is UNSET else wanted.comments,
        bytes=before.bytes if wanted.bytes is UNSET else wanted.bytes,
    )


def _of_bucket(tx: Transaction, bucket: Bucket) -> dict[str, object]:
    own = quotas.of_buckets(tx).get(bucket.id, quotas.NONE)
    return _json(own, amounts.in_bucket(tx, bucket.id))


def _of_project(tx: Transaction, project: Project) -> dict[str, object]:
    held = amounts.in_projects(tx).get(project.id, amounts.NOTHING)
    return _json(quotas.of_projects(tx).get(project.id, quotas.NONE), held)


def _json(own: OwnQuota, held: Amount) -> dict[str, object]:
    return {
        "comments": {"limit": own.comments, "used": held.comments},
        "bytes": {"limit": own.bytes, "used": held.bytes},
    }
