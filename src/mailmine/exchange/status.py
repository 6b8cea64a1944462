"""What a status of HTTP means that is not the protocol's own answer, in words for a person."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urljoin, urlsplit

from mailmine.exchange.faults import Code, Fault, Scope, Where
from mailmine.exchange.http import Response, host_of, request_id_of
from mailmine.exchange.pace import LONGEST_HINT
from mailmine.model.integration import Backend, Connection

MACHINES: Final = ("X-CalculatedBETarget", "X-BEServer", "X-FEServer")
"""Where Exchange names the machine that answers, the one that holds the mailbox first."""

_SECONDS: Final = re.compile(r"[0-9]{1,300}(?:\.[0-9]*)?")

WORDS: Final[dict[int, tuple[Scope, str]]] = {
    HTTPStatus.UNAUTHORIZED: (
        Scope.CONNECTION,
        (
            "{host} refused the user name or the password of {account}. Enter the password again; check "
            "that the account is not locked out and may sign in in this way."
        ),
    ),
    HTTPStatus.FORBIDDEN: (
        Scope.MAILBOX,
        (
            "{host} forbids {account} to read {mailbox} in this way. Ask its administrator to allow it for the "
            "mailbox and for this application. On Exchange Online, EWS is being switched off."
        ),
    ),
    HTTPStatus.NOT_FOUND: (
        Scope.CONNECTION,
        "{host} has nothing at {path}. The address usually ends with /EWS/Exchange.asmx; correct it.",
    ),
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: (
        Scope.CONNECTION,
        "The proxy on the way to {host} asks for a password. Give its user and password in the integration.",
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (
        Scope.CONNECTION,
        "{host} is asked too much by {account} and wants a pause.",
    ),
}
SERVER_FAILED: Final = (
    "{host} failed ({status}) when asked for {mailbox}. It is tried again later; if it lasts, "
    "the server's log tells its administrator why."
)
OVERLOADED: Final = "{host} is overloaded and wants a pause."
WEB_PAGE: Final = (
    "{host} answered with a web page and not as Exchange does. "
    "The address usually ends with /EWS/Exchange.asmx; correct it."
)
ANSWER_OF_PROXY: Final = (
    "Not {host} answered but a proxy on the way there: by a web page, or by sending us on to one, as where it wants a "
    "sign-in. Check the integration's proxy; where Graph is asked by a gateway, also its address."
)
"""Graph has no pages and sends nobody on."""
OTHER: Final = "{host} did not accept the request ({status}). Check the address of the integration."


def fault_of_status(response: Response, connection: Connection, mailbox: str) -> Fault:
    """Say what `response` means, which does not speak the protocol."""
    status, retry_after = response.status, retry_after_of(response)
    code = f"http_{status}"
    target, where = "", None
    is_redirect = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
    if connection.backend is Backend.GRAPH and (is_redirect or status == HTTPStatus.OK):
        where, code = Where.NETWORK, Code.PROXY_FAILED
        scope, message = Scope.CONNECTION, ANSWER_OF_PROXY
    elif status in WORDS:
        scope, message = WORDS[status]
    elif is_redirect:
        target = _joined(connection.endpoint, response.headers.get("Location", ""))
        code, scope, message = _redirect(target)
    elif status == HTTPStatus.SERVICE_UNAVAILABLE and retry_after is not None:
        scope, message = Scope.CONNECTION, OVERLOADED
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        scope, message = Scope.MAILBOX, SERVER_FAILED
    elif status == HTTPStatus.OK:
        code, scope, message = Code.NOT_EXCHANGE, Scope.CONNECTION, WEB_PAGE
    else:
        scope, message = Scope.CONNECTION, OTHER
    return Fault(
        where=where or (Where.CLIENT if isinstance(code, Code) else Where.HTTP),
        code=code,
        message=message.format(
            host=host_of(connection.endpoint),
            account=connection.username,
            mailbox=mailbox,
            path=urlsplit(connection.endpoint).path or "/",
            status=status,
            target=host_of(target),
        ),
        scope=scope,
        retry_after=retry_after,
        request_id=request_id_of(response),
        server=server_of(response, host_of(connection.endpoint)),
    )


def is_page(response: Response) -> bool:
    """Tell a web page by what it says of itself."""
    return "html" in response.headers.get("Content-Type", "").lower()


def _joined(endpoint: str, location: str) -> str:
    """Give the place that a redirect names; one that is no URL is nowhere."""
    try:
        return urljoin(endpoint, location)
    except ValueError:
        return ""


def _redirect(target: str) -> tuple[str, Scope, str]:
    """Tell an outage, a gateway and another server apart (exchange.md, part A)."""
    path = urlsplit(target).path.lower()
    if path.endswith("/genericerrorpage.htm"):
        message = "{host} has an outage. It is tried again later."
        return Code.SERVER_ERROR_PAGE, Scope.CONNECTION, message
    if "/internalsite/" in path:
        message = (
            "A gateway in front of {host} wants a sign-in or a client certificate. "
            "Ask its administrator for an address of EWS without one."
        )
    else:
        message = (
            "{host} sends us on to {target}. A password is not carried there: if that is the right server, "
            "enter its address in the integration."
        )
    return Code.REDIRECTED, Scope.CONNECTION, message


def retry_after_of(response: Response) -> timedelta | None:
    """Read Retry-After (RFC 9110, 10.2.3), in seconds, which some give with a fraction, or as a date; at most a day."""
    text = response.headers.get("Retry-After", "").strip()
    if (number := _SECONDS.fullmatch(text)) is not None:
        seconds = float(number[0])
    else:
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, TypeError):
            return None
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_HINT))


def server_of(response: Response | None, host: str) -> str:
    """Name who answered: the host we asked, and the machine behind it where that names itself."""
    headers = response.headers if response is not None else {}
    machine = next((headers[name] for name in MACHINES if headers.get(name)), "")[:200].strip()
    return f"{host} ({machine})" if machine else host
