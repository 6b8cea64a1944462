"""Buckets, which keep emails, and sources, which turn them into comments: what there is, and how they are connected."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailmine.access.permissions import Permission
from mailmine.model.ids import BucketId
from mailmine.store import (
    amounts,
    buckets,
    comments,
    explore,
    fills,
    mailboxes,
    projects,
    quotas,
    removals,
)
from mailmine.store.buckets import Bucket
from mailmine.store.fills import Fill
from mailmine.store.quotas import OwnQuota
from mailmine.store.removals import Removal
from mailmine.store.sources import Source
from mailmine.sync import filling, making, removal
from mailmine.sync.making import NotMade
from mailmine.web import plots
from mailmine.web.asked import Asked
from mailmine.web.comments import A_DAY, SINCE_MAIL
from mailmine.web.forms import Fields, form, to
from mailmine.web.language import _
from mailmine.web.plots import Timeline
from mailmine.web.visit import Visit, page
from mailmine.web.words import counted

LONGEST_TITLE = 128
LONGEST_DESCRIPTION = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketRow:
    """A bucket, what fills it and what shows it."""

    bucket: Bucket
    emails: int
    mailboxes: Sequence[str]
    sources: Sequence[Source]
    """Those that the visitor may see."""
    fills: Sequence[Fill]
    """Those of its sources that are being filled."""
    may_refine: bool
    quota: OwnQuota | None
    """What it may hold, where somebody said so."""
    removal: Removal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """A source, and where its comments come from."""

    source: Source
    comments: int
    bucket: Bucket | None
    """Where the visitor may see it."""
    fill: Fill | None
    removal: Removal | None


@page
def show_buckets(visit: Visit) -> Response:
    """Answer `/buckets`."""
    return _buckets(visit)


@form
def add_bucket(visit: Visit, given: Fields) -> Response:
    """Answer POST `/buckets`: make a bucket."""
    project = given.get("project", "")
    if not visit.identity.may(Permission.BUCKETS_WRITE, project):
        raise HTTPException(403)
    if fault := _too_long(given):
        return _buckets(visit, typed=given, faults=fault)
    name = given.get("name", "").strip()
    try:
        made = making.bucket(
            visit.tx,
            making.project_of(visit.tx, project),
            name,
            title=given.get("title", "").strip(),
            at=visit.at,
        )
    except NotMade as error:
        return _buckets(visit, typed=given, faults={"name": str(error)})
    visit.note("bucket_created", project=made.project, name=made.name)
    return to(visit, "buckets")


@form
def refine_anew(visit: Visit, given: Fields) -> Response:
    """Answer POST `/buckets/refine-anew`: the comments of all its sources are made once more, in the background."""
    found = buckets.by_id(visit.tx, BucketId(given.get("bucket", "")))
    if found is None or not visit.identity.may(Permission.BUCKETS_READ, found.project):
        raise HTTPException(404)
    if not visit.identity.may(Permission.BUCKETS_WRITE, found.project):
        raise HTTPException(403)
    filling.begin_anew(visit.tx, found.id, at=visit.at)
    visit.note("bucket_refined_anew", project=found.project, name=found.name)
    return to(visit, "buckets")


def _buckets(
    visit: Visit, *, typed: Fields | None = None, faults: Mapping[str, str] | None = None
) -> Response:
    if not visit.identity.may_anywhere(Permission.BUCKETS_READ):
        raise HTTPException(403)
    boxes = mailboxes.list_all(visit.tx)
    under_way = {fill.source_id: fill for fill in fills.list_all(visit.tx)}
    own, going = quotas.of_buckets(visit.tx), removals.list_all(visit.tx)
    kept = amounts.in_buckets(visit.tx)
    rows = [
        BucketRow(
            bucket=bucket,
            emails=kept.get(bucket.id, amounts.NOTHING).comments,
            mailboxes=[box.address for box in boxes if box.bucket_id == bucket.id],
            sources=shown,
            fills=[under_way[source.id] for source in shown if source.id in under_way],
            may_refine=visit.identity.may(Permission.BUCKETS_WRITE, bucket.project),
            quota=own.get(bucket.id),
            removal=going.get(bucket.id),
        )
        for bucket in _seen_buckets(visit)
        for shown in [[source for source in visit.sources if source.bucket_id == bucket.id]]
    ]
    return visit.render(
        "buckets.html",
        status=422 if faults else 200,
        here="buckets",
        title=_("Buckets"),
        rows=rows,
        projects=_projects(visit, Permission.BUCKETS_WRITE),
        sees_integrations=visit.sees_integrations,
        typed=typed or {},
        faults=faults or {},
    )


@page
def show_sources(visit: Visit) -> Response:
    """Answer `/sources`."""
    return _sources(visit)


@form
def add_source(visit: Visit, given: Fields) -> Response:
    """Answer POST `/sources`: make a source, and connect it."""
    project = given.get("project", "")
    if not visit.identity.may(Permission.SOURCES_ADMIN, project):
        raise HTTPException(403)
    if fault := _too_long(given):
        return _sources(visit, typed=given, faults=fault)
    bucket = _bucket(visit, given.get("bucket", ""))
    name = given.get("name", "").strip()
    try:
        made = making.source(
            visit.tx,
            making.project_of(visit.tx, project),
            name,
            title=given.get("title", "").strip(),
            description="",
            language="",
            bucket_id=bucket.id if bucket else None,
            at=visit.at,
        )
    except NotMade as error:
        return _sources(visit, typed=given, faults={"name": str(error)})
    visit.note("source_created", project=made.project, name=made.name)
    return to(visit, "source_settings", owner=made.project, name=made.name)


def _sources(
    visit: Visit, *, typed: Fields | None = None, faults: Mapping[str, str] | None = None
) -> Response:
    filling = {fill.source_id: fill for fill in fills.list_all(visit.tx)}
    known = {bucket.id: bucket for bucket in _seen_buckets(visit)}
    going = removals.list_all(visit.tx)
    kept = amounts.in_sources(visit.tx)
    rows = [
        SourceRow(
            source=source,
            comments=kept.get(source.id, amounts.NOTHING).comments,
            bucket=known.get(source.bucket_id) if source.bucket_id else None,
            fill=filling.get(source.id),
            removal=going.get(source.id),
        )
        for source in visit.sources
    ]
    return visit.render(
        "sources.html",
        status=422 if faults else 200,
        here="sources",
        title=_("Sources"),
        rows=rows,
        projects=_projects(visit, Permission.SOURCES_ADMIN),
        buckets=list(known.values()),
        may_manage={
            one.project
            for one in visit.sources
            if visit.identity.may(Permission.SOURCES_ADMIN, one.project)
        },
        typed=typed or {},
        faults=faults or {},
    )


@page
def show_source(visit: Visit) -> Response:
    """Answer `/sources/{owner}/{name}/settings`: what a source is, and what is in it."""
    return _source(visit, visit.source())


@form
def change_source(visit: Visit, given: Fields) -> Response:
    """Answer POST `/sources/{owner}/{name}/settings`."""
    source = visit.source()
    if not visit.identity.may(Permission.SOURCES_ADMIN, source.project):
        raise HTTPException(403)
    if given.get("was", "") != _mark(source):
        fault = _(
            "Somebody else changed this source after you opened the page, so yours was not saved. "
            "This is how it is now: make your change again."
        )
        return _source(visit, source, faults={"form": fault}, status=409)
    if fault_of := _too_long(given):
        return _source(visit, source, typed=given, faults=fault_of, status=422)
    bucket_id = source.bucket_id
    if given.get("bucket", "") != (bucket_id or ""):
        bucket = _bucket(visit, given.get("bucket", ""))
        bucket_id = bucket.id if bucket else None
    after = dataclasses.replace(
        source,
        title=given.get("title", "").strip() or source.name,
        description=given.get("description", "").strip(),
        bucket_id=bucket_id,
        updated_at=visit.at,
    )
    making.change_source(visit.tx, source, after, at=visit.at)
    visit.note("source_changed", project=source.project, name=source.name)
    return to(visit, "source_settings", owner=source.project, name=source.name)


@form
def remove_source(visit: Visit, given: Fields) -> Response:
    """Answer POST `/sources/{owner}/{name}/settings/remove`: who types the name of a source means it. It goes in the background."""
    source = visit.source()
    if not visit.identity.may(Permission.SOURCES_ADMIN, source.project):
        raise HTTPException(403)
    if given.get("confirmed", "").strip() != source.name:
        fault = _("Type its name, %(name)s, to confirm.") % {"name": source.name}
        return _source(visit, source, faults={"confirmed": fault}, status=422)
    visit.note("source_removed", project=source.project, name=source.name)
    removal.begin_source(visit.tx, source.id, at=visit.at)
    return to(visit, "sources")


def _source(
    visit: Visit,
    source: Source,
    *,
    typed: Fields | None = None,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    saved = {
        "title": source.title,
        "description": source.description,
        "bucket": source.bucket_id or "",
    }
    known = {bucket.id: bucket for bucket in _seen_buckets(visit)}
    mine = known.get(source.bucket_id) if source.bucket_id else None
    return visit.render(
        "source.html",
        status=status,
        here=source.id,
        title=source.title or source.name,
        source=source,
        bucket=mine,
        is_bucket_hidden=source.bucket_id is not None and mine is None,
        buckets=list(known.values()),
        emails=buckets.count_emails(visit.tx, mine.id) if mine else 0,
        fill=fills.of_source(visit.tx, source.id),
        total=comments.count(visit.tx, source.id),
        timeline=_timeline(visit, source),
        removal=removals.list_all(visit.tx).get(source.id),
        may_change=visit.identity.may(Permission.SOURCES_ADMIN, source.project),
        mark=_mark(source),
        typed={**saved, **(typed or {})},
        faults=faults or {},
    )


def _timeline(visit: Visit, source: Source) -> Timeline | None:
    """Draw how many comments there are over time."""
    spanned = explore.span(visit.tx, source.id, SINCE_MAIL, visit.at + A_DAY)
    if spanned is None:
        return None
    step, parts = plots.edges(*spanned, since=None, until=None)
    return plots.timeline(Asked(), step, parts, explore.volume(visit.tx, source.id, parts))


def _mark(source: Source) -> str:
    """Stand for what somebody saw of a source."""
    return source.updated_at.isoformat()


def _bucket(visit: Visit, wanted: str) -> Bucket | None:
    """Find the bucket that a source is to show; who connects them must be allowed to read it. Raises HTTPException."""
    if not wanted:
        return None
    found = buckets.by_id(visit.tx, BucketId(wanted))
    if found is None or not visit.identity.may(Permission.BUCKETS_READ, found.project):
        raise HTTPException(403)
    return found


def _seen_buckets(visit: Visit) -> list[Bucket]:
    every = buckets.list_all(visit.tx)
    return [one for one in every if visit.identity.may(Permission.BUCKETS_READ, one.project)]


def _projects(visit: Visit, permission: Permission) -> list[str]:
    """Name the projects in which he may make something."""
    names = (one.name for one in projects.list_all(visit.tx))
    return [name for name in names if visit.identity.may(permission, name)]


def _too_long(given: Fields) -> dict[str, str]:
    if len(given.get("title", "").strip()) > LONGEST_TITLE:
        return {"title": _at_most(LONGEST_TITLE)}
    if len(given.get("description", "").strip()) > LONGEST_DESCRIPTION:
        return {"description": _at_most(LONGEST_DESCRIPTION)}
    return {}


def _at_most(characters: int) -> str:
    return counted("At most %(number)s character.", "At most %(number)s characters.", characters)
