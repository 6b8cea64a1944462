"""A mailbox is added or changed by a form; its folders are picked from the tree that Exchange shows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields as fields_of
from datetime import datetime

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailmine.access import credentials
from mailmine.access.permissions import Permission
from mailmine.exchange import open_account
from mailmine.exchange.faults import ExchangeError
from mailmine.exchange.remedies import Remedy, remedy_for
from mailmine.model.integration import Connection, Filters, Integration, Mailbox
from mailmine.store import buckets, folders, mailboxes, sources
from mailmine.sync.configure import MailboxConfiguration, is_address
from mailmine.sync.resume import enable_mailboxes
from mailmine.web import mailbox_lines, mailbox_saving
from mailmine.web.drafts import SHOWN, WHOLE, Draft, merge, proven
from mailmine.web.forms import Sent, sent, to, write
from mailmine.web.integration_form import last_change
from mailmine.web.language import N_, _
from mailmine.web.visit import Visit, look, page

ADDRESSES = ("participant_allowlist", "participant_denylist")
DOMAINS = ("participant_domain_allowlist", "participant_domain_denylist")
FOLDERS = ("folder_allowlist", "folder_denylist")
SEEN = "seen"
"""The hidden fields that bring back which folders the form showed."""
ASK = "folders"
"""The value of the button that asks Exchange for the folders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A folder that may be picked."""

    path: tuple[str, ...]
    total: int | None
    """Emails in it; None where the folder was not seen."""

    @property
    def key(self) -> str:
        """Write the path for a form."""
        return _key(self.path)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why Exchange did not show its folders."""

    words: str
    remedy: Remedy | None


@page
def new(visit: Visit) -> Response:
    """Answer GET `…/mailboxes/new`."""
    integration = visit.integration(Permission.INTEGRATIONS_WRITE)
    return _form(visit, integration, None, Draft.fresh(_blank()), ())


@page
def edit(visit: Visit) -> Response:
    """Answer GET `…/mailboxes/{mailbox}/edit`."""
    integration = visit.integration(Permission.INTEGRATIONS_WRITE)
    mailbox = visit.mailbox(integration)
    draft = Draft.fresh(_saved(visit, integration, mailbox))
    return _form(visit, integration, mailbox, draft, _known(visit, mailbox))


async def create(request: Request) -> Response:
    """Answer POST `…/mailboxes/new`."""
    given = await sent(request)
    if given.one("action") == ASK:
        return await _with_folders(request, given)
    return await run_in_threadpool(write, request, _create, given)


async def save(request: Request) -> Response:
    """Answer POST `…/mailboxes/{mailbox}/edit`."""
    given = await sent(request)
    if given.one("action") == ASK:
        return await _with_folders(request, given)
    return await run_in_threadpool(write, request, _save, given)


def _create(visit: Visit, given: Sent) -> Response:
    integration = visit.integration(Permission.INTEGRATIONS_WRITE)
    values = _typed(given)
    draft = Draft(values=values, shown=_blank())
    wanted, errors = _wanted(visit, integration, None, values)
    if wanted is not None:
        fault = mailbox_saving.save(visit, integration, (wanted,))
        errors = {WHOLE: fault} if fault else {}
    if wanted is None or errors:
        rows = _rows(_seen(given))
        return _form(visit, integration, None, draft.with_errors(errors), rows)
    made = _member(visit, integration, wanted.address)
    visit.note("mailbox_added", integration, made)
    return _go(visit, integration, made)


def _save(visit: Visit, given: Sent) -> Response:
    integration = visit.integration(Permission.INTEGRATIONS_WRITE)
    mailbox = visit.mailbox(integration)
    shown = proven(given.secret(SHOWN))
    if shown is None:
        raise HTTPException(400)
    values = _typed(given)
    draft = merge(values, shown, _saved(visit, integration, mailbox))
    rows = _rows((*_known(visit, mailbox), *_seen(given)))
    if draft.is_outrun:
        return _form(visit, integration, mailbox, draft, rows, status=409)
    wanted, errors = _wanted(visit, integration, mailbox, values)
    if wanted is None:
        return _form(visit, integration, mailbox, draft.with_errors(errors), rows)
    if wanted.address.lower() != mailbox.address.lower():
        mailboxes.remove(visit.tx, mailbox.id)
    fault = mailbox_saving.save(visit, integration, (wanted,))
    if fault is not None:
        return _form(visit, integration, mailbox, draft.with_errors({WHOLE: fault}), rows)
    saved = _member(visit, integration, wanted.address)
    if wanted.enabled and not saved.enabled:
        enable_mailboxes(visit.tx, integration, (saved,), at=visit.at, by=visit.identity.user_id)
    visit.note("mailbox_changed", integration, saved)
    return _go(visit, integration, saved)


