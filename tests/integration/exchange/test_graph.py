"""How the Graph reader takes what Graph is known to do (exchange.md, 1.3 and part C)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exchange_simulator import Exchange, Mailbox
from mailmine.exchange import Limits, open_account
from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope
from mailmine.exchange.graph.messages import Message
from mailmine.exchange.graph.reader import DELTA_LOOPS, GraphReader
from mailmine.exchange.http import HttpPool, Request
from mailmine.exchange.reader import (
    Account,
    Change,
    ChangeKind,
    ChangePage,
    CursorLost,
    Fetched,
    Item,
    ItemFault,
    ItemGone,
)
from mailmine.model.email import AttachmentKind
from mailmine.model.ids import Cursor, FolderId, ItemId
from mailmine.model.integration import Cloud, Connection
from mailmine.sync.policy import Action, rule_for
from tests.integration.exchange.test_signing_in import APP, ORDERS, PASSWORD, TENANT, graph
from tests.integration.sync.conftest import eml


class Watched(HttpPool):
    """A way to the wire that notes what is sent."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, connections=4)
        self.sent: list[Request] = []

    def send(self, request: Request):  # type: ignore[no-untyped-def] # noqa: ANN201 - as its parent
        self.sent.append(request)
        return super().send(request)


class World:
    """A mailbox of Exchange Online, and its reader."""

    def __init__(self, exchange: Exchange, address: str, connection: Connection) -> None:
        self.exchange = exchange
        self.address = address
        self.mailbox: Mailbox = exchange.mailbox(ORDERS)
        self.wire = Watched(connection)
        self.account: Account = open_account(connection, PASSWORD, transport=self.wire)
        reader = self.account.reader(ORDERS)
        assert isinstance(reader, GraphReader)
        self.reader = reader

    async def folder(self, path: str = "Inbox") -> FolderId:
        tree = await self.reader.folders()
        return next(one.id for one in tree.folders if "/".join(one.path) == path)

    async def page(self, cursor: Cursor | None = None, *, limit: int = 100) -> ChangePage:
        page = await self.reader.changes(await self.folder(), cursor, limit=limit)
        assert isinstance(page, ChangePage), page
        return page

    async def all(
        self, cursor: Cursor | None = None, *, limit: int = 100
    ) -> tuple[list[Change], Cursor]:
        """Read changes to the last."""
        changes: list[Change] = []
        while True:
            page = await self.page(cursor, limit=limit)
            changes += page.changes
            cursor = page.cursor
            if page.is_last:
                return changes, cursor

    async def fetched(self, *ids: ItemId) -> list[Fetched]:
        return [one async for batch in self.reader.fetch(ids) for one in batch]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    exchange = Exchange()
    exchange.application(APP, tenant=TENANT, secret=PASSWORD)
    exchange.mailbox(ORDERS)
    with exchange.serve() as address:
        world = World(exchange, address, graph(address))
        yield world
        await world.account.aclose()
    exchange.close()


def subjects(changes: list[Change]) -> list[str]:
    return [change.item.email.subject for change in changes if change.item is not None]


async def test_whole_messages_come_with_the_page(world: World) -> None:
    for number in range(25):
        world.mailbox.deliver(eml(number))
    changes, _ = await world.all(limit=10)
    assert sorted(subjects(changes)) == sorted(f"Order {number}" for number in range(25))
    assert world.exchange.requests.count("graph:messages/delta") == 3


