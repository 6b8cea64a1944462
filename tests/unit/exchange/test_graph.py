"""What Graph may legally say, and what servers, gateways and recordings in its place do say."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st
from multidict import CIMultiDict

from mailmine.exchange import Limits
from mailmine.exchange.credentials import Basic
from mailmine.exchange.faults import Code, ExchangeError, Scope, Where
from mailmine.exchange.graph.account import GraphAccount
from mailmine.exchange.graph.reader import GraphReader
from mailmine.exchange.http import Request, Response
from mailmine.exchange.reader import ChangeKind, ChangePage, Item, ItemFault, ItemGone
from mailmine.exchange.session import Session
from mailmine.model.email import Address, Attachment
from mailmine.model.ids import AttachmentId, Cursor, FolderId, ItemId
from mailmine.model.integration import Backend, Connection
from mailmine.sync.policy import Action, rule_for
from tests.unit.exchange.fakes import ADDRESS, FakeClock

ROOT = "https://graph.example.com/v1.0"
USER = f"{ROOT}/users/{ADDRESS}"
INBOX = FolderId("inbox-id")
JSON = {"Content-Type": "application/json; odata.metadata=minimal", "request-id": "r1"}
PAGE = {"Content-Type": "text/html; charset=utf-8"}


@dataclass(frozen=True)
class Said:
    """An answer."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)

    @property
    def bytes(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Answering = Callable[[str], Any]


@dataclass
class FakeGraph:
    """A transport that answers each path by a function, also those in a batch."""

    answer: Answering
    asked: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    of_batch: Callable[[list[dict[str, Any]]], Any] = lambda parts: {"responses": parts}

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Response]:
        self.requests.append(request)
        path = request.url.removeprefix(f"{ROOT}/")
        said = self._batch(request.body) if path == "$batch" else self._said(path)

        async def pieces() -> AsyncIterator[bytes]:
            yield said.bytes

        yield Response(status=said.status, headers=CIMultiDict(said.headers), pieces=pieces())

    def _said(self, path: str) -> Said:
        self.asked.append(path)
        said = self.answer(path)
        return said if isinstance(said, Said) else Said(said)

    def _batch(self, body: bytes) -> Said:
        asked = json.loads(body)["requests"]
        parts = []
        for one in asked:
            said = self._said(one["url"].removeprefix("/"))
            part = {"id": one["id"], "status": said.status, "headers": dict(said.headers)}
            parts.append(part | {"body": said.body})
        return Said(self.of_batch(parts))

    async def aclose(self) -> None:
        """Nothing to let go of."""


def reading(answer: Answering) -> tuple[GraphReader, FakeGraph]:
    graph = FakeGraph(answer)
    connection = Connection(
        endpoint="https://graph.example.com", username="svc", backend=Backend.GRAPH
    )
    session = Session(
        connection, Basic("svc", "geheim"), transport=graph, limits=Limits(), clock=FakeClock()
    )
    return GraphAccount(session).reader(ADDRESS), graph


def message(id_: str, **others: Any) -> dict[str, Any]:
    """Write a whole message."""
    return {
        "@odata.etag": 'W/"x"',
        "id": id_,
        "subject": f"About {id_}",
        "receivedDateTime": "2024-02-29T08:00:00Z",
        "body": {"contentType": "text", "content": "Hello"},
        "hasAttachments": False,
        "parentFolderId": "f",
        **others,
    }


async def page_of(answer: Any, **how: Any) -> ChangePage:
    reader, _ = reading(lambda path: {"value": []} if "/attachments" in path else answer)
    page = await reader.changes(INBOX, None, limit=10, **how)
    assert isinstance(page, ChangePage), page
    return page


async def item_of(**others: Any) -> Item:
    page = await page_of({"value": [message("A", **others)], "@odata.deltaLink": f"{USER}/x?d=1"})
    item = page.changes[0].item
    assert item is not None
    return item


def delta(*messages: Any, link: str = f"{USER}/mailFolders/f/messages/delta?$deltatoken=1") -> Any:
    return {"value": list(messages), "@odata.deltaLink": link}


