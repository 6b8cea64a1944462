"""Reads items in batches, so that one bad item stops neither its neighbours nor the folder.

A batch that fails as a whole is halved down to the one item (exchange.md, part C, rows 10, 12 and 13); an item that Exchange cannot
convert is asked for with less of it; what Exchange did not get to is asked for again. An item is blamed for what may
as well be an outage only after the server has shown that it is well.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Final

from mailmine.exchange.ews import codes
from mailmine.exchange.ews.client import Answer, Client
from mailmine.exchange.ews.items import read_item
from mailmine.exchange.ews.operations import Properties, get_items
from mailmine.exchange.ews.xml import M
from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope
from mailmine.exchange.pace import Limits
from mailmine.exchange.reader import Fetched, Item, ItemFault, ItemGone
from mailmine.model.ids import ItemId

LESS: Final = {
    Properties.ALL: Properties.PLAIN_TEXT,
    Properties.PLAIN_TEXT: Properties.WITHOUT_BODY,
}
"""What is asked for next where Exchange could not give as much."""


class Fetcher:
    """Fetches the items of one mailbox."""

    def __init__(self, client: Client, limits: Limits) -> None:
        self._client = client
        self._most = limits.batch
        self._batch = limits.batch

    async def fetch(self, items: Sequence[ItemId]) -> AsyncGenerator[Sequence[Fetched], None]:
        """Yield `items` batch by batch, one batch ahead of the caller."""
        if not items:
            return
        start, end = 0, self._batch
        ahead = asyncio.create_task(self._read(items[start:end]))
        try:
            while True:
                batch = await ahead
                start, end = end, end + self._batch
                has_more = start < len(items)
                if has_more:
                    ahead = asyncio.create_task(self._read(items[start:end]))
                yield batch
                if not has_more:
                    return
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def outlines(self, items: Sequence[ItemId]) -> dict[ItemId, Item]:
        """Read items without headers, body and attachments; what cannot be had in bulk is left out."""
        found: dict[ItemId, Item] = {}
        for start in range(0, len(items), self._most):
            ids = items[start : start + self._most]
            try:
                answers = await self._client.call(get_items(ids, Properties.WITHOUT_BODY))
            except ExchangeError as error:
                if error.fault.code not in codes.MAY_FAIL_A_REQUEST:
                    raise
                continue
            if len(answers) != len(ids):
                continue
            for id_, answer in zip(ids, answers, strict=True):
                if answer.fault is None:
                    item = self._item(id_, answer, None)
                    if isinstance(item, Item):
                        found[id_] = item
                elif answer.fault.code in codes.REACHES_BEYOND_FOLDER - codes.MAY_BE_ONE_ITEMS:
                    raise ExchangeError(answer.fault)
        return found

    async def _read(self, ids: Sequence[ItemId]) -> list[Fetched]:
        """Read one batch; halve it where it fails as a whole."""
        try:
            answers = await self._client.call(get_items(ids))
            if len(answers) != len(ids):
                raise self._client.not_understood()
        except ExchangeError as error:
            return await self._halve(ids, error)
        if all(answer.fault is None for answer in answers):
            self._batch = min(self._batch + 1, self._most)
        fetched: list[Fetched] = []
        for at, (id_, answer) in enumerate(zip(ids, answers, strict=True)):
            if answer.fault is not None and answer.fault.code in codes.STOPPED:
                return [*fetched, *await self._read_stopped(ids[at:], is_all=at == 0)]
            fetched.append(await self._judge(id_, answer))
        return fetched

    async def _halve(self, ids: Sequence[ItemId], error: ExchangeError) -> list[Fetched]:
        """Read a failed batch in two halves; at a single item, the fault is the item's."""
        fault = error.fault
        is_late = fault.code == Code.TIMED_OUT
        if not (is_late or fault.code in codes.MAY_FAIL_A_REQUEST):
            raise error
        if len(ids) == 1:
            return [await self._blame(ids[0], fault)]
        middle = len(ids) // 2
        self._batch = max(1, min(self._batch, middle))
        if is_late:  # every further try costs the whole deadline: the next round asks for less
            raise error
        return [*await self._read(ids[:middle]), *await self._read(ids[middle:])]

    async def _blame(self, id_: ItemId, fault: Fault) -> ItemFault:
        """Hold `fault` against an item. Raises ExchangeError where it is the server's."""
        if fault.code not in codes.NOT_CONVERTED:
            await self._client.check()
        return ItemFault(id=id_, fault=replace(fault, scope=Scope.ITEM))

    async def _read_stopped(self, ids: Sequence[ItemId], *, is_all: bool) -> list[Fetched]:
        """Read again what Exchange did not get to."""
        if not is_all:
            return await self._read(ids)
        if len(ids) == 1:
            fault = self._client.fault("ErrorBatchProcessingStopped")
            return [ItemFault(id=ids[0], fault=replace(fault, scope=Scope.ITEM))]
        middle = len(ids) // 2
        return [*await self._read(ids[:middle]), *await self._read(ids[middle:])]

    async def _judge(self, id_: ItemId, answer: Answer) -> Fetched:
        """Make of one answer what it is: an item, or why there is none."""
        fault = answer.fault
        if fault is None:
            return self._item(id_, answer, None)
        if fault.code in codes.GONE:
            return ItemGone(id=id_)
        if fault.code in codes.TOO_MUCH or fault.code in codes.NOT_CONVERTED:
            return await self._ask_for_less(id_, fault)
        if fault.code in codes.MAY_BE_ONE_ITEMS:
            return await self._blame(id_, fault)
        if fault.code in codes.REACHES_BEYOND_FOLDER:
            raise ExchangeError(fault)
        return ItemFault(id=id_, fault=replace(fault, scope=Scope.ITEM))

    def _item(self, id_: ItemId, answer: Answer, missing: Fault | None) -> Fetched:
        element = answer.element.find(f"{M}Items/*")
        if element is None:
            fault = self._client.not_understood().fault
            return ItemFault(id=id_, fault=replace(fault, scope=Scope.ITEM))
        item = read_item(element, id_)
        return replace(item, incomplete=missing) if missing and isinstance(item, Item) else item

    async def _ask_for_less(self, id_: ItemId, fault: Fault) -> Fetched:
        """Ask for one item alone, with fewer and fewer properties; the fault stays with what comes of less."""
        fault = replace(fault, scope=Scope.ITEM)
        # What took too long in a batch, or at that moment, may be had whole by itself.
        properties = Properties.ALL if fault.code in codes.TOO_MUCH else LESS.get(Properties.ALL)
        while properties is not None:
            try:
                answers = await self._client.call(get_items((id_,), properties))
            except ExchangeError as error:
                if error.fault.code not in codes.MAY_FAIL_A_REQUEST:
                    raise
                answers = []
            if len(answers) == 1:
                got = answers[0].fault
                if got is None:
                    missing = None if properties is Properties.ALL else fault
                    return self._item(id_, answers[0], missing)
                if got.code in codes.GONE:
                    return ItemGone(id=id_)
                if got.code in codes.REACHES_BEYOND_FOLDER - codes.MAY_BE_ONE_ITEMS:
                    raise ExchangeError(got)
            properties = LESS.get(properties)
        return await self._blame(id_, fault)
