"""Takes contents from one place to another: those that are there already are left alone, so it can be broken off."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mailmine.model.ids import ContentHash
from mailmine.store.blobs import Blobs
from mailmine.store.errors import BlobDamaged, BlobMissing, StoreError

AT_ONCE = 8
"""Contents on the way at the same time: an object store is far, and each is some parts of memory."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What came of it."""

    copied: int
    looked_at: int
    missing: tuple[ContentHash, ...]
    """Which the source itself does not have."""


async def copy(
    names: Iterator[ContentHash],
    source: Blobs,
    target: Blobs,
    told: Callable[[], None],
    *,
    reads_back: bool,
) -> Moved:
    """Copy contents; `reads_back` also reads each in the target, and compares it with its name.

    Raises StoreError, also where one is not what its name says; what was copied stays.
    """
    copied = looked_at = 0
    missing = list[ContentHash]()
    seen = set[bytes]()

    async def take() -> None:
        nonlocal copied, looked_at
        for name in names:
            if (short := bytes.fromhex(name)) in seen:
                continue
            seen.add(short)
            try:
                is_new = await _settle(name, source, target, reads_back=reads_back)
                copied += is_new
            except BlobMissing:
                missing.append(name)
            looked_at += 1
            told()

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(take())
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    return Moved(copied, looked_at, tuple(missing))


async def _settle(name: ContentHash, source: Blobs, target: Blobs, *, reads_back: bool) -> bool:
    """Copy one content where it is not there, or not whole; says whether."""
    size = await source.size(name)
    if size is None:
        raise BlobMissing(f"There is no content {name}.")
    if await target.size(name) == size and (not reads_back or await _is_whole(name, target)):
        return False
    try:
        found, _ = await target.put(source.read(name))
    except BlobDamaged:
        found = None
    if found != name:
        raise StoreError(
            f"The content {name} is damaged where it is now. Put it back from a backup, or take it away, so that it "
            "counts as missing; then give the same command again."
        )
    if reads_back and not await _is_whole(name, target):
        raise StoreError(
            f"The content {name} does not come back from where it goes as it was put. Look at that store; then give "
            "the same command again."
        )
    return True


async def _is_whole(name: ContentHash, blobs: Blobs) -> bool:
    try:
        async for _ in blobs.read(name):
            pass  # it compares what it reads
    except BlobDamaged:
        return False
    return True