async def _with_folders(request: Request, given: Sent) -> Response:
    """Show the form again with what was typed, and the folders that Exchange shows now."""
    address = given.one("address")
    way = await run_in_threadpool(look, request, _way)
    if way is None:
        raise HTTPException(403)
    tree: tuple[Row, ...] = ()
    refusal: Refusal | None = None
    if is_address(address):
        tree, refusal = await _ask(*way, address)

    def show(visit: Visit) -> Response:
        integration = visit.integration(Permission.INTEGRATIONS_WRITE)
        is_new = "mailbox" not in request.path_params
        mailbox = None if is_new else visit.mailbox(integration)
        saved = _saved(visit, integration, mailbox) if mailbox else _blank()
        # What others saved meanwhile is told when this form is saved, not now.
        draft = Draft(values=_typed(given), shown=proven(given.secret(SHOWN)) or saved)
        if not is_address(address):
            draft = draft.with_errors({"address": _("Fill in the address first.")})
        rows = _rows(tree or _seen(given))
        return _form(visit, integration, mailbox, draft, rows, refusal=refusal, is_live=bool(tree))

    response = await run_in_threadpool(look, request, show)
    if response is None:
        raise HTTPException(403)
    return response


def _way(visit: Visit) -> tuple[Connection, str]:
    """Give how Exchange is reached, and the secret."""
    integration = visit.integration(Permission.INTEGRATIONS_WRITE)
    connection = credentials.connection_of(visit.tx, visit.keyring, integration)
    return connection, credentials.of(visit.tx, visit.keyring, integration.id) or ""


async def _ask(
    connection: Connection, secret: str, address: str
) -> tuple[tuple[Row, ...], Refusal | None]:
    """Ask Exchange for the folders of a mailbox."""
    account = open_account(connection, secret)
    try:
        reader = account.reader(address)
        try:
            tree = await reader.folders()
        finally:
            await reader.aclose()
    except ExchangeError as error:
        return (), Refusal(error.fault.message, remedy_for(error.fault, connection, address))
    finally:
        await account.aclose()
    return tuple(Row(path=one.path, total=one.total) for one in tree.folders), None


def _typed(given: Sent) -> dict[str, str]:
    """Take the fields out of what a browser sent."""
    values = {name: given.one(name) for name in ("address", "bucket", "start")}
    values |= {
        name: "on" if given.one(name) else "" for name in ("attachments", "enabled", "makes_source")
    }
    values |= {name: _sorted(given.one(name).split("\n")) for name in (*ADDRESSES, *DOMAINS)}
    values |= {name: _sorted(given.many(name)) for name in FOLDERS}
    return values


def _blank() -> dict[str, str]:
    values = dict.fromkeys(("address", "bucket", "start", "attachments"), "")
    values |= dict.fromkeys((*FOLDERS, *ADDRESSES, *DOMAINS), "")
    return values | {"enabled": "on", "makes_source": "on"}


def _saved(visit: Visit, integration: Integration, mailbox: Mailbox) -> dict[str, str]:
    """Write a mailbox into the fields."""
    bucket = buckets.by_id(visit.tx, mailbox.bucket_id)
    has_source = any(one.bucket_id == mailbox.bucket_id for one in sources.list_all(visit.tx))
    name = ""
    if bucket is not None:
        is_near = bucket.project == integration.project
        name = bucket.name if is_near else f"{bucket.project}/{bucket.name}"
    filters = mailbox.filters
    return {
        "address": mailbox.address,
        "bucket": name,
        "start": _moment(mailbox.start_at),
        "attachments": "on" if mailbox.sync_attachments else "",
        "enabled": "on" if mailbox.enabled else "",
        "makes_source": "on" if has_source else "",
        **{one: _sorted(map(_key, getattr(filters, one))) for one in FOLDERS},
        **{one: _sorted(getattr(filters, one)) for one in (*ADDRESSES, *DOMAINS)},
    }


def _wanted(
    visit: Visit, integration: Integration, known: Mailbox | None, values: dict[str, str]
) -> tuple[MailboxConfiguration | None, dict[str, str]]:
    """Make of the fields what the sync is configured with, or say what is wrong with each."""
    errors: dict[str, str] = {}
    address = values["address"]
    if not is_address(address):
        errors["address"] = _("Write it as orders@example.com.")
    elif _is_taken(visit, integration, known, address):
        errors["address"] = _("This mailbox is in the integration already.")
    project, bucket = mailbox_saving.place_of(integration, values["bucket"], address)
    if (wrong := mailbox_saving.wrong_place(visit, project, bucket)) is not None:
        errors["bucket"] = wrong
    start_at = None
    try:
        start_at = mailbox_lines.moment(values["start"])
    except ValueError as error:
        errors["start"] = str(error)
    if known is not None and values["start"] == _moment(known.start_at):
        start_at = known.start_at  # to the microsecond
    for name in ADDRESSES:
        errors |= _wrong_lines(
            name,
            values[name],
            lambda line: "@" in line,
            N_("%(line)s is not an address; write one a line."),
        )
    for name in DOMAINS:
        errors |= _wrong_lines(
            name,
            values[name],
            lambda line: "." in line,
            N_("%(line)s is not a domain; write one a line."),
        )
    filters = _filters(values, known.filters if known else Filters())
    if filters is None:
        errors["folder_allowlist"] = _("Pick the folders again.")
    if errors or filters is None:
        return None, errors
    return MailboxConfiguration(
        address=address,
        project=project,
        bucket=bucket,
        makes_source=bool(values["makes_source"]),
        enabled=bool(values["enabled"]),
        start_at=start_at,
        filters=filters,
        sync_attachments=bool(values["attachments"]),
    ), {}