@pytest.mark.parametrize(
    ("link", "path"),
    [
        (f"{ROOT}/users/x/delta?$skiptoken=a%2Bb%2F%3D", "users/x/delta?$skiptoken=a%2Bb%2F%3D"),
        ("https://GRAPH.example.com:443/v1.0/users/x?%24skip=1", "users/x?%24skip=1"),
        ("/v1.0/users('a%40b')/delta?$skiptoken=1", "users('a%40b')/delta?$skiptoken=1"),
        ("users/x/delta?$skiptoken=1", "users/x/delta?$skiptoken=1"),
        ("https://graph.microsoft.com/v1.0/users/x?$skip=1", "users/x?$skip=1"),
        ("https://microsoftgraph.chinacloudapi.cn/v1.0/users/x?$skip=1", "users/x?$skip=1"),
        ("http://graph.example.com/v1.0/users/x?$skip=1", "users/x?$skip=1"),
    ],
)
def test_a_link_is_read_however_it_is_written(link: str, path: str) -> None:
    reader, _ = reading(lambda _: {})
    assert reader._client.path_of(link) == path


@pytest.mark.parametrize(
    ("link", "code"),
    [
        ("https://evil.example/v1.0/users/x?$skip=1", Code.REDIRECTED),
        ("https://graph.example.com.evil.example/v1.0/users/x", Code.REDIRECTED),
        ("https://graph.example.com/beta/users/x", Code.MALFORMED_ANSWER),
        ("https://[graph.example.com/v1.0/users/x", Code.MALFORMED_ANSWER),
        ("https://graph.example.com:x/v1.0/users/x", Code.MALFORMED_ANSWER),
        ("", Code.MALFORMED_ANSWER),
    ],
)
def test_a_link_that_leads_nowhere_is_not_followed(link: str, code: Code) -> None:
    reader, _ = reading(lambda _: {})
    with pytest.raises(ExchangeError) as raised:
        reader._client.path_of(link)
    assert raised.value.fault.code == code


async def test_the_next_page_of_a_list_is_asked_for_as_its_link_says() -> None:
    following = f"{USER}/mailFolders/inbox-id/messages?%24top=10&%24skip=10"

    def answer(path: str) -> Any:
        if "%24skip" in path:
            return {"value": [message("B")]}
        return {"value": [message("A")], "@odata.nextLink": following}

    reader, graph = reading(answer)
    since = datetime(2024, 1, 1, tzinfo=UTC)
    first = await reader.changes(INBOX, None, limit=10, since=since)
    assert isinstance(first, ChangePage)
    second = await reader.changes(INBOX, first.cursor, limit=10, since=since)
    assert isinstance(second, ChangePage)
    assert [one.item_id for one in (*first.changes, *second.changes)] == ["A", "B"]
    assert graph.asked[0].count("$top=10") == 1
    assert graph.asked[-1] == following.removeprefix(f"{ROOT}/")


async def test_a_message_with_null_for_everything_is_an_email() -> None:
    names = (
        "subject from sender toRecipients ccRecipients bccRecipients replyTo sentDateTime internetMessageId "
        "internetMessageHeaders importance isRead isDraft hasAttachments categories conversationId parentFolderId"
    )
    item = await item_of(**dict.fromkeys(names.split()))
    assert (item.email.subject, item.email.from_, item.email.to) == ("", None, ())


