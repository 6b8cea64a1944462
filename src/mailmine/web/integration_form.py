"""An integration is made or changed by a form; where two people do at once, neither loses what he did."""

from functools import partial

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailmine.access import credentials
from mailmine.access.permissions import Permission
from mailmine.exchange.endpoints import EWS_ONLINE_ENDS
from mailmine.model.integration import AuthType, Connection, Integration, TlsVersion
from mailmine.store import events, integrations, projects, users
from mailmine.sync import configure, editing
from mailmine.sync.configure import Configuration, ConfigurationError, IntegrationConfiguration
from mailmine.sync.credentials import welcome_new_proxy_secret, welcome_new_secrets
from mailmine.sync.editing import Lack
from mailmine.sync.resume import start
from mailmine.sync.written_connection import OAUTH
from mailmine.web import connection_form
from mailmine.web.connection_form import CLOUDS, FIRST, NOTHING_KEPT, Kept, Kind, Read
from mailmine.web.drafts import SHOWN, WHOLE, Draft, merge, proven
from mailmine.web.forms import Sent, long_form, to
from mailmine.web.language import N_, _, each
from mailmine.web.visit import Visit, page

SECRETS = "secrets"
"""The field that tells whether somebody else replaced a secret."""

LACKING = {
    Lack.CONNECTION: N_("It was not said how Exchange is reached: edit the integration."),
    Lack.SECRET: N_(
        "There is no secret to sign in with yet: edit the integration, and fill it in."
    ),
}


@page
def new(visit: Visit) -> Response:
    """Answer GET `/integrations/new`."""
    owners = _owners(visit)
    first = next(iter(owners), "")
    values = {"owner": first, "name": "", **connection_form.values_of("", FIRST)}
    return _form(visit, Draft.fresh(values), None)


@page
def edit(visit: Visit) -> Response:
    """Answer GET `/integrations/{owner}/{name}/edit?to=graph`: with what is to be changed for Graph, where that is wanted."""
    integration = visit.integration(Permission.INTEGRATIONS_WRITE)
    saved = _saved(visit, integration)
    if visit.request.query_params.get("to") != Kind.GRAPH:
        return _form(visit, Draft.fresh(saved), integration)
    auth = saved["auth"] if saved["auth"] in OAUTH else AuthType.CLIENT_SECRET
    values = {**saved, "kind": Kind.GRAPH, "auth": auth, "endpoint": ""}
    return _form(visit, Draft(values=values, shown=saved), integration, moves=True)


@long_form
def create(visit: Visit, given: Sent) -> Response:
    """Answer POST `/integrations/new`."""
    kept = kept_of(visit, None)
    owner, name = given.one("owner"), given.one("name")
    values = {"owner": owner, "name": name, **connection_form.typed(given, kept)}
    read = connection_form.read(given, values, kept)
    errors = {**_wrong_place(visit, owner, name), **read.errors}
    draft = Draft(values=values, shown=values, errors=errors)
    if read.connection is None or errors:
        return _form(visit, draft, None)
    if refusal := editing.over_quota(
        visit.tx, "integrations", len(integrations.list_all(visit.tx)) + 1
    ):
        return _form(visit, draft.with_errors({WHOLE: refusal}), None)
    fault = _apply(visit, owner, name, values["title"], read.connection)
    if fault is not None:
        return _form(visit, draft.with_errors({WHOLE: fault}), None)
    made = _keep(visit, owner, name, read, None)
    visit.note("integration_created", made)
    return to(visit, "integration", owner=owner, name=name)


@long_form
def save(visit: Visit, given: Sent) -> Response:
    """Answer POST `/integrations/{owner}/{name}/edit`."""
    integration = visit.integration(Permission.INTEGRATIONS_WRITE)
    kept = kept_of(visit, integration)
    shown = proven(given.secret(SHOWN))
    if shown is None:
        raise HTTPException(400)
    saved = _saved(visit, integration)
    values = {**connection_form.typed(given, kept), SECRETS: shown.get(SECRETS, "")}
    draft = merge(values, shown, saved)
    if draft.is_outrun:
        return _form(visit, draft, integration, status=409)
    read = connection_form.read(given, values, kept)
    if read.connection is None:
        return _form(visit, draft.with_errors(read.errors), integration)
    owner, name = integration.project, integration.name
    fault = _apply(visit, owner, name, values["title"], read.connection)
    if fault is not None:
        return _form(visit, draft.with_errors({WHOLE: fault}), integration)
    after = _keep(visit, owner, name, read, integration.connection)
    visit.note(
        "integration_changed",
        after,
        secret_changed=read.secret is not None,
        proxy_secret_changed=read.proxy_secret is not None,
    )
    return to(visit, "integration", owner=owner, name=name)


def kept_of(visit: Visit, integration: Integration | None) -> Kept:
    """Say what is saved that a form does not bring."""
    is_root = visit.identity.is_root
    if integration is None:
        return Kept(NOTHING_KEPT.connection, has_secret=False, may_name_files=is_root)
    has_secret = credentials.is_given(visit.tx, integration.id)
    return Kept(integration.connection, has_secret=has_secret, may_name_files=is_root)


