"""How much of each kind there may be (Communications Mining, sections 2.1 and 6). mailmine itself sets no limit."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection as Transaction

from mailmine.api.answers import ok
from mailmine.api.asking import Asker, Data
from mailmine.api.bodies import takes
from mailmine.api.errors import InvalidError, NotFoundError
from mailmine.api.noting import note
from mailmine.model.ids import BucketId, SourceId
from mailmine.store import (
    amounts,
    buckets,
    comments,
    datasets,
    integrations,
    mailboxes,
    projects,
    quotas,
    sources,
    streams,
    users,
)
from mailmine.store.amounts import Amount
from mailmine.store.buckets import Bucket
from mailmine.store.quotas import OwnQuota, Quota
from mailmine.sync import editing, quota

router = APIRouter(prefix="/api/_private/quotas", tags=["quotas"])

UNLIMITED = 2**32 - 1
"""The limit of what nobody limited: the largest that clients can read."""

KINDS = (
    "integrations",
    "mailboxes_per_integration",
    "buckets",
    "sources",
    "sources_per_dataset",
    "datasets",
    "datasets_per_source",
    "comments",
    "comments_per_source",
    "comments_per_project",
    "comments_per_bucket",
    "megabytes",
    "megabytes_per_project",
    "megabytes_per_bucket",
    "triggers",
    "triggers_per_dataset",
    "users",
    "projects",
)
"""What can be limited. Clients know more, of alerts and models; there are none here, and so no quotas of them."""


class Limit(Struct, frozen=True):
    """A limit: a number sets it, null goes back to none, and what is not named stays."""

    hard_limit: Annotated[int, Meta(ge=0, le=UNLIMITED)] | UnsetType | None = UNSET
    auto_increase_up_to: Annotated[int, Meta(ge=0, le=UNLIMITED)] | UnsetType | None = UNSET


@router.get("")
def read_all(request: Request, data: Data) -> Response:
    """List the limits of all kinds, and how much there is."""
    with data.read() as tx:
        return ok(request, quotas=_all(tx))


@router.get("/{tenant}")
def read(request: Request, tenant: str, data: Data) -> Response:
    """List the limits; an installation is one tenant, whatever it is called."""
    del tenant
    return read_all(request, data)


@router.post("/{tenant}/{kind}")
def update(
    request: Request,
    tenant: str,
    kind: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[Limit, Depends(takes(Limit))],
) -> Response:
    """Set the limit of one kind."""
    del tenant
    if kind not in KINDS:
        raise NotFoundError(f"There is no quota of {kind}. There are: {', '.join(KINDS)}.")
    with data.write() as tx:
        known = quotas.list_all(tx).get(kind)
        hard = known.hard_limit if known else None
        more = known.auto_increase_up_to if known else None
        if wanted.hard_limit is not UNSET:
            hard = wanted.hard_limit
        if wanted.auto_increase_up_to is not UNSET:
            more = wanted.auto_increase_up_to
        if hard is None:
            quotas.remove(tx, kind)
        else:
            quotas.put(tx, Quota(kind=kind, hard_limit=hard, auto_increase_up_to=more))
        note(tx, asker, "quota_changed", kind=kind, hard_limit=hard)
    return ok(request)


def check(tx: Transaction, kind: str, count: int) -> None:
    """Refuse what would make `count` of a kind, where fewer are allowed. Raises InvalidError."""
    if (refusal := editing.over_quota(tx, kind, count)) is not None:
        raise InvalidError(refusal)


def check_comments(tx: Transaction, source_id: SourceId) -> None:
    """Refuse what was put where there are more comments now than may be. Raises InvalidError."""
    limits = quotas.list_all(tx)
    if "comments_per_source" in limits:
        check(tx, "comments_per_source", comments.count(tx, source_id))
    if "comments" in limits:
        check(tx, "comments", sum(amounts.in_sources(tx).values(), amounts.NOTHING).comments)
    if source := sources.by_id(tx, source_id):
        _check_room(tx, source.project, None)


def check_emails(tx: Transaction, bucket_id: BucketId) -> None:
    """Refuse emails that were put where there is more now than may be. Raises InvalidError."""
    if bucket := buckets.by_id(tx, bucket_id):
        _check_room(tx, bucket.project, bucket)


def _check_room(tx: Transaction, project: str, bucket: Bucket | None) -> None:
    """Compare what is kept with what may be. Raises InvalidError."""
    seen = quota.look(tx)
    if bucket is not None:
        for place, amount, own in seen.held(bucket):
            _check_own(place, amount, own)
        held = seen.buckets.get(bucket.id, Amount())
        check(tx, "comments_per_bucket", held.comments)
        check(tx, "megabytes_per_bucket", held.bytes // quota.MEGABYTE)
    home = projects.get(tx, project)
    if home is not None and bucket is None:
        own = seen.of_projects.get(home.id, quotas.NONE)
        _check_own(f"The project {project}", seen.projects.get(home.id, Amount()), own)
    if home is not None and seen.projects:
        held = seen.projects.get(home.id, Amount())
        check(tx, "comments_per_project", held.comments)
        check(tx, "megabytes_per_project", held.bytes // quota.MEGABYTE)
        every = sum(seen.projects.values(), Amount())
        check(tx, "megabytes", every.bytes // quota.MEGABYTE)


def _check_own(place: str, amount: Amount, own: OwnQuota) -> None:
    """Refuse what is more than a bucket or a project may hold. Raises InvalidError."""
    for kind, held, most in (
        ("comments", amount.comments, own.comments),
        ("bytes", amount.bytes, own.bytes),
    ):
        if most is not None and held > most:
            raise InvalidError(
                f"{place} may hold {most:,} {kind}: remove some, or have its own quota raised."
            )


def _all(tx: Transaction) -> list[dict[str, object]]:
    known = quotas.list_all(tx)
    usage = _usage(tx)
    return [
        {
            "quota_kind": kind,
            "hard_limit": limit.hard_limit if (limit := known.get(kind)) else UNLIMITED,
            "auto_increase_up_to": limit.auto_increase_up_to if limit else None,
            "current_max_usage": usage.get(kind, 0),
        }
        for kind in KINDS
    ]


def _most(amounts: Iterable[Amount]) -> int:
    return max((one.bytes // quota.MEGABYTE for one in amounts), default=0)


def _usage(tx: Transaction) -> dict[str, int]:
    """Count what there is."""
    own = datasets.list_all(tx)
    boxes = [len(mailboxes.of_integration(tx, one.id)) for one in integrations.list_all(tx)]
    readers = [sum(one.id in each.source_ids for each in own) for one in sources.list_all(tx)]
    counted = [one.comments for one in amounts.in_sources(tx).values()]
    held, by_project = amounts.in_buckets(tx), amounts.in_projects(tx)
    every = sum(by_project.values(), Amount())
    return {
        "integrations": len(boxes),
        "mailboxes_per_integration": max(boxes, default=0),
        "buckets": len(buckets.list_all(tx)),
        "sources": len(readers),
        "sources_per_dataset": max((len(one.source_ids) for one in own), default=0),
        "datasets": len(own),
        "datasets_per_source": max(readers, default=0),
        "comments": sum(counted),
        "comments_per_source": max(counted, default=0),
        "comments_per_project": max((one.comments for one in by_project.values()), default=0),
        "comments_per_bucket": max((one.comments for one in held.values()), default=0),
        "megabytes": every.bytes // quota.MEGABYTE,
        "megabytes_per_project": _most(by_project.values()),
        "megabytes_per_bucket": _most(held.values()),
        "triggers": streams.count(tx),
        "triggers_per_dataset": max((streams.count(tx, one.id) for one in own), default=0),
        "users": users.count(tx),
        "projects": len(projects.list_all(tx)),
    }
