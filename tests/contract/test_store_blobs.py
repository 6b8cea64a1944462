"""Contents named by their hash, in a folder, in memory, and in an object store."""

import errno
import hashlib
import multiprocessing
import os
import signal
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from mailmine.model.ids import ContentHash
from mailmine.store.blobs import Blobs
from mailmine.store.errors import BlobMissing, ContentsUnavailable, StoreError
from tests.object_store import Bucket

MIB = 1 << 20


@pytest.fixture(params=["folder", "memory", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "s3":
        bucket: Bucket = request.getfixturevalue("bucket")
        return Blobs.open(bucket.place)
    return Blobs.open(tmp_path / "blobs") if request.param == "folder" else Blobs.in_memory()


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece


async def whole(
    blobs: Blobs, content_hash: ContentHash, *, start: int = 0, end: int | None = None
) -> bytes:
    return b"".join([piece async for piece in blobs.read(content_hash, start=start, end=end)])


def named(content: bytes) -> ContentHash:
    return ContentHash(hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    "content", [(), (b"",), (b"abc",), (b"a", b"", b"bc"), (b"x" * MIB,) * 12], ids=len
)
async def test_a_content_comes_back_as_it_was_put(blobs: Blobs, content: tuple[bytes, ...]) -> None:
    joined = b"".join(content)
    assert await blobs.put(pieces(*content)) == (named(joined), len(joined))
    assert await whole(blobs, named(joined)) == joined
    assert await blobs.size(named(joined)) == len(joined)


async def test_a_small_content_is_the_same_however_it_is_put(blobs: Blobs) -> None:
    assert await blobs.put_bytes(b"abc") == named(b"abc")
    assert await blobs.put(pieces(b"abc")) == (named(b"abc"), 3)
    assert await blobs.put_bytes(b"abc") == named(b"abc")
    assert await whole(blobs, named(b"abc")) == b"abc"


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    content=st.binary(max_size=50),
    start=st.integers(0, 60),
    end=st.none() | st.integers(0, 60),
)
async def test_a_part_is_what_slicing_gives(
    blobs: Blobs, content: bytes, start: int, end: int | None
) -> None:
    content_hash = await blobs.put_bytes(content)
    assert await whole(blobs, content_hash, start=start, end=end) == content[start:end]


@pytest.mark.parametrize("content_hash", [named(b"other"), "", "../../etc/passwd", "A" * 64])
async def test_what_is_not_there_is_missing(blobs: Blobs, content_hash: str) -> None:
    await blobs.put_bytes(b"abc")
    assert await blobs.size(ContentHash(content_hash)) is None
    with pytest.raises(BlobMissing):
        await whole(blobs, ContentHash(content_hash))


@pytest.mark.parametrize("error", [ConnectionResetError(), LookupError("our own")])
async def test_a_content_that_breaks_off_leaves_nothing(blobs: Blobs, error: Exception) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * MIB
        raise error

    with pytest.raises(type(error)) as raised:
        await blobs.put(broken())
    assert raised.value is error
    assert await blobs.size(named(b"x" * MIB)) is None


def test_a_place_that_cannot_be_used_is_said_to_be_so(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(StoreError, match="file"):
        Blobs.open(file / "blobs")


def put_until_killed(folder: str) -> None:
    import asyncio  # noqa: PLC0415 - runs in a process of its own

    async def endless() -> AsyncIterator[bytes]:
        for number in range(40):
            yield bytes([number]) * MIB
            if number == 30:
                os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(Blobs.open(folder).put(endless()))


def test_a_killed_process_leaves_no_half_content_under_a_hash(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=put_until_killed, args=(str(tmp_path),)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert "incoming" in file.relative_to(tmp_path).parts


@pytest.mark.parametrize("place", ["folder", "s3"])
async def test_memory_stays_flat_however_long_the_content_is(
    place: str, tmp_path: Path, bucket: Bucket
) -> None:
    blobs = Blobs.open(tmp_path if place == "folder" else bucket.place)
    piece = os.urandom(MIB)

    async def long() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(piece)

    tracemalloc.start()
    content_hash, size = await blobs.put(long())
    read = 0
    async for part in blobs.read(content_hash):
        read += len(part)
        assert len(part) <= 8 * MIB
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert read == size == 64 * MIB
    assert peak < 24 * MIB


@pytest.mark.parametrize("way", ["whole", "piece by piece"])
async def test_what_was_put_is_on_the_disk_with_its_name(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one who pulls the plug sees it: bytes before the name, the name in its folder, new folders in theirs."""
    told: list[str] = []
    fsync, rename = os.fsync, os.rename

    def told_fsync(descriptor: int) -> None:
        synced = Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(tmp_path)
        told.append("content" if synced.parts[:1] == ("incoming",) else str(synced))
        fsync(descriptor)

    def told_rename(old: Path, new: Path) -> None:
        told.append("renamed")
        rename(old, new)

    monkeypatch.setattr(os, "fsync", told_fsync)
    monkeypatch.setattr(os, "rename", told_rename)
    blobs = Blobs.open(tmp_path)
    for first in (True, False):
        told.clear()
        if way == "whole":
            kept = await blobs.put_bytes(b"abc")
        else:
            kept, _ = await blobs.put(pieces(b"abc"))
        inner = f"{kept[:2]}/{kept[2:4]}"
        above = [kept[:2], "."] if first else []
        assert told == ["content", "renamed", inner, *above]
    assert "incoming" not in str(told[1:])


async def test_a_disk_that_does_not_take_it_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        del descriptor
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", full)
    blobs = Blobs.open(tmp_path)
    with pytest.raises(ContentsUnavailable, match="Input/output error"):
        await blobs.put_bytes(b"abc")
    with pytest.raises(ContentsUnavailable, match="Input/output error"):
        await blobs.put(pieces(b"abc"))
    assert await blobs.size(named(b"abc")) is None


async def test_what_killed_processes_left_is_cleared_away(tmp_path: Path) -> None:
    kept = await Blobs.open(tmp_path).put_bytes(b"abc")
    incoming = tmp_path / "incoming"
    incoming.mkdir(exist_ok=True)
    abandoned, written_now = incoming / "a", incoming / "b"
    for file in (abandoned, written_now):
        file.write_bytes(b"half of a content")
    long_ago = time.time() - 25 * 3600
    for file in (abandoned, tmp_path / kept[:2] / kept[2:4] / kept):
        os.utime(file, (long_ago, long_ago))
    assert await whole(Blobs.open(tmp_path), kept) == b"abc"
    assert list(incoming.iterdir()) == [written_now]


async def test_a_content_that_was_changed_is_not_given_whole(tmp_path: Path) -> None:
    blobs = Blobs.open(tmp_path)
    content_hash = await blobs.put_bytes(b"abc")
    (tmp_path / content_hash[:2] / content_hash[2:4] / content_hash).write_bytes(b"abd")
    with pytest.raises(StoreError, match="damaged"):
        await whole(blobs, content_hash)


async def test_an_object_store_keeps_contents_below_the_prefix_alone(bucket: Bucket) -> None:
    blobs = Blobs.open(f"{bucket.place}/deep/er")
    small = await blobs.put_bytes(b"abc")
    large, _ = await blobs.put(pieces(*[b"x" * MIB] * 6))
    await blobs.check()
    base = f"{bucket.prefix}/deep/er"
    assert set(bucket.keys()) == {f"{base}/{one[:2]}/{one[2:4]}/{one}" for one in (small, large)}


async def test_an_object_store_is_told_how_to_encrypt_and_checks_what_arrives(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SERVER_SIDE_ENCRYPTION", "aws:kms")
    monkeypatch.setenv("AWS_SSE_KMS_KEY_ID", "key-1")
    await Blobs.open(bucket.place).put(pieces(*[b"x" * MIB] * 6))
    (key,) = bucket.keys()
    about = bucket.about(key)
    assert about["x-amz-server-side-encryption-aws-kms-key-id"] == "key-1"
    assert about["x-amz-checksum-sha256"]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("s3://nowhere/here", "no such bucket"),
        ("ftp://host/folder", "give a folder, or s3://bucket/prefix"),
        ("s3://", "cannot be used for contents"),
    ],
)
async def test_a_wrong_place_is_said_in_words(bucket: Bucket, place: str, words: str) -> None:
    del bucket
    with pytest.raises(StoreError, match=words):
        await Blobs.open(place).check()


async def test_a_store_that_is_not_there_is_said_to_be_so(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(StoreError, match=r"cannot be reached \(Connection refused\).*endpoint"):
        await Blobs.open(bucket.place).check()


@pytest.mark.parametrize("endpoint", ["minio:9000", "nonsense", "https://"])
def test_an_endpoint_that_is_no_address_is_named(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(StoreError, match=r"AWS_ENDPOINT_URL is no address.*https://"):
        Blobs.open("s3://bucket/here")


@pytest.fixture
def forbidding_url() -> Iterator[str]:
    class Forbids(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            words = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            self.send_response(403)
            self.send_header("Content-Length", str(len(words)))
            self.end_headers()
            self.wfile.write(words)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called there
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Forbids) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


async def test_a_store_that_forbids_is_said_to_do_so(
    bucket: Bucket, forbidding_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", forbidding_url)
    with pytest.raises(StoreError, match=r"does not let us \(AccessDenied\).*credentials"):
        await Blobs.open(bucket.place).check()
