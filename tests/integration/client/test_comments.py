"""Comments and attachments by both clients, against the real API."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from mailmine.client import (
    ApiError,
    AsyncClient,
    Attachment,
    Client,
    Comment,
    Counts,
    Error,
    ForbiddenError,
    InvalidError,
    Message,
    NotFoundError,
    TakenError,
    TooLargeError,
    UnauthenticatedError,
    UnexpectedAnswerError,
)
from mailmine.client.comments import Json
from tests.integration.api.town import COMMENTS, CONTENT, NOON, Town, comment_id
from tests.integration.client.both import Face
from tests.integration.client.conftest import FaceOf
from tests.integration.client.serving import serving

NEW = Comment(
    id="order-1",
    timestamp=datetime(2026, 3, 2, 8, 30, tzinfo=UTC),
    thread_id="thread",
    messages=(
        Message(
            body="Grüße, two of them.",
            subject="Order",
            signature="Ana",
            from_="Ana <ana@example.com>",
            to=("orders@example.com",),
            sent_at=datetime(2026, 3, 2, 10, 30, tzinfo=UTC),
            language="en",
        ),
    ),
    user_properties={"string:Kind": "order", "number:Pieces": 2},
    attachments=(Attachment(name="a.pdf", size=9, content_type="application/pdf"),),
)


def test_all_comments_over_all_pages(face: Face, sales: Town) -> None:
    found = list(face.comments("sales/mail"))

    assert [each.id for each in found] == [comment_id(number) for number in range(COMMENTS)]
    assert found[1].timestamp == NOON + timedelta(minutes=1)
    assert found[1].timestamp.tzinfo is not None
    assert found[1].messages[0].body == "Order 1\nBest"
    assert found[1].attachments == (Attachment(name="a.txt", size=3, content_type="text/plain"),)
    assert found[1].uid == f"{sales.source}.{comment_id(1)}"
    assert found[1].created_at == NOON
    assert found[1].raw["user_properties"] == {"number:Messages": 1}
    assert [each.id for each in face.comments(f"id:{sales.source}")] == [each.id for each in found]


def test_comments_of_some_hours_both_ends_included(face: Face) -> None:
    found = face.comments(
        "sales/mail", since=NOON + timedelta(minutes=3), until=NOON + timedelta(minutes=5)
    )
    assert [each.id for each in found] == [comment_id(number) for number in (3, 4, 5)]


def test_one_comment(face: Face) -> None:
    assert face.comment("sales/mail", comment_id(7)).messages[0].subject == "Order"
    with pytest.raises(NotFoundError, match="There is no comment nothing") as caught:
        face.comment("sales/mail", "nothing")
    assert caught.value.status == 404


def test_comments_are_put_once(face: Face, source: str) -> None:
    assert face.put(source, [NEW]) == Counts(new=1, updated=0, unchanged=0)
    with pytest.raises(TakenError, match="are there already"):
        face.put(source, [NEW])

    found = face.comment(source, NEW.id)
    assert replace(found, uid=None, created_at=None, updated_at=None) == NEW


def test_comments_are_synced_as_often_as_one_likes(face: Face, source: str) -> None:
    data: Json = {
        "id": "order-2",
        "timestamp": "2026-03-02T08:30:00Z",
        "messages": [{"body": {"text": "Three."}}],
    }
    changed: list[Comment | Json] = [replace(NEW, thread_id="another"), data]

    assert face.sync(source, [NEW, data]) == Counts(new=2, updated=0, unchanged=0)
    assert face.sync(source, iter(changed)) == Counts(new=0, updated=1, unchanged=1)
    assert {each.id for each in face.comments(source)} == {"order-1", "order-2"}
    assert face.comment(source, "order-1").thread_id == "another"


def test_what_is_synced_back_keeps_its_markup_where_the_text_is_the_same(
    face: Face, source: str
) -> None:
    body = {"text": "Hello", "translated_from": "Hallo", "text_markup": {"text": "Hello"}}
    data = {"id": "a", "timestamp": "2026-03-02T08:30:00Z"}
    face.put(source, [{**data, "messages": [{"body": body, "subject": {"text": "One"}}]}])

    found = face.comment(source, "a")
    message = replace(found.messages[0], subject="Two")
    face.sync(source, [replace(found, messages=(message,))])
    raw = face.comment(source, "a").raw["messages"][0]
    assert raw == {"body": body, "subject": {"text": "Two"}}

    face.sync(source, [replace(found, messages=(replace(message, body="Bye"),))])
    assert face.comment(source, "a").raw["messages"][0]["body"] == {"text": "Bye"}


def test_a_large_upload_is_packed_and_arrives(face_of: FaceOf, source: str) -> None:
    def numbered(number: int) -> Comment:
        return replace(NEW, id=str(number))

    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"status": "ok"})

    many = [numbered(number) for number in range(1000)]
    face_of(transport=httpx.MockTransport(answer)).put(source, many)
    face_of(transport=httpx.MockTransport(answer)).put(source, many[:1])
    assert [each.headers.get("Content-Encoding") for each in seen] == ["gzip", None]
    assert len(seen[0].content) < 50_000 < len(json.dumps([each.id for each in many])) * 10

    assert face_of().put(source, many).new == 1000
    assert sum(1 for _ in face_of().comments(source)) == 1000


def test_times_without_a_zone_are_refused(face: Face, source: str) -> None:
    at = datetime(2026, 3, 2)  # noqa: DTZ001 - what is refused
    with pytest.raises(ValueError, match="has no time zone"):
        next(face.comments(source, since=at))
    with pytest.raises(ValueError, match="has no time zone"):
        face.put(source, [replace(NEW, timestamp=at)])


def test_a_token_read_from_a_file_may_end_its_line() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=request.headers["Authorization"].encode())

    transport = httpx.MockTransport(answer)
    with Client("http://mailmine.example.com", "mailmine_one\r\n", transport=transport) as client:
        assert client.attachment("any") == b"Bearer mailmine_one"


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    "token", ["", " ", "mailmine_one\nmailmine_two", "mailmine one", "geheim\xdf"]
)
def test_what_can_be_no_token_is_told_and_not_shown(
    token: str, kind: type[Client | AsyncClient]
) -> None:
    with pytest.raises(
        ValueError, match=r"^The token is empty, or holds what no token holds"
    ) as told:
        kind("http://mailmine.example.com", token)
    assert "mailmine" not in str(told.value)
    assert "geheim" not in str(told.value)


@pytest.mark.parametrize("address", ["mail", "", "/", "sales/", "/mail", "sales/mail/new"])
def test_what_is_no_address_is_told_before_it_is_sent(address: str, face: Face) -> None:
    with pytest.raises(ValueError, match=r"write project/source\."):
        face.comment(address, "a")
    with pytest.raises(ValueError, match=r"write project/dataset/stream\."):
        next(face.stream(address.removesuffix("/new")))


def test_the_content_of_an_attachment(face: Face, sales: Town, tmp_path: Path) -> None:
    assert face.attachment(sales.reference) == CONTENT

    target = tmp_path / "Über.pdf"
    face.save_attachment(sales.reference, target)
    face.save_attachment(sales.reference, str(target))
    assert target.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [target]


def test_an_attachment_that_is_not_there_makes_no_file(
    face: Face, sales: Town, tmp_path: Path
) -> None:
    for reference in ("nothing", sales.tokens["lost"]):
        with pytest.raises(NotFoundError):
            face.attachment(reference)
        with pytest.raises(NotFoundError):
            face.save_attachment(reference, tmp_path / "lost.txt")
    assert not list(tmp_path.iterdir())


def test_a_mailmine_under_a_path(face_of: FaceOf, app: FastAPI) -> None:
    with serving(Starlette(routes=[Mount("/acme/main/reinfer_", app=app)])) as url:
        for written in ("/acme/main/reinfer_", "/acme/main/reinfer_/"):
            face = face_of(url=url + written)
            assert face.comment("sales/mail", comment_id(1)).id == comment_id(1)


async def test_the_asynchronous_client_within_one_process(app: FastAPI, sales: Town) -> None:
    transport = httpx.ASGITransport(app)
    async with AsyncClient(
        "http://mailmine", sales.tokens["reader"], transport=transport
    ) as client:
        assert len([each async for each in client.comments("sales/mail")]) == COMMENTS


def test_refusals_of_the_api(face_of: FaceOf, source: str) -> None:
    with pytest.raises(UnauthenticatedError) as caught:
        face_of("nobody").comment("sales/mail", "a")
    assert caught.value.status == 401
    with pytest.raises(ForbiddenError):
        face_of("reader").put(source, [NEW])
    bad: Json = {"id": "a", "timestamp": "yesterday", "messages": []}
    with pytest.raises(InvalidError, match=r"comments\[0\]\.timestamp"):
        face_of().put(source, [bad])


KINDS = [
    (400, ApiError),
    (401, UnauthenticatedError),
    (403, ForbiddenError),
    (404, NotFoundError),
    (409, TakenError),
    (413, TooLargeError),
    (422, InvalidError),
    (301, ApiError),
]


@pytest.mark.parametrize(("status", "kind"), KINDS)
@pytest.mark.parametrize("body", [b'{"status":"error","message":"No."}', b"<h1>No.</h1>", b"[]"])
def test_each_status_has_its_error(
    status: int, kind: type[ApiError], body: bytes, face_of: FaceOf
) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body))
    with pytest.raises(Error) as caught:
        face_of(transport=transport).comment("sales/mail", "a")

    assert type(caught.value) is kind
    assert isinstance(caught.value, ApiError)
    assert caught.value.status == status
    if body.startswith(b"{"):
        assert caught.value.message == "No."
    else:
        assert "/api/v1/sources/sales/mail/comments/a" in caught.value.message


@pytest.mark.parametrize(
    "answer",
    [
        b"<h1>Welcome</h1>",
        b"[]",
        b"{}",
        b'{"status":"error","message":"No."}',
        b'{"status":"ok"}',
        b'{"status":"ok","comment":{"id":"a","timestamp":"soon","messages":[]}}',
    ],
)
def test_an_answer_that_is_none_of_mailmine(answer: bytes, face_of: FaceOf) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=answer))
    with pytest.raises(UnexpectedAnswerError, match="/api/v1/sources/sales/mail/comments/a"):
        face_of(transport=transport).comment("sales/mail", "a")


def test_what_an_older_or_another_server_leaves_out(face_of: FaceOf) -> None:
    comment: dict[str, Any] = {
        "id": "a",
        "timestamp": "2026-03-02T08:30:00",
        "messages": [{"body": {"text": "Hi"}, "subject": None, "to": None}],
        "user_properties": None,
    }
    answer = {"status": "ok", "comment": comment}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
    found = face_of(transport=transport).comment("sales/mail", "a")
    assert found == Comment(
        id="a", timestamp=datetime(2026, 3, 2, 8, 30, tzinfo=UTC), messages=(Message(body="Hi"),)
    )
