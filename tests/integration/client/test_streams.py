"""Streams by both clients: each comment once, and none lost whatever the consumer does."""

from collections.abc import Generator
from contextlib import closing
from itertools import islice
from typing import Any

import httpx
import orjson
import pytest

from mailmine.client import NotFoundError
from mailmine.client.flows import Advance
from mailmine.store import streams
from mailmine.store.database import Database
from tests.integration.api.town import COMMENTS, comment_id
from tests.integration.client.both import AnyItem, Face
from tests.integration.client.conftest import FaceOf, MakeStream

ALL = [comment_id(number) for number in range(COMMENTS)]

EACH_WAY = pytest.mark.parametrize("advance", ["each", "batch"])


def ids(items: Generator[AnyItem, None, None]) -> list[str]:
    return [item.comment.id for item in items]


def behind(admin: httpx.Client, stream: str) -> int:
    project, dataset, name = stream.split("/")
    answer = admin.get(f"/api/v1/datasets/{project}/{dataset}/streams/{name}")
    left: int = answer.json()["stream"]["behind"]
    return left


class Failed(Exception):
    """What a consumer may raise."""


def handle(items: Generator[AnyItem, None, None], *, until: int) -> list[str]:
    """Handle some items and fail at the next."""
    handled: list[str] = []

    def consume() -> None:
        for item in items:
            if len(handled) == until:
                raise Failed
            handled.append(item.comment.id)

    with pytest.raises(Failed), closing(items):
        consume()
    return handled


@EACH_WAY
@pytest.mark.parametrize("size", [7, 64, 300])
def test_each_comment_once(
    size: int, advance: Advance, face: Face, make_stream: MakeStream
) -> None:
    stream = make_stream()
    assert ids(face.stream(stream, batch=size, advance=advance)) == ALL
    assert ids(face.stream(stream, batch=size, advance=advance)) == []


@EACH_WAY
@pytest.mark.parametrize("until", [0, 10, 25])
def test_where_the_consumer_fails_the_item_comes_again_and_those_before_do_not(
    until: int, advance: Advance, face: Face, make_stream: MakeStream
) -> None:
    stream = make_stream()
    assert handle(face.stream(stream, batch=10, advance=advance), until=until) == ALL[:until]
    assert ids(face.stream(stream, batch=10, advance=advance)) == ALL[until:]


def test_a_consumer_that_fails_need_not_close_anything(face: Face, make_stream: MakeStream) -> None:
    stream = make_stream()

    def consume() -> None:
        for item in face.stream(stream, batch=10):
            if item.comment.id == ALL[12]:
                raise Failed

    with pytest.raises(Failed):
        consume()
    assert next(face.stream(stream)).comment.id == ALL[12]


def test_the_stream_moves_when_the_next_item_is_asked_for_and_not_before(
    face: Face, make_stream: MakeStream, admin: httpx.Client
) -> None:
    stream = make_stream()
    items = face.stream(stream, batch=4)
    left = [behind(admin, stream) for _ in islice(items, 6)]
    items.close()

    assert left == [COMMENTS - number for number in range(6)]
    assert behind(admin, stream) == COMMENTS - 5


def test_by_batches_the_stream_moves_at_their_ends_and_on_closing(
    face: Face, make_stream: MakeStream, admin: httpx.Client
) -> None:
    stream = make_stream()
    items = face.stream(stream, batch=4, advance="batch")
    left = [behind(admin, stream) for _ in islice(items, 6)]
    items.close()

    assert left == [COMMENTS - number for number in (0, 0, 0, 0, 4, 4)]
    assert behind(admin, stream) == COMMENTS - 5


@EACH_WAY
def test_what_the_filter_leaves_out_is_passed_over(
    advance: Advance, face: Face, make_stream: MakeStream, admin: httpx.Client
) -> None:
    first_ten = make_stream(timestamp={"maximum": "2026-03-01T12:09:00Z"})
    nothing = make_stream(user_properties={"string:Kind": {"one_of": ["none"]}})

    assert ids(face.stream(first_ten, batch=10, advance=advance)) == ALL[:10]
    assert ids(face.stream(nothing, advance=advance)) == []
    assert behind(admin, first_ten) == behind(admin, nothing) == 0


