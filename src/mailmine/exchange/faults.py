"""What went wrong at Exchange, and whose fault it is.

    Fault                 a value: one item, or one folder; the mailbox goes on
    ExchangeError         raised: the whole mailbox, or the whole connection; carries a Fault

What is done about a fault (retry, skip, disable) is decided in `mailmine.sync.policy` alone.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Where(StrEnum):
    """The layer that spoke."""

    EWS = "ews"
    """A ResponseCode of Exchange Web Services, in an answer or in a SOAP fault."""
    GRAPH = "graph"
    HTTP = "http"
    """A status of HTTP; the code is `http_` and the number."""
    TOKEN = "token"  # noqa: S105
    TLS = "tls"
    DNS = "dns"
    NETWORK = "network"
    """Refused, reset, timed out."""
    CLIENT = "client"
    """We did not understand the answer, or it went beyond our limits."""


class Code(StrEnum):
    """Our own codes; those of Exchange's answers are `mailmine.exchange.ews.codes` and `http_` with a status."""

    NAME_NOT_FOUND = "name_not_found"
    REFUSED = "refused"
    RESET = "reset"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    PROXY_FAILED = "proxy_failed"
    CERTIFICATE_NOT_TRUSTED = "certificate_not_trusted"
    CERTIFICATE_WRONG_HOST = "certificate_wrong_host"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CA_FILE_UNREADABLE = "ca_file_unreadable"
    CIPHERS_UNKNOWN = "ciphers_unknown"
    CLIENT_CERTIFICATE_UNREADABLE = "client_certificate_unreadable"
    TLS_FAILED = "tls_failed"
    HTTPS_REQUIRED = "https_required"
    BAD_ENDPOINT = "bad_endpoint"
    NOT_EXCHANGE = "not_exchange"
    """Something answered, a web page say, but not Exchange."""
    REDIRECTED = "redirected"
    """To another place; we do not carry a password there."""
    SERVER_ERROR_PAGE = "server_error_page"
    """Exchange sent us to its own page about an outage."""
    AUTODISCOVER_FAILED = "autodiscover_failed"
    """No endpoint is configured, and none was found for the mailbox."""
    MALFORMED_ANSWER = "malformed_answer"
    ANSWER_TOO_LARGE = "answer_too_large"
    LISTED_ANEW = "listed_anew"
    """Of this folder the server tells no changes: it is listed again and compared. Nothing is wrong."""
    TOKEN_FAILED = "token_failed"  # noqa: S105
    """No token could be had, and the token endpoint does not say why."""
    SIGN_IN_UNAVAILABLE = "sign_in_unavailable"
    """This way of signing in needs something that this machine lacks."""
    NO_CONTENT = "no_content"
    """An attachment that is only a link, or that came without its content."""
    DAMAGED_CONTENT = "damaged_content"


class Scope(StrEnum):
    """How far a fault reaches."""

    ITEM = "item"
    FOLDER = "folder"
    MAILBOX = "mailbox"
    CONNECTION = "connection"
    """Every mailbox of the integration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that went wrong."""

    where: Where
    code: str
    """Stable: Exchange's ResponseCode, or ours in snake_case (`http_503`, `timed_out`, `refused`)."""
    message: str
    """For a person; holds no subject, no body, no secret."""
    scope: Scope
    retry_after: timedelta | None = None
    """How long the server asked us to stay away."""
    request_id: str | None = None
    """The server's name for the failed request, for its administrator."""
    server: str | None = None
    """Who answered so, or did not answer: the host we asked, and the machine behind it where that names itself."""


class ExchangeError(Exception):
    """The whole mailbox, or the whole connection, cannot be read now."""

    def __init__(self, fault: Fault) -> None:
        """Carry `fault`."""
        super().__init__(f"{fault.message} [{fault.code}]")
        self.fault = fault
