"""What can be asked of mailmine: each call, and how its answer is read. Nothing here sends anything."""

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx

from mailmine.client import comments
from mailmine.client.comments import Comment, Counts, Json
from mailmine.client.errors import UnexpectedAnswerError, of_status

T = TypeVar("T")

WORTH_PACKING = 16 << 10
"""Bytes of a body; a smaller one gains little from gzip."""
_LEVEL = 4
_PAGE = 256
"""Comments, as many as mailmine gives at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """A request, and how what comes back is read."""

    method: str
    path: str
    """Below mailmine's address, percent-encoded."""
    read: Callable[[httpx.Response], T]
    """Reads an answer of success. Raises UnexpectedAnswerError."""
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    may_repeat: bool = True
    """Whether doing it twice comes to the same as doing it once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of many comments."""

    comments: tuple[Comment, ...]
    continuation: str | None
    """Where the next ones begin; None = there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What comes next in a stream."""

    results: tuple[Json, ...]
    filtered: int
    """Comments that the stream's filter left out."""
    sequence_id: str
    """Behind all of it."""
    is_end: bool
    """Nothing further now."""


def headers(token: str) -> dict[str, str]:
    """Give what every request says. Raises ValueError for what can be no token, without showing it."""
    clean = token.strip()
    if not clean or " " in clean or not (clean.isascii() and clean.isprintable()):
        raise ValueError(
            "The token is empty, or holds what no token holds: give it as it was shown."
        )
    return {"Authorization": f"Bearer {clean}", "User-Agent": "mailmine.client"}


def page(
    source: str, *, since: datetime | None, until: datetime | None, after: str | None
) -> Call[Page]:
    """List comments of a source, oldest first."""
    params = {"limit": str(_PAGE), "include_markup": "true"}
    if since is not None:
        params["from_timestamp"] = comments.written(since)
    if until is not None:
        params["to_timestamp"] = comments.written(until)
    if after is not None:
        params["after"] = after
    return Call(
        method="GET",
        path=f"/api/_private/sources/{_source(source)}/comments",
        params=params,
        read=_of_json(
            lambda data: Page(
                comments=tuple(comments.read(each) for each in data["comments"]),
                continuation=data.get("continuation"),
            )
        ),
    )


def comment(source: str, comment_id: str) -> Call[Comment]:
    """Read one comment."""
    return Call(
        method="GET",
        path=f"/api/v1/sources/{_source(source)}/comments/{_segment(comment_id)}",
        params={"include_markup": "true"},
        read=_of_json(lambda data: comments.read(data["comment"])),
    )


def put(source: str, given: Iterable[Comment | Json]) -> Call[Counts]:
    """Put new comments, all or none. Not to be repeated: the second time they would be there already."""
    body = _comments(given)
    counts = Counts(new=len(body["comments"]), updated=0, unchanged=0)
    return _sending(
        "PUT",
        f"/api/_private/sources/{_source(source)}/comments",
        body,
        lambda _: counts,
        may_repeat=False,
    )


def sync(source: str, given: Iterable[Comment | Json]) -> Call[Counts]:
    """Put comments, those that are there already as well."""
    return _sending(
        "POST",
        f"/api/v1/sources/{_source(source)}/sync",
        _comments(given),
        lambda data: Counts(new=data["new"], updated=data["updated"], unchanged=data["unchanged"]),
    )


def attachment(reference: str) -> Call[bytes]:
    """Fetch the content of an attachment."""
    return Call(method="GET", path=_attachment(reference), read=lambda answer: answer.content)


def attachment_for_file(reference: str) -> Call[None]:
    """Fetch the content of an attachment, to be written while it comes in."""
    return Call(method="GET", path=_attachment(reference), read=lambda _: None)


def fetch(stream: str, size: int) -> Call[Batch]:
    """Read what comes next. The stream stays where it is."""
    return _sending(
        "POST",
        f"{_stream(stream)}/fetch",
        {"size": size},
        lambda data: Batch(
            results=tuple(data["results"]),
            filtered=data["filtered"],
            sequence_id=data["sequence_id"],
            is_end=data["is_end_sequence"],
        ),
    )


def advance(stream: str, sequence_id: str) -> Call[None]:
    """Move a stream behind what is done with; never back, so twice is as good as once."""
    return _sending(
        "POST", f"{_stream(stream)}/advance", {"sequence_id": sequence_id}, lambda _: None
    )


def tag_exception(stream: str, uid: str, kind: str) -> Call[None]:
    """Note that a comment needs a person."""
    body = {"exceptions": [{"metadata": {"type": kind}, "uid": uid}]}
    return _sending("PUT", f"{_stream(stream)}/exceptions", body, lambda _: None)


def refusal(answer: httpx.Response) -> Exception:
    """Make the error that an answer without success stands for."""
    data = _envelope(answer)
    if data.get("status") == "error" and isinstance(data.get("message"), str):
        return of_status(answer.status_code, data["message"])
    # What stands between may answer in words of its own, a page of HTML mostly.
    return of_status(
        answer.status_code, f"{answer.request.url}: {answer.reason_phrase or 'no reason given'}"
    )


def _sending(
    method: str,
    path: str,
    body: Any,
    read: Callable[[Any], T],
    *,
    may_repeat: bool = True,
) -> Call[T]:
    content = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json"}
    if len(content) >= WORTH_PACKING:
        content = gzip.compress(content, _LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Call(
        method=method,
        path=path,
        headers=headers,
        content=content,
        read=_of_json(read),
        may_repeat=may_repeat,
    )


def _of_json(read: Callable[[Any], T]) -> Callable[[httpx.Response], T]:
    """Read what stands in the envelope."""

    def reading(answer: httpx.Response) -> T:
        data = _envelope(answer)
        try:
            if data.get("status") == "ok":
                return read(data)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise UnexpectedAnswerError(
                f"{answer.request.url} answered in a form that is not understood: {error!r}."
            ) from error
        raise UnexpectedAnswerError(
            f"{answer.request.url} answered, but not as mailmine does: is the address right?"
        )

    return reading


def _envelope(answer: httpx.Response) -> dict[str, Any]:
    """Give the JSON object of an answer; an empty one where it has none."""
    try:
        data = answer.json()
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _comments(given: Iterable[Comment | Json]) -> dict[str, list[Json]]:
    return {
        "comments": [comments.write(each) if isinstance(each, Comment) else each for each in given]
    }


def _attachment(reference: str) -> str:
    return f"/api/v1/attachments/{_segment(reference)}"


def _stream(address: str) -> str:
    """Give the path of a stream. Raises ValueError."""
    dataset, _, name = address.rpartition("/")
    path = _place(dataset)
    if path is None or not name:
        raise ValueError(f"{address!r} is no address of a stream: write project/dataset/stream.")
    return f"/api/v1/datasets/{path}/streams/{_segment(name)}"


def _source(address: str) -> str:
    """Give the part of a path that names a source. Raises ValueError."""
    path = _place(address)
    if path is None:
        raise ValueError(f"{address!r} is no address of a source: write project/source.")
    return path


def _place(address: str) -> str | None:
    """Encode `project/name` or `id:…`; None for anything else."""
    parts = address.split("/")
    wanted = 1 if address.startswith("id:") else 2
    return "/".join(map(_segment, parts)) if len(parts) == wanted and all(parts) else None


def _segment(text: str) -> str:
    return quote(text, safe=":")
