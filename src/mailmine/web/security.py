"""The headers that keep a browser from doing what an email may want it to do."""

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""No inline script, no inline style, nothing from elsewhere, in nobody's frame (CSP level 3)."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

PRIVATE = "private, no-cache"
"""Pages show mail: no shared cache keeps them, and a browser asks again before it shows one."""


def secure(headers: MutableHeaders) -> None:
    """Add `HEADERS`, and `PRIVATE` where nothing is said about caching."""
    headers.update(HEADERS)
    headers.setdefault("Cache-Control", PRIVATE)


MOST = 16 << 20
"""Bytes of a form: one with the folders of a large mailbox has some millions."""


class LimitedBodies:
    """Reads no more of a request than a form can hold, whoever sends it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as `app` does; reading more than `MOST` raises HTTPException there."""
        size = 0

        async def receive_limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > MOST:
                raise HTTPException(413)
            return message

        await self.app(scope, receive_limited, send)


class SecureHeaders:
    """Secures every answer that a route gives."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as `app` does."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                secure(MutableHeaders(scope=message))
            await send(message)

        await self.app(scope, receive, send_secured)
