"""Integrations and their mailboxes.

Clients of Communications Mining refuse a whole list for one word that they do not know (section 2.5), so the
known keys carry only their words, and what we know better stands in keys of our own. No secret is ever shown.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection as Transaction

from mailmine.api import addresses
from mailmine.api.answers import ok
from mailmine.api.asking import Asker, Data
from mailmine.model.ids import BucketId, IntegrationId
from mailmine.model.integration import (
    AuthType,
    Backend,
    Connection,
    Filters,
    Integration,
    Mailbox,
    Trouble,
)
from mailmine.model.wire import timestamp
from mailmine.store import buckets, integrations, mailboxes
from mailmine.store.buckets import Bucket

router = APIRouter(prefix="/api/_private/integrations", tags=["integrations"])


@router.get("")
def read_all(request: Request, asker: Asker, data: Data) -> Response:
    """List the integrations."""
    with data.read() as tx:
        found = [one for one in integrations.list_all(tx) if asker.sees(one.project)]
        places = {bucket.id: bucket for bucket in buckets.list_all(tx)}
        shown = [_json(one, mailboxes.of_integration(tx, one.id), places) for one in found]
    return ok(request, integrations=shown)


@router.get("/{integration:address}")
def read(request: Request, integration: str, asker: Asker, data: Data) -> Response:
    """Tell of one integration."""
    with data.read() as tx:
        found = addresses.find(
            "integration",
            integration,
            asker,
            by_id=lambda key: integrations.by_id(tx, IntegrationId(key)),
            by_name=lambda project, name: integrations.get(tx, project, name),
        )
        members = mailboxes.of_integration(tx, found.id)
        return ok(request, integration=_json(found, members, _places(tx, members)))


def _places(tx: Transaction, members: Iterable[Mailbox]) -> dict[BucketId, Bucket]:
    found = (buckets.by_id(tx, bucket_id) for bucket_id in {one.bucket_id for one in members})
    return {bucket.id: bucket for bucket in found if bucket is not None}


def _json(
    integration: Integration, members: Iterable[Mailbox], places: Mapping[BucketId, Bucket]
) -> dict[str, object]:
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
        "backend": integration.connection.backend,
        "configuration": {
            **_connection(integration.connection),
            "auth": _auth(integration.connection),
            "mailboxes": [_mailbox(one, places[one.bucket_id]) for one in members],
        },
    }


def _mailbox(mailbox: Mailbox, bucket: Bucket) -> dict[str, object]:
    return {
        "email": mailbox.address,
        **_switch(mailbox),
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
    }


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
        said["ews_endpoint"] = _without_userinfo(connection.endpoint)
    return {"connection": said}


def _auth(connection: Connection) -> dict[str, object]:
    return {
        "type": connection.auth,
        "username": connection.username,
        "access": connection.access,
        "endpoint": _without_userinfo(connection.endpoint),
    }


def _filters(filters: Filters) -> dict[str, object]:
    return {
        "folder_allowlist": filters.folder_allowlist or None,
        "folder_denylist": filters.folder_denylist or None,
        "participant_allowlist": filters.participant_allowlist or None,
        "participant_denylist": filters.participant_denylist or None,
        "participant_domain_allowlist": filters.participant_domain_allowlist or None,
        "participant_domain_denylist": filters.participant_domain_denylist or None,
    }


def _without_userinfo(url: str) -> str:
    """Leave out a password that somebody wrote into the address."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
