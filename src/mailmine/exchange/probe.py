"""Shakes hands with a server, to see what it shows: the version of TLS and the end of its certificate."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from cryptography import x509

from mailmine.exchange.faults import ExchangeError
from mailmine.exchange.http import WIRE_ERRORS, fault_of
from mailmine.exchange.tls import make_context
from mailmine.model.integration import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What a server showed."""

    address: str
    """Where the name led to."""
    version: str
    """As OpenSSL says it: `TLSv1.3`."""
    cipher: str
    ends_at: datetime
    """The end of its certificate."""
    issuer: str


async def shake_hands(connection: Connection) -> Handshake:
    """Make a connection of TLS as the integration does, without its proxy, and end it. Raises ExchangeError."""
    parts = urlsplit(connection.endpoint)
    context = make_context(connection)
    try:
        async with asyncio.timeout(connection.timeouts.connect):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or 443, ssl=context
            )
    except WIRE_ERRORS as error:
        raise ExchangeError(fault_of(error, connection.endpoint)) from error
    try:
        layer = writer.get_extra_info("ssl_object")
        certificate = x509.load_der_x509_certificate(layer.getpeercert(binary_form=True))
        return Handshake(
            address=str(writer.get_extra_info("peername")[0]),
            version=layer.version(),
            cipher=layer.cipher()[0],
            ends_at=certificate.not_valid_after_utc,
            issuer=certificate.issuer.rfc4514_string(),
        )
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
