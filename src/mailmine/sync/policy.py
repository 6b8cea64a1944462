"""What is done about each fault: data, not code.

A row says for one (where, code) how it is dealt with, and how often and for how long it must have been so before
something is switched off. Throttling, time-outs and failures of the server never switch anything off.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from mailmine.exchange import aadsts
from mailmine.exchange.ews import more_codes as ews
from mailmine.exchange.faults import Code, Fault, Where
from mailmine.exchange.graph import codes as graph, more_codes as more_graph

BUG: Final = "internal_error"
"""mailmine itself failed."""
SECRET_MISSING: Final = "secret_missing"  # noqa: S105 - a code
"""The password of an account cannot be had."""
QUOTA: Final = "quota"
"""There is more stored than may be."""
QUOTA_SOURCE: Final = Where.CLIENT


class Action(StrEnum):
    """How a fault is dealt with."""

    RETRY_NOW = "retry_now"
    """In this round; where it happens again, later."""
    RETRY_LATER = "retry_later"
    SKIP_ITEM = "skip_item"
    """Ask for this one a few times more, then give it up; the others go on."""
    SKIP_FOLDER = "skip_folder"
    """Leave the folder out until the next full pass; the others go on."""
    DISABLE_MAILBOX = "disable_mailbox"
    DISABLE_INTEGRATION = "disable_integration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the table."""

    action: Action
    tries: int = 1
    """How often in a row, before something is switched off; until then it is tried later."""
    lasting: timedelta = timedelta()
    """And for how long since the first time."""
    reason: str
    """Which section of docs/reasons.md explains it."""
    title: str
    """What is wrong, in a few words."""
    remedy: str
    """What a person should do, after what the fault itself says."""


_TRANSIENT: Final = (
    "It mends itself as a rule. If it lasts for hours, ask the administrator of Exchange."
)
_REPORT: Final = "Please report this: mailmine and this Exchange do not understand each other."
_AGAIN: Final = "Then run `mailmine check`, with --config FILE where that was changed: what can be read goes on."
"""After the remedy that the fault itself names."""
_GONE: Final = "The email is gone"
_HALF_AN_HOUR: Final = timedelta(minutes=30)
_TEN_MINUTES: Final = timedelta(minutes=10)
_AN_HOUR: Final = timedelta(hours=1)
_TWO_HOURS: Final = timedelta(hours=2)


def _later(reason: str, title: str, remedy: str = _TRANSIENT) -> Rule:
    return Rule(action=Action.RETRY_LATER, reason=reason, title=title, remedy=remedy)


def _item(title: str, remedy: str = "Open it in Outlook to see what it holds.") -> Rule:
    reason = "email-gone" if title == _GONE else "email-not-given"
    return Rule(action=Action.SKIP_ITEM, reason=reason, title=title, remedy=remedy)


def _all(where: Where, codes: Iterable[str], rule: Rule) -> dict[tuple[Where, str], Rule]:
    return {(where, code): rule for code in codes}


