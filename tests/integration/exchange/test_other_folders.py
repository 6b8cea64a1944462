"""What SyncFolderItems is not for: public folders, groups; and archives, which it is."""

from collections.abc import Iterator

import pytest

from exchange_simulator import Exchange
from mailmine.exchange import open_account
from mailmine.exchange.faults import Code
from mailmine.exchange.reader import Account, ChangePage, CursorLost, Item, Reader
from mailmine.model.ids import Cursor, FolderId
from mailmine.model.integration import AuthType
from tests.integration.exchange.test_signing_in import ORDERS, PASSWORD, SERVICE, ews
from tests.integration.sync.conftest import eml

TEAM = "team@example.com"


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    exchange = Exchange()
    exchange.account(SERVICE, password=PASSWORD)
    exchange.mailbox(SERVICE)
    for address in (ORDERS, TEAM):
        exchange.mailbox(address)
        exchange.grant(SERVICE, mailbox=address)
    exchange.mailbox(TEAM).kind = "group"
    yield exchange
    exchange.close()


@pytest.fixture
def account(exchange: Exchange) -> Iterator[Account]:
    with exchange.serve() as address:
        yield open_account(ews(address, AuthType.BASIC), PASSWORD)


async def folder(reader: Reader, *path: str) -> FolderId:
    tree = await reader.folders()
    return next(one.id for one in tree.folders if one.path == path)


async def subjects(reader: Reader, folder: FolderId, *, limit: int = 10) -> list[str]:
    """Read a folder to its end; then its place is that of a folder that is listed."""
    cursor: Cursor | None = None
    found: list[str] = []
    while True:
        page = await reader.changes(folder, cursor, limit=limit)
        assert isinstance(page, ChangePage)
        ids = [change.item_id for change in page.changes]
        async for batch in reader.fetch(ids):
            found += [one.email.subject for one in batch if isinstance(one, Item)]
        cursor = page.cursor
        if page.is_last:
            return found


async def is_listed(reader: Reader, folder: FolderId) -> bool:
    page = await reader.changes(folder, None, limit=512)
    assert isinstance(page, ChangePage)
    again = await reader.changes(folder, page.cursor, limit=512)
    return isinstance(again, CursorLost) and again.fault.code == Code.LISTED_ANEW


async def test_public_folders_are_listed_level_by_level(
    exchange: Exchange, account: Account
) -> None:
    for number in range(25):
        exchange.public_folders.deliver(eml(number), "Team/Orders/2026")
    reader = account.reader(f"publicfolders:{SERVICE}")
    found = await folder(reader, "Team", "Orders", "2026")
    assert sorted(await subjects(reader, found)) == sorted(f"Order {n}" for n in range(25))
    assert await is_listed(reader, found)
    await account.aclose()


async def test_a_group_is_listed(exchange: Exchange, account: Account) -> None:
    for number in range(5):
        exchange.mailbox(TEAM).deliver(eml(number))
    reader = account.reader(TEAM)
    inbox = await folder(reader, "Inbox")
    assert len(await subjects(reader, inbox, limit=2)) == 5
    assert await is_listed(reader, inbox)
    await account.aclose()


async def test_an_archive_is_read_apart_and_as_any_mailbox(
    exchange: Exchange, account: Account
) -> None:
    exchange.mailbox(ORDERS).deliver(eml(1))
    exchange.mailbox(ORDERS).enable_archive().deliver(eml(2), "Old/2020")
    archive, mailbox = account.reader(f"archive:{ORDERS}"), account.reader(ORDERS)
    old = await folder(archive, "Old", "2020")
    assert await subjects(archive, old) == ["Order 2"]
    assert not await is_listed(archive, old)
    assert ("Old", "2020") not in [one.path for one in (await mailbox.folders()).folders]
    await account.aclose()


async def test_a_search_folder_says_where_its_items_lie(
    exchange: Exchange, account: Account
) -> None:
    mailbox = exchange.mailbox(ORDERS)
    mailbox.make_folder("searchfolders/Unread", kind="search", finds="unread")
    mailbox.deliver(eml(1), "Inbox/Open")
    mailbox.deliver(eml(2), "Inbox/Done", is_read=True)
    reader = account.reader(ORDERS)
    (search,) = await reader.search_folders()
    assert search.path == ("Search Folders", "Unread")
    assert search.path not in [one.path for one in (await reader.folders()).folders]
    page = await reader.changes(search.id, None, limit=10)
    assert isinstance(page, ChangePage)
    (change,) = page.changes
    assert change.lies_in == await folder(reader, "Inbox", "Open")
    assert await is_listed(reader, search.id)
    await account.aclose()
