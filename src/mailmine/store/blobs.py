"""Contents of any size, named by their SHA-256: in a folder or an object store, for tests in memory.

A content is written under a passing name and moved when it is whole: under a hash there is never half
of it, whenever the process dies. What was put is on the disk, with its name, so that a power cut takes no content
whose row was committed. A content that is read whole is compared with its name on the way.
"""

import asyncio
import contextlib
import hashlib
import re
import secrets
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore

from mailmine.model.ids import ContentHash
from mailmine.store import lasting, object_stores
from mailmine.store.errors import BlobDamaged, BlobMissing, ContentsUnavailable, StoreError
from mailmine.store.object_stores import reason
from mailmine.store.sweeping import sweep

PART = 5 << 20
"""Bytes written at a time; object stores want parts of 5 MiB at least."""
PIECE = 256 << 10
"""Bytes read at a time."""

PASSING = "incoming"
"""Folder of contents that are not whole yet."""
AWAY = 30.0
"""Seconds after a content could not be kept, for which whoever can wait does not try."""
ABANDONED = 24 * 3600
"""Seconds since the last byte, after which nobody writes a passing content any more: its process was killed."""

_HASH = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """All contents of one installation. Every method may raise StoreError."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        self._store = store
        self.folder = folder
        """Where it is one of this machine."""
        self._failed_at: float | None = None
        self._lasting: set[Path] = set()

    @property
    def is_away(self) -> bool:
        """Whether a content could not be kept some seconds ago: to find that out again takes long."""
        return self._failed_at is not None and time.monotonic() - self._failed_at < AWAY

    @classmethod
    def open(cls, place: str | Path) -> "Blobs":
        """Keep contents in a folder, which is made if it is missing, or in an object store, which is not asked yet.

        In a folder, clears away what killed processes left; object stores do that by a rule (docs/cluster.md).
        """
        if object_stores.is_address(str(place)):
            return cls(object_stores.open_store(str(place)))
        if "://" in str(place):
            raise StoreError(
                f"Contents cannot be kept in {place}: give a folder, or s3://bucket/prefix, "
                "az://container/prefix or gs://bucket/prefix."
            )
        if Path(place).exists() and not Path(place).is_dir():
            raise StoreError(f"Contents cannot be kept in {place}: it is no folder.")
        sweep(Path(place) / PASSING, "*", abandoned=ABANDONED)
        try:
            return cls(LocalStore(Path(place), mkdir=True), Path(place))
        except (BaseError, OSError, ValueError) as error:
            raise StoreError(f"Contents cannot be kept in {place}: {reason(error)}") from error

    @classmethod
    def in_memory(cls) -> "Blobs":
        """Keep contents until the process ends."""
        return cls(MemoryStore())

    async def put(self, content: AsyncIterator[bytes]) -> tuple[ContentHash, int]:
        """Keep a content; its hash, and how many bytes it has. Holds a few parts in memory at most.

        What `content` itself raises is raised as it is, and nothing is kept.
        """
        begun = bytearray()
        if self.folder is None:  # a request instead of five for a small content, and as atomic
            async for piece in content:
                begun += piece
                if len(begun) >= PART:
                    break
            else:
                return await self.put_bytes(bytes(begun)), len(begun)
        digest, size = hashlib.sha256(), 0
        broken: Exception | None = None

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size, broken
            try:
                async for piece in _chained(begun, content):
                    digest.update(piece)
                    size += len(piece)
                    yield piece
            except Exception as error:
                broken = error
                raise

        passing = f"{PASSING}/{secrets.token_hex(16)}"
        try:
            await obstore.put_async(
                self._store,
                passing,
                counted(),
                use_multipart=True,
                chunk_size=PART,
                max_concurrency=2,
            )
            content_hash = ContentHash(digest.hexdigest())
            await self._name(passing, content_hash)
        except Exception as error:
            if broken is not None:
                raise broken from None
            if not isinstance(error, BaseError | OSError):
                raise
            raise self._not_kept(error) from error
        return content_hash, size

    async def put_bytes(self, content: bytes) -> ContentHash:
        """Keep a small content."""
        content_hash = ContentHash(hashlib.sha256(content).hexdigest())
        try:
            if self.folder is None:
                path = _path(content_hash)
                await obstore.put_async(self._store, path, content, use_multipart=False)
            else:
                await asyncio.to_thread(self._write, self.folder, content_hash, content)
        except (BaseError, OSError) as error:
            raise self._not_kept(error) from error
        return content_hash

    async def _name(self, passing: str, content_hash: ContentHash) -> None:
        """Give a whole content its name."""
        if self.folder is None:
            await obstore.rename_async(self._store, passing, _path(content_hash))
        else:
            file = self.folder / passing
            await asyncio.to_thread(self._move_in, self.folder, file, content_hash)

    def _write(self, folder: Path, content_hash: ContentHash, content: bytes) -> None:
        passing = folder / PASSING / secrets.token_hex(16)
        passing.parent.mkdir(exist_ok=True)
        try:
            passing.write_bytes(content)
            self._move_in(folder, passing, content_hash)
        except OSError:
            with contextlib.suppress(OSError):
                passing.unlink()
            raise

    def _move_in(self, folder: Path, passing: Path, content_hash: ContentHash) -> None:
        """Do as `_name` in a folder, in a thread: the disk is waited for."""
        lasting.sync_file(passing)
        path = folder / _path(content_hash)
        path.parent.mkdir(parents=True, exist_ok=True)
        passing.rename(path)
        lasting.sync_folder(path.parent)
        if path.parent not in self._lasting:
            # This process, or one that was cut off, may just have made them.
            for above in (path.parent.parent, folder):
                lasting.sync_folder(above)
            self._lasting.add(path.parent)

    def _not_kept(self, error: Exception) -> ContentsUnavailable:
        self._failed_at = time.monotonic()
        return ContentsUnavailable(f"A content cannot be kept: {reason(error)}")

    async def check(self) -> None:
        """Make sure that contents can be kept: keeps a byte, and takes it away again."""
        passing = f"{PASSING}/{secrets.token_hex(16)}"
        try:
            await obstore.put_async(self._store, passing, b"1", use_multipart=False)
            await obstore.delete_async(self._store, passing)
        except (BaseError, OSError) as error:
            raise self._not_kept(error) from error

    async def read(
        self, content_hash: ContentHash, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """Read a content, from byte `start` to before `end`, piece by piece. Raises BlobMissing.

        Read whole, a content that is not what its name says is not given to its end: raises BlobDamaged.
        """
        size = await self.size(content_hash)
        if size is None:
            raise BlobMissing(f"There is no content {content_hash}.")
        stop = size if end is None else min(end, size)
        if start >= stop:
            return
        try:
            found = await obstore.get_async(
                self._store, _path(content_hash), options={"range": (start, stop)}
            )
            digest, left = hashlib.sha256(), stop
            async for piece in found.stream(min_chunk_size=PIECE):
                if start == 0 and stop == size:
                    digest.update(piece)
                    left -= len(piece)
                    if left <= 0 and digest.hexdigest() != content_hash:
                        raise BlobDamaged(f"The content {content_hash} is damaged.")
                yield bytes(piece)
        except (BaseError, OSError) as error:
            raise ContentsUnavailable(f"A content cannot be read: {reason(error)}") from error

    async def size(self, content_hash: ContentHash) -> int | None:
        """Count the bytes of a content; None where there is none."""
        if not _HASH.fullmatch(content_hash):
            return None
        try:
            return (await obstore.head_async(self._store, _path(content_hash)))["size"]
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise ContentsUnavailable(f"A content cannot be read: {reason(error)}") from error

    async def remove(self, content_hash: ContentHash, *, unless_written_since: datetime) -> bool:
        """Throw a content away, unless somebody wrote it again since; whether it is gone.

        Writing a content that is there writes it anew: so who is about to name it again is seen here.
        """
        try:
            written_at = (await obstore.head_async(self._store, _path(content_hash)))[
                "last_modified"
            ]
            if written_at >= unless_written_since:
                return False
            await obstore.delete_async(self._store, _path(content_hash))
        except FileNotFoundError:
            return True
        except (BaseError, OSError) as error:
            raise StoreError(f"A content cannot be removed: {reason(error)}") from error
        return True


def _path(content_hash: ContentHash) -> str:
    return f"{content_hash[:2]}/{content_hash[2:4]}/{content_hash}"


async def _chained(begun: bytes | bytearray, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if begun:
        yield bytes(begun)
    async for piece in rest:
        yield piece
