"""What Graph's error codes mean: how far each reaches, and its words (Microsoft Graph error responses; Exchange's own codes)."""

from typing import Final

from mailmine.exchange.faults import Scope
from mailmine.exchange.graph import more_codes as more

LOST_CURSOR: Final = frozenset(
    {
        "SyncStateNotFound",
        "SyncStateInvalid",
        "syncStateNotFound",
        "syncStateInvalid",
        "ResyncRequired",
        "resyncRequired",
        "ErrorInvalidSyncStateData",
        "http_410",
        *more.RESYNC,
    }
)
"""The delta link is no longer known: the folder is read from its beginning (exchange.md, part C, row 16)."""
NO_DELTA: Final = frozenset(
    {"ErrorQuotaExceeded", "ErrorInvalidIdMalformed", "http_501", "NotImplemented"}
)
"""There is no delta: of a mailbox that is full, or in a cloud without."""
GONE: Final = frozenset({"ErrorItemNotFound", "itemNotFound", "http_404"})
BUSY: Final = frozenset(
    {
        "TooManyRequests",
        "ApplicationThrottled",
        "activityLimitReached",
        "MailboxConcurrency",
        "ErrorServerBusy",
        "http_429",
        *more.THROTTLED,
    }
)
SERVER_FAILS: Final = frozenset(
    {
        "InternalServerError",
        "generalException",
        "UnknownError",
        "ErrorInternalServerError",
        "ErrorInternalServerTransientError",
        "ErrorTimeoutExpired",
        "ErrorMimeContentConversionFailed",
        "ErrorContentConversionFailed",
        "ErrorItemCorrupt",
        "ErrorCorruptData",
        "http_500",
        "http_504",
        "malformed_answer",
        "answer_too_large",
        "timed_out",
    }
)
"""What one bad message may do to a whole page (exchange.md, part C, row 13)."""
GENERAL: Final = frozenset(
    {
        "BadRequest",
        "ErrorInternalServerError",
        "InternalServerError",
        "UnknownError",
        "generalException",
        "invalidRequest",
    }
)
"""What says no more than that something failed."""
OUTAGES: Final = frozenset({502, 503})
"""Statuses of a server that is not there at present, whatever code comes along."""
TRANSIENT: Final = frozenset(
    {
        "serviceNotAvailable",
        "ServiceUnavailable",
        "ErrorMailboxStoreUnavailable",
        "ErrorMailboxMoveInProgress",
        "ErrorMailboxFailover",
        "BadGateway",
        "GatewayTimeout",
        "Timeout",
        *more.PASSING,
    }
)

