"""What an administrator of Exchange does about what was found, with the commands to copy: data, not code.

The words of a fault say what is wrong; here stands what is done about it elsewhere than in mailmine. Sources: Microsoft's
pages on RBAC for Applications, on impersonation and on mailbox permissions; exchange.md, 1.1-1.4.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from mailmine.exchange.endpoints import is_ews_online
from mailmine.exchange.faults import Code, Fault
from mailmine.model.integration import AccessType, AuthType, Backend, Connection


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do."""

    words: str
    commands: tuple[str, ...] = ()
    """Lines to copy, of PowerShell where nothing else is said."""


class Case(StrEnum):
    """What may be in the way."""

    GRAPH_APPLICATION = "graph_application"
    EWS_APPLICATION = "ews_application"
    EWS_SWITCHED_OFF = "ews_switched_off"
    EWS_ONLINE_ENDS = "ews_online_ends"
    DELEGATE = "delegate"
    IMPERSONATION = "impersonation"
    PRIVATE_CA = "private_ca"
    PROXY = "proxy"
    CLOCK = "clock"
    CERTIFICATE_ENDS = "certificate_ends"
    OLD_TLS = "old_tls"


DENIED: Final = frozenset(
    {
        "ErrorAccessDenied",
        "ErrorImpersonateUserDenied",
        "ErrorImpersonationDenied",
        "ErrorImpersonationFailed",
        "ErrorImpersonationNotAllowed",
        "ErrorInvalidExchangeImpersonationHeaderData",
        "AccessDenied",
        "accessDenied",
        "Authorization_RequestDenied",
        "http_403",
    }
)
"""The account was let in, and may not read the mailbox."""

_SCOPE: Final = "New-ManagementScope -Name mailmine -RecipientRestrictionFilter \"PrimarySmtpAddress -eq '{mailbox}'\""
_PRINCIPAL: Final = (
    "New-ServicePrincipal -AppId '{app}' -ObjectId '<object id of the enterprise application>' "
    "-DisplayName mailmine"
)
_TEST: Final = "Test-ServicePrincipalAuthorization -Identity '{app}' -Resource '{mailbox}'"


def _role(role: str) -> str:
    return (
        "New-ManagementRoleAssignment -App '{app}' -Role '" + role + "' "
        "-CustomResourceScope mailmine"
    )


TABLE: Final[Mapping[Case, Remedy]] = {
    Case.GRAPH_APPLICATION: Remedy(
        "Let the application read this mailbox by RBAC for Applications, in Exchange Online PowerShell. The object id is that "
        "of the enterprise application, not of the app registration. Remove Mail.Read from the registration: together with "
        "it the application reads all mailboxes. It takes effect within two hours.",
        (_PRINCIPAL, _SCOPE, _role("Application Mail.Read"), _TEST),
    ),
    Case.EWS_APPLICATION: Remedy(
        "Let the application read this mailbox by RBAC for Applications, in Exchange Online PowerShell. The object id is that "
        "of the enterprise application, not of the app registration.",
        (_PRINCIPAL, _SCOPE, _role("Application EWS.AccessAsApp"), _TEST),
    ),
    Case.EWS_SWITCHED_OFF: Remedy(
        "Exchange Online lets only listed applications use EWS. Read the list first: setting it replaces it whole, and it may "
        "take a day. EWS ends there for good on 1 April 2027, so rather read by backend = graph.",
        (
            "Get-OrganizationConfig | Format-List EwsEnabled, EwsAllowedAppIDs",
            "Set-OrganizationConfig -EWSEnabled $true -EwsAllowedAppIDs '<those that are listed>,{app}'",
            "Set-CASMailbox -Identity '{mailbox}' -EwsEnabled $true",
        ),
    ),
    Case.EWS_ONLINE_ENDS: Remedy(
        "Read the mailboxes by backend = graph before then. What was read stays, and nothing is doubled.",
    ),
    Case.DELEGATE: Remedy(
        "Give the account the right to read, in the Exchange Management Shell: the whole mailbox, or single folders "
        "with the root visible.",
        (
            "Add-MailboxPermission -Identity '{mailbox}' -User '{account}' -AccessRights FullAccess -AutoMapping $false",
            "# or",
            "Add-MailboxFolderPermission -Identity '{mailbox}:\\' -User '{account}' -AccessRights FolderVisible",
            "Add-MailboxFolderPermission -Identity '{mailbox}:\\Inbox' -User '{account}' -AccessRights Reviewer",
        ),
    ),
    Case.IMPERSONATION: Remedy(
        "Let the account impersonate the mailbox, in the Exchange Management Shell of your own server; Exchange Online has no "
        "such right for accounts any more.",
        (
            _SCOPE,
            (
                "New-ManagementRoleAssignment -Name mailmine -Role ApplicationImpersonation -User '{account}' "
                "-CustomRecipientWriteScope mailmine"
            ),
        ),
    ),
    Case.PRIVATE_CA: Remedy(
        "Ask the administrator for the certificate of the authority in PEM and name it as ca_file in the integration. What the "
        "server shows can be seen with the command below; have its fingerprint confirmed before you trust it.",
        ("openssl s_client -showcerts -connect {server} -servername {host} </dev/null",),
    ),
    Case.PROXY: Remedy(
        "Name the proxy with its port, and with a user where it wants one, as proxy in the integration: "
        "http://user@proxy.example.com:3128, and the password as proxy_password. It must let CONNECT through to {server}.",
    ),
    Case.CLOCK: Remedy(
        "Set the clocks of this machine and of the server by a time server: tokens and Kerberos "
        "stand no more than five minutes.",
        ("timedatectl set-ntp true    # Linux", "w32tm /resync                # Windows"),
    ),
    Case.CERTIFICATE_ENDS: Remedy("Have it renewed in time: from that day on nothing is read."),
    Case.OLD_TLS: Remedy(
        "Ask the administrator of the server to allow TLS 1.2, and take tls_minimum out of the integration then.",
    ),
}