async def test_nothing_but_reading_is_ever_sent_and_ids_are_always_immutable(world: World) -> None:
    message = world.mailbox.deliver(eml(1, attachment=b"%PDF"))
    changes, cursor = await world.all()
    message.move("Archive")
    await world.all(cursor)
    (change,) = changes
    assert change.item is not None
    await world.fetched(change.item_id)
    await world.reader.locate([change.item_id])
    attachment = change.item.email.attachments[0]
    assert (
        b"".join([p async for p in world.reader.attachment(change.item_id, attachment)]) == b"%PDF"
    )
    for request in world.wire.sent:
        is_batch = request.url.endswith("/$batch")
        is_token = request.url.endswith("/token")
        assert request.method == "GET" or is_batch or is_token
        if is_batch:
            assert b'"method":"GET"' in request.body
            assert b'"method":"P' not in request.body
        if "/messages/delta" in request.url:
            assert 'IdType="ImmutableId"' in request.headers["Prefer"]
            assert "$filter" not in request.url.partition("$expand")[0]
            assert "$top" not in request.url


async def test_empty_pages_are_followed(world: World) -> None:
    world.mailbox.deliver(eml(1))
    world.exchange.quirk("empty page", times=3)
    changes, _ = await world.all()
    assert subjects(changes) == ["Order 1"]


async def test_part_c_16_a_forgotten_place_has_the_folder_read_anew(world: World) -> None:
    world.mailbox.deliver(eml(1))
    _, cursor = await world.all()
    world.exchange.graph_forgets_before = 1
    lost = await world.reader.changes(await world.folder(), cursor, limit=10)
    assert isinstance(lost, CursorLost)
    assert len((await world.all())[0]) == 1


async def test_part_c_17_a_link_that_leads_to_itself_is_left(world: World) -> None:
    world.mailbox.deliver(eml(1))
    _, cursor = await world.all()
    world.mailbox.deliver(eml(2))
    world.exchange.quirk("repeated link", times=3)
    folder = await world.folder()
    found: ChangePage | CursorLost | object = None
    for _ in range(3):
        found = await world.reader.changes(folder, cursor, limit=10)
        if isinstance(found, CursorLost):
            break
        assert isinstance(found, ChangePage)
        cursor = found.cursor
    assert isinstance(found, CursorLost)
    assert found.fault.code == DELTA_LOOPS


async def test_part_c_18_a_message_that_comes_twice_is_one(world: World) -> None:
    world.mailbox.deliver(eml(1))
    world.exchange.quirk("twice")
    changes, _ = await world.all()
    assert len({change.item_id for change in changes}) == 1


async def test_part_c_19_and_20_a_move_keeps_the_id_and_there_and_back_is_only_told_as_left(
    world: World,
) -> None:
    world.mailbox.make_folder("Done")
    message = world.mailbox.deliver(eml(1))
    (before,), cursor = await world.all()
    message.move("Done")
    message.move("Inbox")
    changes, _ = await world.all(cursor)
    assert [(one.kind, one.item_id) for one in changes] == [(ChangeKind.GONE, before.item_id)]
    inbox, done = await world.folder(), await world.folder("Done")
    assert await world.reader.locate([before.item_id]) == {before.item_id: inbox}
    message.move("Done")
    assert await world.reader.locate([before.item_id]) == {before.item_id: done}
    message.delete()
    assert await world.reader.locate([before.item_id]) == {before.item_id: None}


async def test_part_c_13_one_bad_message_does_not_stop_its_folder(world: World) -> None:
    messages = [world.mailbox.deliver(eml(number)) for number in range(12)]
    for operation in ("graph:messages/delta", "graph:message"):
        world.exchange.fail(operation, "UnknownError", message=messages[5], times=None)
    folder = await world.folder()
    cursor: Cursor | None = None
    wanted: list[ItemId] = []
    found: list[Fetched] = []
    for _ in range(30):
        page = await world.reader.changes(folder, cursor, limit=10)
        if isinstance(page, ChangePage):
            found += [change.item for change in page.changes if change.item is not None]
            wanted += [change.item_id for change in page.changes if change.item is None]
            cursor = page.cursor
            if page.is_last:
                break
        elif isinstance(page, CursorLost):
            cursor = None
    found += await world.fetched(*dict.fromkeys(wanted))
    assert {one.email.subject for one in found if isinstance(one, Item)} == {
        f"Order {number}" for number in range(12) if number != 5
    }
    assert [type(one) for one in found if not isinstance(one, Item)] == [ItemFault]


