"""What each route answers."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from mailmine.access import sessions
from mailmine.api import app as api
from mailmine.store import comments, object_stores, users
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.store.errors import BlobDamaged
from tests.integration.api.client import Client
from tests.integration.api.conftest import KEYRING, ClientOf
from tests.integration.api.town import COMMENTS, CONTENT, NOON, Town, comment_id

LIST = "/api/_private/sources/sales/mail/comments"


def is_moment(written: str) -> bool:
    return datetime.fromisoformat(written).tzinfo is not None and "." in written


async def test_who_am_i(reader: Client) -> None:
    user = (await reader.get("/auth/user")).json["user"]

    assert user.pop("id")
    assert is_moment(user.pop("created"))
    assert user == {
        "username": "reader",
        "email": "reader@example.com",
        "global_permissions": [],
        "organisation_permissions": {
            "sales": [
                "buckets-read",
                "integrations-read",
                "sources-read",
                "streams-consume",
                "streams-read",
                "users-read",
                "voc-readonly",
            ]
        },
        "sso_global_permissions": [],
        "verified": True,
    }


async def test_permissions_are_always_fresh(reader: Client) -> None:
    answer = await reader.ask("POST", "/auth/refresh-user-permissions")
    assert answer.json == {"status": "ok", "permissions_refreshed": True}


async def test_the_old_header_is_a_token_too(client_of: ClientOf, sales: Town) -> None:
    answer = await client_of(None).get("/auth/user", x_auth_token=sales.tokens["reader"])
    assert answer.json["user"]["username"] == "reader"


async def test_a_page_may_read_with_its_session_but_not_write(
    client_of: ClientOf, database: Database
) -> None:
    with database.write() as tx:
        user = users.by_username(tx, "reader")
        assert user is not None
        session = sessions.begin(tx, user, at=NOON)
    page = client_of(None)
    cookie = f"{sessions.COOKIE}={session}"

    assert (await page.get("/auth/user", cookie=cookie)).json["user"]["username"] == "reader"
    assert (await page.ask("POST", "/auth/refresh-user-permissions", cookie=cookie)).status == 401
    assert (await page.get("/auth/user", cookie=f"{sessions.COOKIE}=x")).status == 401


async def test_a_wrong_token_is_not_helped_by_a_session(
    app: FastAPI, database: Database, sales: Town
) -> None:
    del sales
    with database.write() as tx:
        user = users.by_username(tx, "reader")
        assert user is not None
        cookie = f"{sessions.COOKIE}={sessions.begin(tx, user, at=NOON)}"
    assert (await Client(app, "wrong").get("/auth/user", cookie=cookie)).status == 401


async def test_projects(reader: Client) -> None:
    one = (await reader.get("/api/_private/projects/sales")).json["project"]
    assert (one["name"], one["title"], one["description"]) == ("sales", "Sales", "")
    assert is_moment(one["created_at"])
    assert (await reader.get("/api/_private/projects")).json["projects"] == [one]


async def test_buckets(reader: Client, sales: Town) -> None:
    one = (await reader.get("/api/_private/buckets/sales/inbox")).json["bucket"]
    assert (one["id"], one["owner"], one["name"]) == (sales.bucket, "sales", "inbox")
    assert is_moment(one["created_at"])
    statistics = await reader.get(f"/api/_private/buckets/id:{sales.bucket}/statistics")
    assert statistics.json["statistics"] == {"count": {"kind": "exact", "value": 1}}


async def test_keyed_sync_states_tell_of_what_was_read(reader: Client, sales: Town) -> None:
    path = f"/api/_private/buckets/id:{sales.bucket}/keyed-sync-states"
    noon = "2026-03-01T12:00:00.000000Z"
    (state,) = (await reader.get(path)).json["keyed_sync_states"]
    assert state == {
        "id": state["id"],
        "mailbox_name": "orders@example.com",
        "folder_id": "AAA=",
        "folder_path": ["Inbox"],
        "status": "UP_TO_DATE",
        "synced_until": noon,
        "last_synced_at": noon,
    }


async def test_sources(reader: Client, sales: Town) -> None:
    one = (await reader.get("/api/v1/sources/sales/mail")).json["source"]
    assert is_moment(one.pop("created_at"))
    assert is_moment(one.pop("updated_at"))
    assert one == {
        "id": sales.source,
        "owner": "sales",
        "name": "mail",
        "title": "Mail",
        "description": "",
        "language": "en",
        "should_translate": False,
        "bucket_id": sales.bucket,
        "email_transform_tag": None,
        "_kind": "unknown",
        "sensitive_properties": [],
        "fill": None,
    }
    of_project = (await reader.get("/api/v1/sources/sales")).json["sources"]
    everywhere = (await reader.get("/api/v1/sources")).json["sources"]
    assert [source["id"] for source in of_project] == [sales.source]
    assert everywhere == of_project


async def test_one_comment(reader: Client, sales: Town) -> None:
    path = f"/api/v1/sources/sales/mail/comments/{comment_id(7)}?include_markup=true"
    comment = (await reader.get(path)).json["comment"]

    assert comment["id"] == comment_id(7)
    assert comment["uid"] == f"{sales.source}.{comment_id(7)}"
    assert comment["timestamp"] == "2026-03-01T12:07:00.000000Z"
    assert comment["messages"] == [
        {"body": {"text": "Order 7\nBest"}, "subject": {"text": "Order"}}
    ]
    assert comment["attachments"] == []
    assert (await reader.get("/api/v1/sources/sales/mail/comments/ffff")).status == 404


async def walk(client: Client, query: str) -> list[list[dict[str, Any]]]:
    pages = []
    after = ""
    while True:
        data = (await client.get(f"{LIST}?{query}{after}")).json
        pages.append(data["comments"])
        if data["continuation"] is None:
            return pages
        after = f"&after={data['continuation']}"


async def test_walking_through_the_comments_shows_each_once_oldest_first(reader: Client) -> None:
    pages = await walk(reader, "include_markup=true")

    assert [len(page) for page in pages] == [64, 64, 64, 64, 44]
    assert [one["id"] for page in pages for one in page] == [
        comment_id(number) for number in range(COMMENTS)
    ]


async def test_a_page_that_just_holds_them_all_is_the_last(reader: Client) -> None:
    assert [len(page) for page in await walk(reader, "limit=100")] == [100, 100, 100]
    assert [len(page) for page in await walk(reader, "limit=256")] == [256, 44]


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])
async def test_both_bounds_belong_to_the_list(form: str, reader: Client) -> None:
    since = (NOON + timedelta(minutes=3)).strftime(form)
    until = (NOON + timedelta(minutes=5)).strftime(form)
    pages = await walk(reader, f"from_timestamp={since}&to_timestamp={until}&limit=2")
    assert [[one["id"] for one in page] for page in pages] == [
        [comment_id(3), comment_id(4)],
        [comment_id(5)],
    ]


@pytest.mark.parametrize("fraction", ["9", "999", "999999", "9999999", "999999999"])
async def test_the_last_moment_of_a_minute_is_not_the_next(fraction: str, reader: Client) -> None:
    until = f"{NOON + timedelta(minutes=5):%Y-%m-%dT%H:%M}:59.{fraction}Z"
    (page,) = await walk(reader, f"to_timestamp={until}")
    assert page[-1]["id"] == comment_id(5)


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ("limit=0", 422, "limit"),
        ("limit=257", 422, "256"),
        ("limit=many", 422, "limit"),
        ("from_timestamp=yesterday", 422, "from_timestamp"),
        # What curl makes of an offset: in a query a + is a space.
        ("from_timestamp=2026-01-01T00:00:00+01:00", 422, "write it as 2026-03-01T12:00:00Z"),
        ("from_timestamp=2026-01-01T00:00:00+01:00", 422, "%2B01:00"),
        ("to_timestamp=0001-01-01T00:00:00%2B14:00", 400, "calendar"),
        ("after=again", 400, "continuation"),
    ],
)
async def test_wrong_parameters_are_told(
    query: str, status: int, word: str, reader: Client
) -> None:
    answer = await reader.get(f"{LIST}?{query}")
    assert answer.status == status
    assert word in answer.json["message"]


async def test_integrations_use_only_words_that_clients_know(reader: Client) -> None:
    answer = await reader.get("/api/_private/integrations/sales/exchange")
    integration = answer.json["integration"]

    assert b"hush" not in answer.body
    assert integration["type"] == "exchange_online"
    assert integration["title"] == "Our Exchange"
    assert integration["disabled_reason"] is None
    assert integration["status"] == "ok"
    assert integration["backend"] == "ews"
    assert is_moment(integration["created_at"])
    configuration = integration["configuration"]
    assert "connection" not in configuration
    assert configuration["auth"]["endpoint"] == "https://exchange.example.com/EWS/Exchange.asmx"
    gone, orders = configuration["mailboxes"]
    assert orders["email"] == "orders@example.com"
    assert orders["enabled"]
    assert orders["folder_denylist"] == [["Junk"]]
    assert orders["start_timestamp"] == "2026-03-01T12:00:00.000000Z"
    assert orders["bucket_specification"] == {
        "project_name": "sales",
        "name": "inbox",
        "title": "In",
    }
    assert not gone["enabled"]
    assert gone["disabled_reason"] == "sync_error"
    assert gone["status"] == "disabled"
    refusal = {
        "at": "2026-03-01T12:00:00.000000Z",
        "code": "ErrorNonExistentMailbox",
        "message": "There is no such mailbox.",
        "server": "exchange.example.com (EX01)",
        "request_id": "4a5b",
    }
    assert gone["disabled_detail"] == {
        "code": "ErrorNonExistentMailbox",
        "message": "There is no such mailbox.",
        "since": "2026-03-01T12:00:00.000000Z",
        "reason": "no-mailbox",
        "first_error": refusal,
        "last_error": refusal,
    }
    assert (await reader.get("/api/_private/integrations")).json["integrations"] == [integration]


async def test_an_attachment_is_a_file_to_save(reader: Client, sales: Town) -> None:
    answer = await reader.get(f"/api/v1/attachments/{sales.reference}")

    assert answer.status == 200
    assert answer.body == CONTENT
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "content-encoding" not in answer.headers


async def test_a_part_of_an_attachment(reader: Client, sales: Town) -> None:
    path = f"/api/v1/attachments/{sales.reference}"
    answer = await reader.get(path, range="bytes=250-259")

    assert answer.status == 206
    assert answer.body == CONTENT[250:260]
    assert answer.headers["content-range"] == f"bytes 250-259/{len(CONTENT)}"
    assert answer.headers["content-length"] == "10"

    etag = answer.headers["etag"]
    same = await reader.get(path, range="bytes=-1", if_range=etag)
    assert (same.status, same.body) == (206, CONTENT[-1:])
    changed = await reader.get(path, range="bytes=-1", if_range='"other"')
    assert (changed.status, changed.body) == (200, CONTENT)
    outside = await reader.get(path, range="bytes=999999-")
    assert outside.status == 416
    assert outside.headers["content-range"] == f"bytes */{len(CONTENT)}"
    assert "256000 bytes" in outside.json["message"]


async def test_an_attachment_that_one_has_is_not_sent_again(reader: Client, sales: Town) -> None:
    path = f"/api/v1/attachments/{sales.reference}"
    etag = (await reader.get(path)).headers["etag"]
    answer = await reader.get(path, if_none_match=f'"x", W/{etag}')
    assert (answer.status, answer.body) == (304, b"")


async def test_two_contents_of_a_comment_that_come_at_once_are_both_named_by_it(
    client_of: ClientOf, database: Database, sales: Town
) -> None:
    root = client_of("root")
    one = {
        "id": "aa",
        "timestamp": "2026-01-01T00:00:00Z",
        "messages": [{"body": {"text": "Two files"}}],
        "attachments": [{"name": name, "size": 1, "content_type": "x/y"} for name in "ab"],
    }
    path = LIST
    assert (await root.put(path, {"comments": [one]})).status == 200
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--x--\r\n'
    coming = []
    with database.write() as tx:
        comments.take_turns(tx, sales.bucket)
        for index in (0, 1):
            target = f"{path}/aa/attachments/{index}"
            sent = root.send("PUT", target, form, content_type="multipart/form-data; boundary=x")
            coming.append(asyncio.create_task(sent))
        await asyncio.sleep(1)
    assert [(await answer).status for answer in coming] == [200, 200]
    told = (await root.get("/api/v1/sources/sales/mail/comments/aa")).json["comment"]
    assert all("attachment_reference" in each for each in told["attachments"])
    await root.delete("/api/v1/sources/sales/mail/comments?id=aa")


async def test_a_content_that_was_damaged_is_said_to_be_so(
    client_of: ClientOf, blobs: Blobs, sales: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def damaged(*given: object, **_: object) -> AsyncIterator[bytes]:
        if given:
            raise BlobDamaged("The content is damaged.")
        yield b""

    monkeypatch.setattr(blobs, "read", damaged)
    answer = await client_of("root").get(f"/api/v1/attachments/{sales.reference}")
    assert answer.status == 500
    assert "damaged" in answer.json["message"]
    assert "backup" in answer.json["message"]


async def test_contents_that_cannot_be_had_now_are_to_be_asked_for_again(
    database: Database, sales: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(object_stores, "PATIENCE", timedelta(seconds=0.1))
    app = api.create(database, Blobs.open("s3://bucket/away"), KEYRING)
    root = Client(app, sales.tokens["root"])
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--x--\r\n'
    one = {
        "id": "ab",
        "timestamp": "2026-01-01T00:00:00Z",
        "messages": [{"body": {"text": "A file"}}],
        "attachments": [{"name": "a", "size": 1, "content_type": "x/y"}],
    }
    assert (await root.put(LIST, {"comments": [one]})).status == 200
    for answer in (
        await root.get(f"/api/v1/attachments/{sales.reference}"),
        await root.send(
            "PUT",
            f"{LIST}/ab/attachments/0",
            form,
            content_type="multipart/form-data; boundary=x",
        ),
    ):
        assert answer.status == 503
        assert "Try again" in answer.json["message"]
        assert "retry-after" in answer.headers
    await root.delete("/api/v1/sources/sales/mail/comments?id=ab")


async def test_attachments_that_are_not_there(reader: Client, sales: Town) -> None:
    assert (await reader.get("/api/v1/attachments/nothing")).status == 404
    lost = await reader.get(f"/api/v1/attachments/{sales.tokens['lost']}")
    assert lost.status == 404
    assert "not kept any more" in lost.json["message"]
