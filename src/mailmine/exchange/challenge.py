"""Signing in by NTLM or Negotiate (Kerberos), as Exchange Server offers it (RFC 4559; MS-NTHT).

It is the connection that is signed in, not the request: so a line with such credentials has a connection of its own.
"""

import base64
import binascii
import struct
from collections.abc import AsyncGenerator, Mapping
from typing import Final
from urllib.parse import urlsplit

import spnego
import spnego.exceptions
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from spnego.channel_bindings import GssChannelBindings

from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.exchange.http import Response
from mailmine.exchange.www_authenticate import offered
from mailmine.model.integration import AuthType, Connection

MOST_LEGS: Final = 4
"""Answers of the server to one sign-in; NTLM takes two."""
END_POINT: Final = b"tls-server-end-point:"
_SCHEMES: Final = {AuthType.NTLM: "NTLM", AuthType.NEGOTIATE: "Negotiate"}


def bindings(certificate: bytes) -> GssChannelBindings | None:
    """Bind a sign-in to the certificate that the server showed, so that nobody in between can pass it on.

    Exchange wants it where Extended Protection is switched on, as it is by default since Exchange 2019 CU14
    (tls-server-end-point, RFC 5929). None where the certificate cannot be read.
    """
    try:
        hashed_by = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return None
    if hashed_by is None or isinstance(hashed_by, hashes.MD5 | hashes.SHA1):
        hashed_by = hashes.SHA256()
    digest = hashes.Hash(hashed_by)
    digest.update(certificate)
    return GssChannelBindings(application_data=END_POINT + digest.finalize())


class Challenged:
    """Answers the challenges of a server."""

    is_for_connection = True

    def __init__(self, connection: Connection, secret: str) -> None:
        self._connection = connection
        self._secret = secret
        self._scheme = _SCHEMES[connection.auth]
        self._host = urlsplit(connection.endpoint).hostname or ""

    async def flow(self) -> AsyncGenerator[Mapping[str, str], Response]:
        """Send nothing first: a connection that is signed in stays so. Then answer what the server asks."""
        response = yield {}
        context = self._context(response.certificate)
        token = None
        for _ in range(MOST_LEGS):
            try:
                answer = context.step(token)
            except (spnego.exceptions.SpnegoError, ValueError, struct.error) as error:
                if token is not None:  # the server said no, or nothing that makes sense
                    return
                raise ExchangeError(self._unavailable()) from error
            if answer is None:
                return
            encoded = base64.b64encode(answer).decode("ascii")
            response = yield {"Authorization": f"{self._scheme} {encoded}"}
            token = self._challenge(response)
            if token is None:
                return

    def _context(self, certificate: bytes | None) -> spnego.ContextProxy:
        try:
            return spnego.client(
                self._connection.username,
                self._secret,
                hostname=self._host,
                service="HTTP",
                protocol="ntlm" if self._connection.auth is AuthType.NTLM else "negotiate",
                channel_bindings=None if certificate is None else bindings(certificate),
            )
        except (spnego.exceptions.SpnegoError, ImportError, ValueError) as error:
            raise ExchangeError(self._unavailable()) from error

    def _challenge(self, response: Response) -> bytes | None:
        """Find what the server asks; None where it asks nothing more: it refused."""
        for scheme, said in offered(response.challenges):
            if scheme == self._scheme.lower() and said:
                try:
                    return base64.b64decode(said, validate=True)
                except binascii.Error:
                    return None
        return None

    def _unavailable(self) -> Fault:
        return Fault(
            where=Where.CLIENT,
            code=Code.SIGN_IN_UNAVAILABLE,
            message=(
                f"Signing in at {self._host} by {self._scheme} is not possible from this machine. "
                "Kerberos needs a ticket or a keytab, and the packages gssapi and krb5 (pip install "
                "pyspnego[kerberos]); or sign in by NTLM with a user name such as DOMAIN\\user."
            ),
            scope=Scope.CONNECTION,
        )
