"""What takes several calls, as generators that send nothing: the clients drive them, each in its own way.

A flow yields a `Call` and is sent what came of it, a `Pause` that is to be waited for, and `Given` for the caller. A
caller who wants no more is told to the flow by `Left`, upon which it may yield last calls.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from mailmine.client import calls, items
from mailmine.client.calls import Batch, Call, Page
from mailmine.client.comments import Comment
from mailmine.client.items import Asked, Item

T = TypeVar("T")

Advance = Literal["each", "batch"]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Given(Generic[T]):
    """Something for the caller."""

    value: T


class Left(Exception):
    """The caller asks for nothing more; what he was given last he may not be done with."""


Flow = Generator[Call[Any] | Pause | Given[T], Any, None]


def source_comments(
    source: str, *, since: datetime | None, until: datetime | None
) -> Flow[Comment]:
    """Give the comments of a source, page by page."""
    after = None
    while True:
        page: Page = yield calls.page(source, since=since, until=until, after=after)
        for comment in page.comments:
            yield Given(comment)
        after = page.continuation
        if after is None:
            return


def stream_items(
    stream: str,
    *,
    size: int,
    advance: Advance,
    follow: float | None,
    ask: Callable[[Call[None]], Asked],
) -> Flow[Item[Asked]]:
    """Give what a stream has, and move the stream behind each item when the caller comes back for the next."""
    while True:
        batch: Batch = yield calls.fetch(stream, size)
        handled = None
        for number, result in enumerate(batch.results, 1):
            item = items.read(result, stream, ask)
            try:
                yield Given(item)
            except Left:
                if handled is not None:
                    yield calls.advance(stream, handled)
                return
            handled = item.sequence_id
            if advance == "each" and number < len(batch.results):
                yield calls.advance(stream, handled)
                handled = None
        if batch.results or batch.filtered:
            # Not only behind the last item: behind what the filter left out after it as well.
            yield calls.advance(stream, batch.sequence_id)
        if batch.is_end or not (batch.results or batch.filtered):
            if follow is None:
                return
            yield Pause(follow)
