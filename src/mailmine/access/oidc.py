"""A provider of sign-ins, by OpenID Connect: its authorization code flow with PKCE.

A person is sent to `Provider.address`, and comes back with a code, which `Provider.redeem` turns into what the provider
says of him. Whoever fails on the way gets a `Refused`, with words for him and others for the log.
"""

import base64
import hashlib
import time
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final, NoReturn
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp
import orjson

from mailmine.access import id_token
from mailmine.access.id_token import Claims, ClocksDiffer, InvalidIdToken, KeyUnknown
from mailmine.access.roles import Roles
from mailmine.access.signing import SignInError

DISCOVERY = "/.well-known/openid-configuration"
FRESH = 3_600.0
"""Seconds for which the provider's addresses and keys are taken as known."""
DEADLINE = aiohttp.ClientTimeout(total=10, connect=5)
LARGEST = 1 << 20
"""Bytes of an answer."""
LONGEST_NAME = 256
LONGEST_EMAIL = 512

DOWN: Final = "The sign-in provider cannot be reached just now. Try again in a moment."
STALE: Final = (
    "This sign-in took too long, was used already, or was begun in another window. Try once more."
)
DENIED: Final = (
    "The sign-in provider did not let you in, or you turned back. "
    "Try once more, or ask whoever manages the provider for access to mailmine."
)
CLOCKS: Final = (
    "The clock of the sign-in provider and that of mailmine differ by more than two minutes. "
    "Tell whoever manages mailmine here."
)
UNTRUSTED: Final = (
    "What the sign-in provider said could not be verified. "
    "Try once more; if it stays, tell whoever manages mailmine here."
)
WRONGLY_SET_UP: Final = (
    "Signing in by the provider is not set up rightly. "
    "Tell whoever manages mailmine here: the log says what is wrong."
)
TOO_MANY_GROUPS: Final = (
    "You are in more groups than the sign-in provider tells, so it is not known what you may do. "
    "Tell whoever manages mailmine here: the provider can be made to tell fewer."
)


class Refused(SignInError):
    """He is not let in; the message is for him, `reason` for the log. Neither holds a token, a code or a secret."""

    def __init__(self, words: str, reason: str) -> None:
        super().__init__(words)
        self.reason = reason