TABLE: Final[Mapping[tuple[Where, str], Rule]] = {
    **_all(
        Where.EWS,
        ("ErrorServerBusy", "ErrorExceededConnectionCount"),
        _later("pause", "Exchange wants a pause", "Nothing: mail arrives a little later."),
    ),
    **_all(
        Where.EWS,
        (
            "ErrorTimeoutExpired",
            "ErrorMailboxMoveInProgress",
            "ErrorMailboxFailover",
            "ErrorMailboxStoreUnavailable",
            "ErrorInternalServerError",
            "ErrorInternalServerTransientError",
            "ErrorInsufficientResources",
            "ErrorNotEnoughMemory",
            "ErrorTooManyObjectsOpened",
            "ErrorADUnavailable",
            "ErrorADOperation",
            "ErrorConnectionFailed",
            "ErrorNoRespondingCASInDestinationSite",
            "ErrorBatchProcessingStopped",
            *ews.FAILING_NOW,
        ),
        _later("outage", "Exchange fails at the moment"),
    ),
    **_all(
        Where.EWS,
        (
            "ErrorNonExistentMailbox",
            "ErrorCannotFindUser",
            "ErrorMissingEmailAddress",
            "ErrorInvalidSmtpAddress",
            *ews.NO_MAILBOX,
        ),
        Rule(
            action=Action.DISABLE_MAILBOX,
            tries=2,
            lasting=_TEN_MINUTES,
            reason="no-mailbox",
            title="There is no such mailbox",
            remedy=_AGAIN,
        ),
    ),
    **_all(
        Where.EWS,
        ("ErrorAccessDenied", *ews.NOT_ALLOWED),
        Rule(
            action=Action.DISABLE_MAILBOX,
            tries=3,
            lasting=_AN_HOUR,
            reason="no-permission",
            title="The account may not read the mailbox",
            remedy=_AGAIN,
        ),
    ),
    # A right to impersonate comes and goes by itself for an hour (exchange.md, part C, row 25).
    **_all(
        Where.EWS,
        (
            "ErrorImpersonateUserDenied",
            "ErrorImpersonationDenied",
            "ErrorImpersonationFailed",
            "ErrorInvalidExchangeImpersonationHeaderData",
        ),
        Rule(
            action=Action.DISABLE_MAILBOX,
            tries=5,
            lasting=_TWO_HOURS,
            reason="impersonation",
            title="The account may not act for the mailbox",
            remedy=_AGAIN,
        ),
    ),
    **_all(
        Where.EWS,
        (
            "ErrorAccountDisabled",
            "ErrorInvalidLicense",
            "ErrorMailboxConfiguration",
            "ErrorArchiveMailboxNotEnabled",
            *ews.NOT_IN_USE,
        ),
        Rule(
            action=Action.DISABLE_MAILBOX,
            tries=3,
            lasting=_TEN_MINUTES,
            reason="not-in-use",
            title="The mailbox is not in use on Exchange",
            remedy=_AGAIN,
        ),
    ),
    **_all(
        Where.EWS,
        (
            "ErrorInvalidServerVersion",
            "ErrorIncorrectSchemaVersion",
            "ErrorInvalidSchemaVersionForMailboxVersion",
        ),
        Rule(
            action=Action.DISABLE_MAILBOX,
            tries=3,
            lasting=_TEN_MINUTES,
            reason="old-server",
            title="Exchange is too old",
            remedy=_AGAIN,
        ),
    ),
    **_all(
        Where.EWS,
        (
            "ErrorSchemaValidation",
            "ErrorInvalidRequest",
            "ErrorRequestStreamTooBig",
            *ews.UNASKED,
        ),
        _later("not-understood", "Exchange does not understand us", _REPORT),
    ),
    **_all(
        Where.EWS,
        ("ErrorFolderNotFound", "ErrorSyncFolderNotFound"),
        Rule(
            action=Action.SKIP_FOLDER,
            reason="folder-gone",
            title="The folder is gone",
            remedy="Nothing, if it was deleted. Otherwise give the account the right to see it.",
        ),
    ),
    **_all(
        Where.EWS,
        ews.OF_FOLDER,
        Rule(
            action=Action.SKIP_FOLDER,
            reason="folder-not-given",
            title="Exchange cannot give the folder",
            remedy="Look at it in Outlook. The other folders are read.",
        ),
    ),
    **_all(
        Where.EWS,
        ews.PASSWORD_ENDED,
        Rule(
            action=Action.DISABLE_INTEGRATION,
            tries=2,
            reason="password-ended",
            title="The password of the account has ended",
            remedy=_AGAIN,
        ),
    ),
    **_all(
        Where.EWS,
        ews.OTHER_VERSION,
        Rule(
            action=Action.DISABLE_MAILBOX,
            tries=3,
            lasting=_AN_HOUR,
            reason="other-server",
            title="The mailbox lies on another server",
            remedy=_AGAIN,
        ),
    ),
    **_all(
        Where.EWS,
        ews.OF_LISTENING,
        Rule(
            action=Action.RETRY_NOW,
            reason="listening",
            title="Exchange tells us nothing of itself for a while",
            remedy="Nothing: mail is found by asking.",
        ),
    ),
    (Where.EWS, "ErrorInvalidSyncStateData"): Rule(
        action=Action.RETRY_NOW,
        reason="place-lost",
        title="Exchange lost our place in the folder",
        remedy="Nothing: the folder is read from its beginning, and nothing is doubled.",
    ),
    **_all(
        Where.EWS,
        ("ErrorItemNotFound", "ErrorMessageNotFound"),
        _item(_GONE, "Nothing: it was deleted or moved."),
    ),
    **_all(
        Where.EWS,
        (
            "ErrorItemCorrupt",
            "ErrorCorruptData",
            "ErrorContentConversionFailed",
            "ErrorMimeContentConversionFailed",
            "ErrorUnsupportedMimeConversion",
            "ErrorMessageSizeExceeded",
            "ErrorDataSizeLimitExceeded",
            "ErrorMimeContentInvalid",
            "ErrorMimeContentInvalidBase64String",
            *ews.OF_ITEM,
        ),
        _item("Exchange cannot give the email"),
    ),
    **_all(
        Where.GRAPH,
        (*graph.BUSY,),
        _later("pause", "Graph wants a pause", "Nothing: mail arrives a little later."),
    ),
    **_all(
        Where.GRAPH,
        (*(graph.SERVER_FAILS | graph.TRANSIENT),),
        _later("outage", "Graph fails at the moment"),
    ),
    **_all(
        Where.GRAPH,
        (
            "ErrorAccessDenied",
            "AccessDenied",
            "accessDenied",
            "Authorization_RequestDenied",
            "ErrorImpersonationNotAllowed",
            *more_graph.FORBIDDEN,
        ),
        Rule(
            action=Action.DISABLE_MAILBOX,
            tries=3,
            lasting=_AN_HOUR,
            reason="no-permission",
            title="The application may not read the mailbox",
            remedy=_AGAIN,
        ),
    ),
    **_all(
        Where.GRAPH,
        (
            "ErrorInvalidUser",
            "ResourceNotFound",
            "Request_ResourceNotFound",
            "ErrorNonExistentMailbox",
            "MailboxNotFound",
        ),
        Rule(
            action=Action.DISABLE_MAILBOX,
            tries=2,
            lasting=_TEN_MINUTES,
            reason="no-mailbox",
            title="There is no such mailbox",
            remedy=_AGAIN,
        ),
    ),
    **_all(
        Where.GRAPH,
        (
            "MailboxNotEnabledForRESTAPI",
            "MailboxNotSupportedForRESTAPI",
            "ErrorAccountDisabled",
            "ErrorAccountSuspend",
            *more_graph.NOT_BY_GRAPH,
        ),
        Rule(
            action=Action.DISABLE_MAILBOX,
            tries=3,
            lasting=_AN_HOUR,
            reason="not-by-graph",
            title="The mailbox cannot be read by Graph",
            remedy=_AGAIN,
        ),
    ),
    **_all(
        Where.GRAPH,
        ("InvalidAuthenticationToken", "InvalidMsaToken", "unauthenticated", "http_401"),
        _later(
            "token", "Graph did not accept our token", "Check the permissions of the application."
        ),
    ),
    **_all(
        Where.GRAPH,
        (
            "BadRequest",
            "invalidRequest",
            "UnsupportedQueryOption",
            "ErrorInvalidRequest",
            "ErrorInvalidIdMalformed",
            "NotImplemented",
            "http_501",
            *more_graph.ASKED_WRONGLY,
            *more_graph.OF_WRITING,
            *more_graph.BAD_STATUS,
        ),
        _later("not-understood", "Graph does not understand us", _REPORT),
    ),
    **_all(
        Where.GRAPH,
        ("ErrorQuotaExceeded", "quotaLimitReached", *more_graph.FULL),
        _later(
            "mailbox-full",
            "The mailbox is full",
            "Have room made, or more assigned: then it is read as others are.",
        ),
    ),
    (Where.GRAPH, "ErrorFolderNotFound"): Rule(
        action=Action.SKIP_FOLDER,
        reason="folder-gone",
        title="The folder is gone",
        remedy="Nothing, if it was deleted.",
    ),
    **_all(
        Where.GRAPH,
        (*graph.LOST_CURSOR,),
        Rule(
            action=Action.RETRY_NOW,
            reason="place-lost",
            title="Graph lost our place in the folder",
            remedy="Nothing: the folder is read from its beginning, and nothing is doubled.",
        ),
    ),
    **_all(Where.GRAPH, (*more_graph.OF_ITEM,), _item("Exchange cannot give the email")),
    **_all(Where.GRAPH, (*graph.GONE,), _item(_GONE, "Nothing: it was deleted or moved.")),
    # Also said when Exchange is overloaded; a lock-out is worse than a late email (part C, row 1).
    (Where.HTTP, "http_401"): Rule(
        action=Action.DISABLE_INTEGRATION,
        tries=2,
        reason="wrong-password",
        title="Exchange refused the user name or the password",
        remedy=_AGAIN,
    ),
    **_all(
        Where.TOKEN,
        (*aadsts.WORDS,),
        Rule(
            action=Action.DISABLE_INTEGRATION,
            tries=2,
            reason="entra-id",
            title="Entra ID refuses to sign us in",
            remedy=_AGAIN,
        ),
    ),
    (Where.HTTP, "http_403"): Rule(
        action=Action.DISABLE_MAILBOX,
        tries=3,
        lasting=_AN_HOUR,
        reason="no-permission",
        title="Exchange forbids this way of reading the mailbox",
        remedy=_AGAIN,
    ),
    (Where.HTTP, "http_404"): Rule(
        action=Action.DISABLE_INTEGRATION,
        tries=3,
        lasting=_HALF_AN_HOUR,
        reason="wrong-address",
        title="There is no Exchange at this address",
        remedy=_AGAIN,
    ),
    (Where.HTTP, "http_407"): _later(
        "proxy",
        "The proxy wants a password",
        "Give the proxy's user and password in the integration: proxy and proxy_password.",
    ),
    (Where.HTTP, "http_429"): _later(
        "pause", "Exchange wants a pause", "Nothing: mail comes a little later."
    ),
    (Where.DNS, Code.NAME_NOT_FOUND): _later(
        "name",
        "The name of the server is not known",
        "Check the address of the integration, and the name servers of this machine.",
    ),
    **_all(
        Where.NETWORK,
        (Code.REFUSED, Code.RESET, Code.TIMED_OUT, Code.UNREACHABLE),
        _later(
            "network",
            "The server cannot be reached",
            "Check the address of the integration, the network and the firewall.",
        ),
    ),
    (Where.NETWORK, Code.PROXY_FAILED): _later(
        "proxy", "The proxy fails", "Check the proxy of the integration."
    ),
    **_all(
        Where.TLS,
        (
            Code.CERTIFICATE_NOT_TRUSTED,
            Code.CERTIFICATE_WRONG_HOST,
            Code.CERTIFICATE_EXPIRED,
            Code.TLS_FAILED,
        ),
        _later(
            "certificate",
            "The server's certificate is not trusted",
            "Have it renewed, or name the certificate authority of your company in the integration.",
        ),
    ),
    **_all(
        Where.TLS,
        (Code.CIPHERS_UNKNOWN, Code.CLIENT_CERTIFICATE_UNREADABLE),
        _later(
            "tls-settings",
            "TLS cannot be used as it is configured",
            "Correct what the integration says of ciphers and of the certificate that we show.",
        ),
    ),
    (Where.TLS, Code.CA_FILE_UNREADABLE): _later(
        "tls-settings",
        "The file of the certificate authority cannot be read",
        "Correct its path in the integration, or give mailmine the right to read it.",
    ),
    **_all(
        Where.CLIENT,
        (Code.HTTPS_REQUIRED, Code.BAD_ENDPOINT, Code.NOT_EXCHANGE, Code.REDIRECTED),
        Rule(
            action=Action.DISABLE_INTEGRATION,
            tries=3,
            lasting=_HALF_AN_HOUR,
            reason="wrong-address",
            title="The address of Exchange is not right",
            remedy=_AGAIN,
        ),
    ),
    (Where.CLIENT, Code.AUTODISCOVER_FAILED): _later(
        "autodiscover",
        "Autodiscover does not find the Exchange of the mailbox",
        "Check its address, or enter the endpoint of EWS in the integration.",
    ),
    (Where.CLIENT, Code.SERVER_ERROR_PAGE): _later("outage", "Exchange has an outage"),
    (Where.CLIENT, Code.MALFORMED_ANSWER): _later(
        "not-understood", "Exchange's answer was not understood", _REPORT
    ),
    (Where.CLIENT, Code.ANSWER_TOO_LARGE): _item("The email is too large"),
    **_all(
        Where.CLIENT,
        (Code.NO_CONTENT, Code.DAMAGED_CONTENT),
        _item("The attachment cannot be read"),
    ),
    (Where.CLIENT, Code.LISTED_ANEW): Rule(
        action=Action.RETRY_NOW,
        reason="listed",
        title="The folder is listed and compared",
        remedy="Nothing: Exchange tells no changes of such folders.",
    ),
    (Where.CLIENT, Code.SIGN_IN_UNAVAILABLE): _later(
        "sign-in-unavailable",
        "This way of signing in is not possible from here",
        "Choose another way of signing in, or install what it needs.",
    ),
    (Where.CLIENT, BUG): _later(
        "bug", "mailmine failed", "Please report this, with what the log says."
    ),
    (QUOTA_SOURCE, QUOTA): Rule(
        action=Action.DISABLE_MAILBOX,
        reason="quota",
        title="More is stored than may be",
        remedy="Raise the quota, or remove what is not needed; then it goes on by itself.",
    ),
    (Where.CLIENT, SECRET_MISSING): _later(
        "secret-missing",
        "The password of the account is missing",
        "Enter it, or mend where it is read from.",
    ),
}

OTHERWISE: Final = _later("outage", "Something went wrong at Exchange")
"""For what is not in the table: wait and see, switch nothing off."""


def rule(where: Where, code: str) -> Rule:
    """Find the row for a code."""
    return TABLE.get((where, code), OTHERWISE)


def rule_for(fault: Fault) -> Rule:
    """Find the row for a fault."""
    return rule(fault.where, fault.code)


def is_due(rule: Rule, *, times: int, since: datetime, now: datetime) -> bool:
    """Tell whether it happened often enough, and for long enough, to act."""
    return times >= rule.tries and now - since >= rule.lasting


def is_wish_for_pause(fault: Fault) -> bool:
    """Tell a server that wants to be left alone from one that fails."""
    return (
        fault.where in (Where.EWS, Where.GRAPH, Where.HTTP)
        and fault.retry_after is not None
        and rule_for(fault).action is Action.RETRY_LATER
    )
