"""The ResponseCodes of Exchange that we know: how far each reaches, in words for a person.

What is done about them is decided elsewhere. A code that is not here reaches as far as the request that it answered.
"""

from collections.abc import Mapping
from typing import Final

from mailmine.exchange.ews import more_codes
from mailmine.exchange.faults import Code, Scope

BUSY: Final = frozenset({"ErrorServerBusy", "ErrorExceededConnectionCount"})
"""Stay away, all of this account."""
OLDER_VERSION: Final = frozenset(
    {
        "ErrorInvalidServerVersion",
        "ErrorIncorrectSchemaVersion",
        "ErrorInvalidSchemaVersionForMailboxVersion",
    }
)
"""The mailbox lies on a server that knows only an older schema."""
LOST_CURSOR: Final = frozenset({"ErrorInvalidSyncStateData"})
GONE: Final = frozenset({"ErrorItemNotFound", "ErrorMessageNotFound"})
STOPPED: Final = frozenset({"ErrorBatchProcessingStopped"})
"""Not tried, because something before it in the request failed."""
TOO_MUCH: Final = frozenset({"ErrorTimeoutExpired", "ErrorRequestStreamTooBig"})
"""Ask for less at a time."""
NOT_SYNCABLE: Final = frozenset(
    {"ErrorInvalidOperation", "ErrorInvalidFolderTypeForOperation", "ErrorUnsupportedFolderType"}
)
"""Said of SyncFolderItems for public folders, groups and search folders, which are listed instead."""
NOT_CONVERTED: Final = frozenset(
    {
        "ErrorItemCorrupt",
        "ErrorCorruptData",
        "ErrorContentConversionFailed",
        "ErrorMimeContentConversionFailed",
        "ErrorUnsupportedMimeConversion",
        "ErrorMessageSizeExceeded",
        "ErrorDataSizeLimitExceeded",
        "ErrorMimeContentInvalid",
        "ErrorMimeContentInvalidBase64String",
    }
)
"""Something of the item cannot be given; with fewer properties the rest may."""
MAY_FAIL_A_REQUEST: Final = (
    TOO_MUCH
    | NOT_CONVERTED
    | {
        "ErrorInternalServerError",
        "http_500",
        Code.MALFORMED_ANSWER,
        Code.ANSWER_TOO_LARGE,
    }
)
"""What one item may do to the whole request that asks for it and others."""
MAY_BE_ONE_ITEMS: Final = MAY_FAIL_A_REQUEST | {
    "ErrorInternalServerTransientError",
    "ErrorInsufficientResources",
    "ErrorNotEnoughMemory",
    "ErrorTooManyObjectsOpened",
    "ErrorConnectionFailed",
}
"""What a server in trouble says, and also a sound one of an item that it cannot cope with."""
MAY_NOT_SEE: Final = frozenset({"ErrorAccessDenied", "ErrorFolderNotFound", "ErrorItemNotFound"})
"""What a delegate is told who may not see the root of a mailbox."""

_LATER: Final = "It is tried again later."
_RIGHTS: Final = (
    "Give the account the right to read the mailbox (full access, or Reviewer on its folders)."
)

