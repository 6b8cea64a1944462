"""What Graph answers when it cannot do what was asked (its resource type for errors)."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec


class GraphError(Exception):
    """An error of Graph: a status, a code, and a message."""

    def __init__(
        self, status: int, code: str, message: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message or code)
        self.status = status
        self.code = code
        self.message = message or _MESSAGES.get(code, code)
        self.headers = dict(headers or {})

    def body(self, client_request_id: str) -> bytes:
        """Write it as JSON."""
        inner = {
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": str(uuid.uuid4()),
            "client-request-id": client_request_id,
        }
        said = {"code": self.code, "message": self.message, "innerError": inner}
        return msgspec.json.encode({"error": said})


_MESSAGES = {
    "InvalidAuthenticationToken": "Access token has expired or is not yet valid.",
    "ErrorAccessDenied": "Access is denied. Check credentials and try again.",
    "ErrorItemNotFound": "The specified object was not found in the store.",
    "ErrorFolderNotFound": "The specified folder could not be found in the store.",
    "ErrorInvalidIdMalformed": "Id is malformed.",
    "ErrorInvalidUser": "The requested user is invalid.",
    "MailboxNotEnabledForRESTAPI": "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
    "SyncStateNotFound": "The sync state generation is not found; continuation token is no longer valid.",
    "TooManyRequests": "Too many requests.",
    "ApplicationThrottled": "Application is over its MailboxConcurrency limit.",
    "ErrorQuotaExceeded": "The mailbox is over its quota.",
    "InefficientFilter": "The restriction or sort order is too complex for this operation.",
    "Authorization_RequestDenied": "Insufficient privileges to complete the operation.",
    "UnsupportedQueryOption": "The query option is not supported here.",
    "ErrorMimeContentConversionFailed": "Conversion of the message to MIME failed.",
}


def not_found() -> GraphError:
    """Say that there is no such item or folder."""
    return GraphError(404, "ErrorItemNotFound")


def denied() -> GraphError:
    """Say that the application has no right to this."""
    return GraphError(403, "ErrorAccessDenied")


def no_property(name: str, kind: str = "message") -> GraphError:
    """Say that resources of this kind have no such property."""
    message = f"Could not find a property named '{name}' on type 'microsoft.graph.{kind}'."
    return GraphError(400, "BadRequest", message)


def malformed() -> GraphError:
    """Say that an id is none of this server's."""
    return GraphError(400, "ErrorInvalidIdMalformed")