async def test_addresses_are_read_of_whatever_kind_they_are() -> None:
    legacy = "/O=EXCHANGELABS/OU=EXCHANGE ADMINISTRATIVE GROUP/CN=RECIPIENTS/CN=ANN"
    item = await item_of(
        sender={"emailAddress": {"name": "Ann", "address": legacy}},
        toRecipients=[
            {"emailAddress": {"name": "Only a name"}},
            {"emailAddress": {"name": "", "address": ""}},
            {"emailAddress": None},
            {},
            {"emailAddress": {"name": "bob@x", "address": "bob@x"}, "@odata.type": "#odd"},
        ],
    )
    assert item.email.from_ == Address("Ann", legacy)
    assert item.email.to == (Address("Only a name", ""), Address("", "bob@x"))


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("2024-02-29T08:00:00.1234567Z", datetime(2024, 2, 29, 8, 0, 0, 123_456, tzinfo=UTC)),
        ("2024-02-29T08:00:00", datetime(2024, 2, 29, 8, tzinfo=UTC)),
        ("2024-02-29T08:00:00.0000000+05:30", datetime(2024, 2, 29, 2, 30, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
    ],
)
async def test_times_are_utc_whatever_is_written(written: str, read_as: datetime | None) -> None:
    assert (await item_of(sentDateTime=written)).email.sent_at == read_as


@pytest.mark.parametrize("reason", ["changed", "deleted", None])
async def test_what_left_is_gone_from_the_folder_for_whatever_reason(reason: str | None) -> None:
    page = await page_of(delta({"@removed": {"reason": reason}, "id": "A"}))
    assert [(one.kind, one.item_id) for one in page.changes] == [(ChangeKind.GONE, "A")]


async def test_an_empty_page_may_end_with_a_place_to_go_on_from() -> None:
    page = await page_of(delta())
    assert (page.changes, page.is_last) == ((), True)
    assert page.cursor == f"d users/{ADDRESS}/mailFolders/f/messages/delta?$deltatoken=1"


@pytest.mark.parametrize(
    ("before", "subject"),
    [(b"\xef\xbb\xbf", b"Order"), (b"\r\n ", b"Order"), (b"", b"Gr\xf6sse")],
)
async def test_json_with_a_mark_or_with_bytes_that_are_none_of_its_letters_is_read(
    before: bytes, subject: bytes
) -> None:
    written = json.dumps(delta(message("A"))).encode().replace(b"About A", subject)
    page = await page_of(Said(before + written))
    item = page.changes[0].item
    assert item is not None
    assert item.email.subject == subject.decode("utf-8", "replace")


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b'{"value": 1}', b'{"value":[{"@removed":' + b"[" * 100_000],
    ids=["nothing", "null", "list", "number", "endless"],
)
async def test_whatever_is_no_json_is_said_to_make_no_sense(body: bytes) -> None:
    reader, _ = reading(lambda _: Said(body))
    with pytest.raises(ExchangeError) as raised:
        await reader.folders()
    assert raised.value.fault.code == Code.MALFORMED_ANSWER


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (
            b'\xef\xbb\xbf{"error":{"code":"SyncStateNotFound","message":"Gone"}}',
            "SyncStateNotFound",
        ),
        (b'{"error":{"code":"SyncStateNotFound","message":"d\xe9j\xe0"}}', "SyncStateNotFound"),
        (b'{"error":{"code":"d\xe9j\xe0"}}', "d\ufffdj\ufffd"),
        (b'{"error":{"code":null}}', "http_400"),
        (b'{"error":"invalid_grant"}', "http_400"),
        (b'{"error":' * 100_000, "http_400"),
    ],
    ids=["mark", "latin", "latin code", "null", "text", "endless"],
)
async def test_an_error_with_a_mark_or_with_bytes_that_are_none_of_its_letters_is_read(
    body: bytes, code: str
) -> None:
    reader, _ = reading(lambda _: Said(body, status=400))
    with pytest.raises(ExchangeError) as raised:
        await reader.newest(INBOX, since=datetime(2024, 1, 1, tzinfo=UTC), limit=10)
    assert raised.value.fault.code == code


async def test_numbers_may_be_written_as_texts_or_with_a_point() -> None:
    def answer(path: str) -> Any:
        if path.partition("?")[0].endswith("/messages"):
            return {"value": []}
        if "/mailFolders/delta" in path:
            folder = {
                "id": "in",
                "displayName": "null",
                "totalItemCount": "7",
                "unreadItemCount": 2.0,
            }
            return {"value": [folder], "@odata.deltaLink": f"{USER}/mailFolders/delta?t=1"}
        return {"id": "in"}

    reader, _ = reading(answer)
    (folder,) = (await reader.folders()).folders
    assert (folder.path, folder.total) == (("null",), 7)


