"""Integrations and their mailboxes.

Clients of Communications Mining refuse a whole list for one word that they do not know (section 2.5), so the
known keys carry only their words, and what we know better stands in keys of our own. No secret is ever shown.
"""

from collections.abc import Container, Iterable
from dataclasses import asdict
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from msgspec import UNSET
from sqlalchemy import Connection as Transaction
from starlette.concurrency import run_in_threadpool

from mailmine.access import credentials
from mailmine.access.permissions import Permission
from mailmine.access.secrets import Keyring
from mailmine.api import addresses, integration_bodies as bodies, quotas
from mailmine.api.answers import ok
from mailmine.api.asking import Asked, Asker, Data, services
from mailmine.api.bodies import takes
from mailmine.api.errors import InvalidError, NotFoundError, TakenError
from mailmine.api.integration_bodies import (
    IntegrationBody,
    IntegrationSettings,
    MailboxBody,
    shown,
    without_userinfo,
)
from mailmine.api.noting import note
from mailmine.model.ids import BucketId, IntegrationId, MailboxId
from mailmine.model.integration import (
    AuthType,
    Backend,
    Connection,
    Filters,
    Integration,
    Mailbox,
    Occurrence,
    Trouble,
)
from mailmine.model.wire import timestamp
from mailmine.store import (
    buckets,
    failures,
    integrations,
    mailboxes,
    projects,
    warnings,
)
from mailmine.store.buckets import Bucket
from mailmine.store.database import Database
from mailmine.store.warnings import StandingWarning
from mailmine.sync import configure, editing, removal
from mailmine.sync.configure import Configuration, ConfigurationError, IntegrationConfiguration
from mailmine.sync.credentials import welcome_new_proxy_secret, welcome_new_secrets
from mailmine.sync.editing import Lack
from mailmine.sync.enabling import Obstacle, is_stopped
from mailmine.sync.resume import start

router = APIRouter(prefix="/api/_private/integrations", tags=["integrations"])


@router.get("")
def read_all(request: Request, asker: Asker, data: Data) -> Response:
    """List the integrations."""
    with data.read() as tx:
        found = [one for one in integrations.list_all(tx) if asker.sees(one.project)]
        told = [_json(tx, one) for one in found]
    return ok(request, integrations=told)


@router.get("/{integration:address}")
def read(request: Request, integration: str, asker: Asker, data: Data) -> Response:
    """Tell of one integration."""
    with data.read() as tx:
        return ok(request, integration=_json(tx, find(tx, integration, asker)))


@router.put("/{integration:address}")
def create(
    request: Request,
    integration: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[IntegrationBody, Depends(takes(IntegrationBody))],
) -> Response:
    """Make an integration with its mailboxes. It stays off until it is said how it signs in, with its secret."""
    keyring = services(request).keyring
    with data.write() as tx:
        project, name = addresses.new("integration", integration, asker, tx)
        if integrations.get(tx, project.name, name) is not None:
            raise TakenError(f"There is an integration {integration} already.")
        quotas.check(tx, "integrations", len(integrations.list_all(tx)) + 1)
        made = _save(tx, keyring, asker, project.name, name, wanted.integration, None)
        note(
            tx, asker, "integration_created",
            project=project.name, integration_id=made.id, name=name,
        )  # fmt: skip
        return ok(request, integration=_json(tx, made))


