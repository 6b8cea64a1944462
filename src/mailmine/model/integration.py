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
    """How the account proves who it is."""

    BASIC = "basic"
    NTLM = "ntlm"
    NEGOTIATE = "negotiate"
    """Kerberos, or NTLM where the server offers nothing better (RFC 4559)."""
    CLIENT_SECRET = "client_secret"  # noqa: S105
    """OAuth 2.0 client credentials: an application of Entra ID, with a secret."""
    CLIENT_CERTIFICATE = "client_certificate"
    """The same with a certificate; the secret is a PEM text of its private key, and best of the certificate too."""
    SERVICE_USER = "service_user"
    """OAuth 2.0 by user name and password (ROPC); works only where neither MFA nor conditional access asks for more."""


class Cloud(StrEnum):
    """The Microsoft cloud of a tenant; GCC is worldwide."""

    WORLDWIDE = "worldwide"
    GCC_HIGH = "gcc_high"
    DOD = "dod"
    CHINA = "china"
    """Operated by 21Vianet: has no delta of messages."""


class TlsVersion(StrEnum):
    """Versions of TLS that may be the least. Exchange 2010 and 2013 on old machines speak 1.0 only."""

    TLS_1_0 = "1.0"
    TLS_1_1 = "1.1"
    TLS_1_2 = "1.2"
    TLS_1_3 = "1.3"


class DisabledReason(StrEnum):
    """Why something is off, in the only words that Communications Mining's clients accept."""

    USER = "user"
    QUOTA = "quota"
    SYNC_ERROR = "sync_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One time that it went wrong, with what an administrator of Exchange finds it by."""

    at: datetime
    code: str
    message: str
    server: str | None = None
    """Who answered, or should have."""
    request_id: str | None = None
    """The server's name for the request; None where it gave none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is wrong, for a person."""

    code: str
    """Ours or Exchange's, stable: `ErrorNonExistentMailbox`, `http_401`, `dns`."""
    message: str
    """What happened, and what to do next."""
    since: datetime
    reason: str | None = None
    """Which section of docs/reasons.md explains it."""
    first: Occurrence | None = None
    last: Occurrence | None = None
    """None, as `first`, where nothing was asked of a server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each step of a request may take, in seconds. None is endless."""

    pool: float = 120
    """For a free connection."""
    connect: float = 30
    """Until the connection stands, TLS included."""
    write: float = 60
    """For sending the request."""
    read: float = 120
    """For the first piece of the answer, and for each further one; Exchange itself stops at 60."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach one Exchange. Secrets are not here but in the secret store, under the integration."""

    endpoint: str
    """URL of the service: `https://exchange.example.com/EWS/Exchange.asmx`, or for Graph `https://graph.microsoft.com`.

    Empty: EWS, wherever Autodiscover says that the mailbox is.
    """
    backend: Backend = Backend.EWS
    auth: AuthType = AuthType.BASIC
    username: str = ""
    """The account (basic, ntlm, negotiate, service_user)."""
    access: AccessType = AccessType.DELEGATE
    tenant_id: str = ""
    """Of Entra ID: its GUID or one of its domains (client_secret, client_certificate, service_user)."""
    client_id: str = ""
    """The application's id in Entra ID."""
    cloud: Cloud = Cloud.WORLDWIDE
    authority: str | None = None
    """URL that tokens are asked for at, without the tenant; None = the cloud's."""
    certificate_thumbprint: str = ""
    """SHA-1 or SHA-256 of the application's certificate in hex, where the secret holds its private key alone."""
    secret_ends: datetime | None = None
    """When the client secret or the password ends, as a person said: only Entra ID knows, and does not tell."""
    ca_file: str | None = None
    """PEM file of a private certificate authority to trust besides the public ones."""
    verify_tls: bool = True
    tls_minimum: TlsVersion = TlsVersion.TLS_1_2
    tls_ciphers: str | None = None
    """An OpenSSL cipher string; None = Python's."""
    tls_certificate_file: str | None = None
    """PEM file of the certificate that we show the server, with its chain."""
    tls_key_file: str | None = None
    """PEM file of its private key, where that is not in the same file."""
    plain_http: bool = False
    """Whether a server on this machine may be reached without TLS; any other never is."""
    proxy: str | None = None
    """URL of an HTTP proxy, without user and password."""
    proxy_username: str = ""
    """Who we are to it; the password is kept with the secrets."""
    timeouts: Timeouts = Timeouts()


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