WORDS: Final[Mapping[str, tuple[Scope, str]]] = {
    "ErrorServerBusy": (Scope.CONNECTION, "{host} is asked too much and wants a pause."),
    "ErrorExceededConnectionCount": (
        Scope.CONNECTION,
        "{host} allows the account fewer requests at a time.",
    ),
    "ErrorTimeoutExpired": (Scope.MAILBOX, f"{{host}} was too slow. {_LATER}"),
    "ErrorMailboxMoveInProgress": (
        Scope.MAILBOX,
        f"{{mailbox}} is being moved to another server. {_LATER}",
    ),
    "ErrorMailboxFailover": (
        Scope.MAILBOX,
        f"{{mailbox}} is being taken over by another server. {_LATER}",
    ),
    "ErrorMailboxStoreUnavailable": (
        Scope.MAILBOX,
        f"The database of {{mailbox}} is not available on {{host}}. {_LATER}",
    ),
    "ErrorInternalServerError": (
        Scope.MAILBOX,
        f"{{host}} failed when asked for {{mailbox}}. {_LATER}",
    ),
    "ErrorInternalServerTransientError": (
        Scope.MAILBOX,
        f"{{host}} failed for a moment. {_LATER}",
    ),
    "ErrorInsufficientResources": (Scope.MAILBOX, f"{{host}} is short of resources. {_LATER}"),
    "ErrorNotEnoughMemory": (Scope.MAILBOX, f"{{host}} is short of memory. {_LATER}"),
    "ErrorTooManyObjectsOpened": (
        Scope.MAILBOX,
        f"{{host}} has too much open for {{mailbox}}. {_LATER}",
    ),
    "ErrorADUnavailable": (
        Scope.CONNECTION,
        f"{{host}} does not reach its Active Directory. {_LATER}",
    ),
    "ErrorADOperation": (Scope.CONNECTION, f"The Active Directory of {{host}} failed. {_LATER}"),
    "ErrorConnectionFailed": (
        Scope.MAILBOX,
        f"{{host}} does not reach the server of {{mailbox}}. {_LATER}",
    ),
    "ErrorNoRespondingCASInDestinationSite": (
        Scope.MAILBOX,
        f"No server answers {{host}} where {{mailbox}} lies. {_LATER}",
    ),
    "ErrorNonExistentMailbox": (
        Scope.MAILBOX,
        "{host} has no mailbox {mailbox}. Check the address.",
    ),
    "ErrorCannotFindUser": (Scope.MAILBOX, "{host} has no user {mailbox}. Check the address."),
    "ErrorMissingEmailAddress": (
        Scope.MAILBOX,
        "{mailbox} has no mailbox on {host}. Check the address.",
    ),
    "ErrorInvalidSmtpAddress": (
        Scope.MAILBOX,
        "{mailbox} is not a valid address. Correct it.",
    ),
    "ErrorAccessDenied": (Scope.MAILBOX, f"The account may not read {{mailbox}}. {_RIGHTS}"),
    "ErrorImpersonateUserDenied": (
        Scope.MAILBOX,
        (
            "The account may not impersonate {mailbox}. "
            "Give it the role ApplicationImpersonation for this mailbox, or use delegate access."
        ),
    ),
    "ErrorImpersonationDenied": (
        Scope.MAILBOX,
        (
            "The account may not impersonate {mailbox}. "
            "Give it the role ApplicationImpersonation for this mailbox, or use delegate access."
        ),
    ),
    "ErrorImpersonationFailed": (
        Scope.MAILBOX,
        "Impersonating {mailbox} failed. Check the address and the account's role.",
    ),
    "ErrorInvalidExchangeImpersonationHeaderData": (
        Scope.MAILBOX,
        "{host} does not take the impersonation of {mailbox}. Check the kind of access.",
    ),
    "ErrorAccountDisabled": (
        Scope.MAILBOX,
        "The account of {mailbox} is disabled on {host}. Have it enabled, or remove the mailbox.",
    ),
    "ErrorInvalidLicense": (
        Scope.MAILBOX,
        "{mailbox} has no licence for a mailbox. Have one assigned.",
    ),
    "ErrorMailboxConfiguration": (
        Scope.MAILBOX,
        "{mailbox} is not set up rightly on {host}. Ask its administrator.",
    ),
    "ErrorArchiveMailboxNotEnabled": (Scope.MAILBOX, "{mailbox} has no archive."),
    "ErrorInvalidServerVersion": (
        Scope.MAILBOX,
        "{host} is older than Exchange 2010, which cannot be read.",
    ),
    "ErrorIncorrectSchemaVersion": (
        Scope.MAILBOX,
        "{host} is older than Exchange 2010, which cannot be read.",
    ),
    "ErrorInvalidSchemaVersionForMailboxVersion": (
        Scope.MAILBOX,
        "{mailbox} lies on a server older than Exchange 2010, which cannot be read.",
    ),
    "ErrorSchemaValidation": (
        Scope.MAILBOX,
        "{host} did not understand the request. Please report this.",
    ),
    "ErrorInvalidRequest": (
        Scope.MAILBOX,
        "{host} did not accept the request. Please report this.",
    ),
    "ErrorFolderNotFound": (
        Scope.FOLDER,
        "A folder of {mailbox} is gone, or the account may not see it.",
    ),
    "ErrorSyncFolderNotFound": (
        Scope.FOLDER,
        "A folder of {mailbox} is gone, or the account may not see it.",
    ),
    "ErrorInvalidSyncStateData": (
        Scope.FOLDER,
        "{host} lost our place in a folder of {mailbox}: it is read from the beginning, nothing is doubled.",
    ),
    "ErrorItemNotFound": (Scope.ITEM, "An email of {mailbox} is gone: deleted or moved."),
    "ErrorMessageNotFound": (Scope.ITEM, "An email of {mailbox} is gone: deleted or moved."),
    "ErrorBatchProcessingStopped": (Scope.MAILBOX, f"{{host}} stopped half-way. {_LATER}"),
    "ErrorRequestStreamTooBig": (Scope.MAILBOX, "The request was too long for {host}."),
    **dict.fromkeys(
        NOT_CONVERTED,
        (Scope.ITEM, "{host} cannot convert an email of {mailbox}. Open it in Outlook to see it."),
    ),
    **dict.fromkeys(
        more_codes.PASSWORD_ENDED,
        (
            Scope.CONNECTION,
            "The password of the account has ended. Give the account another one, and enter it here.",
        ),
    ),
    **dict.fromkeys(
        more_codes.NO_MAILBOX,
        (Scope.MAILBOX, "{host} has no mailbox by the address {mailbox}. Check the address."),
    ),
    **dict.fromkeys(
        more_codes.NOT_ALLOWED,
        (
            Scope.MAILBOX,
            f"The account may not read {{mailbox}} in this way ({{code}}). {_RIGHTS}",
        ),
    ),
    **dict.fromkeys(
        more_codes.NOT_IN_USE,
        (Scope.MAILBOX, "{mailbox} is blocked on {host}. Ask its administrator."),
    ),
    **dict.fromkeys(
        more_codes.OTHER_VERSION,
        (
            Scope.MAILBOX,
            (
                "{mailbox} lies on a server of another version, which {host} does not ask for us. Enter "
                "that server's address in an integration of its own."
            ),
        ),
    ),
    **dict.fromkeys(
        more_codes.OF_ITEM,
        (Scope.ITEM, "{host} cannot give an email of {mailbox} ({code})."),
    ),
    **dict.fromkeys(
        more_codes.OF_FOLDER - NOT_SYNCABLE,
        (Scope.FOLDER, "{host} cannot give a folder of {mailbox} ({code})."),
    ),
}
REACHES_BEYOND_FOLDER: Final = frozenset(
    code
    for code, (scope, _) in WORDS.items()
    if scope in (Scope.MAILBOX, Scope.CONNECTION)
    and code not in {"ErrorAccessDenied", "ErrorInternalServerError", *TOO_MUCH, *STOPPED}
)
"""What concerns the mailbox even if it was said of one item or folder."""
OTHER: Final = "{host} answered {code} when asked for {mailbox}."