@router.post("/{integration:address}")
async def update(
    request: Request,
    integration: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[IntegrationBody, Depends(takes(IntegrationBody))],
) -> Response:
    """Change an integration. Its list of mailboxes is replaced where one is given; keys that are absent stay.

    What trouble stopped and is to be on is tried first, as by `enable`.
    """
    known, given = services(request), wanted.integration

    def write() -> tuple[IntegrationId, bool, list[MailboxId]]:
        with data.write() as tx:
            before = find(tx, integration, asker)
            after = _save(tx, known.keyring, asker, before.project, before.name, given, before)
            note(
                tx, asker, "integration_changed",
                project=before.project, integration_id=before.id, name=before.name,
                secret_changed=bodies.secret(given) is not None,
                proxy_secret_changed=bodies.proxy_secret(given) is not None,
            )  # fmt: skip
            return (
                after.id,
                given.enabled is True and is_stopped(after),
                _wanted_back(tx, after, given),
            )

    saved, itself, boxes = await run_in_threadpool(write)
    obstacles = await known.enabling.switch_on(
        saved, boxes, itself=itself, insists=given.insist, by=asker.identity.user_id
    )
    return await run_in_threadpool(lambda: enabled(request, integration, asker, data, obstacles))


@router.delete("/{integration:address}")
def remove(request: Request, integration: str, asker: Asker, data: Data) -> Response:
    """Remove an integration with its mailboxes and its secret; emails and comments stay."""
    with data.write() as tx:
        found = find(tx, integration, asker)
        credentials.forget(tx, found.id)
    removal.remove_integration(data, found.id)
    with data.write() as tx:
        note(tx, asker, "integration_removed", project=found.project, name=found.name)
    return ok(request)


def enabled(
    request: Request,
    integration: str,
    asker: Asked,
    data: Database,
    obstacles: Iterable[Obstacle],
) -> Response:
    """Answer with the integration as it is now, and with what kept something of it off."""
    with data.read() as tx:
        told = _json(tx, find(tx, integration, asker))
    return ok(request, integration=told, obstacles=[asdict(one) for one in obstacles])


def find(tx: Transaction, address: str, asker: Asked) -> Integration:
    """Find the integration that a path names. Raises NotFoundError or ForbiddenError."""
    return addresses.find(
        "integration",
        address,
        asker,
        by_id=lambda key: integrations.by_id(tx, IntegrationId(key)),
        by_name=lambda project, name: integrations.get(tx, project, name),
    )


def _save(
    tx: Transaction,
    keyring: Keyring,
    asker: Asked,
    project: str,
    name: str,
    given: IntegrationSettings,
    before: Integration | None,
) -> Integration:
    """Make the store say what a client does. Raises ApiError."""
    connection = bodies.connection(given, before.connection if before else None)
    _check_secrets(tx, given, connection, before)
    members = mailboxes.of_integration(tx, before.id) if before else ()
    known = {one.address.lower(): one for one in members}
    boxes = None
    if given.configuration is not UNSET and given.configuration.mailboxes is not UNSET:
        boxes = given.configuration.mailboxes
        quotas.check(tx, "mailboxes_per_integration", len(boxes))
        for box in boxes:
            _check_bucket(tx, asker, box)
    wanted = IntegrationConfiguration(
        project=project,
        name=name,
        title=given.title or "",
        connection=connection or Connection(endpoint=""),
        enabled=None if given.enabled is UNSET else given.enabled,
        mailboxes=tuple(box.configuration(known.get(box.email.lower())) for box in boxes or ()),
    )
    try:
        configure.apply(tx, Configuration(integrations=(wanted,)), at=asker.at)
    except ConfigurationError as error:
        raise InvalidError(f"{error}.") from error
    saved = integrations.get(tx, project, name)
    if saved is None:
        raise NotFoundError(f"The integration {project}/{name} was removed in this moment.")
    _keep_secrets(tx, keyring, asker, saved, given, before)
    if boxes is not None:
        _let_go(tx, members, {box.email.lower() for box in boxes})
    _begin(tx, saved, asker)
    return integrations.by_id(tx, saved.id) or saved


