"""Signing in with OAuth 2.0: an application of Entra ID with a secret or a certificate, or a service user (ROPC).

`msal` speaks with the token endpoint, in a thread; all it sends goes through the transport of the integration, so that proxy,
certificate authorities and time-outs are the same. A token is shared by all mailboxes of the account, and
renewed before it ends: once, under a lock.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from mailmine.exchange.aadsts import OTHER, WORDS
from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.exchange.http import Request, Response, Transport, host_of, refuse_plain_http
from mailmine.exchange.pace import Clock
from mailmine.exchange.status import retry_after_of
from mailmine.model.integration import AuthType, Cloud, Connection

LOGIN: Final = {
    Cloud.WORLDWIDE: "https://login.microsoftonline.com",
    Cloud.GCC_HIGH: "https://login.microsoftonline.us",
    Cloud.DOD: "https://login.microsoftonline.us",
    Cloud.CHINA: "https://login.chinacloudapi.cn",
}
"""Where tokens are asked for (Microsoft's national clouds)."""
USUAL_LIFE: Final = 3599.0
"""Seconds that a token lives of which that is not said."""
RENEW_AT: Final = 0.8
"""The part of a token's life after which another is asked for."""
DEADLINE: Final = 60.0
"""Seconds for one request to the token endpoint."""
LONGEST: Final = 1 << 20
"""Bytes of an answer of the token endpoint."""
_AADSTS: Final = re.compile(r"AADSTS\d{4,9}")
_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and when it is to be replaced."""

    value: str
    renew_at: float
    """By the clock of the account."""


class Bearer:
    """A token with every request (RFC 6750)."""

    is_for_connection = False

    def __init__(
        self, connection: Connection, secret: str, *, transport: Transport, clock: Clock
    ) -> None:
        self._connection = connection
        self._secret = secret
        self._transport = transport
        self._clock = clock
        self._token: Token | None = None
        self._renewing = asyncio.Lock()
        self._failed: Fault | None = None
        """Why the last try got none."""

    async def flow(self) -> AsyncGenerator[Mapping[str, str], Response]:
        """Send the token; where it is refused, one that was asked for anew (it may have been revoked)."""
        token = await self._current(None)
        yield {"Authorization": f"Bearer {token.value}"}
        token = await self._current(token)
        yield {"Authorization": f"Bearer {token.value}"}

    async def _current(self, refused: Token | None) -> Token:
        """Give a token that is good for a while, and is not the `refused` one. Raises ExchangeError.

        Who waits while another asks in vain asks no more: a wrong password is not sent once for each request.
        """
        known = self._failed
        async with self._renewing:
            if self._failed is not None and self._failed is not known:
                raise ExchangeError(self._failed)
            token = self._token
            if token is None or token is refused or self._clock.now() >= token.renew_at:
                asked_at = self._clock.now()
                self._token = None
                try:
                    answer = await self._ask()
                except ExchangeError as error:
                    self._failed = error.fault
                    raise
                self._failed = None
                life = float(answer.get("expires_in") or USUAL_LIFE)
                token = Token(str(answer["access_token"]), asked_at + RENEW_AT * life)
                self._token = token
            return token

    async def _ask(self) -> dict[str, Any]:
        """Ask the token endpoint. Raises ExchangeError, with where TOKEN where it refuses."""
        authority = self._connection.authority or LOGIN[self._connection.cloud]
        refuse_plain_http(authority, is_allowed=self._connection.plain_http)
        wire = _Wire(self._transport, asyncio.get_running_loop(), authority)
        try:
            answer = await asyncio.to_thread(self._acquire, wire, authority)
        except ValueError as error:
            # msal says so of a key or a certificate that is none, and of an authority that answers nonsense.
            code = _code_in(str(error)) or wire.refusal or Code.TOKEN_FAILED
            raise self._refused(code) from error
        except (TypeError, KeyError, AttributeError) as error:
            # msal takes for granted what the answers hold.
            raise ExchangeError(_busy(authority, Code.MALFORMED_ANSWER)) from error
        if answer.get("access_token"):
            return answer
        raise self._refused(_code_of(answer))

    def _acquire(self, wire: "_Wire", authority: str) -> dict[str, Any]:
        """Get a token by msal; runs in a thread."""
        # Loaded where it is needed: it takes some megabytes, with all that it brings along.
        import msal  # noqa: PLC0415

        connection = self._connection
        parts = urlsplit(authority)
        options: dict[str, Any] = {
            "client_id": connection.client_id,
            # msal takes https alone; the wire knows better of a server on this machine.
            "authority": f"https://{parts.netloc}{parts.path.rstrip('/')}/{connection.tenant_id}",
            "instance_discovery": False,
            "validate_authority": False,
            "http_client": wire,
            "enable_pii_log": False,
        }
        scopes = [scope_of(connection)]
        if connection.auth is AuthType.SERVICE_USER:
            user = msal.PublicClientApplication(**options)
            found = user.acquire_token_by_username_password(
                connection.username, self._secret, scopes
            )
        else:
            app = msal.ConfidentialClientApplication(
                **options, client_credential=self._credential()
            )
            found = app.acquire_token_for_client(scopes)
        return dict(found or {})

    def _credential(self) -> str | dict[str, str]:
        """Give the secret as msal wants it. ValueError where it is no certificate."""
        if self._connection.auth is AuthType.CLIENT_SECRET:
            return self._secret
        credential = {"private_key": _CERTIFICATE.sub("", self._secret).strip()}
        certificates = _CERTIFICATE.findall(self._secret)
        if certificates:
            return credential | {"public_certificate": "\n".join(certificates)}
        return credential | {"thumbprint": self._connection.certificate_thumbprint}

    def _refused(self, code: str) -> ExchangeError:
        connection = self._connection
        words = WORDS.get(code, OTHER)
        return ExchangeError(
            Fault(
                where=Where.TOKEN,
                code=code,
                message=words.format(
                    app=connection.client_id,
                    tenant=connection.tenant_id,
                    account=connection.username or connection.client_id,
                    code=code,
                ),
                scope=Scope.CONNECTION,
            )
        )


def scope_of(connection: Connection) -> str:
    """Name what a token is asked for: all that the application may do at the service of the endpoint."""
    parts = urlsplit(connection.endpoint)
    return f"{parts.scheme}://{parts.netloc}/.default"


def _code_of(answer: Mapping[str, Any]) -> str:
    """Find Microsoft's code in a refusal; else the error of OAuth (RFC 6749, 5.2)."""
    codes = answer.get("error_codes")
    if isinstance(codes, list) and codes and isinstance(codes[0], int):
        return f"AADSTS{codes[0]}"
    found = _code_in(str(answer.get("error_description") or ""))
    error = answer.get("error")
    return found or (error[:60] if error and isinstance(error, str) else Code.TOKEN_FAILED)


def _code_in(text: str) -> str | None:
    found = _AADSTS.search(text)
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer as msal reads it."""

    status_code: int
    text: str
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        """Nothing to raise: what failed at the server is an ExchangeError already."""


class _Wire:
    """What msal sends by: called in a thread, it sends in the loop of the account."""

    def __init__(
        self, transport: Transport, loop: asyncio.AbstractEventLoop, authority: str
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._is_plain = urlsplit(authority).scheme == "http"
        self._host = urlsplit(authority).netloc
        self.refusal: str | None = None
        """The code of the last refusal, which msal does not always pass on."""

    def get(
        self, url: str, headers: Mapping[str, str | None] | None = None, **_: object
    ) -> _Answer:
        """Send a GET."""
        return self._send(Request(method="GET", url=url, headers=_said(headers), operation="token"))

    def post(
        self,
        url: str,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str | None] | None = None,
        **_: object,
    ) -> _Answer:
        """Send a form."""
        body = urlencode(data or {}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        sent = {**_said(headers), **kind}
        return self._send(Request(url=url, headers=sent, body=body, operation="token"))

    def close(self) -> None:
        """Nothing to close: the transport is the account's."""

    def _send(self, request: Request) -> _Answer:
        if self._is_plain:  # msal forgets the port, too
            url = urlsplit(request.url)._replace(scheme="http", netloc=self._host).geturl()
            request = replace(request, url=url)
        sending = asyncio.run_coroutine_threadsafe(self._sent(request), self._loop)
        answer = sending.result(DEADLINE + 1)
        if self._is_plain:
            text = answer.text.replace(f"http://{self._host}", f"https://{self._host}")
            answer = replace(answer, text=text)
        return answer

    async def _sent(self, request: Request) -> _Answer:
        """Send, and read to the end. Raises ExchangeError for what is no answer, or none for now."""
        try:
            async with asyncio.timeout(DEADLINE):
                async with self._transport.send(request) as response:
                    pieces = [piece async for piece in response.pieces]
        except TimeoutError as error:
            raise ExchangeError(_busy(request.url, Code.TIMED_OUT)) from error
        body = b"".join(pieces)[:LONGEST]
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or (
            response.status == HTTPStatus.TOO_MANY_REQUESTS
        ):
            fault = _busy(request.url, f"http_{response.status}")
            raise ExchangeError(replace(fault, retry_after=retry_after_of(response)))
        text = body.decode("utf-8-sig", "replace")
        try:
            is_object = isinstance(json.loads(text), dict)
        except (ValueError, RecursionError):
            is_object = False
        if not is_object:
            raise ExchangeError(_busy(request.url, Code.MALFORMED_ANSWER))
        if response.status >= HTTPStatus.BAD_REQUEST:
            self.refusal = _code_in(text)
        return _Answer(response.status, text, {k.lower(): v for k, v in response.headers.items()})


def _said(headers: Mapping[str, str | None] | None) -> dict[str, str]:
    """Leave out headers that msal names without a value."""
    return {name: value for name, value in (headers or {}).items() if value is not None}


def _busy(url: str, code: str) -> Fault:
    """Say that the token endpoint fails at the moment; nobody's secret is to blame."""
    return Fault(
        where=Where.TOKEN,
        code=code,
        message=f"{host_of(url)}, which signs us in, fails at the moment. It is tried again later.",
        scope=Scope.CONNECTION,
        server=host_of(url),
    )
