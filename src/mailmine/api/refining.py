"""Refines the emails of a request where all emails are refined, while the next ones are being read."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy import Connection as Transaction
from starlette.concurrency import run_in_threadpool

from mailmine.api.asking import Services
from mailmine.api.errors import InvalidError
from mailmine.model.email import Email
from mailmine.model.ids import BucketId
from mailmine.refine import Known, Refined
from mailmine.store.database import Database
from mailmine.sync.learning import Remembering
from mailmine.sync.refinery import Refinery

AHEAD = 2
"""Pieces that are being refined while the next one is read."""

T = TypeVar("T")


def remembering(services: Services, data: Database, bucket_id: BucketId | None) -> Refinery:
    """Give what refines emails by what is known in their bucket, where anything is to be learned there."""
    if bucket_id is None or not services.learns:
        return services.refinery

    def find(act: Callable[[Transaction], list[Known]]) -> list[Known]:
        with data.read() as tx:
            return act(tx)

    return Remembering(services.refinery, bucket_id, read=lambda act: run_in_threadpool(find, act))


async def refined(
    read: Iterator[list[T]],
    email_of: Callable[[T], Email],
    refinery: Refinery,
    *,
    field: str,
) -> AsyncIterator[list[tuple[T, Refined]]]:
    """Give the pieces of `read`, each thing with what came of its email.

    `read` runs in a thread of its own. Raises InvalidError that says which of the `field` cannot be refined.
    """
    waiting: deque[tuple[list[T], asyncio.Task[list[Refined | None]]]] = deque()
    done = 0
    try:
        while True:
            piece = await run_in_threadpool(next, read, None)
            if piece is not None:
                emails = [email_of(one) for one in piece]
                waiting.append((piece, asyncio.create_task(refinery.refine(emails))))
            while waiting and (piece is None or len(waiting) > AHEAD):
                first, task = waiting.popleft()
                yield _whole(first, await task, field, done)
                done += len(first)
            if piece is None:
                return
    finally:
        for _, task in waiting:
            task.cancel()


def _whole(
    piece: Sequence[T], words: Sequence[Refined | None], field: str, before: int
) -> list[tuple[T, Refined]]:
    whole: list[tuple[T, Refined]] = []
    for number, (one, word) in enumerate(zip(piece, words, strict=True), before):
        if word is None:
            raise InvalidError(f"{field}[{number}]: this email cannot be read. Leave it out.")
        whole.append((one, word))
    return whole
