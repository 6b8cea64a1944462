"""How an account proves who it is.

A kind of credentials is a *flow*: it yields the headers for a request, is sent the answer where that was a 401, and
either yields headers for another try or ends. Basic says its word once; challenges and tokens fit the same form.
"""

import base64
from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

from mailmine.exchange.http import Response
from mailmine.model.integration import AuthType, Connection

Headers = Mapping[str, str]


class Credentials(Protocol):
    """Proves who the account is."""

    def flow(self) -> AsyncGenerator[Headers, Response]:
        """Yield the headers of the next try, as long as another try makes sense. May raise ExchangeError."""
        ...


class Basic:
    """User name and password with every request (RFC 7617), in UTF-8."""

    def __init__(self, username: str, password: str) -> None:
        token = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
        self._headers = {"Authorization": f"Basic {token}"}

    async def flow(self) -> AsyncGenerator[Headers, Response]:
        """Say it once: a password that was refused is not mended by saying it again."""
        yield self._headers


def make_credentials(connection: Connection, secret: str) -> Credentials:
    """Make the credentials that `connection` asks for."""
    match connection.auth:
        case AuthType.BASIC:
            return Basic(connection.username, secret)
        case _:
            raise NotImplementedError(f"signing in by {connection.auth} is not there yet")