def _check_secrets(
    tx: Transaction,
    given: IntegrationSettings,
    connection: Connection | None,
    before: Integration | None,
) -> None:
    """Refuse a password of nobody, and to send a kept one to another place. Raises InvalidError."""
    if bodies.proxy_secret(given) is not None and not (connection and connection.proxy_username):
        raise InvalidError(
            "configuration.auth.proxy: name the user of the password, as http://user@host:port."
        )
    if (
        before is not None
        and connection is not None
        and bodies.secret(given) is None
        and credentials.is_given(tx, before.id)
        and editing.leads_elsewhere(connection, before.connection)
    ):
        raise InvalidError(
            "configuration.auth.secret: give it again, for what is kept was meant for the address before."
        )


def _keep_secrets(
    tx: Transaction,
    keyring: Keyring,
    asker: Asked,
    saved: Integration,
    given: IntegrationSettings,
    before: Integration | None,
) -> None:
    """Keep the secrets that a client gives; what was held up for the want of them goes on."""
    secret = bodies.secret(given)
    if secret is not None:
        credentials.keep(tx, keyring, saved.id, secret, at=asker.at)
        welcome_new_secrets(tx, partial(credentials.reach, keyring=keyring), at=asker.at)
    if credentials.keep_for_proxy(
        tx,
        keyring,
        saved,
        bodies.proxy_secret(given),
        before=before.connection if before else None,
        at=asker.at,
    ):
        welcome_new_proxy_secret(tx, saved, at=asker.at)


def _check_bucket(tx: Transaction, asker: Asked, box: MailboxBody) -> None:
    """Make sure that he may fill the bucket of a mailbox, in whichever project that is."""
    project = box.bucket_specification.project_name
    missing = f"bucket_specification.project_name: there is no project {project}."
    asker.demand(Permission.BUCKETS_APPEND, project, missing)
    if projects.get(tx, project) is None:
        raise InvalidError(missing)
    if buckets.get(tx, project, box.bucket_specification.name) is None:
        quotas.check(tx, "buckets", len(buckets.list_all(tx)) + 1)


def _let_go(tx: Transaction, members: Iterable[Mailbox], wanted: Container[str]) -> None:
    """Read mailboxes no more that the list does not name."""
    for member in members:
        if member.address.lower() not in wanted:
            mailboxes.remove(tx, member.id)


def _begin(tx: Transaction, saved: Integration, asker: Asked) -> None:
    """Start what lacked something to begin with, or say what it lacks still."""
    lack = editing.lack(saved, has_secret=credentials.is_given(tx, saved.id))
    if lack is not None:
        editing.hold_up(tx, saved, _LACKING[lack], at=asker.at)
        return
    if not saved.enabled and editing.was_lacking(saved):
        start(tx, saved, at=asker.at, by=asker.identity.user_id)


def _wanted_back(
    tx: Transaction, saved: Integration, given: IntegrationSettings
) -> list[MailboxId]:
    """Name the mailboxes that trouble stopped and that are said to be on."""
    if given.configuration is UNSET or given.configuration.mailboxes is UNSET:
        return []
    on = {box.email.lower() for box in given.configuration.mailboxes if box.enabled is True}
    members = mailboxes.of_integration(tx, saved.id)
    return [one.id for one in members if is_stopped(one) and one.address.lower() in on]


_LACKING = {
    Lack.CONNECTION: (
        "It was not said how Exchange is reached: give `configuration.auth`, with its secret."
    ),
    Lack.SECRET: (
        "There is no secret to sign in with yet: give it as `configuration.auth.secret`."
    ),
}


def _places(tx: Transaction, members: Iterable[Mailbox]) -> dict[BucketId, Bucket]:
    found = (buckets.by_id(tx, bucket_id) for bucket_id in {one.bucket_id for one in members})
    return {bucket.id: bucket for bucket in found if bucket is not None}


