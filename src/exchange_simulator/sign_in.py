"""Who asks: HTTP authentication as Exchange's web server does it, by Basic, NTLM, Negotiate or a token of Entra ID.

NTLM and Negotiate let a connection in, not a request (MS-NTHT, RFC 4559): what follows on it needs no more words.
Negotiate takes tickets of Kerberos as well where `KRB5_KTNAME` names a keytab with the key of this host's service.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import spnego
from aiohttp import web
from spnego._ntlm_raw.crypto import ntowfv1, ntowfv2  # MD4 is nowhere else to be had
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

from exchange_simulator import entra
from exchange_simulator.exchange import Account, Exchange
from exchange_simulator.tls import ShowingContext

BEARER: Final = (
    'Bearer client_id="00000002-0000-0ff1-ce00-000000000000", '
    'token_types="app_asserted_user_v1 service_asserted_app_v1", '
    'authorization_uri="https://login.windows.net/common/oauth2/authorize"'
)
CHALLENGES: Final = {"Basic": 'Basic realm="exchange"', "Bearer": BEARER}
OPTIONS: Final = {
    "NTLM": ("ntlm", spnego.NegotiateOptions.use_ntlm),
    "Negotiate": ("negotiate", spnego.NegotiateOptions.use_negotiate),
}
AUTHENTICATE: Final = b"NTLMSSP\0\3\0\0\0"
"""How the last message of NTLM begins (MS-NLMP 2.2.1.3), also within SPNEGO."""
CHALLENGE: Final = b"NTLMSSP\0\2\0\0\0"
UNICODE: Final = 0x1
NTLM_V1: Final = 24
"""Bytes of the response of the first version; that of the second is longer."""


@dataclass(frozen=True)
class Refused:
    """An HTTP answer for someone who is not let in."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class _Connection:
    context: spnego.ContextProxy | None = None
    challenge: bytes = b""
    """What the server said last."""
    account: Account | None = None


class Gate:
    """Lets requests in to one Exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._connections: dict[asyncio.Transport, _Connection] = {}

    def admit(self, request: web.Request) -> Account | Refused:
        """Tell who signs in with this request, or what to answer instead."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        exchange, scheme = self._exchange, scheme.lower()
        offers = {offer.lower(): offer for offer in exchange.offers}
        if scheme == "bearer":
            return self._by_token(request.headers["Authorization"])
        account = None
        if not scheme and request.transport in self._connections:
            account = self._connections[request.transport].account
        elif scheme == "basic" and scheme in offers:
            account = _by_password(exchange, given)
        elif scheme in ("ntlm", "negotiate") and scheme in offers and request.transport:
            found = self._by_handshake(request.transport, offers[scheme], given)
            if isinstance(found, str):
                return Refused(401, (("WWW-Authenticate", found),))
            account = found
        if account is None or account.is_locked:
            return self._challenge()
        return account

    def _challenge(self) -> Refused:
        offers = self._exchange.offers
        if self._exchange.applications:
            offers = ("Bearer", *offers)
        named = (("WWW-Authenticate", CHALLENGES.get(offer, offer)) for offer in offers)
        return Refused(401, tuple(named))

    def _by_token(self, authorization: str) -> Account | Refused:
        exchange = self._exchange
        identity = entra.identity_of(exchange, authorization, audience="outlook")
        if identity is None or identity.app_id not in exchange.applications:
            words = f'{BEARER}, error="invalid_token"'
            return Refused(401, (("WWW-Authenticate", words),))
        allowed = exchange.ews_allowed_apps
        if allowed is not None and identity.app_id not in allowed:
            return Refused(403)
        if identity.user is not None:
            return exchange.find_account(identity.user) or self._challenge()
        if "full_access_as_app" not in identity.roles:
            reason = (
                '2000008;reason="The token contains not enough scope to make this call.";'
                'error_category="invalid_grant"'
            )
            return Refused(403, (("x-ms-diagnostics", reason),))
        return exchange.account_of_application(identity.app_id)

    def _bound_to(self, transport: asyncio.Transport) -> GssChannelBindings | None:
        """Say what a sign-in must be bound to: our certificate, by its digest (RFC 5929, tls-server-end-point)."""
        context = transport.get_extra_info("sslcontext")
        if not self._exchange.extended_protection or not isinstance(context, ShowingContext):
            return None
        digest = hashlib.sha256(context.shown).digest()
        return GssChannelBindings(application_data=b"tls-server-end-point:" + digest)

    def _by_handshake(
        self, transport: asyncio.Transport, scheme: str, given: str
    ) -> Account | str | None:
        """Take the next step: the account at the end, the server's next word before it, None where it failed."""
        self._connections = {t: c for t, c in self._connections.items() if not t.is_closing()}
        connection = self._connections.setdefault(transport, _Connection())
        account, token = None, b""
        try:
            token = base64.b64decode(given, validate=True)
            account, line = _claimed(self._exchange, token)
            with _credentials(line):
                if connection.context is None:
                    protocol, options = OPTIONS[scheme]
                    connection.context = spnego.server(
                        protocol=protocol,
                        options=options,
                        channel_bindings=self._bound_to(transport),
                    )
                answer = connection.context.step(token)
            is_complete = connection.context.complete
        except (SpnegoError, binascii.Error, ValueError, KeyError, struct.error, AttributeError):
            # The last three are what pyspnego makes of tokens that are none, and of tickets that are bound elsewhere.
            del self._connections[transport]
            is_right = (
                account is not None
                and self._bound_to(transport) is None
                and _proves(token, connection.challenge, account)
            )
            if is_right:
                self._connections[transport] = _Connection(account=account)
            return account and self._exchange.let_in(account, is_right=is_right)
        if not is_complete:
            connection.challenge = answer or b""
            return f"{scheme} {base64.b64encode(answer or b'').decode()}"
        if connection.context.negotiated_protocol == "kerberos":
            # The key distribution center has checked the password; what is left is whose ticket it is.
            account = self._exchange.find_account(connection.context.client_principal or "")
        connection.context = None
        connection.account = account and self._exchange.let_in(account, is_right=True)
        return connection.account


