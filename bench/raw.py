"""The same requests as mailmine sends for the same emails, over the same number of connections; the answers are thrown away."""

import argparse
import asyncio

import aiohttp
import uvloop

from bench.measure import cost_of, report
from bench.server import ACCOUNT, PASSWORD
from bench.sync import reaching
from mailmine.exchange import open_account
from mailmine.exchange.ews.operations import VERSIONS, envelope, get_items
from mailmine.exchange.pace import Limits
from mailmine.exchange.reader import ChangePage
from mailmine.model.ids import ItemId


async def ids_of(address: str, mailboxes: list[str]) -> list[list[ItemId]]:
    """List the items of each mailbox."""
    connection = reaching(address, by_graph=False)
    account = open_account(connection, PASSWORD)
    listed: list[list[ItemId]] = []
    try:
        for mailbox in mailboxes:
            found: list[ItemId] = []
            reader = account.reader(mailbox)
            for folder in (await reader.folders()).folders:
                cursor, is_last = None, False
                while not is_last:
                    page = await reader.changes(folder.id, cursor, limit=512)
                    assert isinstance(page, ChangePage)
                    found += [change.item_id for change in page.changes]
                    cursor, is_last = page.cursor, page.is_last
            listed.append(found)
    finally:
        await account.aclose()
    return listed


async def download(address: str, listed: list[list[ItemId]]) -> None:
    """Get all items, the batches of each mailbox one after the other on a connection of its own."""
    headers = {
        "Authorization": aiohttp.encode_basic_auth(ACCOUNT, PASSWORD),
        "Content-Type": "text/xml; charset=utf-8",
        "Accept-Encoding": "identity",
    }
    batch = Limits().batch

    async def one(session: aiohttp.ClientSession, ids: list[ItemId]) -> None:
        for at in range(0, len(ids), batch):
            operation = get_items(ids[at : at + batch])
            body = envelope(operation, version=VERSIONS[0], impersonated=None)
            async with session.post(f"{address}/EWS/Exchange.asmx", data=body) as answer:
                assert answer.status == 200
                while await answer.content.readany():
                    pass

    async with aiohttp.ClientSession(headers=headers) as session:
        await asyncio.gather(*(one(session, ids) for ids in listed))


def main() -> None:
    """Download some mailboxes at a time and report the cost."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("address")
    arguments.add_argument("mailboxes", nargs="+")
    given = arguments.parse_args()
    listed = uvloop.run(ids_of(given.address, given.mailboxes))

    def read() -> int:
        uvloop.run(download(given.address, listed))
        return sum(map(len, listed))

    report(cost_of(read))


if __name__ == "__main__":
    main()
