"""Both clients behind one face, so that each test is a test of both."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable
from datetime import datetime
from typing import Any, Protocol, TypeVar

import httpx

from mailmine.client import AsyncClient, Client, Comment, Counts, Item
from mailmine.client.comments import Json
from mailmine.client.flows import Advance

T = TypeVar("T")

AnyItem = Item[None] | Item[Coroutine[Any, Any, None]]


class Face(Protocol):
    """What both can do."""

    def comments(
        self, source: str, *, since: datetime | None = None, until: datetime | None = None
    ) -> Generator[Comment, None, None]: ...
    def comment(self, source: str, comment_id: str) -> Comment: ...
    def put(self, source: str, comments: Iterable[Comment | Json]) -> Counts: ...
    def sync(self, source: str, comments: Iterable[Comment | Json]) -> Counts: ...
    def attachment(self, reference: str) -> bytes: ...
    def save_attachment(self, reference: str, file: str | os.PathLike[str]) -> None: ...
    def stream(
        self,
        stream: str,
        *,
        batch: int = 64,
        advance: Advance = "each",
        follow: float | None = None,
    ) -> Generator[AnyItem, None, None]: ...
    def mark(self, item: AnyItem, kind: str) -> None: ...
    def close(self) -> None: ...


class Blocking(Client):
    """The client as it is."""

    def mark(self, item: AnyItem, kind: str) -> None:
        assert item.exception(kind) is None


class Awaited:
    """The asynchronous client, waited for."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        transport: httpx.MockTransport | None = None,
        sleep: Callable[[float], object],
    ) -> None:
        async def waiting(seconds: float) -> None:
            await asyncio.to_thread(sleep, seconds)

        self._runner = asyncio.Runner()
        self._client = AsyncClient(url, token, transport=transport, sleep=waiting)

    def comments(
        self, source: str, *, since: datetime | None = None, until: datetime | None = None
    ) -> Generator[Comment, None, None]:
        return self._each(self._client.comments(source, since=since, until=until))

    def comment(self, source: str, comment_id: str) -> Comment:
        return self._runner.run(self._client.comment(source, comment_id))

    def put(self, source: str, comments: Iterable[Comment | Json]) -> Counts:
        return self._runner.run(self._client.put(source, comments))

    def sync(self, source: str, comments: Iterable[Comment | Json]) -> Counts:
        return self._runner.run(self._client.sync(source, comments))

    def attachment(self, reference: str) -> bytes:
        return self._runner.run(self._client.attachment(reference))

    def save_attachment(self, reference: str, file: str | os.PathLike[str]) -> None:
        self._runner.run(self._client.save_attachment(reference, file))

    def stream(
        self,
        stream: str,
        *,
        batch: int = 64,
        advance: Advance = "each",
        follow: float | None = None,
    ) -> Generator[AnyItem, None, None]:
        return self._each(self._client.stream(stream, batch=batch, advance=advance, follow=follow))

    def mark(self, item: AnyItem, kind: str) -> None:
        asked = item.exception(kind)
        assert asked is not None
        self._runner.run(asked)

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()

    def _each(self, items: AsyncGenerator[T, None]) -> Generator[T, None, None]:
        async def following() -> T:
            return await anext(items)

        try:
            while True:
                try:
                    item = self._runner.run(following())
                except StopAsyncIteration:
                    return
                yield item
        finally:
            self._runner.run(items.aclose())
