"""In which places the EWS of a mailbox is looked for, and how far an answer is believed."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final
from urllib.parse import urljoin, urlsplit

from mailmine.exchange.autodiscover.forms import (
    POX_PATH,
    SOAP_PATH,
    Endpoint,
    Form,
    Meaning,
    Nothing,
    ToAddress,
    ToUrl,
    form_of,
    json_url,
    meaning,
    question,
)
from mailmine.exchange.endpoints import ews_online
from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.exchange.http import (
    Request,
    Response,
    Transport,
    fault_of,
    host_of,
    refuse_plain_http,
)
from mailmine.exchange.session import Session, is_refused
from mailmine.exchange.www_authenticate import offered
from mailmine.model.integration import AuthType, Connection

MOST_HOPS: Final = 10
"""Redirects of one search (Microsoft's guidance)."""
PATIENCE: Final = 20.0
"""Seconds for one place; many of those that are tried are not there."""
LONGEST: Final = 1 << 20
"""Bytes of an answer."""
REDIRECTS: Final = (301, 302, 303, 307, 308)
BY_TOKEN: Final = (AuthType.CLIENT_SECRET, AuthType.CLIENT_CERTIFICATE, AuthType.SERVICE_USER)
"""Who signs in so reads Exchange Online, which tells anybody where a mailbox is."""
SCHEMES: Final = {
    AuthType.BASIC: "basic",
    AuthType.NTLM: "ntlm",
    AuthType.NEGOTIATE: "negotiate",
}
CLOUD_DOMAINS: Final = (".onmicrosoft.com", ".onmicrosoft.us", ".partner.onmschina.cn")
"""Domains of tenants: a mailbox of theirs lies in Exchange Online, where no password is taken any more."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to ask."""

    url: str
    form: Form
    is_hint: bool = False
    """Only to be asked where else to ask, without TLS and without signing in."""


@dataclass(slots=True)
class _Course:
    """How a search has gone so far."""

    address: str
    places: list[Place]
    hops: int = 0
    seen: set[tuple[str, str]] = field(default_factory=set)
    said: list[str] = field(default_factory=list)


class Search:
    """Finds the endpoints of an account's mailboxes, one at a time.

    `session_at` opens a session for a place, by which the account signs in there; all of them, and those for EWS itself,
    remember together that a password was refused (exchange.md, part C, row 1).
    """

    def __init__(self, connection: Connection, session_at: Callable[[Connection], Session]) -> None:
        self._connection = connection
        self._session_at = session_at
        self._one_at_a_time = asyncio.Lock()
        self._answering: dict[str, Place] = {}
        """The place of each domain that knew a mailbox of it."""
        self._own = _domain(connection.username) if "@" in connection.username else ""
        self._trusted = {self._own}
        """Domains whose hosts may see the password: the account's, and those that hosts of such a domain named."""

    async def find(self, mailbox: str) -> str:
        """Give the URL of the EWS that serves `mailbox`. Raises ExchangeError."""
        async with self._one_at_a_time:
            course = _Course(mailbox, self._places(mailbox))
            while course.places and course.hops <= MOST_HOPS:
                place = course.places.pop(0)
                if (place.url.lower(), course.address.lower()) in course.seen:
                    continue
                course.seen.add((place.url.lower(), course.address.lower()))
                said = await self._ask(place, course.address)
                if isinstance(said, Endpoint):
                    said = self._checked(said)
                match said:
                    case Endpoint(url):
                        self._answering[_domain(course.address)] = place
                        return url
                    case ToUrl(url):
                        self._follow(course, place, url)
                    case ToAddress(address):
                        self._start_over(course, place, address)
                    case Nothing(words):
                        course.said.append(f"{_name(place)} {words}")
            if course.hops > MOST_HOPS:
                course.said.append(f"after {MOST_HOPS} redirects there was still no answer")
            raise self._not_found(mailbox, course.said)

    def _places(self, address: str) -> list[Place]:
        """List the places for `address`, the likeliest first."""
        if self._connection.auth in BY_TOKEN:
            host = urlsplit(ews_online(self._connection.cloud)).hostname or ""
            return [Place(json_url(host, address), Form.JSON)]
        domain = _domain(address)
        places = _places_of(domain)
        if not self._may_see_password(domain):  # who serves the account may serve that mailbox too
            places = [*_places_of(self._own), *places]
        known = self._answering.get(domain)
        return [known, *places] if known is not None else places

    def _may_see_password(self, host: str) -> bool:
        """Tell whether we may sign in at `host`: whoever adds a mailbox of a domain of his own must not be sent it.

        An account whose name tells no domain of mail signs in at that of the mailbox.
        """
        return not self._own or any(_is_of(host, domain) for domain in self._trusted)

    def _follow(self, course: _Course, place: Place, url: str) -> None:
        """Ask at `url` next, where it may be believed."""
        course.hops += 1
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").lower() if parts.scheme == "https" else ""
        except ValueError:
            host = ""
        if not host:
            course.said.append(f"{_name(place)} sends us to a place without HTTPS")
        elif place.form is not Form.JSON and not (
            _is_of(host, _domain(course.address)) or (self._own and self._may_see_password(host))
        ):
            course.said.append(
                f"{_name(place)} sends us on to {host}, which is not of {_domain(course.address)}: no password is "
                f"carried there; if it is right, enter https://{host}/EWS/Exchange.asmx as the endpoint"
            )
        elif (url.lower(), course.address.lower()) in course.seen:
            course.said.append(f"{_name(place)} sends us in a circle")
        else:
            course.places.insert(0, Place(url, form_of(url)))

    def _start_over(self, course: _Course, place: Place, address: str) -> None:
        """Ask for `address` instead, which a server named; one that may see the password is believed about the domain, too."""
        course.hops += 1
        domain = _domain(address)
        if f".{domain}".endswith(CLOUD_DOMAINS):
            course.said.append(
                f"{_name(place)} says that the mailbox lies in Exchange Online, which takes no passwords: read it by "
                "an integration with backend = graph"
            )
        elif not domain or address.lower() in {asked for _, asked in course.seen}:
            course.said.append(f"{_name(place)} sends us in a circle")
        else:
            if self._own and self._may_see_password(urlsplit(place.url).hostname or ""):
                self._trusted.add(domain)
            course.address = address
            course.places = self._places(address)

    def _checked(self, found: Endpoint) -> Meaning:
        try:
            refuse_plain_http(found.url, is_allowed=self._connection.plain_http)
        except ExchangeError:
            return Nothing("names an EWS without HTTPS")
        return found

    async def _ask(self, place: Place, address: str) -> Meaning:
        """Ask at one place. Raises ExchangeError where the account is refused: it is not tried elsewhere."""
        try:
            return await self._asked(place, address)
        except ExchangeError as error:
            if is_refused(error.fault):
                raise
            return Nothing(f"cannot be asked ({error.fault.code})")

    async def _asked(self, place: Place, address: str) -> Meaning:
        """Ask without saying who we are first: so a place that has no Autodiscover never sees a password."""
        host = urlsplit(place.url).hostname or ""
        session = self._session_at(replace(self._connection, endpoint=f"https://{host}/"))
        asked = question(place.form, address)
        method = "GET" if place.is_hint else asked.method
        body = b"" if place.is_hint else asked.body
        request = Request(
            url=place.url,
            method=method,
            headers=asked.headers,
            body=body,
            operation="Autodiscover",
        )
        try:
            challenges, said = await self._anonymously(session.transport, request, place)
            if challenges is None:
                return said
            if place.is_hint or place.form is Form.JSON:
                return Nothing("wants a sign-in")
            if not self._may_see_password(host):
                return Nothing(
                    f"wants a sign-in and is not of {self._own}, the domain of the account: no password is carried "
                    f"there; if it is right, enter https://{host}/EWS/Exchange.asmx as the endpoint"
                )
            scheme = SCHEMES[self._connection.auth]
            if scheme not in dict(offered(challenges)):
                return Nothing(f"does not let us sign in by {self._connection.auth}")
            return await self._signed_in(session, request, place, address)
        finally:
            await session.aclose()

    async def _anonymously(
        self, transport: Transport, request: Request, place: Place
    ) -> tuple[Sequence[str] | None, Meaning]:
        """Send without credentials; gives the ways of signing in where one is wanted, and what was said."""
        try:
            async with asyncio.timeout(PATIENCE), transport.send(request) as response:
                if response.status == HTTPStatus.UNAUTHORIZED:
                    return response.challenges, Nothing("wants a sign-in")
                return None, _understood(place, response, await _read(response))
        except TimeoutError as error:
            raise ExchangeError(fault_of(error, request.url)) from error

    async def _signed_in(
        self, session: Session, request: Request, place: Place, address: str
    ) -> Meaning:
        """Send as the account."""
        line = session.line(address)
        sending = line.send(
            request.body,
            request.headers,
            url=request.url,
            method=request.method,
            operation=request.operation,
            judge=lambda response: response.status in (HTTPStatus.OK, *REDIRECTS),
        )
        async with sending as (response, _):
            return _understood(place, response, await line.read(response))

    def _not_found(self, mailbox: str, said: Sequence[str]) -> ExchangeError:
        return ExchangeError(
            Fault(
                where=Where.CLIENT,
                code=Code.AUTODISCOVER_FAILED,
                message=(
                    f"Autodiscover finds no Exchange for {mailbox}. Enter the endpoint of EWS in the integration, such "
                    "as https://exchange.example.com/EWS/Exchange.asmx. Asked were: "
                    f"{'; '.join(said) or 'no places'}."
                ),
                scope=Scope.MAILBOX,
            )
        )


def _places_of(domain: str) -> list[Place]:
    # Microsoft's order has the bare domain first: that is a website as a rule, often another company's.
    places = [
        Place(f"https://{host}{path}", form_of(path))
        for host in (f"autodiscover.{domain}", domain)
        for path in (SOAP_PATH, POX_PATH)
    ]
    return [*places, Place(f"http://autodiscover.{domain}{POX_PATH}", Form.POX, is_hint=True)]


async def _read(response: Response) -> bytes:
    """Read an answer, or as much of it as matters."""
    body = b""
    async for piece in response.pieces:
        body += piece
        if len(body) > LONGEST:
            break
    return body


def _understood(place: Place, response: Response, body: bytes) -> Meaning:
    if response.status in REDIRECTS:
        try:
            return ToUrl(urljoin(place.url, response.headers.get("Location", "")))
        except ValueError:
            return Nothing("sends us to a place without HTTPS")
    if response.status != HTTPStatus.OK or place.is_hint:
        return Nothing(f"has nothing ({response.status})")
    return meaning(place.form, body)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _is_of(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _name(place: Place) -> str:
    return f"{urlsplit(place.url).scheme}://{host_of(place.url)} ({place.form})"
