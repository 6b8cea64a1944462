"""The audit log: who changed what, when, and from where."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailmine.access import refusals
from mailmine.model.ids import UserId
from mailmine.store import events, users
from mailmine.store.events import Event
from mailmine.web.language import N_, _, each
from mailmine.web.visit import Visit, page

PAGE = 100

KINDS = {
    "signed_in": N_("signed in"),
    "sign_in_refused": N_("was refused to sign in"),
    "session_ended": N_("ended a session"),
    "password_changed": N_("changed a password"),
    "token_created": N_("made a token"),
    "token_revoked": N_("ended a token"),
    "user_added": N_("added a user"),
    "user_changed": N_("changed what a user may do"),
    "user_enabled": N_("let a user in"),
    "user_disabled": N_("shut a user out"),
    "user_linked": N_("linked a user to a provider"),
    "user_removed": N_("removed a user"),
    "project_created": N_("made a project"),
    "project_changed": N_("changed a project"),
    "project_removed": N_("removed a project"),
    "integration_created": N_("made an integration"),
    "integration_changed": N_("changed an integration"),
    "integration_enabled": N_("started an integration"),
    "integration_disabled": N_("stopped an integration"),
    "integration_removed": N_("removed an integration"),
    "integration_stopped": N_("switched an integration off"),
    "mailbox_added": N_("added a mailbox"),
    "mailbox_changed": N_("changed a mailbox"),
    "mailbox_enabled": N_("started a mailbox"),
    "mailbox_disabled": N_("stopped a mailbox"),
    "mailbox_stopped": N_("switched a mailbox off"),
    "mailbox_removed": N_("removed a mailbox"),
    "mailbox_read_anew": N_("had a mailbox read anew"),
    "failed_items_retried": N_("had failed emails tried again"),
    "read_anew": N_("had a mailbox or folder read anew"),
    "configured": N_("took a configuration over"),
    "backup_downloaded": N_("downloaded a backup of the database"),
    "notification_tried": N_("sent a test message"),
    "bucket_created": N_("made a bucket"),
    "bucket_changed": N_("changed a bucket"),
    "bucket_refined_anew": N_("had a bucket refined anew"),
    "bucket_removed": N_("removed a bucket"),
    "source_created": N_("made a source"),
    "source_changed": N_("changed a source"),
    "source_removed": N_("removed a source"),
    "dataset_created": N_("made a dataset"),
    "dataset_changed": N_("changed a dataset"),
    "dataset_removed": N_("removed a dataset"),
    "stream_created": N_("made a stream"),
    "stream_changed": N_("changed a stream"),
    "stream_reset": N_("reset a stream"),
    "stream_removed": N_("removed a stream"),
    "retention_changed": N_("changed what a bucket keeps"),
    "quota_changed": N_("changed a quota"),
    "subscription_changed": N_("chose what to be told"),
}
"""What somebody did, in words; a kind that is not here is shown as it is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line."""

    event: Event
    who: str
    did: str
    to_what: str
    address: str


@page
def show(visit: Visit) -> Response:
    """Answer `/audit?who=…&kind=…&since=…&until=…&before=…`."""
    if not visit.identity.administers_projects:
        raise HTTPException(403)
    given = visit.request.query_params
    names = {user.id: user.username for user in users.list_all(visit.tx)}
    wanted = {name: given.get(name, "") for name in ("who", "kind", "since", "until")}
    found = events.by_people(
        visit.tx,
        before=_number(given.get("before", "")),
        limit=PAGE + 1,
        since=_day(wanted["since"]),
        until=_day(wanted["until"], end=timedelta(days=1)),
        user_id=UserId(wanted["who"]) if wanted["who"] else None,
        kinds=(wanted["kind"],) if wanted["kind"] else (),
        by_strangers=(refusals.KIND,),
    )
    shown = found[:PAGE]
    return visit.render(
        "audit.html",
        here="people",
        title=_("Who changed what"),
        entries=[_entry(event, names) for event in shown],
        names=names,
        kinds=each(KINDS),
        wanted=wanted,
        older=shown[-1].id if len(found) > PAGE else None,
    )


def _entry(event: Event, names: dict[UserId, str]) -> Entry:
    detail = {key: value for key, value in event.detail.items() if value is not None}
    address = str(detail.pop("from", ""))
    told = (
        str(value) if key in {"user", "name"} else f"{key} {value}" for key, value in detail.items()
    )
    return Entry(
        event=event,
        who=names.get(event.user_id, _("a user who was removed"))
        if event.user_id
        else _("somebody"),
        did=_(KINDS[event.kind]) if event.kind in KINDS else event.kind.replace("_", " "),
        to_what=", ".join(told),
        address=address,
    )


def _day(text: str, *, end: timedelta = timedelta(0)) -> datetime | None:
    """Read a day, which begins at midnight UTC, and go on to its `end`; what is none does not count."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) + end
    except (ValueError, OverflowError):
        return None


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None
