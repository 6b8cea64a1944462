"""How long a bucket keeps what it holds, tried out first, and how much it may hold. And how it goes as a whole."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailmine.access.permissions import Permission
from mailmine.model.ids import BucketId
from mailmine.store import amounts, buckets, quotas, removals, retentions
from mailmine.store.amounts import Amount
from mailmine.store.buckets import Bucket
from mailmine.store.quotas import OwnQuota
from mailmine.store.retentions import MOST_COUNTED, Due, Retention
from mailmine.sync import quota, removal
from mailmine.web.forms import Fields, form, to
from mailmine.web.language import N_, _
from mailmine.web.visit import Visit, page

KINDS = {
    "comments": (
        N_("Comments"),
        N_(
            "Counted from the date of their email. One that goes is gone from all sources of this bucket, and from search. Nothing: for good."
        ),
    ),
    "emails": (
        N_("Raw emails"),
        N_(
            "Counted from when they were kept here. Without them comments cannot be made anew; they are not read again. Nothing: for good."
        ),
    ),
    "attachments": (
        N_("Contents of attachments"),
        N_(
            "Counted from when their email was kept here. Comments still name them. Nothing: for good."
        ),
    ),
}
_DAYS = re.compile(r"[1-9][0-9]{0,4}")
_COMMENTS = re.compile(r"[0-9]{1,12}")
_MEGABYTES = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How much of what it may hold a place does hold."""

    held: Amount
    own: OwnQuota

    @property
    def held_megabytes(self) -> str:
        """The bytes, as people write the limit."""
        return f"{self.held.bytes / quota.MEGABYTE:,.1f}"

    @property
    def megabytes(self) -> str:
        """The limit, as people write it; empty where there is none."""
        return "" if self.own.bytes is None else _written(self.own.bytes)


@page
def show(visit: Visit) -> Response:
    """Answer `/buckets/{id}/retention`."""
    bucket = _find(visit)
    return _page(visit, bucket, _typed(retentions.of_bucket(visit.tx, bucket.id)))


@form
def save(visit: Visit, given: Fields) -> Response:
    """Answer POST `/buckets/{id}/retention`: say what would go, or let it be so from now on."""
    bucket = _find(visit)
    typed = {kind: given.get(kind, "").strip() for kind in KINDS}
    faults = {
        kind: _("A number of days, or nothing to keep them for good.")
        for kind, days in typed.items()
        if days and not _DAYS.fullmatch(days)
    }
    if faults:
        return _page(visit, bucket, typed, faults=faults)
    wanted = Retention(
        bucket_id=bucket.id,
        **{f"{kind}_days": int(days) if days else None for kind, days in typed.items()},
    )
    if given.get("act") != "save":
        due = retentions.due(visit.tx, wanted, now=visit.at)
        return _page(visit, bucket, typed, due=due)
    retentions.put(visit.tx, wanted)
    days = {kind: number or "for good" for kind, number in typed.items()}
    visit.note("retention_changed", project=bucket.project, name=bucket.name, **days)
    return to(visit, "buckets")


@form
def save_quota(visit: Visit, given: Fields) -> Response:
    """Answer POST `/buckets/{id}/quota`: how much it may hold from now on."""
    bucket = _find(visit)
    typed = {kind: given.get(kind, "").strip() for kind in ("most_comments", "most_megabytes")}
    comments, megabytes = typed.values()
    faults: dict[str, str] = {}
    if comments and not _COMMENTS.fullmatch(comments):
        faults["most_comments"] = _("A number, or nothing for no limit.")
    if megabytes and not _MEGABYTES.fullmatch(megabytes):
        faults["most_megabytes"] = _("A number of megabytes, or nothing for no limit.")
    if faults:
        kept = _typed(retentions.of_bucket(visit.tx, bucket.id))
        return _page(visit, bucket, kept, limits=typed, faults=faults)
    own = OwnQuota(
        comments=int(comments) if comments else None,
        bytes=int(Decimal(megabytes) * quota.MEGABYTE) if megabytes else None,
    )
    quotas.put_of_bucket(visit.tx, bucket.id, own)
    visit.note(
        "quota_changed",
        project=bucket.project,
        name=bucket.name,
        comments=own.comments,
        bytes=own.bytes,
    )
    return to(visit, "retention", id=bucket.id)


@form
def remove(visit: Visit, given: Fields) -> Response:
    """Answer POST `/buckets/{id}/retention/remove`: who types the name of a bucket means it. It goes in the background."""
    bucket = _find(visit)
    typed = _typed(retentions.of_bucket(visit.tx, bucket.id))
    if removal.filling(visit.tx, bucket.id):
        fault = _("Nothing was removed: a mailbox fills it.")
        return _page(visit, bucket, typed, faults={"confirmed": fault}, status=409)
    if given.get("confirmed", "").strip() != bucket.name:
        fault = _("Type its name, %(name)s, to confirm.") % {"name": bucket.name}
        return _page(visit, bucket, typed, faults={"confirmed": fault})
    visit.note("bucket_removed", project=bucket.project, name=bucket.name)
    removal.begin_bucket(visit.tx, bucket.id, at=visit.at)
    return to(visit, "buckets")


def _page(
    visit: Visit,
    bucket: Bucket,
    typed: Mapping[str, str],
    *,
    limits: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    due: Due | None = None,
    status: int | None = None,
) -> Response:
    use = _use(visit, bucket)
    written = limits or {
        "most_comments": "" if use.own.comments is None else str(use.own.comments),
        "most_megabytes": use.megabytes,
    }
    return visit.render(
        "retention.html",
        status=status or (422 if faults else 200),
        here="buckets",
        title=_("What %(name)s keeps") % {"name": bucket.title or bucket.name},
        bucket=bucket,
        kinds={kind: (_(label), _(hint)) for kind, (label, hint) in KINDS.items()},
        typed={**typed, **written},
        faults=faults or {},
        use=use,
        whole=_use_of_project(visit, bucket),
        due=due,
        most=MOST_COUNTED,
        emails=buckets.count_emails(visit.tx, bucket.id),
        filled_by=removal.filling(visit.tx, bucket.id),
        removal=removals.list_all(visit.tx).get(bucket.id),
    )


def _use(visit: Visit, bucket: Bucket) -> Use:
    held = amounts.in_bucket(visit.tx, bucket.id)
    return Use(held=held, own=quotas.of_buckets(visit.tx).get(bucket.id, quotas.NONE))


def _use_of_project(visit: Visit, bucket: Bucket) -> Use | None:
    """Say what the project holds, where it has a quota of its own."""
    own = quotas.of_projects(visit.tx).get(bucket.project_id)
    if own is None:
        return None
    held = amounts.in_projects(visit.tx).get(bucket.project_id, amounts.NOTHING)
    return Use(held=held, own=own)


def _written(octets: int) -> str:
    return f"{Decimal(octets) / quota.MEGABYTE:f}"


def _typed(retention: Retention) -> dict[str, str]:
    return {kind: str(getattr(retention, f"{kind}_days") or "") for kind in KINDS}


def _find(visit: Visit) -> Bucket:
    found = buckets.by_id(visit.tx, BucketId(visit.request.path_params["id"]))
    if found is None or not visit.identity.may(Permission.BUCKETS_READ, found.project):
        raise HTTPException(404)
    if not visit.identity.may(Permission.BUCKETS_WRITE, found.project):
        raise HTTPException(403)
    return found