def _saved(visit: Visit, integration: Integration) -> dict[str, str]:
    fields = connection_form.values_of(integration.title, _written(integration.connection))
    return fields | {SECRETS: credentials.mark(visit.tx, integration.id)}


def _written(connection: Connection) -> Connection:
    """Begin anew where it was never said how Exchange is reached."""
    return FIRST if connection == Connection(endpoint="") else connection


def _apply(visit: Visit, owner: str, name: str, title: str, connection: Connection) -> str | None:
    """Make the store say what the form does, or tell why that cannot be."""
    wanted = IntegrationConfiguration(project=owner, name=name, title=title, connection=connection)
    try:
        configure.apply(visit.tx, Configuration(integrations=(wanted,)), at=visit.at)
    except ConfigurationError as error:
        return f"{error}."
    return None


def _keep(
    visit: Visit, owner: str, name: str, read: Read, before: Connection | None
) -> Integration:
    """Keep the secrets of a form; what was held up for the want of them goes on."""
    tx, keyring, at = visit.tx, visit.keyring, visit.at
    saved = integrations.get(tx, owner, name)
    if saved is None:
        raise HTTPException(404)
    if read.secret is None and not read.uses_kept:
        credentials.forget(tx, saved.id, credentials.ACCOUNT)
    if read.secret is not None:
        credentials.keep(tx, keyring, saved.id, read.secret, at=at)
        welcome_new_secrets(tx, partial(credentials.reach, keyring=keyring), at=at)
    if credentials.keep_for_proxy(tx, keyring, saved, read.proxy_secret, before=before, at=at):
        welcome_new_proxy_secret(tx, saved, at=at)
    lack = editing.lack(saved, has_secret=credentials.is_given(tx, saved.id))
    if lack is not None:
        editing.hold_up(tx, saved, LACKING[lack], at=at)
    elif not saved.enabled and editing.was_lacking(saved):
        start(tx, saved, at=at, by=visit.identity.user_id)
    return integrations.get(tx, owner, name) or saved


def _owners(visit: Visit) -> tuple[str, ...]:
    """Name the projects in which the visitor may make integrations. Raises HTTPException."""
    may = Permission.INTEGRATIONS_WRITE
    if not visit.identity.may_anywhere(may):
        raise HTTPException(403)
    listed = (project.name for project in projects.list_all(visit.tx))
    return tuple(name for name in listed if visit.identity.may(may, name))


def _wrong_place(visit: Visit, owner: str, name: str) -> dict[str, str]:
    """Say what is wrong with where a new integration is to be."""
    errors: dict[str, str] = {}
    is_there = projects.get(visit.tx, owner) is not None
    if not owner:
        errors["owner"] = _("Fill in the project that it belongs to.")
    elif not configure.is_name(owner):
        errors["owner"] = _("Use the letters A to Z, digits, - and _ only.")
    elif not visit.identity.may(Permission.INTEGRATIONS_WRITE, owner):
        errors["owner"] = _("You may not make integrations in this project.")
    elif not is_there and not visit.identity.administers_projects:
        errors["owner"] = _("There is no such project.")
    if not name:
        errors["name"] = _("Fill in a name; it stands in addresses, so it stays short and plain.")
    elif not configure.is_name(name):
        errors["name"] = _("Use the letters A to Z, digits, - and _ only.")
    elif "owner" not in errors and integrations.get(visit.tx, owner, name) is not None:
        errors["name"] = _("There is an integration of this name already.")
    return errors


def _form(
    visit: Visit,
    draft: Draft,
    integration: Integration | None,
    *,
    status: int = 0,
    moves: bool = False,
) -> Response:
    connection = integration.connection if integration else None
    title = (
        _("Edit %(name)s") % {"name": integration.title} if integration else _("New integration")
    )
    kept = kept_of(visit, integration)
    return visit.render(
        "integration_form.html",
        status=status or (422 if draft.errors else 200),
        here="integrations",
        title=title,
        draft=draft,
        moves=moves,
        integration=integration,
        owners=_owners(visit) if integration is None else (),
        kept_secret=connection_form.SECRET_OF[connection.auth]
        if connection and kept.has_secret
        else "",
        has_proxy_secret=integration is not None
        and credentials.is_given(visit.tx, integration.id, credentials.PROXY),
        may_name_files=kept.may_name_files,
        clouds=each(CLOUDS),
        versions=[(one, f"TLS {one}") for one in TlsVersion],
        ends=EWS_ONLINE_ENDS,
        who=last_change(visit, integration) if draft.is_outrun and integration else "",
        are_secrets_outrun=SECRETS in draft.taken,
    )


def last_change(visit: Visit, integration: Integration) -> str:
    """Name who changed something of an integration last; empty where it was not a person."""
    latest = events.by_people(visit.tx, before=None, limit=200, since=None, until=None)
    for event in latest:
        if event.integration_id == integration.id and event.user_id is not None:
            user = users.by_id(visit.tx, event.user_id)
            return user.username if user else ""
    return ""