async def test_part_c_21_what_is_gone_between_list_and_fetch_is_no_error(world: World) -> None:
    message = world.mailbox.deliver(eml(1))
    (change,), _ = await world.all()
    message.delete()
    assert await world.fetched(change.item_id) == [ItemGone(id=change.item_id)]


async def test_part_c_7_always_one_second_is_a_floor_and_the_pause_grows(world: World) -> None:
    world.exchange.throttle_graph(times=1, retry_after=1)
    with pytest.raises(ExchangeError) as raised:
        await world.reader.folders()
    fault = raised.value.fault
    assert fault.scope is Scope.MAILBOX
    assert fault.retry_after is not None
    assert fault.retry_after.total_seconds() >= 1
    assert rule_for(fault).action is Action.RETRY_LATER


async def test_part_c_6_another_mailbox_that_is_throttled_too_holds_all(world: World) -> None:
    world.exchange.mailbox("claims@example.com")
    world.exchange.throttle_graph(times=2, retry_after=60)
    for address in (ORDERS, "claims@example.com"):
        with pytest.raises(ExchangeError):
            await world.account.reader(address).folders()
    asked = len(world.exchange.requests)
    with pytest.raises(ExchangeError) as raised:
        await world.account.reader("third@example.com").folders()
    assert raised.value.fault.scope is Scope.CONNECTION
    assert len(world.exchange.requests) == asked


async def test_part_c_24_a_group_a_misspelt_and_a_forbidden_mailbox_are_told_apart(
    world: World,
) -> None:
    world.exchange.mailbox("group@example.com").kind = "group"
    world.exchange.mailbox("secret@example.com")
    world.exchange.applications[APP].only = frozenset({ORDERS, "group@example.com"})
    codes = {}
    for name in ("group", "nobody", "secret"):
        with pytest.raises(ExchangeError) as raised:
            await world.account.reader(f"{name}@example.com").folders()
        codes[name] = raised.value.fault.code
        assert rule_for(raised.value.fault).action is Action.DISABLE_MAILBOX
    assert codes == {
        "group": "MailboxNotEnabledForRESTAPI",
        "nobody": "ErrorInvalidUser",
        "secret": "ErrorAccessDenied",
    }
    assert (await world.reader.folders()).folders


async def test_a_full_mailbox_is_listed_and_compared(world: World) -> None:
    for number in range(25):
        world.mailbox.deliver(eml(number))
    world.mailbox.is_over_quota = True
    folder = await world.folder()
    assert isinstance(await world.reader.changes(folder, None, limit=10), CursorLost)
    changes, cursor = await world.all(limit=10)
    assert len({change.item_id for change in changes}) == 25
    assert isinstance(await world.reader.changes(folder, cursor, limit=10), CursorLost)


async def test_the_cloud_without_delta_is_listed(world: World) -> None:
    world.exchange.graph_has_no_delta = True
    world.mailbox.make_folder("Inbox/Work")
    world.mailbox.deliver(eml(1), folder="Inbox/Work")
    connection = replace(graph(world.address), cloud=Cloud.CHINA)
    account = open_account(connection, PASSWORD, limits=Limits())
    reader = account.reader(ORDERS)
    tree = await reader.folders()
    work = next(one for one in tree.folders if one.path == ("Inbox", "Work"))
    page = await reader.changes(work.id, None, limit=10)
    await account.aclose()
    assert work.last_change is None
    assert isinstance(page, ChangePage)
    assert len(page.changes) == 1


