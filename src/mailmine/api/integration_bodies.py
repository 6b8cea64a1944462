"""What clients say of an integration, and what it is to be from then on.

Clients of Communications Mining know a part of the keys only, and send back what they know; so what is absent of the
keys that are ours stays as it is.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from pydantic import ValidationError

from mailmine.api.errors import InvalidError
from mailmine.api.limits import END, Name, Title
from mailmine.api.uploads import utc
from mailmine.exchange import proxy
from mailmine.model.integration import (
    AccessType,
    AuthType,
    Backend,
    Cloud,
    Connection,
    Filters,
    Mailbox,
    TlsVersion,
)
from mailmine.model.wire import timestamp
from mailmine.sync import editing
from mailmine.sync.configure import MailboxConfiguration
from mailmine.sync.written_connection import WrittenConnection

Url = Annotated[str, Meta(max_length=2_048)]
Seconds = Annotated[float, Meta(gt=0)]
FolderPaths = Annotated[tuple[tuple[str, ...], ...], Meta(max_length=4_096)]
Addresses = Annotated[tuple[str, ...], Meta(max_length=4_096)]


class UserAccess(Struct, frozen=True, tag_field="kind", tag="user_access"):
    """A service user."""

    username: str


class CustomApplication(Struct, frozen=True, tag_field="kind", tag="custom"):
    """An application of Entra ID."""

    client_id: str
    tenant_id: str


class ServiceUser(Struct, frozen=True):
    """How clients of Communications Mining say how it signs in: as a service user, through an application."""

    access: UserAccess
    application: CustomApplication
    ews_endpoint: Url | None = None
    build_version: str | None = None


class Timeouts(Struct, frozen=True):
    """How long each step of a request may take, in seconds."""

    pool: Seconds | UnsetType = UNSET
    connect: Seconds | UnsetType = UNSET
    write: Seconds | UnsetType = UNSET
    read: Seconds | UnsetType = UNSET


class Auth(Struct, frozen=True):
    """How Exchange is reached and signed in to; ours. Of two ways to say it this one counts."""

    type: AuthType | UnsetType = UNSET
    secret: Annotated[str, Meta(min_length=1, max_length=65_536)] | UnsetType | None = UNSET
    """The password, the client secret, or the PEM text of the private key and certificate. It is never shown."""
    username: str | UnsetType = UNSET
    access: AccessType | UnsetType = UNSET
    endpoint: Url | UnsetType | None = UNSET
    """Empty: wherever Autodiscover says, or for Graph the cloud's."""
    tenant_id: str | UnsetType = UNSET
    client_id: str | UnsetType = UNSET
    cloud: Cloud | UnsetType = UNSET
    authority: Url | UnsetType | None = UNSET
    certificate_thumbprint: str | UnsetType = UNSET
    secret_ends: datetime | UnsetType | None = UNSET
    """When the client secret or the password ends: people are warned before. A certificate says so itself."""
    verify_tls: bool | UnsetType = UNSET
    tls_minimum: TlsVersion | UnsetType = UNSET
    tls_ciphers: str | UnsetType | None = UNSET
    plain_http: bool | UnsetType = UNSET
    proxy: Url | UnsetType | None = UNSET
    """With its user, as `http://user@proxy.example.com:3128`."""
    proxy_secret: Annotated[str, Meta(min_length=1, max_length=65_536)] | UnsetType | None = UNSET
    """The password of that user. It is never shown, and forgotten where the proxy or its user becomes another."""
    timeouts: Timeouts | UnsetType = UNSET


class BucketSpecification(Struct, frozen=True):
    """The bucket that a mailbox fills; it is made if there is none."""

    project_name: Name
    name: Name
    title: Title | None = None


class MailboxBody(Struct, frozen=True):
    """A mailbox to be read."""

    email: Annotated[str, Meta(max_length=512, pattern=rf"^[^@\s]+@[^@\s]+{END}")]
    bucket_specification: BucketSpecification
    enabled: bool | UnsetType = UNSET
    folder_allowlist: FolderPaths | None = None
    folder_denylist: FolderPaths | None = None
    participant_allowlist: Addresses | None = None
    participant_denylist: Addresses | None = None
    participant_domain_allowlist: Addresses | None = None
    participant_domain_denylist: Addresses | None = None
    start_timestamp: datetime | None = None
    sync_attachments: bool | UnsetType = UNSET

    def configuration(self, known: Mailbox | None) -> MailboxConfiguration:
        """Make what the sync is configured with."""
        attachments = self.sync_attachments
        if attachments is UNSET:
            attachments = known.sync_attachments if known else False
        return MailboxConfiguration(
            address=self.email,
            project=self.bucket_specification.project_name,
            bucket=self.bucket_specification.name,
            bucket_title=self.bucket_specification.title,
            makes_source=False,
            enabled=None if self.enabled is UNSET else self.enabled,
            start_at=utc(self.start_timestamp) if self.start_timestamp else None,
            filters=Filters(
                folder_allowlist=self.folder_allowlist or (),
                folder_denylist=self.folder_denylist or (),
                participant_allowlist=self.participant_allowlist or (),
                participant_denylist=self.participant_denylist or (),
                participant_domain_allowlist=self.participant_domain_allowlist or (),
                participant_domain_denylist=self.participant_domain_denylist or (),
            ),
            sync_attachments=attachments,
        )


