"""What clients put: its limits, its forms, and that a request counts wholly or not at all."""

import gzip
import json
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from mailmine.api import app as api, bodies
from mailmine.api.comments import LARGEST_ATTACHMENT
from mailmine.model.ids import ContentHash
from mailmine.store import comments, events, orphans
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.sync.refinery import RefineryBroken
from tests.integration.api.client import Client
from tests.integration.api.conftest import KEYRING
from tests.integration.api.town import NOON, Town

PUT = "/api/_private/sources/sales/mail/comments"
SYNC = "/api/v1/sources/sales/mail/sync"
RAW = "/api/v1/sources/sales/mail/sync-raw-emails"
FAR = datetime(2999, 1, 1, tzinfo=UTC)
REPEATED = "Petra\nEinkauf bei Muster\nHalle 3 links"


DEEP: list[Any] = []
for _ in range(250):
    DEEP = [DEEP]


def comment(number: int = 0, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"{number:06x}",
        "timestamp": "2026-01-01T00:00:00Z",
        "messages": [{"body": {"text": f"Body {number}"}}],
        **fields,
    }


@pytest.fixture
def app(fresh: tuple[Database, Blobs, Town]) -> FastAPI:
    database, blobs, _ = fresh
    return api.create(database, blobs, KEYRING, clock=lambda: NOON)


@pytest.fixture
def root(app: FastAPI, fresh: tuple[Database, Blobs, Town]) -> Client:
    return Client(app, fresh[2].tokens["root"])


def count(fresh: tuple[Database, Blobs, Town]) -> int:
    database, _, sales = fresh
    with database.read() as tx:
        return comments.count(tx, sales.source) - 300


async def test_thousands_at_once(root: Client, fresh: tuple[Database, Blobs, Town]) -> None:
    many = [comment(number) for number in range(16_384)]
    assert (await root.put(PUT, {"comments": many})).json == {"status": "ok"}
    assert count(fresh) == 16_384

    one_more = await root.post(SYNC, {"comments": [*many, comment(16_384)]})
    assert (one_more.status, "16384" in one_more.json["message"]) == (422, True)


@pytest.mark.parametrize(
    ("wrong", "status", "words"),
    [
        ({"timestamp": "yesterday"}, 422, "comments[700].timestamp: This is no time; write it as"),
        ({"messages": [{"body": {}}]}, 422, "comments[700].messages[0].body"),
        ({"user_properties": {"Team": "x"}}, 422, "comments[700].user_properties"),
        ({"user_properties": {"number:Team": "x"}}, 422, "number:Team"),
        ({"user_properties": {"string:Team": None}}, 422, "comments[700].user_properties"),
        ({"id": "a/b"}, 422, "comments[700].id"),
        ({"id": "a\n"}, 422, "comments[700].id"),
        ({"messages": [{"body": {"text": "x" * 65_537}}]}, 422, "65536"),
        ({"id": "000001"}, 422, "same id"),
        ({"user_properties": {"number:Team": 2**63}}, 422, "comments[700].user_properties"),
        (
            {"attachments": [{"name": "a", "size": 2**63, "content_type": ".pdf"}]},
            422,
            "comments[700].attachments[0].size",
        ),
        ({"messages": [{"body": {"text": "", "text_markup": DEEP}}]}, 422, "text_markup"),
        ({"messages": [{"body": {"text": "", "text_markup": 10**30}}]}, 422, "64 bits"),
    ],
)
async def test_one_that_is_wrong_keeps_all_others_out(
    wrong: dict[str, Any],
    status: int,
    words: str,
    root: Client,
    fresh: tuple[Database, Blobs, Town],
) -> None:
    many = [comment(number) for number in range(800)]
    many[700] |= wrong
    answer = await root.send("PUT", PUT, json.dumps({"comments": many}).encode())
    assert answer.status == status
    assert words in answer.json["message"]
    assert count(fresh) == 0


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate"])
async def test_packed_bodies(
    coding: str, root: Client, fresh: tuple[Database, Blobs, Town]
) -> None:
    body = b'{"comments":[%s]}' % b",".join(
        b'{"id":"%x","timestamp":"2026-01-01T00:00:00Z","messages":[]}' % number
        for number in range(1000)
    )
    packed = zlib.compress(body) if coding == "deflate" else gzip.compress(body)
    answer = await root.send("PUT", PUT, packed, content_encoding=coding)
    assert answer.status == 200
    assert count(fresh) == 1000