def remedy(case: Case, connection: Connection, mailbox: str = "") -> Remedy:
    """Fill in the application, the account, the mailbox and the server."""
    found = TABLE[case]
    parts = urlsplit(connection.endpoint)
    host = parts.hostname or "exchange.example.com"
    names = {
        "app": _quoted(connection.client_id) or "<application id>",
        "account": _quoted(connection.username) or "<account>",
        "mailbox": _quoted(mailbox) or "<mailbox>",
        "host": host,
        "server": f"{host}:{parts.port or 443}",
    }
    return Remedy(
        found.words.format(**names), tuple(line.format(**names) for line in found.commands)
    )


def remedy_for(fault: Fault, connection: Connection, mailbox: str = "") -> Remedy | None:
    """Find what is to be done elsewhere about `fault`; None where its own words say all there is to say."""
    for codes, is_so, case in _CASES:
        if fault.code in codes and is_so(connection):
            return remedy(case, connection, mailbox)
    return None


def _quoted(text: str) -> str:
    """Write text for within single quotes of PowerShell."""
    return text.replace("'", "''")


def _is_application(connection: Connection) -> bool:
    return connection.auth in (AuthType.CLIENT_SECRET, AuthType.CLIENT_CERTIFICATE)


def _is_graph_application(connection: Connection) -> bool:
    return connection.backend is Backend.GRAPH and _is_application(connection)


def _is_ews_application(connection: Connection) -> bool:
    return connection.backend is Backend.EWS and _is_application(connection)


def _impersonates(connection: Connection) -> bool:
    return connection.access is AccessType.IMPERSONATION and not _is_application(connection)


def _always(connection: Connection) -> bool:
    del connection
    return True


_CASES: Final[tuple[tuple[frozenset[str], Callable[[Connection], bool], Case], ...]] = (
    (DENIED, _is_graph_application, Case.GRAPH_APPLICATION),
    (frozenset({"http_403"}), is_ews_online, Case.EWS_SWITCHED_OFF),
    (DENIED, _is_ews_application, Case.EWS_APPLICATION),
    (DENIED, _impersonates, Case.IMPERSONATION),
    (DENIED, _always, Case.DELEGATE),
    (frozenset({Code.CERTIFICATE_NOT_TRUSTED}), _always, Case.PRIVATE_CA),
    (frozenset({Code.PROXY_FAILED, "http_407"}), _always, Case.PROXY),
    (frozenset({"AADSTS700024"}), _always, Case.CLOCK),
)
"""The first row that fits."""
