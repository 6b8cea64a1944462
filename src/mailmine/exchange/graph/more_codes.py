"""The error codes that Microsoft documents for Graph, also those that reading mail should never bring.

The page "Microsoft Graph error responses and resource types" names them (the state of 2026), besides two of the Outlook service's
own. Each is in one of these sets or in `codes`; `mailmine.sync.policy` has a row for each, and a test says so.
"""

from typing import Final

BASIC: Final = frozenset(
    {
        "accessDenied",
        "activityLimitReached",
        "extensionError",
        "generalException",
        "invalidRange",
        "invalidRequest",
        "itemNotFound",
        "malwareDetected",
        "nameAlreadyExists",
        "notAllowed",
        "notSupported",
        "quotaLimitReached",
        "resourceModified",
        "resyncRequired",
        "serviceNotAvailable",
        "syncStateNotFound",
        "unauthenticated",
    }
)
"""What `code` of an error may say."""

ASKED_WRONGLY: Final = frozenset(
    {
        "invalidAcceptType",
        "invalidParameterFormat",
        "invalidPath",
        "invalidQueryOption",
        "invalidRange",
        "invalidStartIndex",
        "maxQueryLengthExceeded",
        "notAllowed",
        "notSupported",
        "parameterIsTooLong",
        "parameterIsTooSmall",
        "tooManyResultsRequested",
        "tooManyTermsInQuery",
        "zeroOrFewerResultsRequested",
    }
)
"""Graph does not understand our question, or does not answer such."""
OF_WRITING: Final = frozenset(
    {
        "childItemCountExceeded",
        "entityTagDoesNotMatch",
        "fragmentLengthMismatch",
        "fragmentOutOfOrder",
        "fragmentOverlap",
        "lockMismatch",
        "lockNotFoundOrAlreadyExpired",
        "lockOwnerMismatch",
        "malformedEntityTag",
        "maxDocumentCountExceeded",
        "maxFileSizeExceeded",
        "maxFolderCountExceeded",
        "maxFragmentLengthExceeded",
        "maxItemCountExceeded",
        "nameAlreadyExists",
        "pathIsTooLong",
        "pathTooDeep",
        "propertyNotUpdateable",
        "resourceModified",
        "totalAffectedItemCountExceeded",
        "truncationNotAllowed",
        "uploadSessionFailed",
        "uploadSessionIncomplete",
        "uploadSessionNotFound",
    }
)
"""Said to who writes; we only read."""
OF_ITEM: Final = frozenset({"malwareDetected", "maxStreamSizeExceeded", "virusSuspicious"})
"""About one message or attachment, which is not given away."""
NOT_BY_GRAPH: Final = frozenset({"extensionError", "provisioningNotAllowed"})
"""The mailbox lies on a server of one's own, or a policy keeps the application away from it."""
FORBIDDEN: Final = frozenset({"accessRestricted", "http_403"})
PASSING: Final = frozenset(
    {
        "MailboxInfoStale",
        "cannotSnapshotTree",
        "resourceBeingProvisioned",
        "serviceReadOnly",
        "http_423",
        "http_502",
        "http_503",
    }
)
THROTTLED: Final = frozenset({"ErrorTooManyObjectsOpened", "throttledRequest", "http_509"})
"""The first is said of some of a batch, without a status of its own (OfficeDev/outlook-dev-docs, issue 144)."""
RESYNC: Final = frozenset({"resyncApplyDifferences", "resyncUploadDifferences"})
FULL: Final = frozenset({"http_507"})
BAD_STATUS: Final = frozenset(
    {
        "ErrorIncorrectRoutingHint",
        *(f"http_{status}" for status in (400, 402, 405, 406, 409, 411, 412, 413, 415, 416, 422)),
    }
)
"""A status that says what was wrong with our question, without a code."""

OF_ANYTHING: Final = ASKED_WRONGLY | OF_WRITING | BAD_STATUS | FORBIDDEN | {"http_423"}
"""What may be said of one message as well as of a whole mailbox: of a message, it is that one's alone."""

STATUSES: Final = frozenset(
    f"http_{status}"
    for status in (
        *(400, 401, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413, 415, 416, 422, 423, 429),
        *(500, 501, 503, 504, 507, 509),
    )
)
"""The statuses that Graph answers errors with."""
DETAILED: Final = (
    ASKED_WRONGLY | OF_WRITING | OF_ITEM | RESYNC | THROTTLED | PASSING | FORBIDDEN | NOT_BY_GRAPH
)
DOCUMENTED: Final = BASIC | DETAILED | STATUSES
