"""Bodies of requests: limited while they arrive, unpacked, kept on disk where they are large, and checked.

A route names what it takes by `takes(Shape)`, a msgspec.Struct, and is given one. So a body of hundreds of megabytes
costs no memory before it is looked at, and what it must look like is said once, for the check and for OpenAPI.
"""

import mmap
import zlib
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from tempfile import TemporaryFile
from typing import IO, Any, TypeVar

import msgspec
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.types import Message

from mailmine.api import nulls
from mailmine.api.errors import BadRequestError, InvalidError, TooLargeError, UnsupportedError

SMALL = 4 << 20
"""Bytes of a body, unpacked, for most routes."""
BULK = 512 << 20
"""For the routes that take thousands of comments or emails: 16,384 of 32 KB."""
IN_MEMORY = 1 << 20
"""A larger body goes to disk."""

_ANY = zlib.MAX_WBITS | 32
"""Of gzip and zlib."""

T = TypeVar("T")


def takes(shape: type[T], *, limit: int = SMALL) -> Callable[[Request], Awaitable[T]]:
    """Make the dependency that reads a body of this shape. Raises ApiError: 400, 413, 415, 422."""
    decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(shape)

    async def read(request: Request) -> T:
        with await _received(request, limit) as file:
            return await run_in_threadpool(_decoded, decoder, file)

    read.__dict__["takes"] = shape
    return read


def taken_by(dependency: Callable[..., Any] | None) -> type | None:
    """Tell what a dependency made by `takes` reads."""
    shape: type | None = getattr(dependency, "takes", None)
    return shape


def _decoded(decoder: "msgspec.json.Decoder[T]", file: IO[bytes]) -> T:
    size = file.seek(0, 2)
    try:
        if not size:
            return _of_nothing(decoder)
        if size <= IN_MEMORY:
            file.seek(0)
            return _of_some(decoder, file.read().removeprefix(BOM_UTF8))
        # What `msgspec.Raw` holds stays a view of the mapping, and lives as long as that.
        mapped = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        start = len(BOM_UTF8) if mapped.find(BOM_UTF8, 0, len(BOM_UTF8)) == 0 else 0
        return decoder.decode(memoryview(mapped)[start:])
    except msgspec.ValidationError as error:
        raise InvalidError(words(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequestError(f"The body is no JSON: {error}.") from error
    except RecursionError as error:
        raise BadRequestError(
            "The lists and objects of the body lie too deep in each other."
        ) from error


def _of_nothing(decoder: "msgspec.json.Decoder[T]") -> T:
    """Take no body for an empty one, where nothing has to be said."""
    try:
        return decoder.decode(b"{}")
    except msgspec.ValidationError as error:
        raise BadRequestError("The request has no body; send JSON.") from error


def _of_some(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    """Decode a body, and take null for absence where it means nothing else."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        if "got `null`" not in str(error):
            raise
    kept = nulls.left_out(msgspec.json.decode(body), decoder.type)
    return decoder.decode(msgspec.json.encode(kept))


def words(error: msgspec.ValidationError, *, within: str = "", plus: str = "+") -> str:
    """Say what is wrong with a body, and where. `within` is the place that was looked at, `plus` how a + is written there."""
    what, _, where = str(error).partition(" - at ")
    what = what.replace(
        "Invalid RFC3339 encoded datetime",
        f"This is no time; write it as 2026-03-01T12:00:00Z or 2026-03-01T13:00:00{plus}01:00",
    )
    # As msgspec writes it: `$.a[0]`, or `key` in `$.a` for the name of a field.
    place = (within + where.rpartition("`$")[2].rstrip("`")).lstrip(".")
    return f"{place}: {what}." if place else f"{what}."


def limited(request: Request, limit: int) -> Request:
    """Give a request whose body, read by whoever it may be, ends in TooLargeError as soon as it is too long."""
    _check_declared(request, limit)
    size = 0

    async def receive() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise TooLargeError(limit)
        return message

    return Request(request.scope, receive)


def _check_declared(request: Request, limit: int) -> None:
    declared = request.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise TooLargeError(limit)


async def _received(request: Request, limit: int) -> IO[bytes]:
    """Receive a body, unpacked. Raises TooLargeError as soon as it is too long."""
    _check_declared(request, limit)
    file = TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        await _write(file, request, limit)
    except BaseException:
        file.close()
        raise
    return file


async def _write(file: IO[bytes], request: Request, limit: int) -> None:
    size = 0
    async for piece in _unpacked(request, limit):
        size += len(piece)
        if size > limit:
            raise TooLargeError(limit)
        if size > IN_MEMORY:
            await run_in_threadpool(file.write, piece)
        else:
            file.write(piece)
    file.flush()


async def _unpacked(request: Request, limit: int) -> AsyncIterator[bytes]:
    """Unpack a body where it says that it is packed (RFC 9110, 8.4)."""
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding in {"", "identity"}:
        async for piece in request.stream():
            yield piece
        return
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise UnsupportedError(f"A body packed by {coding} is not understood; send gzip or none.")
    inflating = zlib.decompressobj(wbits=_ANY)
    size = 0
    try:
        async for packed in request.stream():
            rest = packed
            size += len(packed)
            if size > limit:
                raise TooLargeError(limit)  # it may be packed of nothing
            while rest:
                if inflating.eof:
                    # Several packed pieces, one after the other, are one (RFC 1952, 2.2).
                    inflating = zlib.decompressobj(wbits=_ANY)
                yield inflating.decompress(rest, limit)
                rest = inflating.unconsumed_tail or inflating.unused_data
        with suppress(zlib.error):
            yield inflating.flush()
    except zlib.error as error:
        raise BadRequestError("The body says that it is packed, but cannot be unpacked.") from error
    if not inflating.eof:
        raise BadRequestError("The packed body ended before its end.")