async def test_attachments_of_all_kinds_are_told_and_read(world: World) -> None:
    inner = b"Subject: Inner\r\nMessage-ID: <inner@x>\r\n\r\nHello\r\n"
    mime = (
        b"Subject: Outer\r\nMessage-ID: <outer@x>\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n'
        b'<img src="cid:logo">\r\n--b\r\nContent-Type: image/png\r\nContent-ID: <logo>\r\n'
        b"Content-Disposition: inline; filename=logo.png\r\n\r\nPNG\r\n--b\r\n"
        b"Content-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--b--\r\n"
    )
    world.mailbox.deliver(mime)
    (change,), _ = await world.all()
    assert change.item is not None
    picture, letter = change.item.email.attachments
    assert (picture.name, picture.content_id, picture.is_inline) == ("logo.png", "logo", True)
    assert (letter.kind, letter.content_type) == (AttachmentKind.ITEM, "message/rfc822")
    contents = [
        b"".join([piece async for piece in world.reader.attachment(change.item_id, one)])
        for one in (picture, letter)
    ]
    assert contents[0] == b"PNG"
    assert b"Subject: Inner" in contents[1]
    link = replace(picture, kind=AttachmentKind.REFERENCE)
    with pytest.raises(ExchangeError) as raised:
        _ = [piece async for piece in world.reader.attachment(change.item_id, link)]
    assert (raised.value.fault.code, raised.value.fault.scope) == (Code.NO_CONTENT, Scope.ITEM)


async def test_a_link_to_another_host_is_not_followed(world: World) -> None:
    with pytest.raises(ExchangeError) as raised:
        world.reader._client.path_of(
            "https://evil.example/v1.0/users/x/messages/delta?$skiptoken=1"
        )
    assert raised.value.fault.code == Code.REDIRECTED


async def test_a_cursor_of_ews_is_a_lost_place(world: World) -> None:
    lost = await world.reader.changes(await world.folder(), Cursor("H4sIAAA="), limit=10)
    assert isinstance(lost, CursorLost)


async def test_a_change_that_comes_without_the_rest_of_its_message_is_fetched(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.mailbox.deliver(eml(1))
    read = world.reader._read

    async def partial(path: str, size: int) -> Any:
        page = await read(path, size)
        page.value = [Message(id=one.id, is_read=True) for one in page.value]
        return page

    monkeypatch.setattr(world.reader, "_read", partial)
    ((change,), _) = await world.all()
    assert (change.kind, change.item, change.is_changed) == (ChangeKind.PRESENT, None, True)
    (item,) = await world.fetched(change.item_id)
    assert isinstance(item, Item)
    assert item.email.subject == "Order 1"


async def test_failures_of_the_server_that_pass_leave_nothing_behind(world: World) -> None:
    world.mailbox.deliver(eml(1))
    folder = await world.folder()
    _, cursor = await world.all()
    for _ in range(6):
        world.exchange.fail("graph:messages/delta", "UnknownError", status=500)
        assert isinstance(await world.reader.changes(folder, cursor, limit=100), Fault)
        for _ in range(8):
            page = await world.reader.changes(folder, cursor, limit=100)
            assert isinstance(page, ChangePage)
    assert not world.reader._limits
    assert not world.reader._ids_alone


async def test_part_c_22_a_start_time_loses_nothing_though_a_filtered_delta_would(
    world: World,
) -> None:
    start, raw, count = datetime(2026, 3, 1, tzinfo=UTC), eml(0), 5_100
    for number in range(count):
        one = raw.replace(b"<0@", f"<{number}@".encode())
        world.mailbox.deliver(one, at=start + timedelta(minutes=number))
    folder, seen = await world.folder(), set[ItemId]()
    cursor, is_last = None, False
    while not is_last:
        page = await world.reader.changes(folder, cursor, limit=500, since=start)
        assert isinstance(page, ChangePage)
        seen |= {change.item_id for change in page.changes if change.item is not None}
        cursor, is_last = page.cursor, page.is_last
    assert len(seen) == count
    deltas = [one.url for one in world.wire.sent if "/messages/delta" in one.url]
    assert deltas
    assert not any("$filter=received" in url for url in deltas)