@pytest.mark.parametrize("path", [PUT, SYNC, RAW, f"{PUT}/000000/attachments/0"])
async def test_a_client_that_breaks_off_is_no_fault_of_ours(
    path: str, app: FastAPI, root: Client
) -> None:
    async def broken_off(scope: Scope, _: Receive, send: Send) -> None:
        async def gone() -> Message:
            return {"type": "http.disconnect"}

        await app(scope, gone, send)

    method = "POST" if path in {SYNC, RAW} else "PUT"
    with capture_logs() as logs:
        answer = await replace(root, app=broken_off).ask(
            method, path, content_type="multipart/form-data; boundary=x"
        )
    assert (answer.status, "ended before" in answer.json["message"]) == (400, True)
    assert logs == []


async def test_a_body_of_several_packed_pieces(
    root: Client, fresh: tuple[Database, Blobs, Town]
) -> None:
    body = json.dumps({"comments": [comment(number) for number in range(3)]}).encode()
    packed = b"".join(gzip.compress(body[at : at + 50]) for at in range(0, len(body), 50))
    assert (await root.send("PUT", PUT, packed, content_encoding="gzip")).status == 200
    assert count(fresh) == 3
    behind = gzip.compress(body) + gzip.compress(b"x")
    refused = await root.send("POST", SYNC, behind, content_encoding="gzip")
    assert refused.status == 400


