"""What people want to have synced, and how it gets into the store.

A configuration says what there shall be. What it does not name is left alone: integrations and mailboxes
that were made elsewhere, and the state of those that it names but does not change.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection as Transaction

from mailmine.model.ids import BucketId, IntegrationId
from mailmine.model.integration import Connection, DisabledReason, Filters, Integration, Mailbox
from mailmine.model.names import NAME
from mailmine.store import (
    buckets,
    events,
    fills,
    folders,
    integrations,
    leases,
    mailboxes,
    projects,
    quotas,
    rechecks,
    sources,
    strikes,
)
from mailmine.store.folders import FolderState
from mailmine.store.quotas import OwnQuota
from mailmine.sync import patience, recognition
from mailmine.sync.patience import REASONS, Patience

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


class ConfigurationError(Exception):
    """The configuration cannot be used; the message says what is wrong with it and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """Where the password of an account comes from; the first that is given counts."""

    value: str | None = field(default=None, repr=False)
    environment: str | None = None
    """Name of an environment variable; its last line break does not count."""
    file: Path | None = None
    """Its last line break does not count, nor a byte order mark."""

    def read(self) -> str:
        """Give the secret. Raises ConfigurationError where it cannot be had."""
        if self.value is not None:
            return self.value
        if self.environment is not None:
            if secret := _without_line_break(os.environ.get(self.environment, "")):
                return secret
            raise ConfigurationError(
                f"The environment variable {self.environment}, which is to hold a password, is not set"
            )
        if self.file is not None:
            try:
                written = self.file.read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(
                    f"The file {self.file}, which is to hold a password, cannot be read: {error}"
                ) from error
            if secret := _without_line_break(written):
                return secret
            raise ConfigurationError(f"The file {self.file}, which is to hold a password, is empty")
        raise ConfigurationError("No password is given: name a file or an environment variable")


