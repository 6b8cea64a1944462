"""One integration: its mailboxes, and what one may do to it."""

from starlette.responses import Response

from mailmine.access import credentials
from mailmine.access.permissions import Permission
from mailmine.exchange.endpoints import EWS_ONLINE_ENDS
from mailmine.model.integration import Integration
from mailmine.store import buckets, mailboxes, warnings
from mailmine.sync import editing, removal, resume
from mailmine.sync.configure import MailboxConfiguration
from mailmine.sync.enabling import is_stopped
from mailmine.web import mailbox_lines, mailbox_saving
from mailmine.web.connection_form import kind_of
from mailmine.web.drafts import WHOLE, Draft, Values
from mailmine.web.forms import Fields, Sent, form, long_form, to
from mailmine.web.integration_form import LACKING
from mailmine.web.integrations import view
from mailmine.web.language import _
from mailmine.web.visit import Visit, page

LISTED = 100
"""Mailboxes on a page."""

CONFIRMED = "confirmed"
"""The field in which somebody types the name of what he removes."""


@page
def show(visit: Visit) -> Response:
    """Answer GET `/integrations/{owner}/{name}`."""
    return _page(visit, visit.integration())


@form
def start(visit: Visit, _given: Fields) -> Response:
    """Answer POST `…/start`: what a person switched off is read again; what trouble stopped is tried first (`enable`)."""
    integration = visit.integration(Permission.INTEGRATIONS_WRITE)
    has_secret = credentials.is_given(visit.tx, integration.id)
    lack = editing.lack(integration, has_secret=has_secret)
    if lack is not None:
        return _page(visit, integration, fault=_(LACKING[lack]), status=422)
    if not is_stopped(integration):
        resume.start(visit.tx, integration, at=visit.at, by=visit.identity.user_id)
    return to(visit, "integration", owner=integration.project, name=integration.name)


@form
def stop(visit: Visit, _given: Fields) -> Response:
    """Answer POST `…/stop`."""
    integration = visit.integration(Permission.INTEGRATIONS_WRITE)
    editing.stop(visit.tx, integration)
    visit.note("integration_stopped", integration)
    return to(visit, "integration", owner=integration.project, name=integration.name)


@form
def remove(visit: Visit, given: Fields) -> Response:
    """Answer POST `…/delete`: it goes in the background, with its mailboxes and its secret, once its name was typed; emails and comments stay."""
    integration = visit.integration(Permission.INTEGRATIONS_WRITE)
    if given.get(CONFIRMED, "").strip() != integration.name:
        wrong = _("Type its name, %(name)s, to confirm.") % {"name": integration.name}
        return _page(visit, integration, unconfirmed=wrong, status=422)
    credentials.forget(visit.tx, integration.id)
    removal.begin_integration(visit.tx, integration.id, at=visit.at)
    visit.note("integration_removed", integration)
    return to(visit, "integrations")


@page
def add(visit: Visit) -> Response:
    """Answer GET `…/mailboxes/add`."""
    integration = visit.integration(Permission.INTEGRATIONS_WRITE)
    values = {"lines": "", "bucket": "", "start": "", "attachments": "", "makes_source": "on"}
    return _adding(visit, integration, Draft.fresh(values))


@long_form
def save_added(visit: Visit, given: Sent) -> Response:
    """Answer POST `…/mailboxes/add`: all of them, or none and what is wrong with which."""
    integration = visit.integration(Permission.INTEGRATIONS_WRITE)
    values = {name: given.one(name) for name in ("bucket", "start", "attachments", "makes_source")}
    values["lines"] = given.secret("lines").strip("\n")
    errors: dict[str, str] = {}
    wanted = _wanted(visit, integration, given.files.get("file"), values, errors)
    draft = Draft(values=values, shown=values, errors=errors)
    if errors:
        return _adding(visit, integration, draft)
    fault = mailbox_saving.save(visit, integration, wanted)
    if fault is not None:
        return _adding(visit, integration, draft.with_errors({WHOLE: fault}))
    visit.note("integration_changed", integration, mailboxes_added=len(wanted))
    return to(visit, "integration", owner=integration.project, name=integration.name)


def _page(
    visit: Visit,
    integration: Integration,
    *,
    fault: str = "",
    unconfirmed: str = "",
    status: int = 200,
) -> Response:
    warned = warnings.of_integration(visit.tx, integration.id)
    shown = view(visit, integration)
    query = visit.request.query_params.get("q", "").strip()
    found = [one for one in shown.mailboxes if query.lower() in one.mailbox.address.lower()]
    pages = max(-(-len(found) // LISTED), 1)
    number = min(_number(visit.request.query_params.get("page", "")), pages)
    places = {one.id: one for one in buckets.list_all(visit.tx)}
    return visit.render(
        "integration.html",
        status=status,
        here="integrations",
        title=integration.title or integration.name,
        view=shown,
        boxes=found[(number - 1) * LISTED : number * LISTED],
        found=len(found),
        query=query,
        number=number,
        pages=pages,
        listed=LISTED,
        integration=integration,
        warned=warned,
        places=places,
        kind=kind_of(integration.connection),
        ends=EWS_ONLINE_ENDS,
        has_secret=credentials.is_given(visit.tx, integration.id),
        fault=fault,
        unconfirmed=unconfirmed,
    )


def _wanted(
    visit: Visit,
    integration: Integration,
    file: bytes | None,
    values: Values,
    errors: dict[str, str],
) -> list[MailboxConfiguration]:
    """Make of lines what the sync is configured with; `errors` gets what is wrong."""
    place, text = "lines", values["lines"]
    if file is not None:
        place = "file"
        try:
            text = file.decode("utf-8-sig")
        except UnicodeDecodeError:
            errors[place] = _("Save the file as CSV in UTF-8, and choose it again.")
            return []
    start_at = None
    try:
        start_at = mailbox_lines.moment(values["start"])
    except ValueError as error:
        errors["start"] = str(error)
    found = mailbox_lines.parse(text)
    wrong = list(found.wrong)
    wanted: list[MailboxConfiguration] = []
    known = {one.address.lower() for one in mailboxes.of_integration(visit.tx, integration.id)}
    for line in found.good:
        written = values["bucket"] if line.bucket is None else line.bucket
        project, bucket = mailbox_saving.place_of(integration, written, line.address)
        if line.address.lower() in known:
            wrong.append(
                _("Line %(number)d: %(address)s is a mailbox of it already.")
                % {"number": line.number, "address": line.address}
            )
        elif fault := mailbox_saving.wrong_place(visit, project, bucket):
            if line.bucket is None:
                errors["bucket"] = fault
            else:
                wrong.append(mailbox_lines.wrong_line(line.number, fault))
        attachments = bool(values["attachments"])
        wanted.append(
            MailboxConfiguration(
                address=line.address,
                project=project,
                bucket=bucket,
                makes_source=bool(values["makes_source"]),
                start_at=line.start_at or start_at,
                sync_attachments=attachments if line.attachments is None else line.attachments,
            )
        )
    if wrong or not found.good:
        errors[place] = "\n".join(wrong) or _("There is no address in it.")
    return wanted


def _adding(visit: Visit, integration: Integration, draft: Draft) -> Response:
    return visit.render(
        "mailboxes_add.html",
        status=422 if draft.errors else 200,
        here="integrations",
        title=_("Add mailboxes"),
        integration=integration,
        draft=draft,
        places=mailbox_saving.places(visit, integration),
    )


def _number(text: str) -> int:
    """Read the number of a page; the first where that is none."""
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) < 10 else 1  # noqa: PLR2004