def _by_password(exchange: Exchange, given: str) -> Account | None:
    try:
        name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return exchange.sign_in(name, password)


def _claimed(exchange: Exchange, token: bytes) -> tuple[Account | None, str]:
    """Tell who a last message of NTLM claims to be, with the line of the user file that checks it."""
    if AUTHENTICATE not in token:
        return None, ""
    domain, user = _names(token[token.find(AUTHENTICATE) :])
    account = exchange.find_account(f"{domain}\\{user}" if domain else user)
    return account, f"{domain}:{user}:{account.password}" if account else ""


def _names(message: bytes) -> tuple[str, str]:
    """Read the domain and the user of a last message of NTLM."""
    (flags,) = struct.unpack_from("<I", message, 60)
    encoding = "utf-16-le" if flags & UNICODE else "ascii"
    domain, user = (_field(message, at).decode(encoding) for at in (28, 36))
    return domain, user


def _field(message: bytes, at: int) -> bytes:
    length, _, offset = struct.unpack_from("<HHI", message, at)
    return message[offset : offset + length]


def _proves(token: bytes, challenge: bytes, account: Account) -> bool:
    """Tell whether a last message of NTLMv2 proves the password over what the client sent, byte for byte (MS-NLMP 3.3.2).

    pyspnego builds anew what is signed, with the four zeros at its end, and so refuses those who leave them out as
    Mozilla's clients do, and whom Exchange lets in.
    """
    response = _field(token, 20) if token.startswith(AUTHENTICATE) else b""
    if len(response) <= NTLM_V1 or not challenge.startswith(CHALLENGE):
        return False
    domain, user = _names(token)
    key = ntowfv2(user, ntowfv1(account.password), domain)
    proof = hmac.digest(key, challenge[24:32] + response[16:], "md5")
    return hmac.compare_digest(proof, response[:16])


@contextmanager
def _credentials(line: str) -> Iterator[None]:
    """Let pyspnego know the one password that is to be checked: it takes them from a file alone."""
    before = os.environ.get("NTLM_USER_FILE")
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write(line)
        file.flush()
        os.environ["NTLM_USER_FILE"] = file.name
        try:
            yield
        finally:
            if before is None:
                del os.environ["NTLM_USER_FILE"]
            else:
                os.environ["NTLM_USER_FILE"] = before