@pytest.mark.parametrize("number", [10**30, 2**63, -1])
async def test_a_number_that_nothing_has_is_none(number: int) -> None:
    def answer(path: str) -> Any:
        if "/attachments" in path:
            return {"value": [{"id": "a", "name": "a.pdf", "size": number}]}
        if "/mailFolders/delta" in path:
            folder = {"id": "in", "displayName": "Inbox", "totalItemCount": number}
            return {"value": [folder], "@odata.deltaLink": f"{USER}/mailFolders/delta?t=1"}
        size = {"id": "Integer 0xe08", "value": str(number)}
        return delta(message("A", hasAttachments=True, singleValueExtendedProperties=[size]))

    reader, _ = reading(answer)
    (folder,) = (await reader.folders()).folders
    assert folder.total == 0
    page = await reader.changes(INBOX, None, limit=10)
    assert isinstance(page, ChangePage)
    item = page.changes[0].item
    assert item is not None
    assert (item.metadata.size, item.email.attachments[0].size) == (None, 0)


async def test_a_size_of_thousands_of_digits_stops_nothing() -> None:
    size = {"id": "Integer 0xe08", "value": "9" * 5000}
    assert (await item_of(singleValueExtendedProperties=[size])).metadata.size is None


async def test_a_message_modified_last_that_does_not_say_where_it_lies_may_lie_anywhere() -> None:
    time = None

    def answer(path: str) -> Any:
        if path.partition("?")[0].endswith("/messages"):
            return {"value": [{"id": "A", "parentFolderId": None, "lastModifiedDateTime": time}]}
        if "/mailFolders/delta" in path:
            return {
                "value": [{"id": "in", "displayName": "Inbox"}],
                "@odata.deltaLink": f"{USER}/mailFolders/delta?t=1",
            }
        return {"id": path.rpartition("/")[2].partition("?")[0]}

    reader, _ = reading(answer)
    (before,) = (await reader.folders()).folders
    time = "2024-02-29T08:00:00Z"
    (after,) = (await reader.folders()).folders
    assert before.path == after.path == ("Inbox",)
    assert before.last_change != after.last_change


async def test_a_mailbox_without_folders_makes_no_sense() -> None:
    reader, _ = reading(lambda _: {"value": [], "@odata.deltaLink": f"{USER}/mailFolders/delta?t"})
    with pytest.raises(ExchangeError) as raised:
        await reader.folders()
    assert raised.value.fault.code == Code.MALFORMED_ANSWER


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({}, Code.MALFORMED_ANSWER),
        ({"error": {"code": "UnknownError"}}, "UnknownError"),
        ({"error": {"message": "No code"}}, Code.MALFORMED_ANSWER),
        ({"value": None}, Code.MALFORMED_ANSWER),
    ],
)
async def test_a_list_that_is_none_is_not_taken_for_an_empty_one(said: Any, code: str) -> None:
    reader, _ = reading(
        lambda path: said if "attachments" in path else message("A", hasAttachments=True)
    )
    (item,) = await fetched(reader, "A")
    assert item.incomplete is not None
    reader, _ = reading(lambda _: said)
    with pytest.raises(ExchangeError) as raised:
        await reader.changes(INBOX, Cursor("l 0"), limit=10)
    assert raised.value.fault.code == code


async def fetched(reader: GraphReader, *ids: str) -> list[Any]:
    return [one async for batch in reader.fetch([ItemId(id_) for id_ in ids]) for one in batch]


def id_in(path: str) -> str:
    return path.partition("/messages/")[2].partition("?")[0]


async def test_the_parts_of_a_batch_come_in_any_order_and_without_headers() -> None:
    reader, graph = reading(lambda path: message(id_in(path)))
    graph.of_batch = lambda parts: {
        "responses": [part | {"headers": None} for part in reversed(parts)]
    }
    got = await fetched(reader, "A", "B", "C")
    assert [(one.id, one.email.subject) for one in got] == [(id_, f"About {id_}") for id_ in "ABC"]