class ConfigurationBody(Struct, frozen=True):
    """The whole configuration: a mailbox that is not in the list is read no more."""

    connection: ServiceUser | None = None
    auth: Auth | None = None
    mailboxes: Annotated[tuple[MailboxBody, ...], Meta(max_length=10_000)] | UnsetType = UNSET


class IntegrationSettings(Struct, frozen=True):
    """What may be said of an integration."""

    title: Title | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    insist: bool = False
    """Whether what trouble stopped is switched on untried."""
    type: Literal["exchange_online"] | UnsetType = UNSET
    backend: Backend | UnsetType = UNSET
    configuration: ConfigurationBody | UnsetType = UNSET


class IntegrationBody(Struct, frozen=True):
    """An integration to be made or changed."""

    integration: IntegrationSettings


def secret(given: IntegrationSettings) -> str | None:
    """Give the secret that a body brings, if it brings one."""
    if given.configuration is UNSET or given.configuration.auth is None:
        return None
    return given.configuration.auth.secret or None


def proxy_secret(given: IntegrationSettings) -> str | None:
    """Give the password of the proxy that a body brings, if it brings one, be it within the address."""
    if given.configuration is UNSET or given.configuration.auth is None:
        return None
    auth = given.configuration.auth
    return auth.proxy_secret or proxy.split(auth.proxy or "").password


def connection(given: IntegrationSettings, before: Connection | None) -> Connection | None:
    """Say how Exchange is to be reached; None = that was never said. Raises InvalidError."""
    said = _said(given, before)
    known = editing.written(before) if before else {}
    is_as_before = all(known.get(key) == value for key, value in said.items())
    if is_as_before and (before is None or secret(given) is None):
        return before
    if any(key in said and said[key] != known.get(key) for key in ("backend", "cloud", "auth")):
        # What follows from these is found anew.
        known = {key: value for key, value in known.items() if key not in {"endpoint", "access"}}
    try:
        made = WrittenConnection.model_validate(known | said)
    except ValidationError as error:
        said_of = editing.mistakes(error).items()
        words = "; ".join(f"{place} {wrong}".strip() for place, wrong in said_of)
        raise InvalidError(f"configuration.auth: {words}") from error
    return made.connection(Path("/"))


def shown(connection: Connection) -> dict[str, object]:
    """Tell how Exchange is reached and signed in to; never a secret, nor what is written into an address."""
    return {
        "type": connection.auth,
        "username": connection.username,
        "access": connection.access,
        "endpoint": without_userinfo(connection.endpoint),
        "tenant_id": connection.tenant_id,
        "client_id": connection.client_id,
        "cloud": connection.cloud,
        "authority": connection.authority,
        "certificate_thumbprint": connection.certificate_thumbprint,
        "secret_ends": timestamp(connection.secret_ends) if connection.secret_ends else None,
        "verify_tls": connection.verify_tls,
        "tls_minimum": connection.tls_minimum,
        "tls_ciphers": connection.tls_ciphers,
        "plain_http": connection.plain_http,
        "proxy": proxy.shown(connection),
        "timeouts": asdict(connection.timeouts),
    }


def without_userinfo(url: str) -> str:
    """Leave out a password that somebody wrote into the address."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _said(given: IntegrationSettings, before: Connection | None) -> dict[str, Any]:
    """Give what a body says of the connection, by the names that it is written with."""
    said: dict[str, Any] = {}
    if given.backend is not UNSET:
        said["backend"] = given.backend
    if given.configuration is UNSET:
        return said
    user, auth = given.configuration.connection, given.configuration.auth
    if user is not None:
        said |= {
            "auth": AuthType.SERVICE_USER,
            "username": user.access.username,
            "client_id": user.application.client_id,
            "tenant": user.application.tenant_id,
        }
        if user.ews_endpoint:
            said |= {"backend": said.get("backend", Backend.EWS), "endpoint": user.ews_endpoint}
    if auth is not None:
        for name in Auth.__struct_fields__:
            value = getattr(auth, name)
            if value is not UNSET and name not in _SECRET:
                said[_WRITTEN_AS.get(name, name)] = value
    if "timeouts" in said:
        known = asdict(before.timeouts) if before else {}
        said["timeouts"] = known | msgspec.to_builtins(said["timeouts"])
    if before is not None:
        _keep_userinfo(said, before)
    # Where an address may be empty, none is meant.
    return {name: value for name, value in said.items() if value is not None and value != ""} | {
        name: None for name in said if name in _MAY_BE_NONE and not said[name]
    }


def _keep_userinfo(said: dict[str, Any], before: Connection) -> None:
    """Take an address that comes back as it was shown for the one that it was made of."""
    known = before.endpoint
    if known and said.get("endpoint") == without_userinfo(known):
        said["endpoint"] = known


_WRITTEN_AS: Mapping[str, str] = {"type": "auth", "tenant_id": "tenant"}
_SECRET = frozenset({"secret", "proxy_secret"})
_MAY_BE_NONE = frozenset({"endpoint", "authority", "secret_ends", "tls_ciphers", "proxy"})