def _is_taken(visit: Visit, integration: Integration, known: Mailbox | None, address: str) -> bool:
    return any(
        one.address.lower() == address.lower() and (known is None or one.id != known.id)
        for one in mailboxes.of_integration(visit.tx, integration.id)
    )


def _wrong_lines(
    name: str, lines: str, is_right: Callable[[str], bool], message: str
) -> dict[str, str]:
    wrong = [line for line in lines.split("\n") if line and not is_right(line)]
    return {name: _(message) % {"line": repr(wrong[0])}} if wrong else {}


def _filters(values: dict[str, str], before: Filters) -> Filters | None:
    """Read the lists; one that says the same as `before` is the same, for another order is no change."""
    lists: dict[str, tuple[object, ...]] = {}
    for field in fields_of(Filters):
        lines = [line for line in values[field.name].split("\n") if line]
        known: tuple[object, ...] = getattr(before, field.name)
        found: list[object] = list(lines)
        if field.name in FOLDERS:
            paths = [_path(line) for line in lines]
            if None in paths:
                return None
            found = list(paths)
        lists[field.name] = known if set(found) == set(known) else tuple(found)
    return Filters(**lists)  # type: ignore[arg-type] # by the names of its fields


def _known(visit: Visit, mailbox: Mailbox) -> tuple[Row, ...]:
    """Give the folders as they were seen last."""
    seen = folders.of_mailbox(visit.tx, mailbox.id)
    return tuple(Row(path=one.path, total=one.total) for one in seen)


def _seen(given: Sent) -> tuple[Row, ...]:
    """Give the folders that the form showed."""
    paths = (_path(key) for key in given.many(SEEN))
    return tuple(Row(path=path, total=None) for path in paths if path)


def _rows(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Put folders in order, each once."""
    found: dict[tuple[str, ...], Row] = {}
    for row in rows:
        if row.path not in found or found[row.path].total is None:
            found[row.path] = row
    return tuple(found[path] for path in sorted(found, key=_order))


def _order(path: Sequence[str]) -> tuple[str, ...]:
    return tuple(part.casefold() for part in path)


def _form(
    visit: Visit,
    integration: Integration,
    mailbox: Mailbox | None,
    draft: Draft,
    rows: Sequence[Row],
    *,
    status: int = 0,
    refusal: Refusal | None = None,
    is_live: bool = False,
) -> Response:
    picked = {key for name in FOLDERS for key in draft.lines(name)}
    unseen = [path for key in picked - {row.key for row in rows} if (path := _path(key))]
    extra = tuple(Row(path=path, total=None) for path in unseen)
    return visit.render(
        "mailbox_form.html",
        status=status or (422 if draft.errors else 200),
        here="integrations",
        title=_("Edit %(name)s") % {"name": mailbox.address} if mailbox else _("Add a mailbox"),
        integration=integration,
        mailbox=mailbox,
        draft=draft,
        rows=_rows((*rows, *extra)),
        allowed=frozenset(draft.lines("folder_allowlist")),
        denied=frozenset(draft.lines("folder_denylist")),
        places=mailbox_saving.places(visit, integration),
        refusal=refusal,
        is_live=is_live,
        who=last_change(visit, integration) if draft.is_outrun else "",
    )


def _member(visit: Visit, integration: Integration, address: str) -> Mailbox:
    for mailbox in mailboxes.of_integration(visit.tx, integration.id):
        if mailbox.address.lower() == address.lower():
            return mailbox
    raise HTTPException(404)


def _go(visit: Visit, integration: Integration, mailbox: Mailbox) -> Response:
    return to(
        visit, "mailbox", owner=integration.project, name=integration.name, mailbox=mailbox.id
    )


def _moment(at: datetime | None) -> str:
    if at is None:
        return ""
    is_day = (at.hour, at.minute, at.second, at.microsecond) == (0, 0, 0, 0)
    return f"{at:%Y-%m-%d}" if is_day else f"{at:%Y-%m-%dT%H:%M:%S}"


def _sorted(lines: Iterable[str]) -> str:
    return "\n".join(sorted({line.strip() for line in lines} - {""}))


def _key(path: tuple[str, ...]) -> str:
    return msgspec.json.encode(path).decode()


def _path(key: str) -> tuple[str, ...] | None:
    try:
        return msgspec.json.decode(key, type=tuple[str, ...]) or None
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