@pytest.mark.parametrize(
    "body", [{"id": "B", "subject": 7}, "PGh0bWw+", None, [], {}, {"id": "B", "body": "no"}]
)
async def test_c12_a_message_that_makes_no_sense_stops_none_of_its_neighbours(body: Any) -> None:
    reader, _ = reading(lambda path: body if id_in(path) == "B" else message(id_in(path)))
    got = await fetched(reader, "A", "B", "C")
    assert [type(one) for one in got] == [Item, ItemFault, Item]
    assert (got[1].id, got[1].fault.code, got[1].fault.scope) == (
        "B",
        Code.MALFORMED_ANSWER,
        Scope.ITEM,
    )
    assert list(await reader.outlines([ItemId("A"), ItemId("B")])) == ["A"]
    assert list(await reader.locate([ItemId("A"), ItemId("B")])) == ["A"]


async def test_c12_a_part_that_is_not_answered_stops_none_of_the_others() -> None:
    reader, graph = reading(lambda path: message(id_in(path)))
    graph.of_batch = lambda parts: {"responses": [part for part in parts if part["id"] != "1"]}
    got = await fetched(reader, "A", "B", "C")
    assert [type(one) for one in got] == [Item, ItemFault, Item]


async def test_a_batch_without_any_answer_is_held_against_none_of_the_messages() -> None:
    reader, graph = reading(lambda path: message(id_in(path)))
    for said, code in (
        ({"error": {"code": "UnknownError"}}, "UnknownError"),
        ({}, "malformed_answer"),
    ):
        graph.of_batch = lambda _, said=said: said  # type: ignore[misc]
        with pytest.raises(ExchangeError) as raised:
            await fetched(reader, "A", "B")
        assert raised.value.fault.code == code


async def test_a_message_that_has_another_id_in_the_answer_is_the_one_that_was_asked_for() -> None:
    def answer(path: str) -> Any:
        if "/attachments" in path:
            return {"value": [{"id": "a", "name": "a.pdf"}]}
        return message("AAkALgAA=", hasAttachments=True)

    reader, graph = reading(answer)
    (item,) = await fetched(reader, "A")
    assert (item.id, item.email.attachments[0].name) == ("A", "a.pdf")
    assert "/messages/A/attachments" in graph.asked[-1]
    assert list(await reader.outlines([ItemId("A")])) == ["A"]
    assert await reader.locate([ItemId("A")]) == {"A": "f"}


async def test_a_message_that_does_not_say_where_it_lies_is_not_gone() -> None:
    gone = Said({"error": {"code": "ErrorItemNotFound"}}, 404)
    reader, _ = reading(lambda path: gone if id_in(path) == "B" else {"id": "A"})
    assert await reader.locate([ItemId("A"), ItemId("B")]) == {"B": None}


async def test_one_part_that_is_throttled_holds_the_mailbox_for_as_long_as_it_says() -> None:
    busy = Said({"error": {"code": "ApplicationThrottled"}}, 429, {"retry-after": "7.5"})
    reader, _ = reading(lambda path: busy if id_in(path) == "B" else message(id_in(path)))
    with pytest.raises(ExchangeError) as raised:
        await fetched(reader, "A", "B")
    assert raised.value.fault.retry_after == timedelta(seconds=7.5)


async def test_c6_what_was_throttled_in_a_batch_for_the_others_is_asked_for_again() -> None:
    """As Graph did where a batch of twenty was answered but for four, whenever it was sent (microsoft-graph-docs, issue 2886)."""
    reader, graph = reading(lambda path: message(id_in(path)))
    batches: list[int] = []

    def of_batch(parts: list[dict[str, Any]]) -> Any:
        batches.append(len(parts))
        headers = {"Retry-After": "2"}
        error = {"error": {"code": "ErrorTooManyObjectsOpened"}}
        return {
            "responses": [
                part
                if place < 6
                else {"id": part["id"], "status": 429, "headers": headers, "body": error}
                for place, part in enumerate(parts)
            ]
        }

    graph.of_batch = of_batch
    ids = [f"A{number}" for number in range(20)]
    got = await fetched(reader, *ids)
    assert [(type(one), one.id) for one in got] == [(Item, id_) for id_ in ids]
    assert batches == [20, 10, 5, 3]