class ProviderDown(Refused):
    """The provider does not answer, or not as one."""

    def __init__(self, reason: str) -> None:
        super().__init__(DOWN, reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """The provider, how mailmine is registered there, and what its words mean here."""

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    """Empty: a public client, which PKCE alone protects."""
    scopes: str = "openid profile email"
    name: str = "Single sign-on"
    """What the button says."""
    username_claim: str = ""
    """Empty: `preferred_username`, else `email`, else `sub`."""
    groups_claim: str = "groups"
    roles: Roles | None = None
    """What groups give; None: permissions are given here alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whom the provider let in."""

    issuer: str
    subject: str
    """His id at the provider."""
    username: str
    email: str
    groups: frozenset[str]

    @classmethod
    def of(cls, claims: Claims, registration: Registration) -> "Person":
        """Read what an ID token says. Raises Refused where there is no name in it, or not all of the groups."""
        wanted = registration.username_claim
        names = [_line(claims.get(name), LONGEST_NAME) for name in _name_claims(wanted)]
        username = next((name for name in names if name and " " not in name), "")
        if not username:
            raise Refused(WRONGLY_SET_UP, f"no usable username in {wanted or 'the ID token'}")
        return cls(
            issuer=registration.issuer,
            subject=claims["sub"],
            username=username,
            email=_line(claims.get("email"), LONGEST_EMAIL),
            groups=_groups(claims, registration) if registration.roles else frozenset(),
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """What discovery told."""

    authorization: str
    token: str
    is_secret_in_form: bool
    """Whether the secret goes with the form, and not into the header."""
    keys: tuple[Mapping[str, Any], ...]
    """JWKs."""
    until: float


class Provider:
    """One provider, for as long as the process runs."""

    def __init__(
        self, registration: Registration, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.registration = registration
        self._clock = clock
        self._cached: _Known | None = None

    async def address(self, *, state: str, nonce: str, verifier: str, redirect_uri: str) -> str:
        """Say where a person is sent to sign in. Raises Refused."""
        known = await self._discover()
        challenge = hashlib.sha256(verifier.encode()).digest()
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self.registration.client_id,
                "redirect_uri": redirect_uri,
                "scope": self.registration.scopes,
                "state": state,
                "nonce": nonce,
                "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
                "code_challenge_method": "S256",
            }
        )
        joint = "&" if urlsplit(known.authorization).query else "?"
        return f"{known.authorization}{joint}{query}"

    async def redeem(self, code: str, *, nonce: str, verifier: str, redirect_uri: str) -> Person:
        """Exchange the code that a person came back with for who he is. Raises Refused."""
        known = await self._discover()
        token = await self._token(known, code, verifier=verifier, redirect_uri=redirect_uri)
        try:
            claims = await self._verified(token, known, nonce=nonce)
        except ClocksDiffer as error:
            raise Refused(CLOCKS, f"ID token: {error}") from None
        except InvalidIdToken as error:
            raise Refused(UNTRUSTED, f"ID token: {error}") from None
        return Person.of(claims, self.registration)

    async def _verified(self, token: str, known: _Known, *, nonce: str) -> Claims:
        """Verify an ID token; where its key is not known, by keys that are asked for once more."""
        ours = self.registration
        try:
            return id_token.verify(
                token, known.keys, issuer=ours.issuer, client_id=ours.client_id, nonce=nonce
            )
        except KeyUnknown:
            known = await self._discover(anew=True)
            return id_token.verify(
                token, known.keys, issuer=ours.issuer, client_id=ours.client_id, nonce=nonce
            )

    async def _token(self, known: _Known, code: str, *, verifier: str, redirect_uri: str) -> str:
        """Ask the token endpoint for the ID token."""
        ours = self.registration
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        if ours.client_secret and not known.is_secret_in_form:
            # RFC 6749, 2.3.1: both are encoded as in a form first.
            pair = f"{quote_plus(ours.client_id)}:{quote_plus(ours.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = ours.client_id
            if ours.client_secret:
                form["client_secret"] = ours.client_secret
        status, answer = await _fetch(known.token, form=form, headers=headers)
        if status != HTTPStatus.OK:
            _refuse(status, answer)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise Refused(WRONGLY_SET_UP, "the token endpoint gave no ID token")
        return token

    async def _discover(self, *, anew: bool = False) -> _Known:
        """Give the provider's addresses and keys, asked for where they are not known."""
        known = self._cached
        if known is None or anew or self._clock() >= known.until:
            known = self._cached = await self._ask()
        return known

    async def _ask(self) -> _Known:
        issuer = self.registration.issuer
        status, told = await _fetch(issuer.rstrip("/") + DISCOVERY)
        if status != HTTPStatus.OK:
            raise ProviderDown(f"discovery answered {status}")
        if told.get("issuer") != issuer:
            named = _line(told.get("issuer"), LONGEST_NAME)
            raise Refused(
                WRONGLY_SET_UP,
                f"MAILMINE_OIDC_ISSUER is {issuer}, but the provider calls itself {named!r}",
            )
        authorization, token, jwks_uri = addresses = [
            str(told.get(name)) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
        ]
        for address in addresses:
            if not is_safe(address):
                raise Refused(
                    WRONGLY_SET_UP, f"the provider names an address without https: {address[:200]}"
                )
        # Where nothing is said, the header it is (OpenID Connect Discovery, 3).
        methods = told.get("token_endpoint_auth_methods_supported")
        status, jwks = await _fetch(jwks_uri)
        keys = jwks.get("keys")
        if status != HTTPStatus.OK or not isinstance(keys, list):
            raise ProviderDown(f"the keys were answered by {status}")
        return _Known(
            authorization=authorization,
            token=token,
            keys=tuple(key for key in keys if isinstance(key, dict)),
            is_secret_in_form=isinstance(methods, list)
            and "client_secret_post" in methods
            and "client_secret_basic" not in methods,
            until=self._clock() + FRESH,
        )


def is_safe(address: str) -> bool:
    """Whether what is sent there cannot be read on the way: https, or a server on this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(host))
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _fetch(
    address: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """Ask the provider; gives the status and the JSON. No redirect is followed. Raises ProviderDown."""
    host = urlsplit(address).netloc
    try:
        async with (
            aiohttp.ClientSession(timeout=DEADLINE, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(
                "GET" if form is None else "POST",
                address,
                data=form,
                headers={"Accept": "application/json", **(headers or {})},
                allow_redirects=False,
            ) as answer,
        ):
            status, body = answer.status, await _body(answer)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # The words of some would show the request.
        raise ProviderDown(f"{host}: {type(error).__name__}") from None
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        raise ProviderDown(f"{host} answered {status} without a JSON object")
    return status, told


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > LARGEST:
            raise ProviderDown(f"{answer.url.host} answers without end")
    return bytes(body)


def _refuse(status: int, answer: Mapping[str, Any]) -> NoReturn:
    """Say what a refusal of the token endpoint means (RFC 6749, 5.2). Its description may repeat what we sent."""
    error = _line(answer.get("error"), LONGEST_NAME)
    reason = f"the token endpoint answered {status} {error}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        raise ProviderDown(reason)
    raise Refused(STALE if error == "invalid_grant" else WRONGLY_SET_UP, reason)


def _name_claims(wanted: str) -> tuple[str, ...]:
    return (wanted,) if wanted else ("preferred_username", "email", "sub")


def _line(value: object, longest: int) -> str:
    """Give a text of one line, in one spelling; empty if it is none, or holds what hides or turns text."""
    text = unicodedata.normalize("NFKC", value).strip() if isinstance(value, str) else ""
    return text if text.isprintable() and len(text) <= longest else ""


def _groups(claims: Claims, registration: Registration) -> frozenset[str]:
    """Read the groups. Raises Refused where the token says that they are told elsewhere (Entra, over 200 groups)."""
    name = registration.groups_claim
    elsewhere = claims.get("_claim_names")
    if name not in claims and isinstance(elsewhere, dict) and name in elsewhere:
        raise Refused(TOO_MANY_GROUPS, "the ID token leaves the groups out, there are too many")
    told = claims.get(name)
    groups = [told] if isinstance(told, str) else told
    if not isinstance(groups, list):
        return frozenset()
    return frozenset(group for group in groups if isinstance(group, str))
