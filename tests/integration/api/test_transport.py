"""The rules common to all routes: spellings of paths, the envelope, headers, failures."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote, urlencode

import aiohttp
import pytest
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings, strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs
from yarl import URL

from mailmine.cli.server import Front
from mailmine.store import comments
from mailmine.store.blobs import Blobs
from mailmine.store.errors import Conflict, DatabaseUnavailable, StoreError
from tests.integration.api.client import Client
from tests.integration.api.conftest import ClientOf
from tests.integration.api.town import CONTENT, Town

LIST = "/api/_private/sources/sales/mail/comments"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/sources/sales/mail",
        "/api/v1/sources/sales%2Fmail",
        "/api/v1/sources/sales%2fmail",
        "/api/v1/sources/sales/mail/",
        "/api/v1/sources/sales%2Fmail%2F",
        "/api/v1/sources/%73ales%2Fmail",
    ],
)
async def test_spellings_of_one_source(path: str, reader: Client, sales: Town) -> None:
    answer = await reader.get(path)
    assert answer.json["source"]["id"] == sales.source


@pytest.mark.parametrize("rest", ["", "/", "%2F", "/statistics", "/keyed-sync-states%2F"])
@pytest.mark.parametrize("colon", [":", "%3A"])
async def test_spellings_of_one_bucket_by_id(
    colon: str, rest: str, reader: Client, sales: Town
) -> None:
    answer = await reader.get(f"/api/_private/buckets/id{colon}{sales.bucket}{rest}")
    assert answer.json["status"] == "ok"


@settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    parts=st.lists(st.text(max_size=8), max_size=4),
    base=st.sampled_from(["/api/v1/sources", "/api/_private/buckets", "/api/v1/attachments"]),
    slash=st.sampled_from(["/", "%2F"]),
)
def test_whatever_the_path_the_answer_is_in_the_envelope(
    client_of: ClientOf, parts: list[str], base: str, slash: str
) -> None:
    path = base + "".join(slash + quote(part, safe="") for part in parts)
    answer = asyncio.run(client_of("reader").get(path))
    assert answer.status in {200, 403, 404}
    assert answer.json["status"] in {"ok", "error"}


@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_letter_of_an_address_may_be_encoded(
    client_of: ClientOf, sales: Town, data: st.DataObject
) -> None:
    address = "".join(
        f"%{ord(letter):02X}" if data.draw(st.booleans()) else letter for letter in "sales/mail"
    )
    answer = asyncio.run(client_of("reader").get(f"/api/v1/sources/{address}"))
    assert answer.json["source"]["id"] == sales.source


WORDS = st.text(max_size=30) | st.sampled_from(
    ["9999-12-31T23:59:59Z", "-1", "1e18", "0001-01-01", "OTk5", "LTk5", "nan", "256"]
)


@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    query=st.dictionaries(
        st.sampled_from(["from_timestamp", "to_timestamp", "after", "limit"]), WORDS
    )
)
def test_whatever_the_query_the_answer_is_in_the_envelope(
    client_of: ClientOf, query: dict[str, str]
) -> None:
    answer = asyncio.run(client_of("reader").get(f"{LIST}?{urlencode(query)}"))
    assert answer.status in {200, 400, 422}
    assert answer.json["status"] in {"ok", "error"}


async def test_unknown_routes_and_methods_are_told_in_the_envelope(reader: Client) -> None:
    unknown = await reader.get("/api/v9/sources")
    assert unknown.status == 404
    assert "/api/v9/sources" in unknown.json["message"]
    assert (await reader.get("/")).json["status"] == "error"
    assert (await reader.get("/api/v1/sources/a/b/c/d/e")).status == 404

    deleting = await reader.ask("DELETE", "/api/v1/attachments/x")
    assert deleting.status == 405
    assert deleting.headers["allow"] == "GET, HEAD"
    assert deleting.json["message"]

    patching = await reader.ask("PATCH", "/api/v1/sources/sales%2Fmail/")
    assert patching.status == 405
    assert patching.headers["allow"] == "DELETE, GET, HEAD, POST, PUT"
    assert patching.headers["allow"] in patching.json["message"]


@pytest.mark.parametrize("path", ["/api/v1/sources", "/nowhere", "/api/openapi.json", "/health"])
async def test_json_says_that_it_is_utf_8(path: str, reader: Client) -> None:
    """Without that Windows PowerShell 5.1 shows the umlauts of an email as two letters each."""
    answer = await reader.get(path)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


async def test_how_long_it_took_stands_on_every_answer(reader: Client) -> None:
    for path in ("/api/v1/sources", "/nowhere", "/health"):
        answer = await reader.get(path)
        assert re.fullmatch(r"total;dur=\d+\.\d", answer.headers["server-timing"])


@pytest.mark.parametrize("accepted", ["gzip", "br, GZIP;q=0.5, *", "gzip;q=1.0"])
async def test_large_answers_are_packed_for_who_can_unpack(accepted: str, reader: Client) -> None:
    packed = await reader.get(LIST, accept_encoding=accepted)
    plain = await reader.get(LIST)

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert len(packed.body) < len(plain.body) / 4
    assert packed.json == plain.json


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=0.0", "identity"])
async def test_others_get_them_plain(accepted: str, reader: Client) -> None:
    answer = await reader.get(LIST, accept_encoding=accepted)
    assert "content-encoding" not in answer.headers


async def test_small_answers_are_not_packed(reader: Client) -> None:
    answer = await reader.get("/auth/user", accept_encoding="gzip")
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DatabaseUnavailable("PostgreSQL at 10.0.0.5 refused"), 503),
        (Conflict("It is there already."), 409),
        (StoreError("the disk at /srv is full"), 500),
        (ZeroDivisionError("secret detail"), 500),
    ],
)
async def test_our_own_faults_are_told_without_their_details(
    error: Exception, status: int, reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(comments, "json_page", fail)
    with capture_logs() as logs:
        answer = await reader.get(LIST)

    assert answer.status == status
    assert answer.headers["server-timing"]
    message = answer.json["message"]
    if status == 409:
        assert message == str(error)
    else:
        assert str(error) not in message
        assert len(logs) == 1


async def test_an_api_under_a_prefix(app: FastAPI, sales: Town) -> None:
    token, prefix = sales.tokens["reader"], "/acme/main/reinfer_"
    path = "/api/v1/sources/sales%2Fmail/"
    # Mounted there, or served by a server that was told the prefix.
    mounted = Client(Starlette(routes=[Mount(prefix, app=app)]), token)
    told = Client(app, token, prefix=prefix)

    assert (await mounted.get(prefix + path)).json["source"]["id"] == sales.source
    assert (await told.get(path)).json["source"]["id"] == sales.source


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Serve `app` on a free port of this machine."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    listener = config.bind_socket()
    # Whoever comes before the server runs, waits.
    listener.listen()
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


async def test_over_the_wire(app: FastAPI, sales: Town) -> None:
    token = sales.tokens["reader"]
    async with (
        served(app) as base,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
    ):
        for path in ("sales%2Fmail", "sales/mail", f"id:{sales.source}%2F"):
            url = URL(f"{base}/api/v1/sources/{path}", encoded=True)
            async with session.get(url) as answer:
                assert (await answer.json())["source"]["id"] == sales.source
        async with session.get(base + LIST, params={"limit": "256"}) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert len((await answer.json())["comments"]) == 256
        async with session.get(f"{base}/api/v1/attachments/{sales.reference}") as answer:
            assert "Content-Encoding" not in answer.headers
            assert await answer.read() == CONTENT


async def test_head_is_answered_as_get_without_the_body(app: FastAPI, sales: Town) -> None:
    token = sales.tokens["reader"]
    attachment = f"/api/v1/attachments/{sales.reference}"
    async with (
        served(app) as base,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
    ):
        for path in ("/healthz", "/readyz", LIST, attachment, "/api/v1/sources/sales/none"):
            async with session.get(base + path) as got:
                await got.read()
            async with session.head(base + path) as headed:
                assert await headed.read() == b""
            assert headed.status == got.status
            for name in ("Content-Type", "Content-Encoding", "Content-Length", "ETag"):
                assert headed.headers.get(name) == got.headers.get(name), (path, name)
        # Of GET alone a range can be asked (RFC 9110, 14.2).
        async with session.head(base + attachment, headers={"Range": "bytes=5-9"}) as whole:
            assert (whole.status, whole.headers["Content-Length"]) == (200, str(len(CONTENT)))
        async with session.head(f"{base}{LIST}", headers={"Authorization": "Bearer none"}) as no:
            assert no.status == 401


async def test_the_head_of_an_attachment_reads_no_content(
    reader: Client, sales: Town, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(blobs, "read", fail)
    answer = await reader.ask("HEAD", f"/api/v1/attachments/{sales.reference}")
    assert answer.headers["content-length"] == str(len(CONTENT))


@pytest.mark.parametrize("prefix", ["", "/acme/main/reinfer_"])
async def test_an_address_may_end_in_a_slash(prefix: str, app: FastAPI, sales: Town) -> None:
    async def pages(_: Scope, __: Receive, ___: Send) -> None:
        raise AssertionError

    client = Client(Front(app, pages, prefix), sales.tokens["reader"], prefix=f"{prefix}/")
    answer = await client.get("/api/v1/sources/sales/mail")
    assert answer.json["source"]["id"] == sales.source
