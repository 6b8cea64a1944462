"""Asks the API as a server would hand requests to it: raw path beside the decoded one."""

import asyncio
import gzip
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
import orjson
from starlette.types import ASGIApp, Message, Scope

from mailmine.api.shapes import ANSWERS, envelope

PIECE = 64 << 10
"""Bytes that arrive at once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    route: str = ""
    """The route that gave it, as api/rights.py names it."""

    @property
    def json(self) -> Any:
        """The body, which has to be the JSON of the envelope and agree with the status."""
        assert self.headers["content-type"] == "application/json; charset=utf-8"
        packed = self.headers.get("content-encoding") == "gzip"
        data = orjson.loads(gzip.decompress(self.body) if packed else self.body)
        assert data["status"] == ("ok" if self.status < 300 else "error")
        if data["status"] == "error":
            assert data.keys() == {"status", "message"}
            assert data["message"]
        return data


@dataclass(frozen=True, slots=True)
class Client:
    """One user's client, in this process."""

    app: ASGIApp
    token: str | None = None
    prefix: str = ""

    async def get(self, target: str, **headers: str) -> Answer:
        """GET a path, percent-encoded, with its query."""
        return await self.ask("GET", target, b"", **headers)

    async def put(self, target: str, body: object) -> Answer:
        """PUT JSON."""
        return await self.send("PUT", target, body)

    async def post(self, target: str, body: object) -> Answer:
        """POST JSON."""
        return await self.send("POST", target, body)

    async def delete(self, target: str) -> Answer:
        """DELETE."""
        return await self.ask("DELETE", target)

    async def send(self, method: str, target: str, body: object, **headers: str) -> Answer:
        """Send JSON, or bytes as they are."""
        sent = body if isinstance(body, bytes) else orjson.dumps(body)
        kind = {"content_type": "application/json", "content_length": str(len(sent))}
        return await self.ask(method, target, sent, **(kind | headers))

    async def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
        """Send a request; `if_range="…"` is the header If-Range."""
        raw, _, query = (self.prefix + target).partition("?")
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            sent.setdefault("authorization", f"Bearer {self.token}")
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 50000),
            "path": unquote_to_bytes(raw).decode("utf-8", "replace"),
            "raw_path": raw.encode(),
            "query_string": query.encode(),
            "root_path": self.prefix,
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }
        got: list[Message] = []
        pieces = [body[start : start + PIECE] for start in range(0, len(body), PIECE)] or [b""]

        async def receive() -> Message:
            if not pieces:
                # The client stays; nothing more will come.
                await asyncio.Event().wait()
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

        async def send(message: Message) -> None:
            got.append(message)

        await self.app(scope, receive, send)
        answer = Answer(
            got[0]["status"],
            {name.decode().lower(): value.decode() for name, value in got[0]["headers"]},
            b"".join(message.get("body", b"") for message in got[1:]),
            f"{method} {scope['route'].path}" if "route" in scope else "",
        )
        described(answer)
        return answer


def described(answer: Answer) -> None:
    """Hold an answer against what the description of the API says of it."""
    fields = ANSWERS.get(answer.route)
    if fields is None or answer.status != 200 or "json" not in answer.headers["content-type"]:
        return
    msgspec.convert(answer.json, envelope("Answer", fields))