_RBAC: Final = (
    "Give the application the role Application Mail.Read for this mailbox (RBAC for Applications: "
    "New-ManagementRoleAssignment), or the permission Mail.Read in Entra ID, and wait some minutes."
)
WORDS: Final[dict[str, tuple[Scope, str]]] = {
    "ErrorAccessDenied": (Scope.MAILBOX, "The application may not read {mailbox}. " + _RBAC),
    "AccessDenied": (Scope.MAILBOX, "The application may not read {mailbox}. " + _RBAC),
    "accessDenied": (Scope.MAILBOX, "The application may not read {mailbox}. " + _RBAC),
    "Authorization_RequestDenied": (
        Scope.MAILBOX,
        "The application may not read {mailbox}. " + _RBAC,
    ),
    "ErrorImpersonationNotAllowed": (
        Scope.MAILBOX,
        "The application may not read {mailbox}. " + _RBAC,
    ),
    "ErrorInvalidUser": (
        Scope.MAILBOX,
        "There is no user {mailbox} in this tenant. Check the address.",
    ),
    "ResourceNotFound": (
        Scope.MAILBOX,
        "There is no user {mailbox} in this tenant. Check the address.",
    ),
    "Request_ResourceNotFound": (
        Scope.MAILBOX,
        "There is no user {mailbox} in this tenant. Check the address.",
    ),
    "ErrorNonExistentMailbox": (
        Scope.MAILBOX,
        "There is no mailbox {mailbox} in this tenant. Check the address.",
    ),
    "MailboxNotFound": (
        Scope.MAILBOX,
        "There is no mailbox {mailbox} in this tenant. Check the address.",
    ),
    "MailboxNotEnabledForRESTAPI": (
        Scope.MAILBOX,
        (
            "{mailbox} cannot be read by Graph: it is a group, lies on an Exchange Server of your own, has no "
            "licence, or was deleted. A mailbox on your own server is read by EWS."
        ),
    ),
    "MailboxNotSupportedForRESTAPI": (
        Scope.MAILBOX,
        (
            "{mailbox} cannot be read by Graph: it is a group, or lies on an Exchange Server of your own. "
            "A mailbox on your own server is read by EWS."
        ),
    ),
    "ErrorAccountDisabled": (
        Scope.MAILBOX,
        "The account of {mailbox} is disabled. Have it enabled, or remove the mailbox.",
    ),
    "ErrorAccountSuspend": (
        Scope.MAILBOX,
        "The account of {mailbox} is suspended. Ask the administrator of the tenant.",
    ),
    "InvalidAuthenticationToken": (
        Scope.CONNECTION,
        "{host} did not accept our token. Check the application's permissions.",
    ),
    "InvalidMsaToken": (Scope.CONNECTION, "{host} did not accept our token."),
    "unauthenticated": (Scope.CONNECTION, "{host} did not accept our token."),
    "ErrorFolderNotFound": (
        Scope.FOLDER,
        "A folder of {mailbox} is gone, or we may not see it.",
    ),
    "BadRequest": (Scope.MAILBOX, "{host} did not accept the request. Please report this."),
    "invalidRequest": (Scope.MAILBOX, "{host} did not accept the request. Please report this."),
    "UnsupportedQueryOption": (
        Scope.MAILBOX,
        "{host} did not accept the request. Please report this.",
    ),
    "ErrorInvalidRequest": (
        Scope.MAILBOX,
        "{host} did not accept the request. Please report this.",
    ),
    "ErrorQuotaExceeded": (
        Scope.MAILBOX,
        "{mailbox} is full; Graph reads it only slowly. Have room made, or more assigned.",
    ),
    "quotaLimitReached": (Scope.MAILBOX, "{mailbox} is full. Have room made, or more assigned."),
    "ErrorInvalidIdMalformed": (Scope.ITEM, "{host} does not know an id of {mailbox}."),
    "NotImplemented": (Scope.MAILBOX, "{host} does not offer what {mailbox} needs."),
    **dict.fromkeys(
        more.NOT_BY_GRAPH,
        (
            Scope.MAILBOX,
            (
                "{mailbox} cannot be read by Graph: it lies on an Exchange Server of your own, or an application "
                "access policy keeps the application away from it. A mailbox on your own server is read by EWS."
            ),
        ),
    ),
    **dict.fromkeys(
        more.FORBIDDEN, (Scope.MAILBOX, "The application may not read {mailbox}. " + _RBAC)
    ),
    **dict.fromkeys(
        more.ASKED_WRONGLY | more.OF_WRITING | more.BAD_STATUS,
        (Scope.MAILBOX, "{host} did not accept the request ({code}). Please report this."),
    ),
    **dict.fromkeys(
        more.OF_ITEM, (Scope.ITEM, "{host} does not give an email of {mailbox} away ({code}).")
    ),
    **dict.fromkeys(
        more.FULL, (Scope.MAILBOX, "{mailbox} is full. Have room made, or more assigned.")
    ),
    "http_401": (Scope.CONNECTION, "{host} did not accept our token."),
    **dict.fromkeys(GONE, (Scope.ITEM, "An email of {mailbox} is gone: deleted or moved.")),
    **dict.fromkeys(
        LOST_CURSOR,
        (
            Scope.FOLDER,
            (
                "{host} lost our place in a folder of {mailbox}: it is read from the beginning, "
                "nothing is doubled."
            ),
        ),
    ),
    **dict.fromkeys(BUSY, (Scope.MAILBOX, "{host} wants a pause for {mailbox}.")),
    **dict.fromkeys(
        SERVER_FAILS | TRANSIENT,
        (Scope.MAILBOX, "{host} failed when asked for {mailbox}. It is tried again later."),
    ),
}
OTHER: Final = "{host} answered {code} when asked for {mailbox}."
OF_ONE_ITEM: Final = frozenset(
    {
        "ErrorMimeContentConversionFailed",
        "ErrorContentConversionFailed",
        "ErrorItemCorrupt",
        "ErrorCorruptData",
    }
)
BEYOND_ITEM: Final = frozenset(
    code
    for code, (scope, _) in WORDS.items()
    if scope in (Scope.MAILBOX, Scope.CONNECTION)
    and code not in SERVER_FAILS
    and code not in more.OF_ANYTHING
)
"""What concerns the mailbox even if it was said of one message."""