@pytest.mark.parametrize(
    "hint", [{}, {"Retry-After": "60"}, {"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}]
)
async def test_a_mailbox_that_is_throttled_for_long_or_altogether_waits(
    hint: dict[str, str],
) -> None:
    busy = Said({"error": {"code": "ApplicationThrottled"}}, 429, hint)
    reader, graph = reading(
        lambda path: busy if hint == {} or id_in(path) == "B" else message(id_in(path))
    )
    with pytest.raises(ExchangeError) as raised:
        await fetched(reader, "A", "B")
    assert (raised.value.fault.code, len(graph.requests)) == ("TooManyRequests", 1)
    assert rule_for(raised.value.fault).action is Action.RETRY_LATER


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ({"code": "UnknownError", "innerError": {"code": "ErrorAccessDenied"}}, 403, "ErrorAccessDenied"),
        (
            {"code": "BadRequest", "innererror": {"code": "new", "innererror": {"code": "resyncRequired"}}},
            400,
            "resyncRequired",
        ),
        ({"code": "ErrorItemNotFound", "innerError": {"code": "generalException"}}, 404, "ErrorItemNotFound"),
        ({"code": "ErrorAccessDenied", "innerError": {"code": "what is new"}}, 403, "ErrorAccessDenied"),
        ({"code": "what is new", "innerError": {"code": "newer"}}, 400, "what is new"),
        (
            {"code": "UnknownError", "message": '{"error":{"code":"MailboxNotEnabledForRESTAPI","message":"x"}}'},
            404,
            "MailboxNotEnabledForRESTAPI",
        ),
        ({"code": "UnknownError", "message": "{broken"}, 500, "UnknownError"),
        ({"code": "UnknownError", "message": ""}, 503, "http_503"),
        ({"innerError": {"code": "ErrorAccessDenied"}}, 403, "ErrorAccessDenied"),
        ({"code": 5, "innerError": []}, 400, "http_400"),
        ({"code": "ErrorMailboxMoveInProgress"}, 200, "ErrorMailboxMoveInProgress"),
    ],
)  # fmt: skip
async def test_of_the_codes_of_an_error_the_most_specific_one_that_is_known_counts(
    error: dict[str, Any], status: int, code: str
) -> None:
    reader, _ = reading(lambda _: Said({"error": error}, status))
    with pytest.raises(ExchangeError) as raised:
        await reader.folders()
    assert (raised.value.fault.where, raised.value.fault.code) == (Where.GRAPH, code)


async def test_an_error_in_a_part_that_calls_itself_good_is_that_messages() -> None:
    gone = Said({"error": {"code": "ErrorItemNotFound"}}, 200)
    corrupt = Said({"error": {"code": "ErrorItemCorrupt"}}, 200)
    said = {"B": gone, "C": corrupt}
    reader, _ = reading(lambda path: said.get(id_in(path)) or message(id_in(path)))
    got = await fetched(reader, "A", "B", "C")
    assert [type(one) for one in got] == [Item, ItemGone, ItemFault]


async def test_lists_may_hold_null() -> None:
    names = "toRecipients ccRecipients bccRecipients replyTo internetMessageHeaders categories"
    item = await item_of(
        **{name: [None] for name in names.split()},
        singleValueExtendedProperties=[None],
        isRead="true",
    )
    assert (item.email.to, item.email.headers, item.metadata.categories) == ((), (), ())
    assert item.metadata.is_read is True


