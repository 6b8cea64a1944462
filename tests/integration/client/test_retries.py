"""What is tried again, and after how long. Nothing here waits."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from mailmine.client import ApiError, TakenError, UnreachableError
from tests.integration.client.conftest import FaceOf

COMMENT = {"id": "a", "timestamp": "2026-03-02T08:30:00Z", "messages": []}
FOUND = {"status": "ok", "comment": COMMENT}
BUSY = {"status": "error", "message": "Try again shortly."}

Outcome = Callable[[], httpx.Response] | Exception


class Server:
    """Answers what it was told, one after the other."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.pauses: list[float] = []
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        del request
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome()


def busy(status: int = 503, **headers: str) -> Outcome:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return partial(httpx.Response, status, json=BUSY, headers=sent)


def done(**fields: object) -> Outcome:
    return partial(httpx.Response, 200, json={"status": "ok", **fields})


def found() -> httpx.Response:
    return httpx.Response(200, json=FOUND)


@pytest.mark.parametrize(
    "trouble",
    [
        busy(429),
        busy(500),
        busy(503),
        partial(httpx.Response, 502, content=b"<h1>Bad gateway</h1>"),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("too slow"),
        httpx.RemoteProtocolError("broke off"),
    ],
    ids=["429", "500", "503", "502", "refused", "slow", "broken"],
)
def test_passing_trouble_is_waited_for(trouble: Outcome, face_of: FaceOf) -> None:
    server = Server(trouble, trouble, found)
    face = face_of(transport=server.transport, sleep=server.pauses.append)

    assert face.comment("sales/mail", "a").id == "a"
    assert server.pauses == [1, 2]


def test_after_four_tries_the_last_refusal_is_told(face_of: FaceOf) -> None:
    server = Server(*(busy() for _ in range(4)))
    face = face_of(transport=server.transport, sleep=server.pauses.append)

    with pytest.raises(ApiError, match=r"^Try again shortly\. \(HTTP 503\)$") as caught:
        face.comment("sales/mail", "a")
    assert caught.value.status == 503
    assert server.pauses == [1, 2, 4]
    assert not server.outcomes


def test_after_four_tries_that_nobody_answers_is_told(face_of: FaceOf) -> None:
    server = Server(*(httpx.ConnectError("refused") for _ in range(4)))
    face = face_of(transport=server.transport, sleep=server.pauses.append)

    with pytest.raises(UnreachableError, match=r"GET http://.+/comments/a.*: refused"):
        face.comment("sales/mail", "a")
    assert not server.outcomes


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"Retry_After": "30"}, 30),
        ({"Retry_After": "0"}, 1),
        ({"Retry_After": "soon"}, 1),
        ({"Retry_After": "-3"}, 1),
        (
            {
                "Retry_After": "Sun, 01 Mar 2026 12:00:20 GMT",
                "Date": "Sun, 01 Mar 2026 12:00:00 GMT",
            },
            20,
        ),
        (
            {
                "Retry_After": "Sun, 01 Mar 2026 11:00:00 GMT",
                "Date": "Sun, 01 Mar 2026 12:00:00 GMT",
            },
            1,
        ),
        ({"Retry_After": "Sun, 01 Mar 2026 12:00:20 GMT"}, 1),
    ],
)
def test_the_server_says_how_long(headers: dict[str, str], pause: float, face_of: FaceOf) -> None:
    server = Server(busy(429, **headers), found)
    face = face_of(transport=server.transport, sleep=server.pauses.append)
    face.comment("sales/mail", "a")
    assert server.pauses == [pause]


def test_who_asks_for_an_hour_is_told_to_the_caller(face_of: FaceOf) -> None:
    server = Server(busy(429, Retry_After="3600"))
    with pytest.raises(ApiError, match="HTTP 429"):
        face_of(transport=server.transport).comment("sales/mail", "a")


@pytest.mark.parametrize("trouble", [busy(409), busy(404), httpx.UnsupportedProtocol("ftp")])
def test_what_will_not_pass_is_not_tried_again(trouble: Outcome, face_of: FaceOf) -> None:
    server = Server(trouble)
    with pytest.raises((ApiError, UnreachableError)):
        face_of(transport=server.transport).comment("sales/mail", "a")


@pytest.mark.parametrize("trouble", [busy(), httpx.ReadTimeout("too slow")])
def test_new_comments_are_put_one_time_only(trouble: Outcome, face_of: FaceOf) -> None:
    # The first time they may have been kept; the second time would fail for that.
    server = Server(trouble)
    with pytest.raises((ApiError, UnreachableError)):
        face_of(transport=server.transport).put("sales/mail", [COMMENT])

    server = Server(busy(409))
    with pytest.raises(TakenError):
        face_of(transport=server.transport).put("sales/mail", [COMMENT])


def test_what_comes_to_the_same_is_repeated_though_it_is_no_get(face_of: FaceOf) -> None:
    results = [{"comment": {**COMMENT, "uid": "0.a"}, "sequence_id": "1"}]
    batch = {"results": results, "filtered": 0, "sequence_id": "1", "is_end_sequence": True}
    counts = done(new=1, updated=0, unchanged=0)
    # One try of each fails: of fetch, of the mark, of advance and of sync.
    server = Server(busy(), done(**batch), busy(), done(), busy(), done(), busy(), counts)
    face = face_of(transport=server.transport, sleep=server.pauses.append)

    for item in face.stream("sales/all/new"):
        face.mark(item, "No prediction")
    assert face.sync("sales/mail", [COMMENT]).new == 1
    assert server.pauses == [1] * 4


class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that breaks off."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"half of what would hav"
        raise httpx.ReadError("broke off")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def broken() -> httpx.Response:
    return httpx.Response(200, stream=Broken())


def test_a_download_that_broke_off_begins_anew(face_of: FaceOf, tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    server = Server(
        broken,
        busy(),
        partial(httpx.Response, 200, content=b"whole"),
    )
    face = face_of(transport=server.transport, sleep=server.pauses.append)
    face.save_attachment("reference", target)

    assert server.pauses == [1, 2]
    assert target.read_bytes() == b"whole"


def test_a_download_that_never_ends_well_leaves_what_was_there(
    face_of: FaceOf, tmp_path: Path
) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(b"of yesterday")
    server = Server(*[broken] * 4)
    face = face_of(transport=server.transport, sleep=server.pauses.append)

    with pytest.raises(UnreachableError, match="broke off"):
        face.save_attachment("reference", target)
    assert target.read_bytes() == b"of yesterday"
    assert list(tmp_path.iterdir()) == [target]
