"""How an account proves who it is.

A kind of credentials is a *flow*: it yields the headers for a request, is sent the answer where that was a 401, and
either yields headers for another try or ends. Basic says its word once; challenges and tokens fit the same form.
"""

import base64
from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

from mailmine.exchange.http import Response, Transport
from mailmine.exchange.oauth import Bearer
from mailmine.exchange.pace import Clock
from mailmine.model.integration import AuthType, Connection

Headers = Mapping[str, str]


class Credentials(Protocol):
    """Proves who the account is."""

    @property
    def is_for_connection(self) -> bool:
        """Whether not each request is signed in but the connection, which then carries nobody else's."""
        ...

    def flow(self) -> AsyncGenerator[Headers, Response]:
        """Yield the headers of the next try, as long as another try makes sense. May raise ExchangeError."""
        ...


class Basic:
    """User name and password with every request (RFC 7617), in UTF-8."""

    is_for_connection = False

    def __init__(self, username: str, password: str) -> None:
        token = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
        self._headers = {"Authorization": f"Basic {token}"}

    async def flow(self) -> AsyncGenerator[Headers, Response]:
        """Say it once: a password that was refused is not mended by saying it again."""
        yield self._headers


def make_credentials(
    connection: Connection, secret: str, *, transport: Transport, clock: Clock
) -> Credentials:
    """Make the credentials that `connection` asks for; what they ask for themselves goes by `transport`."""
    match connection.auth:
        case AuthType.BASIC:
            return Basic(connection.username, secret)
        case AuthType.NTLM | AuthType.NEGOTIATE:
            # Loaded where it is needed: it takes ten megabytes, with all that it brings along.
            from mailmine.exchange.challenge import Challenged  # noqa: PLC0415

            return Challenged(connection, secret)
        case AuthType.CLIENT_SECRET | AuthType.CLIENT_CERTIFICATE | AuthType.SERVICE_USER:
            return Bearer(connection, secret, transport=transport, clock=clock)
