"""SOAP as Exchange writes it: envelopes, faults, errors of one response message, text.

A fault of 2010 and later has no SOAP header; its `detail` holds ResponseCode, Message and MessageXml
(`spec/exchange.md`, part A, "SOAP faults").
"""

import re
from datetime import UTC, datetime

from exchange_simulator.versions import Version

TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
T = f"{{{TYPES}}}"
M = f"{{{MESSAGES}}}"
S = f"{{{SOAP}}}"

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPECIAL_IN_ATTRIBUTE = re.compile('[&<>"\x00-\x1f\ud800-\udfff\ufffe\uffff]')
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}

MESSAGES_OF_CODES = {
    "ErrorAccessDenied": "Access is denied. Check credentials and try again.",
    "ErrorBatchProcessingStopped": "An internal server error occurred. Batch processing stopped.",
    "ErrorExceededConnectionCount": "You have exceeded the available concurrent connections for your account."
    " Try again once your other requests have completed.",
    "ErrorFolderNotFound": "The specified folder could not be found in the store.",
    "ErrorImpersonateUserDenied": "The account does not have permission to impersonate the requested user.",
    "ErrorInternalServerError": "An internal server error occurred. The operation failed.",
    "ErrorInvalidIdMalformed": "Id is malformed.",
    "ErrorInvalidOperation": "The operation is not available.",
    "ErrorInvalidSchemaVersionForMailboxVersion": "The requested schema version is not supported by the mailbox"
    " server of the target mailbox.",
    "ErrorInvalidServerVersion": "The specified server version is invalid.",
    "ErrorInvalidSyncStateData": "Synchronization state data is corrupt or otherwise invalid.",
    "ErrorItemNotFound": "The specified object was not found in the store.",
    "ErrorNonExistentMailbox": "The SMTP address has no mailbox associated with it.",
    "ErrorSchemaValidation": "The request failed schema validation.",
    "ErrorServerBusy": "The server cannot service this request right now. Try again later.",
    "ErrorSyncFolderNotFound": "The folder to be synchronized could not be found.",
}


class EwsError(Exception):
    """One response message fails; the others of the request go on."""

    def __init__(self, code: str, text: str | None = None, *, inner: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.text = text or MESSAGES_OF_CODES.get(code, f"The operation failed with {code}.")
        self.inner = inner
        """InnerErrorResponseCode, where the real reason hides within."""


class SoapFaultError(EwsError):
    """The whole request fails."""

    def __init__(
        self, code: str, text: str | None = None, *, values: dict[str, str] | None = None
    ) -> None:
        super().__init__(code, text)
        self.values = values or {}
        """What stands in MessageXml, such as BackOffMilliseconds."""


def _reference(found: re.Match[str]) -> str:
    character = found[0]
    return _NAMED.get(character) or f"&#x{ord(character):X};"


def text(value: str) -> str:
    """Write text for an element; control characters become `&#x1A;`, as Exchange writes them though XML forbids it."""
    # Plain replacing is several times faster than one regular expression for all of them.
    written = (
        value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")
    )
    return _FORBIDDEN.sub(_reference, written)


def attribute(value: str) -> str:
    """Write text for an attribute in double quotes."""
    return _SPECIAL_IN_ATTRIBUTE.sub(_reference, value)


def time(value: datetime | float) -> str:
    """Write an instant in whole seconds of UTC."""
    if not isinstance(value, datetime):
        value = datetime.fromtimestamp(value, UTC)
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def boolean(value: object) -> str:
    """Write a boolean."""
    return "true" if value else "false"


def envelope(version: Version, body: str) -> bytes:
    """Wrap the answer of an operation."""
    major, minor, build, revision = version.build
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<s:Envelope xmlns:s="{SOAP}"><s:Header>'
        f'<h:ServerVersionInfo MajorVersion="{major}" MinorVersion="{minor}" MajorBuildNumber="{build}"'
        f' MinorBuildNumber="{revision}" Version="{version.label}" xmlns:h="{TYPES}" xmlns="{TYPES}"'
        ' xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/></s:Header>'
        '<s:Body xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
        f"{body}</s:Body></s:Envelope>"
    ).encode()


def fault(error: EwsError) -> bytes:
    """Write a SOAP fault in the form of 2010 and later."""
    values = error.values if isinstance(error, SoapFaultError) else {}
    message_xml = "".join(
        f"<t:{'Value' if name == 'BackOffMilliseconds' else name}"
        f"{' Name=' + chr(34) + name + chr(34) if name == 'BackOffMilliseconds' else ''}>{text(value)}"
        f"</t:{'Value' if name == 'BackOffMilliseconds' else name}>"
        for name, value in values.items()
    )
    if message_xml:
        message_xml = f'<t:MessageXml xmlns:t="{TYPES}">{message_xml}</t:MessageXml>'
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<s:Envelope xmlns:s="{SOAP}"><s:Body><s:Fault>'
        f'<faultcode xmlns:a="{TYPES}">a:{error.code}</faultcode>'
        f'<faultstring xml:lang="en-US">{text(error.text)}</faultstring><detail>'
        f'<e:ResponseCode xmlns:e="{ERRORS}">{error.code}</e:ResponseCode>'
        f'<e:Message xmlns:e="{ERRORS}">{text(error.text)}</e:Message>{message_xml}'
        "</detail></s:Fault></s:Body></s:Envelope>"
    ).encode()


def success(operation: str, content: str) -> str:
    """Write one response message that went well."""
    return (
        f'<m:{operation}ResponseMessage ResponseClass="Success">'
        f"<m:ResponseCode>NoError</m:ResponseCode>{content}</m:{operation}ResponseMessage>"
    )


def failure(operation: str, error: EwsError, content: str = "") -> str:
    """Write one response message that went wrong."""
    response_class = "Warning" if error.code == "ErrorBatchProcessingStopped" else "Error"
    inner = (
        f'<m:MessageXml><t:Value Name="InnerErrorResponseCode">{error.inner}</t:Value></m:MessageXml>'
        if error.inner
        else ""
    )
    return (
        f'<m:{operation}ResponseMessage ResponseClass="{response_class}">'
        f"<m:MessageText>{text(error.text)}</m:MessageText>"
        f"<m:ResponseCode>{error.code}</m:ResponseCode>"
        f"<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>{inner}{content}</m:{operation}ResponseMessage>"
    )


def response(operation: str, messages: list[str]) -> str:
    """Write the body of an answer with its response messages."""
    return (
        f'<m:{operation}Response xmlns:m="{MESSAGES}" xmlns:t="{TYPES}"><m:ResponseMessages>'
        f"{''.join(messages)}</m:ResponseMessages></m:{operation}Response>"
    )