async def test_names_of_folders_that_are_not_told_at_present_are_asked_for_again() -> None:
    outage = Said({"error": {"code": "ServiceUnavailable"}}, 503)
    busy = [True]

    def answer(path: str) -> Any:
        if "/mailFolders/delta" in path:
            return delta({"id": "in", "displayName": "Posteingang"})
        if "/mailFolders/inbox?" in path:
            return outage if busy else {"id": "in"}
        return (
            Said({"error": {"code": "ErrorFolderNotFound"}}, 404)
            if "mailFolders/" in path
            else {"value": []}
        )

    reader, _ = reading(answer)
    with pytest.raises(ExchangeError):
        await reader.folders()
    busy.clear()
    (folder,) = (await reader.folders()).folders
    assert folder.well_known == "inbox"


async def test_attachments_are_read_page_by_page_where_the_server_pages_them() -> None:
    def answer(path: str) -> Any:
        if "/attachments" not in path:
            return message("A", hasAttachments=True)
        file = {"@odata.type": "#microsoft.graph.fileAttachment", "size": 3}
        if "skip" in path:
            return {"value": [file | {"id": "b", "name": "b.pdf"}]}
        following = f"{USER}/messages/A/attachments?%24skip=1"
        return {"value": [file | {"id": "a", "name": "a.pdf"}], "@odata.nextLink": following}

    reader, _ = reading(answer)
    (item,) = await fetched(reader, "A")
    assert [one.name for one in item.email.attachments] == ["a.pdf", "b.pdf"]


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ({"hasAttachments": True}, True),
        ({"hasAttachments": False}, False),
        ({"hasAttachments": None}, True),
        ({"hasAttachments": False, "body": {"contentType": "html", "content": "cid:a"}}, True),
        (
            {
                "hasAttachments": None,
                "singleValueExtendedProperties": [{"id": "Boolean 0xe1b", "value": "False"}],
            },
            False,
        ),
    ],
)
async def test_attachments_are_asked_for_unless_there_are_none(
    told: dict[str, Any],
    asked: bool,  # noqa: FBT001
) -> None:
    reader, graph = reading(
        lambda path: {"value": []} if "/attachments" in path else message("A", **told)
    )
    await fetched(reader, "A")
    assert any("/attachments" in path for path in graph.asked) is asked


async def test_an_attachment_of_a_kind_that_is_not_known_is_a_file() -> None:
    def answer(path: str) -> Any:
        if "/attachments" not in path:
            return message("A", hasAttachments=True)
        odd = {"@odata.type": "#microsoft.graph.attachmentOf2031", "@odata.mediaContentType": "x/y"}
        return {"value": [odd | {"id": "a", "name": None, "contentType": None, "size": "12"}]}

    reader, _ = reading(answer)
    (item,) = await fetched(reader, "A")
    assert [(one.name, one.size) for one in item.email.attachments] == [("", 12)]


@pytest.mark.parametrize(
    "said",
    [
        Said(b"<html><form action=login>", headers=PAGE),
        Said(b"", 302, {"Location": "https://portal.example.com/login"}),
        Said(b"<html>", 307, PAGE | {"Location": "/login"}),
    ],
)
async def test_what_a_proxy_answers_is_an_outage_on_the_way_and_no_wrong_address(
    said: Said,
) -> None:
    reader, _ = reading(lambda _: said)
    with pytest.raises(ExchangeError) as raised:
        await reader.changes(INBOX, None, limit=10)
    fault = raised.value.fault
    assert (fault.where, fault.code) == (Where.NETWORK, Code.PROXY_FAILED)
    assert "Exchange.asmx" not in fault.message
    assert "proxy" in fault.message
    assert rule_for(fault).action is Action.RETRY_LATER


async def test_json_that_calls_itself_a_page_is_read_all_the_same() -> None:
    page = await page_of(Said(delta(message("A")), headers=PAGE))
    assert [one.item_id for one in page.changes] == ["A"]


async def content_of(said: Said, content_type: str) -> bytes:
    reader, _ = reading(lambda _: said)
    file = Attachment(name="a", content_type=content_type, size=1, id=AttachmentId("a"))
    return b"".join([piece async for piece in reader.attachment(ItemId("A"), file)])