@pytest.mark.parametrize("text", ["small", "x" * bodies.IN_MEMORY])
async def test_a_body_with_a_byte_order_mark(
    text: str, root: Client, fresh: tuple[Database, Blobs, Town]
) -> None:
    """.NET and PowerShell write one unless they are told not to."""
    many = [comment(number, thread_id=text[:1000]) for number in range(len(text) // 1000 + 1)]
    body = b"\xef\xbb\xbf" + json.dumps({"comments": many}).encode()
    assert (await root.send("PUT", PUT, body)).status == 200
    assert count(fresh) == len(many)


@pytest.mark.parametrize(
    ("body", "coding", "status", "word"),
    [
        (b"", "", 400, "no body"),
        (b"{", "", 400, "JSON"),
        (b"\xff\xfe", "", 400, "JSON"),
        (b'{"comments": 1}', "", 422, "comments"),
        (b'{"other": []}', "", 422, "comments"),
        (b'{"comments":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "", 400, "too deep"),
        (b'{"comments":[{"id":' + b"[" * 900 + b"]" * 900 + b"}]}", "", 422, "comments[0].id"),
        (b"not packed", "gzip", 400, "packed"),
        (gzip.compress(b'{"comments":[]}', mtime=0)[:-9], "gzip", 400, "ended"),
        (b"{}", "br", 415, "gzip"),
    ],
)
async def test_bodies_that_are_not_understood(
    body: bytes, coding: str, status: int, word: str, root: Client
) -> None:
    headers = {"content_encoding": coding} if coding else {}
    answer = await root.send("PUT", PUT, body, **headers)
    assert answer.status == status, answer.json
    assert word in answer.json["message"]


async def test_a_body_that_is_too_long_is_refused_before_it_is_read(root: Client) -> None:
    path = "/api/v1/sources/sales/mail"
    told = await root.send("POST", path, b"{}", content_length=str(bodies.SMALL + 1))
    assert told.status == 413
    unsaid = await root.ask("POST", path, b" " * (bodies.SMALL + 1))
    assert unsaid.status == 413
    # A few kilobytes that would become gigabytes.
    bomb = gzip.compress(b" " * (bodies.SMALL + 1), mtime=0)
    packed = await root.send("POST", path, bomb, content_encoding="gzip")
    assert packed.status == 413
    assert f"{bodies.SMALL:,} bytes" in packed.json["message"]
    # Megabytes that would become nothing.
    nothing = gzip.compress(b"", mtime=0)
    hollow = await root.ask(
        "POST", path, nothing * (bodies.SMALL // len(nothing) + 1), content_encoding="gzip"
    )
    assert hollow.status == 413


async def test_markup_is_kept_and_given_where_it_is_asked_for(root: Client) -> None:
    body = {"text": "Hello", "text_markup": [{"bold": True}], "translated_from": "Hallo"}
    put = await root.put(PUT, {"comments": [comment(messages=[{"body": body}])]})
    assert put.status == 200
    path = "/api/v1/sources/sales/mail/comments/000000"
    plain = (await root.get(path)).json["comment"]["messages"][0]["body"]
    assert plain == {"text": "Hello", "translated_from": "Hallo"}
    marked = (await root.get(f"{path}?include_markup=true")).json["comment"]["messages"][0]["body"]
    assert marked == body


async def test_raw_emails_of_which_one_cannot_be_read(
    root: Client, fresh: tuple[Database, Blobs, Town]
) -> None:
    good = {"raw_email": {"headers": {"raw": "Message-ID: <a@x>"}, "body": {"plain": "Hi"}}}
    lacking = {"raw_email": {"headers": {"raw": "Message-ID: <b@x>"}, "body": {}}}
    body = {"documents": [good, lacking], "transform_tag": "generic.0.CONVKER5"}
    answer = await root.post(RAW, body)
    assert (answer.status, "plain" in answer.json["message"]) == (422, True)
    tag = await root.post(RAW, {"documents": [good], "transform_tag": "nonsense"})
    assert (tag.status, "transform tag" in tag.json["message"]) == (422, True)
    assert count(fresh) == 0


async def test_what_a_client_says_of_a_raw_email(root: Client) -> None:
    document = {
        "raw_email": {
            "headers": {
                "parsed": {
                    "Message-ID": "<a@x>",
                    "From": "ann@example.com",
                    "Received": ["one", "two"],
                }
            },
            "body": {"plain": "Hi"},
        },
        "user_properties": {"string:Sender": "their word", "string:Message ID": "their word"},
        "comment_id": "mine",
    }
    body = {
        "documents": [document],
        "transform_tag": "generic.0.CONVKER5",
        "include_comments": True,
        "override_user_properties": ["string:Sender"],
    }
    (made,) = (await root.post(RAW, body)).json["comments"]
    assert made["id"] == "mine"
    assert made["user_properties"]["string:Sender"] == "their word"
    assert made["user_properties"]["string:Message ID"] == "<a@x>"


class Broken:
    """A refinery that cannot be started."""

    async def start(self) -> None:
        raise RefineryBroken("No process.")

    async def refine(self, emails: object, known: object = ()) -> list[Any]:
        del emails, known
        raise RefineryBroken("No process.")

    async def aclose(self) -> None:
        pass


class Choking:
    """A refinery that the second email of each piece ends."""

    async def start(self) -> None:
        pass

    async def refine(self, emails: object, known: object = ()) -> list[Any]:
        del emails, known
        return [None]

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize(
    ("refinery", "status", "word"),
    [(Broken(), 503, "shortly"), (Choking(), 422, "documents[0]")],
)
async def test_emails_that_cannot_be_refined(
    refinery: Any, status: int, word: str, fresh: tuple[Database, Blobs, Town]
) -> None:
    database, blobs, sales = fresh
    app = api.create(database, blobs, KEYRING, refinery=refinery, clock=lambda: NOON)
    good = {"raw_email": {"headers": {"raw": "Message-ID: <a@x>"}, "body": {"plain": "Hi"}}}
    body = {"documents": [good], "transform_tag": "generic.0.CONVKER5"}
    answer = await Client(app, sales.tokens["root"]).post(RAW, body)
    assert (answer.status, word in answer.json["message"]) == (status, True)


async def test_emails_of_a_request_count_wholly_or_not_at_all(
    root: Client, fresh: tuple[Database, Blobs, Town]
) -> None:
    path = "/api/_private/buckets/sales/inbox"
    email = {
        "id": "<{}@x>",
        "mailbox": "a@example.com",
        "timestamp": "2026-01-01T00:00:00Z",
        "mime_content": "Subject: x\n\nHello",
    }
    many = [{**email, "id": f"<{number}@x>"} for number in range(150)]
    wrong = [*many, {**email, "id": "<w@x>", "metadata": {"received_at": "never"}}]
    answer = await root.put(f"{path}/emails", {"emails": wrong})
    assert (answer.status, "received_at" in answer.json["message"]) == (422, True)
    statistics = f"{path}/statistics"
    assert (await root.get(statistics)).json["statistics"]["count"]["value"] == 1
    assert (await root.put(f"{path}/emails", {"emails": many})).status == 200
    assert (await root.get(statistics)).json["statistics"]["count"]["value"] == 151
    # The same again, with another text: still one, and its comment says the new words.
    again = {**many[0], "mime_content": "Subject: x\n\nGoodbye"}
    assert (await root.put(f"{path}/emails", {"emails": [again]})).status == 200
    assert (await root.get(statistics)).json["statistics"]["count"]["value"] == 151
    told = await root.get(f"/api/v1/sources/sales/mail/comments/{b'<0@x>'.hex()}")
    assert told.json["comment"]["messages"][0]["body"]["text"] == "Goodbye"
    assert count(fresh) == 150


@pytest.mark.parametrize(("learns", "body"), [(True, "Three"), (False, f"Three\n\n{REPEATED}")])
async def test_emails_are_refined_by_what_others_of_their_bucket_end_with(
    learns: bool,  # noqa: FBT001
    body: str,
    fresh: tuple[Database, Blobs, Town],
) -> None:
    database, blobs, sales = fresh
    app = api.create(database, blobs, KEYRING, clock=lambda: NOON, learns=learns)
    root = Client(app, sales.tokens["root"])
    for word in ("One", "Two", "Three"):
        email = {
            "id": f"<{word}@x>",
            "mailbox": "a@example.com",
            "timestamp": "2026-01-01T00:00:00Z",
            "mime_content": f"From: p@example.com\n\n{word}\n\n{REPEATED}\n",
        }
        path = "/api/_private/buckets/sales/inbox/emails"
        assert (await root.put(path, {"emails": [email]})).status == 200
    told = await root.get(f"/api/v1/sources/sales/mail/comments/{b'<Three@x>'.hex()}")
    assert told.json["comment"]["messages"][0]["body"]["text"] == body
    # One that is not kept is refined by the same.
    raw = {"headers": {"raw": "From: p@example.com"}, "body": {"plain": f"Three\n\n{REPEATED}"}}
    body_of_request = {
        "documents": [{"raw_email": raw}],
        "transform_tag": "generic.0.CONVKER5",
        "include_comments": True,
    }
    answer = await root.post(RAW, body_of_request)
    assert answer.json["comments"][0]["messages"][0]["body"]["text"] == body


async def test_a_quota_of_comments_keeps_all_out(
    root: Client, fresh: tuple[Database, Blobs, Town]
) -> None:
    limit = await root.post("/api/_private/quotas/x/comments_per_source", {"hard_limit": 305})
    assert limit.status == 200
    many = [comment(number) for number in range(6)]
    answer = await root.put(PUT, {"comments": many})
    assert (answer.status, "quota" in answer.json["message"]) == (422, True)
    assert count(fresh) == 0
    assert (await root.put(PUT, {"comments": many[:5]})).status == 200


@pytest.mark.parametrize("kind", ["comments_per_bucket", "megabytes", "megabytes_per_bucket"])
async def test_a_quota_of_what_is_stored_keeps_emails_out(root: Client, kind: str) -> None:
    limits = f"/api/_private/quotas/x/{kind}"
    path = "/api/_private/buckets/sales/inbox/emails"
    emails = [
        {
            "id": f"<q{number}@x>",
            "mailbox": "a@example.com",
            "timestamp": "2026-03-02T10:00:00Z",
            "mime_content": "Subject: x\n\nHello",
        }
        for number in range(3)
    ]
    small = 2 if kind == "comments_per_bucket" else 0
    assert (await root.post(limits, {"hard_limit": small})).status == 200
    answer = await root.put(path, {"emails": emails})
    if kind == "comments_per_bucket":
        assert (answer.status, kind in answer.json["message"]) == (422, True)
    else:  # not a whole megabyte
        assert answer.status == 200
    assert (await root.post(limits, {"hard_limit": None})).status == 200
    told = (await root.get("/api/_private/quotas")).json["quotas"]
    assert kind in {one["quota_kind"] for one in told}


async def test_every_change_is_written_down_and_no_secret_with_it(
    root: Client, fresh: tuple[Database, Blobs, Town]
) -> None:
    auth = {
        "type": "basic",
        "username": "svc",
        "secret": "hush-hush",
        "endpoint": "https://e.x/EWS",
    }
    made = await root.put(
        "/api/_private/integrations/sales/more", {"integration": {"configuration": {"auth": auth}}}
    )
    assert made.status == 200
    assert (await root.delete("/api/_private/integrations/sales/more")).status == 200
    with fresh[0].read() as tx:
        written = events.page(tx, before=None, limit=100)
    assert {"integration_created", "integration_removed"} <= {one.kind for one in written}
    assert "hush-hush" not in repr(written)
    by_person = [one for one in written if one.kind.startswith("integration_")]
    assert all(one.user_id and one.detail["from"] == "127.0.0.1" for one in by_person)


def form(content: bytes, field: bytes = b"file") -> bytes:
    return (
        b'--x\r\nContent-Disposition: form-data; name="'
        + field
        + b'"; filename="a"\r\n\r\n'
        + content
        + b"\r\n--x--\r\n"
    )


FORM = "multipart/form-data; boundary=x"


async def test_the_content_of_an_attachment(root: Client) -> None:
    attachment = {"name": "a.bin", "size": 1, "content_type": "x/y"}
    await root.put(PUT, {"comments": [comment(attachments=[attachment])]})
    path = "/api/_private/sources/sales/mail/comments/000000/attachments"
    content = bytes(range(256)) * 12_000
    put = await root.send("PUT", f"{path}/0", form(content), content_type=FORM)
    assert put.status == 200

    told = (await root.get("/api/v1/sources/sales/mail/comments/000000")).json["comment"]
    (kept,) = told["attachments"]
    assert kept["size"] == len(content)
    got = await root.get(f"/api/v1/attachments/{kept['attachment_reference']}")
    assert got.body == content

    missing = await root.send("PUT", f"{path}/1", form(b"x"), content_type=FORM)
    assert (missing.status, "none is number 1" in missing.json["message"]) == (404, True)
    other = await root.send("PUT", f"{path}/0", form(b"x", b"other"), content_type=FORM)
    assert (other.status, "`file`" in other.json["message"]) == (422, True)
    nothing = await root.send("PUT", f"{path}/0", b"{}")
    assert nothing.status == 422


async def test_what_was_put_to_an_attachment_stays_when_its_comment_is_synced_again(
    root: Client,
) -> None:
    mine = comment(attachments=[{"name": "a.pdf", "size": 5, "content_type": ".pdf"}])
    await root.post(SYNC, {"comments": [mine]})
    where = "/api/v1/sources/sales/mail/comments/000000"
    put = where.replace("/v1/", "/_private/") + "/attachments/0"
    assert (await root.send("PUT", put, form(b"hello"), content_type=FORM)).status == 200
    (before,) = (await root.get(where)).json["comment"]["attachments"]

    again = (await root.post(SYNC, {"comments": [mine]})).json
    assert (again["updated"], again["unchanged"]) == (0, 1)
    other = mine | {"messages": [{"body": {"text": "Changed"}}]}
    assert (await root.post(SYNC, {"comments": [other]})).json["updated"] == 1
    assert (await root.get(where)).json["comment"]["attachments"] == [before]

    # Another file at its place is another attachment.
    replaced = comment(attachments=[{"name": "b.pdf", "size": 9, "content_type": ".pdf"}])
    await root.post(SYNC, {"comments": [replaced]})
    (after,) = (await root.get(where)).json["comment"]["attachments"]
    assert (after["name"], after["size"], "attachment_reference" in after) == ("b.pdf", 9, False)
    gone = await root.get(f"/api/v1/attachments/{before['attachment_reference']}")
    assert gone.status == 404


async def test_contents_that_a_comment_lists_no_more_are_let_go_of(
    root: Client, fresh: tuple[Database, Blobs, Town]
) -> None:
    listed = [{"name": name, "size": 1, "content_type": "x/y"} for name in ("a", "b")]
    await root.put(PUT, {"comments": [comment(attachments=listed), comment(1, attachments=listed)]})
    for number in (0, 1):
        for index in (0, 1):
            path = f"/api/_private/sources/sales/mail/comments/{number:06x}/attachments/{index}"
            content = form(f"{number} {index}".encode())
            assert (await root.send("PUT", path, content, content_type=FORM)).status == 200
    kept = [
        (await root.get(f"/api/v1/sources/sales/mail/comments/{number:06x}")).json["comment"]
        for number in (0, 1)
    ]
    fewer = [{**kept[0], "attachments": kept[0]["attachments"][:1]}, kept[1]]
    assert (await root.post(SYNC, {"comments": fewer})).json["updated"] == 1
    statuses = [
        (await root.get(f"/api/v1/attachments/{one['attachment_reference']}")).status
        for each in kept
        for one in each["attachments"]
    ]
    assert statuses == [200, 404, 200, 200]
    with fresh[0].read() as tx:
        gone = orphans.lined_up(tx, FAR, limit=9)
    assert gone == (ContentHash(kept[0]["attachments"][1]["content_hash"]),)


def mime_with(*contents: str) -> str:
    message = EmailMessage()
    message["Subject"] = "x"
    message.set_content("Hello")
    for number, content in enumerate(contents):
        message.add_attachment(content, filename=f"{number}.txt")
    return message.as_string()


async def test_contents_that_an_email_has_no_more_are_let_go_of(
    root: Client, fresh: tuple[Database, Blobs, Town]
) -> None:
    path = "/api/_private/buckets/sales/inbox/emails"
    email = {"id": "<0@x>", "mailbox": "a@example.com", "timestamp": "2026-01-01T00:00:00Z"}

    async def put(*contents: str) -> list[dict[str, Any]]:
        one = {**email, "mime_content": mime_with(*contents)}
        assert (await root.put(path, {"emails": [one]})).status == 200
        told = await root.get(f"/api/v1/sources/sales/mail/comments/{b'<0@x>'.hex()}")
        attached: list[dict[str, Any]] = told.json["comment"]["attachments"]
        return attached

    first = await put("one", "two")
    second = await put("one")
    assert second == first[:1]
    gone = await root.get(f"/api/v1/attachments/{first[1]['attachment_reference']}")
    assert gone.status == 404
    with fresh[0].read() as tx:
        assert ContentHash(first[1]["content_hash"]) in orphans.lined_up(tx, FAR, limit=9)
    assert await put("one", "three") != first


async def test_an_attachment_that_is_too_large(root: Client, app: FastAPI) -> None:
    path = "/api/_private/sources/sales/mail/comments/000000/attachments/0"
    length = str(LARGEST_ATTACHMENT + 1)
    answer = await root.send("PUT", path, form(b"x"), content_type=FORM, content_length=length)
    assert answer.status == 413
    assert answer.json["message"]
    # Nobody unknown makes us take it in.
    unknown = await Client(app).send("PUT", path, form(b"x"), content_type=FORM)
    assert unknown.status == 401


@pytest.mark.parametrize("place", ["buckets/sales/inbox", "projects/sales"])
@pytest.mark.parametrize("kind", ["comments", "bytes"])
async def test_a_quota_of_its_own_keeps_emails_out_of_one_place(
    root: Client, place: str, kind: str
) -> None:
    path = f"/api/_private/{place}/quota"
    before = (await root.get(path)).json["quota"]
    assert before["comments"]["limit"] is before["bytes"]["limit"] is None
    assert before["comments"]["used"] >= 1
    assert before["bytes"]["used"] > 100
    other = {"comments": "bytes", "bytes": "comments"}[kind]
    await root.post(path, {other: 1_000_000_000})
    answer = await root.post(path, {kind: before[kind]["used"]})
    assert answer.json["quota"][kind] == dict.fromkeys(("limit", "used"), before[kind]["used"])
    assert answer.json["quota"][other]["limit"] == 1_000_000_000
    email = {
        "id": "<q@x>",
        "mailbox": "a@example.com",
        "timestamp": "2026-01-01T00:00:00Z",
        "mime_content": "Subject: x\n\nHello",
    }
    emails = "/api/_private/buckets/sales/inbox/emails"
    refused = await root.put(emails, {"emails": [email]})
    assert (refused.status, "its own quota raised" in refused.json["message"]) == (422, True)
    assert (await root.get(path)).json["quota"][kind]["used"] == before[kind]["used"]
    answer = await root.post(path, {kind: None})
    assert answer.json["quota"][kind]["limit"] is None
    assert (await root.put(emails, {"emails": [email]})).status == 200


async def test_a_quota_is_a_number_that_all_clients_can_read(root: Client) -> None:
    path = "/api/_private/buckets/sales/inbox/quota"
    for wrong in (-1, 2**53, "1"):
        assert (await root.post(path, {"bytes": wrong})).status == 422
    assert (await root.post(path, {"bytes": 0})).json["quota"]["bytes"]["limit"] == 0
    assert (await root.get("/api/_private/buckets/sales/nowhere/quota")).status == 404


async def test_a_bucket_is_refined_anew(root: Client) -> None:
    path = "/api/_private/buckets/sales/inbox/refine-anew"
    assert (await root.get(path)).json["refining"] == []
    begun = await root.post(path, {})
    assert begun.json["refining"] == [{"source": "sales/mail", "done": 0, "total": 1}]
    assert (await root.get(path)).json["refining"] == begun.json["refining"]