def _without_line_break(written: str) -> str:
    """Take off what an editor, or a list of variables with the line ends of Windows, puts behind a secret."""
    return written.removesuffix("\n").removesuffix("\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxConfiguration:
    """A mailbox to be synced, and where its mail goes."""

    address: str
    project: str
    """Holds the bucket and the source."""
    bucket: str
    source: str | None = None
    """Shows the emails of the bucket as comments; None = named like the bucket."""
    makes_source: bool = True
    """False: whoever wants comments of the bucket makes a source himself, as the API's clients do."""
    bucket_title: str | None = None
    """Of a bucket that is made for it."""
    enabled: bool | None = None
    """None = as it is; a new one is on."""
    start_at: datetime | None = None
    filters: Filters = field(default_factory=Filters)
    sync_attachments: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationConfiguration:
    """An Exchange to be read."""

    project: str
    name: str
    title: str = ""
    connection: Connection
    secret: SecretSource | None = None
    proxy_secret: SecretSource | None = None
    """The password of the connection's proxy; None = as it is."""
    enabled: bool | None = None
    """None = as it is; a new one is on."""
    mailboxes: tuple[MailboxConfiguration, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaConfiguration:
    """How much a project, or one bucket of it, may hold."""

    project: str
    bucket: str | None = None
    own: OwnQuota

    @property
    def place(self) -> str:
        """What is limited, as its other places are named."""
        return self.project if self.bucket is None else f"{self.project}/{self.bucket}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All that one file says."""

    integrations: tuple[IntegrationConfiguration, ...] = ()
    quotas: tuple[QuotaConfiguration, ...] = ()
    patience: Patience | None = None
    """None: as it is."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is new or different."""

    kind: str
    """`project`, `bucket`, `source`, `integration`, `password`, `proxy password`, `mailbox`, `quota` or `policy`."""
    name: str
    """`project/name`; the address of a mailbox."""
    is_new: bool


def apply(tx: Transaction, configuration: Configuration, *, at: datetime) -> tuple[Change, ...]:
    """Make the store say what `configuration` says; done again, nothing changes.

    Raises ConfigurationError where the configuration contradicts itself.
    """
    _check(configuration)
    changes: list[Change] = []
    for wanted in configuration.integrations:
        integration = _integration(tx, wanted, changes, at)
        existing = {
            one.address.lower(): one for one in mailboxes.of_integration(tx, integration.id)
        }
        for mailbox in wanted.mailboxes:
            bucket_id = _bucket(tx, mailbox, changes, at)
            _mailbox(
                tx,
                integration.id,
                existing.get(mailbox.address.lower()),
                mailbox,
                bucket_id,
                changes=changes,
                at=at,
            )
    for wanted_quota in configuration.quotas:
        _quota(tx, wanted_quota, changes)
    wanted_patience = configuration.patience
    if wanted_patience is not None and wanted_patience != patience.read(tx):
        patience.keep(tx, wanted_patience)
        changes.append(Change("policy", "when something is switched off", is_new=False))
    if changes:
        detail = {f"{change.kind} {change.name}": change.is_new for change in changes[:50]}
        events.append(tx, "configured", at=at, detail=detail)
    return tuple(changes)


def _check(configuration: Configuration) -> None:
    """Refuse what cannot be meant."""
    _check_thresholds(configuration.patience)
    if twice := _first_double(one.place for one in configuration.quotas):
        raise ConfigurationError(f"The quota of {twice} is configured twice: remove one of them")
    names = [f"{one.project}/{one.name}" for one in configuration.integrations]
    if twice := _first_double(names):
        raise ConfigurationError(f"The integration {twice} is configured twice: rename one of them")
    for integration in configuration.integrations:
        if "@" in integration.connection.endpoint.partition("://")[2].partition("/")[0]:
            raise ConfigurationError(
                f"The endpoint of {integration.name} names an account: write it as `username`, and "
                "its password where it is kept encrypted"
            )
        _check_names(integration.project, integration.name)
        addresses = [mailbox.address.lower() for mailbox in integration.mailboxes]
        if twice := _first_double(addresses):
            raise ConfigurationError(
                f"The mailbox {twice} is twice in the integration {integration.name}: remove one of them"
            )
        for mailbox in integration.mailboxes:
            _check_names(mailbox.project, mailbox.bucket, mailbox.source or mailbox.bucket)
            if not is_address(mailbox.address):
                raise ConfigurationError(
                    f"{mailbox.address!r} is no address of a mailbox (integration {integration.name}): "
                    "write it as orders@example.com"
                )
            if mailbox.start_at is not None and mailbox.start_at.tzinfo is None:
                raise ConfigurationError(
                    f"The start of {mailbox.address} says no time zone: write it with one, as in "
                    "2026-01-31T00:00:00Z"
                )


def _check_thresholds(wanted: Patience | None) -> None:
    unknown = sorted(set(wanted.thresholds) - REASONS) if wanted is not None else []
    if unknown:
        raise ConfigurationError(
            f"The policy has a threshold for {', '.join(unknown)}, which switches nothing off. What does: "
            f"{', '.join(sorted(REASONS))}"
        )


def is_name(text: str) -> bool:
    """Tell whether a project, an integration, a bucket or a source may be called so: it stands in addresses of the API."""
    return NAME.fullmatch(text) is not None


def is_address(text: str) -> bool:
    """Tell whether this looks like the address of a mailbox."""
    return _ADDRESS.fullmatch(text) is not None


def _check_names(*names: str) -> None:
    """Refuse names that could not stand in an address of the API."""
    for name in names:
        if not is_name(name):
            raise ConfigurationError(
                f"{name!r} is no name of a project, integration, bucket or source: "
                "it may hold the letters A to Z, digits, - and _ only"
            )


def _first_double(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _bucket(
    tx: Transaction, wanted: MailboxConfiguration, changes: list[Change], at: datetime
) -> BucketId:
    """Give the bucket, made with its project and (where wanted) its source if they are missing."""
    is_known = projects.get(tx, wanted.project) is not None
    project = projects.ensure(tx, wanted.project)
    if not is_known:
        changes.append(Change("project", project.name, is_new=True))
    is_known = buckets.get(tx, project.name, wanted.bucket) is not None
    bucket = buckets.ensure(tx, project.id, wanted.bucket, title=wanted.bucket_title or "")
    if not is_known:
        changes.append(Change("bucket", f"{project.name}/{bucket.name}", is_new=True))
    if not wanted.makes_source:
        return bucket.id
    name = wanted.source or wanted.bucket
    source = sources.get(tx, project.name, name)
    if source is None:
        made = sources.ensure(tx, project.id, name, bucket_id=bucket.id)
        fills.begin(tx, made.id, bucket.id, at=at)
        changes.append(Change("source", f"{project.name}/{name}", is_new=True))
    elif source.bucket_id != bucket.id:
        raise ConfigurationError(
            f"The source {project.name}/{name} does not show the bucket {bucket.name}: name another "
            f"source for {wanted.address}"
        )
    return bucket.id


def _quota(tx: Transaction, wanted: QuotaConfiguration, changes: list[Change]) -> None:
    """Let the place hold so much, no more and no less than is written: what is left out is no limit."""
    if wanted.bucket is None:
        project = projects.get(tx, wanted.project)
        if project is None:
            raise _no_place(wanted)
        known = quotas.of_projects(tx).get(project.id, quotas.NONE)
        if known != wanted.own:
            quotas.put_of_project(tx, project.id, wanted.own)
    else:
        bucket = buckets.get(tx, wanted.project, wanted.bucket)
        if bucket is None:
            raise _no_place(wanted)
        known = quotas.of_buckets(tx).get(bucket.id, quotas.NONE)
        if known != wanted.own:
            quotas.put_of_bucket(tx, bucket.id, wanted.own)
    if known != wanted.own:
        changes.append(Change("quota", wanted.place, is_new=known == quotas.NONE))


def _no_place(wanted: QuotaConfiguration) -> ConfigurationError:
    kind = "project" if wanted.bucket is None else "bucket"
    return ConfigurationError(
        f"There is a quota for the {kind} {wanted.place}, which does not exist: correct its name, or "
        "configure a mailbox that fills it"
    )


def _integration(
    tx: Transaction, wanted: IntegrationConfiguration, changes: list[Change], at: datetime
) -> Integration:
    """Give the integration, as it is wanted."""
    known = integrations.get(tx, wanted.project, wanted.name)
    title = wanted.title or (known.title if known else wanted.name)
    if known is None or (known.title, known.connection) != (title, wanted.connection):
        is_new_project = projects.get(tx, wanted.project) is None
        project = projects.ensure(tx, wanted.project)
        if is_new_project:
            changes.append(Change("project", project.name, is_new=True))
        if known is not None and known.connection.backend is not wanted.connection.backend:
            for mailbox in mailboxes.of_integration(tx, known.id):
                recognition.note(tx, mailbox.id, known.connection.backend)
        saved = integrations.save(
            tx,
            project.id,
            wanted.name,
            title=title,
            connection=wanted.connection,
            enabled=_enabled(wanted, known),
        )
        if saved.disabled_reason is DisabledReason.SYNC_ERROR:
            integrations.set_enabled(tx, saved.id, enabled=True)
        _mend_integration(tx, saved, at)
        changes.append(
            Change("integration", f"{wanted.project}/{wanted.name}", is_new=known is None)
        )
        return saved
    if _is_switched(wanted, known):
        on = bool(wanted.enabled)
        integrations.set_enabled(
            tx, known.id, enabled=on, reason=None if on else DisabledReason.USER
        )
        changes.append(Change("integration", f"{wanted.project}/{wanted.name}", is_new=False))
    return known


def _mend_integration(tx: Transaction, integration: Integration, at: datetime) -> None:
    """Let what was changed be tried at once: earlier trouble no longer counts."""
    integrations.set_trouble(tx, integration.id, None)
    strikes.clear(tx, integration.id)
    for mailbox in mailboxes.of_integration(tx, integration.id):
        strikes.clear(tx, mailbox.id)
        mailboxes.wake(tx, mailbox.id, at)


def _mailbox(
    tx: Transaction,
    integration_id: IntegrationId,
    known: Mailbox | None,
    wanted: MailboxConfiguration,
    bucket_id: BucketId,
    *,
    changes: list[Change],
    at: datetime,
) -> None:
    """Save the mailbox, as it is wanted."""
    if known is not None and known.bucket_id != bucket_id:
        # Its copies are those of emails in the other bucket, which keeps its emails and comments.
        mailboxes.remove(tx, known.id)
        known = None
    is_as_wanted = known is not None and (
        known.start_at == wanted.start_at
        and known.filters == wanted.filters
        and known.sync_attachments == wanted.sync_attachments
    )
    if known is not None and is_as_wanted:
        if _is_switched(wanted, known):
            on = bool(wanted.enabled)
            mailboxes.set_enabled(
                tx, known.id, enabled=on, reason=None if on else DisabledReason.USER
            )
            changes.append(Change("mailbox", wanted.address, is_new=False))
        return
    saved = mailboxes.save(
        tx,
        integration_id,
        wanted.address,
        bucket_id=bucket_id,
        enabled=_enabled(wanted, known),
        start_at=wanted.start_at,
        filters=wanted.filters,
        sync_attachments=wanted.sync_attachments,
    )
    mailboxes.set_trouble(tx, saved.id, None)
    if saved.disabled_reason is DisabledReason.SYNC_ERROR:
        mailboxes.set_enabled(tx, saved.id, enabled=True)
    strikes.clear(tx, saved.id)
    if known is not None:
        read_anew(tx, saved)
    mailboxes.wake(tx, saved.id, at)
    changes.append(Change("mailbox", wanted.address, is_new=known is None))


def read_anew(tx: Transaction, mailbox: Mailbox) -> None:
    """Let all folders be read from their beginning: other mail is wanted than before. Nothing is doubled.

    A round under way would write its places over that, and leave out what was not wanted: it is broken off.
    """
    leases.end_lease(tx, mailbox.id)
    for folder in folders.of_mailbox(tx, mailbox.id):
        read_folder_anew(tx, folder)


def read_folder_anew(tx: Transaction, folder: FolderState) -> None:
    """Let one folder be read from its beginning; a round under way is broken off."""
    leases.end_lease(tx, folder.mailbox_id)
    rechecks.begin(tx, folder.key, rechecks.Kind.UNSEEN)
    folders.start_anew(tx, folder.key)


def _enabled(
    wanted: IntegrationConfiguration | MailboxConfiguration, known: Integration | Mailbox | None
) -> bool:
    """Switch on what is new or was stopped by trouble that the change may have mended."""
    if wanted.enabled is not None:
        return wanted.enabled
    return known is None or known.disabled_reason is not DisabledReason.USER


def _is_switched(
    wanted: IntegrationConfiguration | MailboxConfiguration, known: Integration | Mailbox
) -> bool:
    """Tell whether `wanted` says otherwise; what trouble stopped is not started by an unchanged file."""
    if wanted.enabled is None or wanted.enabled == known.enabled:
        return False
    return not wanted.enabled or known.disabled_reason is DisabledReason.USER
