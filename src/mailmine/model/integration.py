"""What people configure: integrations, their mailboxes, and what stopped them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailmine.model.ids import BucketId, IntegrationId, MailboxId, ProjectId


class Backend(StrEnum):
    """The way of reading an Exchange."""

    EWS = "ews"
    GRAPH = "graph"


class AccessType(StrEnum):
    """How one account reaches the mailboxes of others (EWS only)."""

    DELEGATE = "delegate"
    IMPERSONATION = "impersonation"


class AuthType(StrEnum):
    """How the account proves who it is. More kinds come with their readers."""

    BASIC = "basic"


class DisabledReason(StrEnum):
    """Why something is off, in the only words that Communications Mining's clients accept."""

    USER = "user"
    QUOTA = "quota"
    SYNC_ERROR = "sync_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is wrong, for a person."""

    code: str
    """Ours or Exchange's, stable: `ErrorNonExistentMailbox`, `http_401`, `dns`."""
    message: str
    """What happened, and what to do next."""
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach one Exchange. Secrets are not here but in the secret store, under the integration."""

    endpoint: str
    """URL of the service, e.g. `https://exchange.example.com/EWS/Exchange.asmx`."""
    backend: Backend = Backend.EWS
    auth: AuthType = AuthType.BASIC
    username: str = ""
    access: AccessType = AccessType.DELEGATE
    ca_file: str | None = None
    """PEM file of a private certificate authority to trust besides the public ones."""
    verify_tls: bool = True
    proxy: str | None = None
    """URL of an HTTP proxy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which mail of a mailbox is wanted. Deny beats allow; an empty allow list means all.

    A folder stands for its whole subtree. Paths, addresses and domains match without regard to case.
    """

    folder_allowlist: tuple[tuple[str, ...], ...] = ()
    folder_denylist: tuple[tuple[str, ...], ...] = ()
    participant_allowlist: tuple[str, ...] = ()
    participant_denylist: tuple[str, ...] = ()
    participant_domain_allowlist: tuple[str, ...] = ()
    participant_domain_denylist: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """One connection to one Exchange, with many mailboxes."""

    id: IntegrationId
    project_id: ProjectId
    project: str
    """The project's name, which the API calls `owner`."""
    name: str
    title: str
    connection: Connection
    enabled: bool
    disabled_reason: DisabledReason | None
    trouble: Trouble | None
    """The last thing that went wrong and was not mended since."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One mailbox of an integration, and the bucket that it fills."""

    id: MailboxId
    integration_id: IntegrationId
    address: str
    bucket_id: BucketId
    enabled: bool
    disabled_reason: DisabledReason | None
    trouble: Trouble | None
    start_at: datetime | None
    """Mail received before is left out; None = all mail."""
    filters: Filters
    sync_attachments: bool
    created_at: datetime
    updated_at: datetime
    last_round_at: datetime | None
    """When its last round ended without a fault of the whole mailbox; None before the first."""
    next_due_at: datetime


class FolderStatus(StrEnum):
    """How far a folder is; the words are those of keyed sync states."""

    IN_PROGRESS = "IN_PROGRESS"
    UP_TO_DATE = "UP_TO_DATE"