class Scripted:
    """A server of one stream, which gives the batches that it was told."""

    def __init__(self, *batches: dict[str, Any]) -> None:
        self.batches = list(batches)
        self.advanced: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/fetch"):
            return httpx.Response(200, json={"status": "ok", **self.batches[0]})
        assert request.url.path.endswith("/advance")
        self.advanced.append(orjson.loads(request.content)["sequence_id"])
        if self.advanced[-1] == self.batches[0]["sequence_id"]:
            self.batches.pop(0)
        return httpx.Response(200, json={"status": "ok"})


def batch(*sequence_ids: str, end: str, filtered: int = 0, is_end: bool = False) -> dict[str, Any]:
    results = [
        {
            "comment": {"id": each, "timestamp": "2026-03-01T12:00:00Z", "messages": []},
            "sequence_id": each,
        }
        for each in sequence_ids
    ]
    return {
        "results": results,
        "filtered": filtered,
        "sequence_id": end,
        "is_end_sequence": is_end,
    }


def test_batches_of_which_the_filter_left_nothing_are_passed_over(face_of: FaceOf) -> None:
    server = Scripted(
        batch(filtered=1024, end="1"),
        batch("2", filtered=1023, end="3"),
        batch(filtered=1024, end="4"),
        batch("5", "6", end="6", is_end=True),
    )
    face = face_of(transport=httpx.MockTransport(server))

    assert ids(face.stream("sales/all/new")) == ["2", "5", "6"]
    assert server.advanced == ["1", "3", "4", "5", "6"]


def test_a_server_that_has_nothing_and_does_not_say_so_is_not_asked_for_ever(
    face_of: FaceOf,
) -> None:
    server = Scripted(batch(end=""))
    face = face_of(transport=httpx.MockTransport(server))
    assert ids(face.stream("sales/all/new")) == []
    assert server.advanced == []


def test_a_stream_is_followed(
    face: Face, face_of: FaceOf, source: str, admin: httpx.Client
) -> None:
    dataset = source.replace("source", "dataset")
    owned = admin.get(f"/api/v1/sources/{source}").json()["source"]["id"]
    admin.put(f"/api/v1/datasets/{dataset}", json={"dataset": {"source_ids": [owned]}})
    admin.put(f"/api/v1/datasets/{dataset}/streams", json={"stream": {"name": "robot"}})
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        """Mail comes while the consumer waits for the second time."""
        pauses.append(seconds)
        if len(pauses) > 1:
            name = str(len(pauses))
            answer = admin.post(
                f"/api/v1/sources/{source}/sync",
                json={
                    "comments": [{"id": name, "timestamp": "2026-03-01T12:00:00Z", "messages": []}]
                },
            )
            answer.raise_for_status()

    items = face_of(sleep=sleep).stream(f"{dataset}/robot", follow=2.5)
    with closing(items):
        assert [next(items).comment.id for _ in range(3)] == ["2", "3", "4"]
    assert pauses == [2.5] * 4
    assert ids(face.stream(f"{dataset}/robot")) == ["4"]


def test_an_item_is_marked_for_a_person_and_the_stream_goes_on(
    face: Face, make_stream: MakeStream, admin: httpx.Client, database: Database
) -> None:
    stream = make_stream()
    items = face.stream(stream)
    first = next(items)
    face.mark(first, "No prediction")
    next(items)
    items.close()

    assert behind(admin, stream) == COMMENTS - 1
    name = stream.rpartition("/")[2]
    dataset = admin.get("/api/v1/datasets/sales/all").json()["dataset"]["id"]
    assert first.comment.uid is not None
    with database.read() as tx:
        found = streams.get(tx, dataset, name)
        assert found is not None
        assert streams.exceptions(tx, [found.id], [first.comment.uid]) == {first.comment.uid}


def test_a_stream_that_is_not_there(face: Face) -> None:
    with pytest.raises(NotFoundError, match="There is no stream nothing"):
        next(face.stream("sales/all/nothing"))
    with pytest.raises(NotFoundError, match="There is no dataset"):
        next(face.stream("id:00/nothing"))
