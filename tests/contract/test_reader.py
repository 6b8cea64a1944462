"""What every reader of Exchange mailboxes must do, whichever way it reads.

EWS     on Exchange 2010 SP2, 2013, 2016 and 2019, as a delegate and by impersonation
Graph   of Exchange Online
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from exchange_simulator import Exchange, Mailbox, Message, ids
from exchange_simulator.mail import load
from mailmine.exchange import Limits, open_account
from mailmine.exchange.faults import ExchangeError, Fault, Scope
from mailmine.exchange.reader import (
    Account,
    Change,
    ChangeKind,
    ChangePage,
    CursorLost,
    Fetched,
    FolderTree,
    Item,
    ItemFault,
    ItemGone,
    Reader,
)
from mailmine.model.email import Address, AttachmentKind
from mailmine.model.ids import Cursor, FolderId, ItemId
from mailmine.model.integration import AccessType, AuthType, Backend, Connection
from tests import sealed_mail

SERVICE, PASSWORD, ADDRESS = "svc@example.com", "sécret", "orders@example.com"
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


def eml(number: int = 1, *, subject: str | None = None, html: str | None = None) -> bytes:
    """Write an email."""
    mail = EmailMessage()
    mail["From"] = "Ann Éluard <ann@example.org>"
    mail["To"] = "Orders <orders@example.com>, bob@example.org"
    mail["Subject"] = subject or f"Order {number}"
    mail["Date"] = EPOCH + timedelta(hours=number)
    mail["Message-ID"] = f"<{number}@example.org>"
    mail["In-Reply-To"] = "<0@example.org>"
    mail["References"] = "<r@example.org> <0@example.org>"
    mail.set_content(f"Body {number}\n")
    if html is not None:
        mail.add_alternative(html, subtype="html")
    return mail.as_bytes()


@dataclass
class World:
    """A simulated Exchange and a reader of one of its mailboxes."""

    exchange: Exchange
    mailbox: Mailbox
    account: Account
    reader: Reader
    address: str
    connection: Connection

    async def folder(self, *path: str) -> FolderId:
        tree = await self.reader.folders()
        return next(folder.id for folder in tree.folders if folder.path == path)

    async def read(
        self, folder: FolderId, cursor: Cursor | None = None, *, limit: int = 100
    ) -> tuple[list[Change], Cursor]:
        """Read all changes after `cursor`."""
        changes: list[Change] = []
        while True:
            page = await self.reader.changes(folder, cursor, limit=limit)
            assert isinstance(page, ChangePage)
            assert len(page.changes) <= limit
            changes += page.changes
            cursor = page.cursor
            if page.is_last:
                return changes, cursor

    async def pages(
        self, folder: FolderId, cursor: Cursor | None = None, *, since: datetime, limit: int
    ) -> list[ChangePage]:
        """Read all changes after `cursor`, where mail since some time is wanted."""
        pages: list[ChangePage] = []
        while not pages or not pages[-1].is_last:
            page = await self.reader.changes(folder, cursor, limit=limit, since=since)
            assert isinstance(page, ChangePage)
            pages.append(page)
            cursor = page.cursor
        return pages

    async def fetch(self, items: Sequence[ItemId]) -> list[Fetched]:
        return [one async for batch in self.reader.fetch(items) for one in batch]

    def id_of(self, message: Message) -> ItemId:
        """Name a message as the reader does, as of now."""
        if self.connection.backend is Backend.GRAPH:
            immutable = ids.immutable_id(self.mailbox.guid, message.item.serial)
            return ItemId(ids.rest(immutable))
        return ItemId(message.id)

    async def item(self, id_: str) -> Item:
        (item,) = await self.fetch([ItemId(id_)])
        assert isinstance(item, Item)
        return item


WAYS = [
    ("Exchange2010_SP2", AccessType.DELEGATE),
    ("Exchange2013", AccessType.IMPERSONATION),
    ("Exchange2016", AccessType.DELEGATE),
    ("Exchange2019", AccessType.IMPERSONATION),
]


GRAPH = ("ExchangeOnline", Backend.GRAPH)
APP, TENANT = "6731de76-14a6-49ae-97bc-6eba6914391e", "contoso.example"


def _name(way: tuple[str, str]) -> str:
    return f"{way[0]}-{way[1]}"


by_ews = pytest.mark.parametrize("world", WAYS, ids=_name, indirect=True)
"""What Graph does in another way: tests/integration/exchange/test_graph.py."""


@pytest.fixture(params=[*WAYS, GRAPH], ids=_name)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    version, access = request.param
    with ExitStack() as stack:
        exchange = Exchange(version=version)
        stack.callback(exchange.close)
        exchange.account(SERVICE, password=PASSWORD)
        mailbox = exchange.mailbox(ADDRESS)
        if access is AccessType.IMPERSONATION:
            exchange.allow_impersonation(SERVICE, of=[ADDRESS])
        else:
            exchange.grant(SERVICE, mailbox=ADDRESS)
        address = stack.enter_context(exchange.serve())
        if access is Backend.GRAPH:
            exchange.application(APP, tenant=TENANT, secret=PASSWORD)
            connection = Connection(
                endpoint=address,
                backend=Backend.GRAPH,
                auth=AuthType.CLIENT_SECRET,
                tenant_id=TENANT,
                client_id=APP,
                authority=address,
                plain_http=True,
            )
        else:
            connection = Connection(
                endpoint=address + "/EWS/Exchange.asmx",
                username=SERVICE,
                access=access,
                plain_http=True,
            )
        account = open_account(connection, PASSWORD)
        yield World(exchange, mailbox, account, account.reader(ADDRESS), address, connection)
        await account.aclose()


async def test_the_tree_tells_paths_totals_and_what_is_well_known(world: World) -> None:
    world.mailbox.make_folder("Inbox/Orders/Done")
    world.mailbox.deliver(eml(), folder="Inbox/Orders")
    tree = await world.reader.folders()
    assert isinstance(tree, FolderTree)
    assert tree.is_complete
    by_path = {folder.path: folder for folder in tree.folders}
    assert by_path[("Inbox",)].well_known == "inbox"
    assert by_path[("Sent Items",)].well_known == "sentitems"
    assert by_path[("Inbox", "Orders")].total == 1
    assert by_path[("Inbox", "Orders", "Done")].total == 0
    assert not any("Calendar" in path or "Contacts" in path for path in by_path)


async def test_a_folder_keeps_its_id_and_its_hint_changes_with_its_contents(world: World) -> None:
    world.mailbox.make_folder("Inbox/A")

    async def look(name: str) -> tuple[FolderId, str | None]:
        tree = await world.reader.folders()
        (found,) = [folder for folder in tree.folders if folder.path[-1] == name]
        return found.id, found.last_change

    id_, before = await look("A")
    assert await look("A") == (id_, before)
    world.mailbox.deliver(eml(), folder="Inbox/A")
    same, after = await look("A")
    assert same == id_
    assert before is None or before != after
    world.mailbox.rename_folder("Inbox/A", "B")
    assert (await look("B"))[0] == id_


async def test_pages_give_every_item_once_and_then_only_what_is_new(world: World) -> None:
    sent = [world.id_of(world.mailbox.deliver(eml(number), folder="Inbox")) for number in range(25)]
    inbox = await world.folder("Inbox")
    changes, cursor = await world.read(inbox, limit=10)
    assert sorted(change.item_id for change in changes) == sorted(sent)
    assert all(change.kind is ChangeKind.PRESENT for change in changes)
    assert (await world.read(inbox, cursor))[0] == []
    new = world.id_of(world.mailbox.deliver(eml(99), folder="Inbox"))
    assert [change.item_id for change in (await world.read(inbox, cursor))[0]] == [new]


async def test_asking_twice_with_one_cursor_gives_the_same(world: World) -> None:
    for number in range(5):
        world.mailbox.deliver(eml(number), folder="Inbox")
    inbox = await world.folder("Inbox")
    first = await world.reader.changes(inbox, None, limit=2)
    assert isinstance(first, ChangePage)
    once = await world.read(inbox, first.cursor)
    assert await world.read(inbox, first.cursor) == once


async def test_a_move_leaves_one_folder_and_arrives_in_another(world: World) -> None:
    message = world.mailbox.deliver(eml(), folder="Inbox")
    world.mailbox.make_folder("Inbox/Done")
    inbox, done = await world.folder("Inbox"), await world.folder("Inbox", "Done")
    (arrived,), at_inbox = await world.read(inbox)
    _, at_done = await world.read(done)
    message.move("Inbox/Done")
    (left,), _ = await world.read(inbox, at_inbox)
    (came,), _ = await world.read(done, at_done)
    assert (left.kind, left.item_id) == (ChangeKind.GONE, arrived.item_id)
    assert came.kind is ChangeKind.PRESENT
    assert (await world.item(came.item_id)).email.message_id == "<1@example.org>"


async def test_a_deletion_is_told(world: World) -> None:
    message = world.mailbox.deliver(eml(), folder="Inbox")
    inbox = await world.folder("Inbox")
    _, cursor = await world.read(inbox)
    id_ = world.id_of(message)
    message.delete()
    changes, _ = await world.read(inbox, cursor)
    assert [(change.kind, change.item_id) for change in changes] == [(ChangeKind.GONE, id_)]


@by_ews
async def test_a_change_of_content_is_told_apart_from_one_of_the_read_flag(world: World) -> None:
    message = world.mailbox.deliver(eml(), folder="Inbox")
    inbox = await world.folder("Inbox")
    _, cursor = await world.read(inbox)
    message.mark_read()
    (flag,), cursor = await world.read(inbox, cursor)
    message.edit(subject="Other")
    (edit,), _ = await world.read(inbox, cursor)
    assert (flag.item_id, flag.is_read, flag.is_changed) == (world.id_of(message), True, True)
    assert (edit.item_id, edit.is_read, edit.is_changed) == (world.id_of(message), None, True)
    assert (await world.item(world.id_of(message))).email.subject == "Other"


async def test_since_a_time_the_wanted_come_first_and_all_with_their_times_afterwards(
    world: World,
) -> None:
    delivered = [
        world.mailbox.deliver(eml(day), folder="Inbox", at=EPOCH + timedelta(days=day))
        for day in range(20)
    ]
    sent, known = [world.id_of(message) for message in delivered], delivered[-2]
    inbox = await world.folder("Inbox")
    since = EPOCH + timedelta(days=15)
    pages = await world.pages(inbox, since=since, limit=3)
    first = [change.item_id for page in pages[:2] for change in page.changes]
    assert first == sent[:14:-1]
    received = {
        change.item_id: change.received_at
        for page in pages[2:]
        for change in page.changes
        if not change.item
    }
    assert received == {id_: EPOCH + timedelta(days=day) for day, id_ in enumerate(sent)}

    message = world.mailbox.deliver(eml(21), folder="Inbox", at=EPOCH)
    known.mark_read()
    (page,) = await world.pages(inbox, pages[-1].cursor, since=since, limit=9)
    told = {change.item_id: (change.received_at, change.is_changed) for change in page.changes}
    assert told[world.id_of(message)][0] == EPOCH
    assert told[world.id_of(known)][1] is True


async def test_mail_from_before_the_time_that_is_wanted_is_named_by_its_id_alone(
    world: World,
) -> None:
    at = datetime(2024, 2, 29, 8, 30, 1, tzinfo=UTC)
    world.mailbox.deliver(eml(), folder="Inbox", at=at)
    inbox = await world.folder("Inbox")
    pages = await world.pages(inbox, since=at + timedelta(days=1), limit=10)
    named = [(change.received_at, change.item) for page in pages for change in page.changes]
    assert named == [(at, None)]


@pytest.mark.parametrize("cursor", ["nonsense", "H4sIAAAA"])
async def test_a_cursor_that_the_server_does_not_know_is_lost(world: World, cursor: str) -> None:
    inbox = await world.folder("Inbox")
    lost = await world.reader.changes(inbox, Cursor(cursor), limit=10)
    assert isinstance(lost, CursorLost)


@by_ews
async def test_the_cursor_of_another_folder_is_lost(world: World) -> None:
    world.mailbox.deliver(eml(), folder="Inbox")
    _, cursor = await world.read(await world.folder("Inbox"))
    lost = await world.reader.changes(await world.folder("Sent Items"), cursor, limit=10)
    assert isinstance(lost, CursorLost)


async def test_a_folder_that_is_gone_is_a_fault_of_that_folder(world: World) -> None:
    world.mailbox.make_folder("Inbox/Brief")
    brief = await world.folder("Inbox", "Brief")
    world.mailbox.delete_folder("Inbox/Brief")
    fault = await world.reader.changes(brief, None, limit=10)
    assert isinstance(fault, Fault)
    assert fault.scope is Scope.FOLDER
    newest = await world.reader.newest(brief, since=EPOCH, limit=10)
    assert isinstance(newest, Fault)
    assert isinstance(
        await world.reader.changes(await world.folder("Inbox"), None, limit=1), ChangePage
    )


async def test_the_newest_come_newest_first_and_not_from_before(world: World) -> None:
    sent = [
        world.id_of(world.mailbox.deliver(eml(day), folder="Inbox", at=EPOCH + timedelta(days=day)))
        for day in range(10)
    ]
    inbox = await world.folder("Inbox")
    since = EPOCH + timedelta(days=4)
    assert await world.reader.newest(inbox, since=since, limit=100) == tuple(sent[:3:-1])
    assert await world.reader.newest(inbox, since=since, limit=2) == tuple(sent[:-3:-1])
    assert await world.reader.newest(inbox, since=EPOCH + timedelta(days=99), limit=2) == ()


async def test_an_email_comes_with_all_that_is_known_of_it(world: World) -> None:
    at = datetime(2024, 2, 29, 8, 30, 1, tzinfo=UTC)
    message = world.mailbox.deliver(
        eml(5, subject="Größe <&> 你好 😀", html="<p>Hallo &amp; <b>du</b></p>"),
        folder="Inbox",
        at=at,
    )
    item = await world.item(world.id_of(message))
    email, metadata = item.email, item.metadata
    assert item.incomplete is None
    assert email.message_id == "<5@example.org>"
    assert email.subject == "Größe <&> 你好 😀"
    assert email.from_ == Address("Ann Éluard", "ann@example.org")
    assert [to.address for to in email.to] == ["orders@example.com", "bob@example.org"]
    assert email.sent_at == EPOCH + timedelta(hours=5)
    assert email.in_reply_to == "<0@example.org>"
    assert email.references == ("<r@example.org>", "<0@example.org>")
    assert email.html is not None
    assert "<b>du</b>" in email.html
    assert ("Message-ID", "<5@example.org>") in email.headers
    assert metadata.received_at == at
    assert metadata.folder == ()
    assert (metadata.is_read, metadata.is_draft, metadata.importance) == (False, False, "Normal")


async def test_an_outline_is_an_item_without_what_is_large(world: World) -> None:
    message = world.mailbox.deliver(eml(html="<p>Large</p>"))
    whole = await world.item(world.id_of(message))
    gone = world.id_of(world.mailbox.deliver(eml(2)))
    (there,) = [one for one in world.mailbox.messages() if one.message_id == "<2@example.org>"]
    there.delete()
    found = await world.reader.outlines([whole.id, gone])
    assert set(found) == {whole.id}
    outline = found[whole.id]
    assert outline.metadata == whole.metadata
    assert (outline.email.html, outline.email.text, outline.email.headers) == (None, None, ())
    for name in ("message_id", "from_", "sender", "to", "cc", "bcc", "sent_at", "subject"):
        assert getattr(outline.email, name) == getattr(whole.email, name)


async def test_a_folder_of_known_mail_is_read_without_what_is_large(world: World) -> None:
    inbox = await world.folder("Inbox")
    messages = [world.mailbox.deliver(eml(number)) for number in range(5)]
    whole = {id_: await world.item(id_) for id_ in map(world.id_of, messages)}
    world.mailbox.given.clear()
    cursor, seen = None, dict[ItemId, Item]()
    while True:
        page = await world.reader.changes(inbox, cursor, limit=2, outlined=True)
        assert isinstance(page, ChangePage)
        assert not any(change.item for change in page.changes)
        rest = [change.item_id for change in page.changes if change.outline is None]
        seen |= await world.reader.outlines(rest)
        seen |= {change.item_id: change.outline for change in page.changes if change.outline}
        cursor = page.cursor
        if page.is_last:
            break
    assert {id_: one.metadata for id_, one in seen.items()} == {
        id_: one.metadata for id_, one in whole.items()
    }
    assert not world.mailbox.given["body"]
    new = world.mailbox.deliver(eml(9))
    changes, _ = await world.read(inbox, cursor)
    assert [change.item_id for change in changes] == [world.id_of(new)]


async def test_many_items_come_in_order_each_once(world: World) -> None:
    sent = [world.id_of(world.mailbox.deliver(eml(number), folder="Inbox")) for number in range(23)]
    wanted = [ItemId(id_) for id_ in reversed(sent)]
    got = await world.fetch(wanted)
    assert [one.id for one in got] == wanted
    assert all(isinstance(one, Item) for one in got)


async def test_c21_an_item_that_went_away_is_gone_and_not_an_error(world: World) -> None:
    stays = world.mailbox.deliver(eml(1), folder="Inbox")
    goes = world.mailbox.deliver(eml(2), folder="Inbox")
    wanted = [world.id_of(stays), world.id_of(goes)]
    goes.delete()
    here, gone = await world.fetch(wanted)
    assert isinstance(here, Item)
    assert gone == ItemGone(id=wanted[1])


@by_ews
async def test_c12_one_item_that_cannot_be_read_leaves_its_neighbours(world: World) -> None:
    messages = [world.mailbox.deliver(eml(number), folder="Inbox") for number in range(5)]
    world.exchange.fail("GetItem", "ErrorItemCorrupt", message=messages[2], times=None)
    got = await world.fetch([ItemId(world.id_of(message)) for message in messages])
    assert [type(one) for one in got] == [Item, Item, ItemFault, Item, Item]
    assert isinstance(got[2], ItemFault)
    assert got[2].fault.scope is Scope.ITEM


async def test_c10_control_characters_of_a_sender_stop_nothing(world: World) -> None:
    message = world.mailbox.deliver(
        eml().replace(b"Subject: Order 1", b"Subject: =?utf-8?q?A=1AB=0BC?="), folder="Inbox"
    )
    subject = (await world.item(world.id_of(message))).email.subject
    assert subject.replace("\ufffd", "") == "ABC"


@pytest.mark.parametrize("size", [0, 1, 2, 3, 100_000, 3_000_000])
async def test_an_attachment_comes_in_pieces_as_it_was_sent(world: World, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    mail = EmailMessage()
    mail["Subject"] = "With a file"
    mail["Message-ID"] = "<file@example.org>"
    mail.set_content("See the file.")
    mail.add_attachment(content, maintype="application", subtype="pdf", filename="ä b.pdf")
    id_ = ItemId(world.id_of(world.mailbox.deliver(mail.as_bytes(), folder="Inbox")))
    item = await world.item(id_)
    (listed,) = item.email.attachments
    assert (listed.name, listed.content_type, listed.kind, listed.is_inline) == (
        "ä b.pdf",
        "application/pdf",
        AttachmentKind.FILE,
        False,
    )
    assert item.metadata.has_attachments
    pieces = [piece async for piece in world.reader.attachment(id_, listed)]
    assert b"".join(pieces) == content
    assert all(len(piece) <= 1 << 20 for piece in pieces)


async def test_an_attached_email_comes_as_mime(world: World) -> None:
    inner = EmailMessage()
    inner["Subject"] = "Inner"
    inner.set_content("Inside")
    mail = EmailMessage()
    mail["Subject"] = "Outer"
    mail.set_content("Outside")
    mail.add_attachment(inner)
    id_ = ItemId(world.id_of(world.mailbox.deliver(mail.as_bytes(), folder="Inbox")))
    (listed,) = (await world.item(id_)).email.attachments
    assert (listed.kind, listed.content_type) == (AttachmentKind.ITEM, "message/rfc822")
    mime = b"".join([piece async for piece in world.reader.attachment(id_, listed)])
    assert b"Subject: Inner" in mime
    assert b"Inside" in mime


async def test_an_attachment_that_is_gone_is_a_fault_of_the_item(world: World) -> None:
    mail = EmailMessage()
    mail.set_content("See the file.")
    mail.add_attachment(b"x", maintype="application", subtype="pdf", filename="a.pdf")
    message = world.mailbox.deliver(mail.as_bytes(), folder="Inbox")
    id_ = ItemId(world.id_of(message))
    (listed,) = (await world.item(id_)).email.attachments
    message.delete()
    with pytest.raises(ExchangeError) as raised:
        [piece async for piece in world.reader.attachment(id_, listed)]
    assert raised.value.fault.scope is Scope.ITEM


@by_ews
async def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(world: World) -> None:
    await world.reader.folders()
    world.exchange.throttle(times=1, back_off=60)
    world.exchange.requests.clear()
    for reader in (world.reader, world.reader, world.account.reader("other@example.com")):
        with pytest.raises(ExchangeError) as raised:
            await reader.folders()
        fault = raised.value.fault
        assert fault.scope is Scope.CONNECTION
        assert fault.retry_after is not None
        assert timedelta(seconds=50) < fault.retry_after <= timedelta(seconds=60)
    assert world.exchange.requests.count() == 1


@by_ews
async def test_a_connection_that_breaks_once_is_not_noticed(world: World) -> None:
    await world.reader.folders()
    world.exchange.fail("FindFolder", disconnect=True)
    assert (await world.reader.folders()).folders


@by_ews
async def test_a_wrong_password_is_said_plainly_and_not_hammered(world: World) -> None:
    world.exchange.account(SERVICE, password="another")
    account = open_account(world.connection, PASSWORD)
    for _ in range(5):
        with pytest.raises(ExchangeError, match="password") as raised:
            await account.reader(ADDRESS).folders()
        assert raised.value.fault.code == "http_401"
        assert raised.value.fault.scope is Scope.CONNECTION
    await account.aclose()


async def test_c24_a_mailbox_that_is_not_there_is_named_and_the_others_go_on(world: World) -> None:
    with pytest.raises(ExchangeError, match=r"nobody@example\.com") as raised:
        await world.account.reader("nobody@example.com").folders()
    assert raised.value.fault.scope is Scope.MAILBOX
    assert (await world.reader.folders()).folders


async def test_a_mailbox_that_was_forgotten_is_read_as_before(world: World) -> None:
    world.mailbox.deliver(eml())
    inbox = await world.folder("Inbox")
    _, cursor = await world.read(inbox)
    assert world.account.reader(ADDRESS.upper()) is world.reader
    await world.account.forget(ADDRESS)
    again = world.account.reader(ADDRESS)
    assert again is not world.reader
    world.mailbox.deliver(eml(2))
    changes, _ = await replace(world, reader=again).read(inbox, cursor)
    assert len(changes) == 1


@by_ews
async def test_a_mailbox_without_rights_is_named(world: World) -> None:
    world.exchange.mailbox("boss@example.com")
    with pytest.raises(ExchangeError, match=r"boss@example\.com") as raised:
        await world.account.reader("boss@example.com").folders()
    assert raised.value.fault.scope is Scope.MAILBOX


async def test_cursors_may_be_long() -> None:
    exchange = Exchange(sync_state_padding=50_000)
    exchange.account(ADDRESS, password=PASSWORD)
    mailbox = exchange.mailbox(ADDRESS)
    for number in range(5):
        mailbox.deliver(eml(number), folder="Inbox")
    with exchange.serve() as address:
        connection = Connection(
            endpoint=address + "/EWS/Exchange.asmx", username=ADDRESS, plain_http=True
        )
        account = open_account(connection, PASSWORD)
        world = World(exchange, mailbox, account, account.reader(ADDRESS), address, connection)
        inbox = await world.folder("Inbox")
        changes, cursor = await world.read(inbox, limit=2)
        assert len(changes) == 5
        assert len(cursor) > 50_000
        await account.aclose()
    exchange.close()


async def test_a_delegate_of_the_inbox_alone_reads_it() -> None:
    exchange = Exchange()
    exchange.account(SERVICE, password=PASSWORD)
    mailbox = exchange.mailbox(ADDRESS)
    message = mailbox.deliver(eml(), folder="Inbox")
    mailbox.deliver(eml(2), folder="Private")
    exchange.grant(SERVICE, mailbox=ADDRESS, folder="Inbox")
    with exchange.serve() as address:
        connection = Connection(
            endpoint=address + "/EWS/Exchange.asmx", username=SERVICE, plain_http=True
        )
        account = open_account(connection, PASSWORD)
        world = World(exchange, mailbox, account, account.reader(ADDRESS), address, connection)
        tree = await world.reader.folders()
        assert not tree.is_complete
        assert [folder.path for folder in tree.folders] == [("Inbox",)]
        (change,), _ = await world.read(tree.folders[0].id)
        assert change.item_id == world.id_of(message)
        assert (await world.item(change.item_id)).email.message_id == "<1@example.org>"
        await account.aclose()
    exchange.close()


async def test_ten_mailboxes_are_read_side_by_side_within_the_limits() -> None:
    exchange = Exchange()
    exchange.account(SERVICE, password=PASSWORD)
    addresses = [f"box{number}@example.com" for number in range(10)]
    for address in addresses:
        exchange.grant(SERVICE, mailbox=address)
        for number in range(15):
            exchange.mailbox(address).deliver(eml(number), folder="Inbox")
    with exchange.serve() as served:
        connection = Connection(
            endpoint=served + "/EWS/Exchange.asmx", username=SERVICE, plain_http=True
        )
        account = open_account(connection, PASSWORD, limits=Limits(in_flight=3))

        async def read(address: str) -> int:
            reader = account.reader(address)
            world = World(exchange, exchange.mailbox(address), account, reader, served, connection)
            changes, _ = await world.read(await world.folder("Inbox"))
            return len(await world.fetch([change.item_id for change in changes]))

        assert await asyncio.gather(*(read(address) for address in addresses)) == [15] * 10
        await account.aclose()
    exchange.close()


@pytest.mark.corpus
async def test_every_real_email_comes_through(shared: Path) -> None:
    exchange = Exchange()
    exchange.account(ADDRESS, password=PASSWORD)
    mailbox = exchange.mailbox(ADDRESS)
    delivered = {message.id: message for message in load(mailbox, shared / "corpus")}
    with exchange.serve() as address:
        connection = Connection(
            endpoint=address + "/EWS/Exchange.asmx", username=ADDRESS, plain_http=True
        )
        account = open_account(connection, PASSWORD)
        world = World(exchange, mailbox, account, account.reader(ADDRESS), address, connection)
        changes, _ = await world.read(await world.folder("Inbox"))
        fetched = await world.fetch([change.item_id for change in changes])
        await account.aclose()
    assert len(fetched) == len(delivered) > 800
    for item in fetched:
        assert isinstance(item, Item)
        assert item.incomplete is None
        assert item.email.message_id == delivered[item.id].message_id
        assert item.metadata.received_at is not None
        f"{item.email}".encode()
    exchange.close()


async def test_a_sealed_mail_has_one_attachment_that_holds_it(world: World) -> None:
    clear = world.mailbox.deliver(sealed_mail.clear_signed())
    opaque = world.mailbox.deliver(sealed_mail.opaque_signed())
    for message, ending, beginning in (
        (clear, ".MultipartSigned", b"From: Ann"),
        (opaque, "", b"\x30"),
    ):
        item = await world.item(world.id_of(message))
        assert item.email.item_class == f"IPM.Note.SMIME{ending}"
        assert item.email.subject.startswith("About ")
        assert item.email.to == (Address("", "orders@example.com"),)
        (attachment,) = item.email.attachments
        assert attachment.name == "smime.p7m"
        pieces = [piece async for piece in world.reader.attachment(item.id, attachment)]
        assert b"".join(pieces).startswith(beginning)


async def test_a_protected_mail_keeps_its_people_and_its_wrapping(world: World) -> None:
    message = world.mailbox.deliver(sealed_mail.rights_managed())
    email = (await world.item(world.id_of(message))).email
    assert email.from_ == Address("Ann", "ann@example.com")
    assert ("Content-Class", "rpmsg.message") in email.headers
    assert [one.content_type for one in email.attachments] == [
        "application/x-microsoft-rpmsg-message"
    ]