def _json(tx: Transaction, integration: Integration) -> dict[str, object]:
    members = mailboxes.of_integration(tx, integration.id)
    places = _places(tx, members)
    failed = failures.reasons(tx, integration.id)
    kept = {
        "has_secret": credentials.is_given(tx, integration.id),
        "has_proxy_secret": credentials.is_given(tx, integration.id, credentials.PROXY),
    }
    warned = warnings.of_integration(tx, integration.id)
    return {
        "id": integration.id,
        "owner": integration.project,
        "name": integration.name,
        "title": integration.title,
        # Exchange Server too: clients know no other.
        "type": "exchange_online",
        "created_at": timestamp(integration.created_at),
        "updated_at": timestamp(integration.updated_at),
        **_switch(integration),
        "warnings": _warnings(warned.get(None, ())),
        "backend": integration.connection.backend,
        "configuration": {
            **_connection(integration.connection),
            "auth": shown(integration.connection) | kept,
            "mailboxes": [
                _mailbox(one, places[one.bucket_id], warned.get(one.id, ()))
                | {"failed_items": sum(reason.items for reason in failed.get(one.id, ()))}
                for one in members
            ],
        },
    }


def _mailbox(
    mailbox: Mailbox, bucket: Bucket, warned: Iterable[StandingWarning]
) -> dict[str, object]:
    return {
        "email": mailbox.address,
        **_switch(mailbox),
        "warnings": _warnings(warned),
        **_filters(mailbox.filters),
        "start_timestamp": timestamp(mailbox.start_at) if mailbox.start_at else None,
        "bucket_specification": {
            "project_name": bucket.project,
            "name": bucket.name,
            "title": bucket.title,
        },
        "sync_attachments": mailbox.sync_attachments,
        "last_synced_at": timestamp(mailbox.last_round_at) if mailbox.last_round_at else None,
    }


def _switch(thing: Integration | Mailbox) -> dict[str, object]:
    """Tell whether it is on, and what is wrong."""
    status = "trouble" if thing.trouble else "ok"
    return {
        "enabled": thing.enabled,
        "disabled_reason": thing.disabled_reason,
        "status": status if thing.enabled else "disabled",
        "disabled_detail": None if thing.enabled else _trouble(thing.trouble),
        "trouble": _trouble(thing.trouble),
    }


def _trouble(trouble: Trouble | None) -> dict[str, object] | None:
    if trouble is None:
        return None
    return {
        "code": trouble.code,
        "message": trouble.message,
        "since": timestamp(trouble.since),
        "reason": trouble.reason,
        "first_error": _occurrence(trouble.first),
        "last_error": _occurrence(trouble.last),
    }


def _occurrence(one: Occurrence | None) -> dict[str, object] | None:
    if one is None:
        return None
    return {
        "at": timestamp(one.at),
        "code": one.code,
        "message": one.message,
        "server": one.server,
        "request_id": one.request_id,
    }


def _warnings(warned: Iterable[StandingWarning]) -> list[dict[str, object]]:
    return [
        {"code": one.code, "message": one.message, "since": timestamp(one.since)} for one in warned
    ]


def _connection(connection: Connection) -> dict[str, object]:
    """Tell how it signs in, where clients have words for it: only for a service user, any other breaks their lists."""
    if connection.auth is not AuthType.SERVICE_USER:
        return {}
    said: dict[str, object] = {
        "access": {"kind": "user_access", "username": connection.username},
        "application": {
            "kind": "custom",
            "client_id": connection.client_id,
            "tenant_id": connection.tenant_id,
        },
    }
    if connection.backend is Backend.EWS and connection.endpoint:
        said["ews_endpoint"] = without_userinfo(connection.endpoint)
    return {"connection": said}


def _filters(filters: Filters) -> dict[str, object]:
    return {
        "folder_allowlist": filters.folder_allowlist or None,
        "folder_denylist": filters.folder_denylist or None,
        "participant_allowlist": filters.participant_allowlist or None,
        "participant_denylist": filters.participant_denylist or None,
        "participant_domain_allowlist": filters.participant_domain_allowlist or None,
        "participant_domain_denylist": filters.participant_domain_denylist or None,
    }