async def test_a_page_of_a_proxy_is_not_taken_for_an_attachment_but_one_that_was_sent_is() -> None:
    html = b"<html>Hello</html>"
    with pytest.raises(ExchangeError) as raised:
        await content_of(Said(html, headers=PAGE), "application/pdf")
    assert raised.value.fault.code == Code.PROXY_FAILED
    assert await content_of(Said(html, headers=PAGE), "text/html") == html
    assert await content_of(Said(html, headers=PAGE | {"request-id": "1"}), "x/y") == html


async def test_content_is_asked_for_of_any_kind_and_unpacked() -> None:
    reader, graph = reading(lambda _: Said(b"%PDF"))
    file = Attachment(name="a", content_type="x/y", size=1, id=AttachmentId("a"))
    assert [piece async for piece in reader.attachment(ItemId("A"), file)] == [b"%PDF"]
    headers = graph.requests[0].headers
    assert (headers["Accept"], headers["Accept-Encoding"]) == ("*/*", "identity")
    assert headers["Prefer"] == 'IdType="ImmutableId"'


GOOD: list[dict[str, Any]] = [
    {
        "@odata.context": "x",
        "value": [
            message(
                "A",
                **{"from": {"emailAddress": {"name": "Ann", "address": "ann@x"}}},
                hasAttachments=True,
                categories=["Red"],
                internetMessageHeaders=[{"name": "References", "value": "<1@x>"}],
                singleValueExtendedProperties=[{"id": "Integer 0xe08", "value": "12"}],
            ),
            {"id": "B", "@removed": {"reason": "deleted"}},
        ],
        "@odata.deltaLink": f"{USER}/mailFolders/delta?$deltatoken=1",
    },
    {"value": [{"id": "in", "displayName": "Inbox", "totalItemCount": 1, "childFolderCount": 1}]},
    {"value": [{"id": "a", "name": "a.pdf", "size": 3, "isInline": False}]},
    {"error": {"code": "ErrorItemNotFound", "message": "gone"}},
]
ODD = st.sampled_from(
    [None, True, -1, 1.5, "", "x", [], {}, [None], {"x": 1}, "9" * 400, "https://[x/v1.0/"]
)


@st.composite
def spoiled(draw: st.DrawFn) -> Any:
    """Take a good answer and put something else in the place of some of it."""
    said = json.loads(json.dumps(draw(st.sampled_from(GOOD))))
    for _ in range(draw(st.integers(0, 3))):
        at = said
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if not isinstance(at[key], dict | list) or draw(st.integers(0, 2)) == 0:
                at[key] = deepcopy(draw(ODD))
                break
            at = at[key]
    return said


@given(spoiled(), st.sampled_from([200, 404, 500]), st.sampled_from([200, 404, 503]))
async def test_nothing_but_an_exchange_error_is_raised(said: Any, status: int, inner: int) -> None:
    def answer(path: str) -> Any:
        return Said(said, inner if "attachments" in path or "/messages/" in path else status)

    since = datetime(2024, 1, 1, tzinfo=UTC)
    file = Attachment(name="a", content_type="x/y", size=1, id=AttachmentId("a"))
    for again in range(2):
        reader, graph = reading(answer)
        if again:
            graph.of_batch = lambda _: said
        with suppress(ExchangeError):
            await reader.folders()
            await reader.folders()
        for cursor in (None, Cursor("c users/x?y"), Cursor("l 0"), Cursor("s users/x?$skip=1")):
            with suppress(ExchangeError):
                await reader.changes(INBOX, cursor, limit=9, since=since if again else None)
        with suppress(ExchangeError):
            await reader.newest(INBOX, since=since, limit=9)
        with suppress(ExchangeError):
            assert [one.id for one in await fetched(reader, "A", "B")] == ["A", "B"]
        with suppress(ExchangeError):
            await reader.outlines([ItemId("A")])
            await reader.locate([ItemId("A")])
        with suppress(ExchangeError):
            _ = [piece async for piece in reader.attachment(ItemId("A"), file)]
