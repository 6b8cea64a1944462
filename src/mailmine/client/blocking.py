"""The client for programs without asyncio."""

import os
import time
from collections.abc import Callable, Generator, Iterable
from datetime import datetime
from types import TracebackType
from typing import IO, Self, TypeVar

import httpx

from mailmine.client import calls, flows, retries
from mailmine.client.calls import Call
from mailmine.client.comments import Comment, Counts, Json
from mailmine.client.files import written_whole
from mailmine.client.flows import Advance, Flow, Given, Left, Pause
from mailmine.client.items import Item
from mailmine.client.retries import Outcome

T = TypeVar("T")


class Client:
    """A mailmine, and one user's token for it. To be closed, or used in `with`.

    Sources and streams are named `project/source` and `project/dataset/stream`, with `id:…` for a source or a dataset
    just as well. Whatever fails raises Error, after up to four tries where trying again is harmless.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = 60.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """`url` may end in a path, under which mailmine is served; `timeout` is in seconds, for each single wait.

        Raises ValueError for what can be no token.
        """
        self._http = httpx.Client(
            base_url=url, headers=calls.headers(token), timeout=timeout, transport=transport
        )
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def comments(
        self, source: str, *, since: datetime | None = None, until: datetime | None = None
    ) -> Generator[Comment, None, None]:
        """Give the comments of a source, oldest first, those sent at `since` and `until` included."""
        return self._drive(flows.source_comments(source, since=since, until=until))

    def comment(self, source: str, comment_id: str) -> Comment:
        """Give one comment. Raises NotFoundError."""
        return self._ask(calls.comment(source, comment_id))

    def put(self, source: str, comments: Iterable[Comment | Json]) -> Counts:
        """Put new comments, all or none, 16,384 at most. Raises TakenError where one is there already."""
        return self._ask(calls.put(source, comments))

    def sync(self, source: str, comments: Iterable[Comment | Json]) -> Counts:
        """Put comments, all or none, 16,384 at most; those that are there already say from now on what these say."""
        return self._ask(calls.sync(source, comments))

    def attachment(self, reference: str) -> bytes:
        """Give the content of an attachment. Raises NotFoundError."""
        return self._ask(calls.attachment(reference))

    def save_attachment(self, reference: str, file: str | os.PathLike[str]) -> None:
        """Write the content of an attachment into a file, without having all of it in memory.

        Until it is complete, its name has `.part` at the end. Raises NotFoundError, OSError.
        """
        with written_whole(file) as part:
            self._ask(calls.attachment_for_file(reference), into=part)

    def stream(
        self,
        stream: str,
        *,
        batch: int = 64,
        advance: Advance = "each",
        follow: float | None = None,
    ) -> Generator[Item[None], None, None]:
        """Give what a stream has not given yet, and move it behind each item when the next one is asked for.

        So an item at which the caller failed or left comes again, to whoever reads the stream next. `advance="batch"`
        moves it once for `batch` items, and when the iterator is closed: less to send, but after a crash up to
        that many come again. With `follow` it does not end, but looks for more every so many seconds.
        """
        return self._drive(
            flows.stream_items(stream, size=batch, advance=advance, follow=follow, ask=self._ask)
        )

    def _drive(self, flow: Flow[T]) -> Generator[T, None, None]:
        try:
            step = next(flow)
            while True:
                match step:
                    case Call():
                        step = flow.send(self._ask(step))
                    case Pause(seconds):
                        self._sleep(seconds)
                        step = next(flow)
                    case Given(value):
                        try:
                            yield value
                        except GeneratorExit:
                            step = flow.throw(Left())
                        else:
                            step = next(flow)
        except (StopIteration, Left):
            return

    def _ask(self, call: Call[T], into: IO[bytes] | None = None) -> T:
        tries = 0
        while True:
            outcome = self._try(call, into)
            tries += 1
            seconds = retries.pause(call, outcome, tries)
            if seconds is None:
                return retries.result(call, outcome)
            self._sleep(seconds)

    def _try(self, call: Call[T], into: IO[bytes] | None) -> Outcome:
        try:
            with self._http.stream(
                call.method,
                call.path,
                params=call.params,
                headers=call.headers,
                content=call.content,
            ) as answer:
                if into is None or not answer.is_success:
                    answer.read()
                    return answer
                # What an earlier try wrote is of no use.
                into.seek(0)
                into.truncate()
                for piece in answer.iter_bytes():
                    into.write(piece)
                return answer
        except httpx.RequestError as error:
            return error
