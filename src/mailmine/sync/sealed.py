"""Signed and encrypted mail (S/MIME): Exchange keeps it as one sealed attachment, which is opened here.

A reader within a reader, so that whoever reads sees of a signed email the mail inside with its own attachments, by
either way of reading. Encrypted mail stays sealed, and is only marked.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog

from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.exchange.reader import (
    ChangePage,
    CursorLost,
    Fetched,
    Folder,
    FolderTree,
    Item,
    Reader,
)
from mailmine.model.email import Attachment, Email, Protection
from mailmine.model.ids import AttachmentId, Cursor, FolderId, ItemId
from mailmine.refine import cms, mime
from mailmine.refine.mime import Parsed
from mailmine.refine.protection import is_sealed

log = structlog.get_logger(__name__)

MOST_OPENED: Final = 32 << 20
"""Bytes of a sealed mail that is opened; a larger one stays an attachment."""

_WITHIN: Final = "#"
"""Between the id of a sealed attachment and the number of one inside; no id of Exchange has it."""


class OpeningReader:
    """Reads as another reader does (the Reader protocol says what each method promises), and opens what is sealed."""

    def __init__(self, reader: Reader) -> None:
        """Send nothing. To be used for one round: it keeps what it opened last."""
        self._reader = reader
        self._last: tuple[AttachmentId, Parsed] | None = None

    @property
    def keeps_ids(self) -> bool:
        """Whether items keep their ids in a move."""
        return self._reader.keeps_ids

    @property
    def version(self) -> str | None:
        """The older version that the server had to be asked by."""
        return self._reader.version

    def assume(self, version: str | None) -> None:
        """Ask by this version from now on."""
        self._reader.assume(version)

    async def folders(self) -> FolderTree:
        """Read the mail folders."""
        return await self._reader.folders()

    async def search_folders(self) -> tuple[Folder, ...]:
        """Read the search folders."""
        return await self._reader.search_folders()

    async def changes(
        self,
        folder: FolderId,
        cursor: Cursor | None,
        *,
        limit: int,
        since: datetime | None = None,
        outlined: bool = False,
    ) -> ChangePage | CursorLost | Fault:
        """Read a page of changes; items that came along are opened."""
        page = await self._reader.changes(
            folder, cursor, limit=limit, since=since, outlined=outlined
        )
        if not isinstance(page, ChangePage):
            return page
        changes = list(page.changes)
        for place, change in enumerate(changes):
            if change.item is not None and is_sealed(change.item.email):
                changes[place] = replace(change, item=await self._opened(change.item))
        return replace(page, changes=tuple(changes))

    async def newest(
        self, folder: FolderId, *, since: datetime, limit: int
    ) -> tuple[ItemId, ...] | Fault:
        """Name the newest items."""
        return await self._reader.newest(folder, since=since, limit=limit)

    async def fetch(self, items: Sequence[ItemId]) -> AsyncGenerator[Sequence[Fetched], None]:
        """Read items, opened."""
        async for batch in self._reader.fetch(items):
            yield [await self._opened(one) if isinstance(one, Item) else one for one in batch]

    async def outlines(self, items: Sequence[ItemId]) -> Mapping[ItemId, Item]:
        """Read items without what is large; what is sealed is no part of that."""
        return await self._reader.outlines(items)

    async def locate(self, items: Sequence[ItemId]) -> Mapping[ItemId, FolderId | None]:
        """Tell where items lie now."""
        return await self._reader.locate(items)

    async def attachment(self, item: ItemId, attachment: Attachment) -> AsyncGenerator[bytes, None]:
        """Read the content of an attachment, also of one inside a sealed mail."""
        outer, within, index = (attachment.id or "").rpartition(_WITHIN)
        if not within:
            async for piece in self._reader.attachment(item, attachment):
                yield piece
            return
        seal = AttachmentId(outer)
        parsed = self._last[1] if self._last is not None and self._last[0] == seal else None
        if parsed is None:
            data = await self._content(item, Attachment(name="", content_type="", size=0, id=seal))
            parsed = await self._parsed(seal, data)
        if parsed is None or int(index) >= len(parsed.contents):
            message = "What is attached within a signed email is not there any more."
            raise ExchangeError(
                Fault(where=Where.CLIENT, code=Code.NO_CONTENT, message=message, scope=Scope.ITEM)
            )
        yield parsed.contents[int(index)]

    async def aclose(self) -> None:
        """Let go of what the reader holds."""
        await self._reader.aclose()

    async def _opened(self, item: Item) -> Item:
        """Open an item if it is sealed; as it is, with the reason, where its seal cannot be had."""
        if not is_sealed(item.email):
            return item
        (sealed,) = item.email.attachments
        if sealed.id is None or sealed.size > MOST_OPENED:
            return item
        try:
            data = await self._content(item.id, sealed)
        except ExchangeError as error:
            if error.fault.scope is not Scope.ITEM:
                raise
            return replace(item, incomplete=item.incomplete or error.fault)
        if cms.kind(data) in cms.ENCRYPTED:
            return replace(item, email=replace(item.email, protection=Protection.ENCRYPTED))
        parsed = await self._parsed(sealed.id, data)
        if parsed is None:
            log.info("sealed email not opened", item=item.id)
            return item
        return replace(item, email=_with_inside(item.email, sealed.id, parsed.email))

    async def _content(self, item: ItemId, sealed: Attachment) -> bytes:
        """Read what is sealed; only the beginning of what cannot be opened."""
        data = bytearray()
        pieces = self._reader.attachment(item, sealed)
        async with aclosing(pieces):
            async for piece in pieces:
                data += piece
                if cms.kind(bytes(data[: cms.BEGINNING])) in cms.ENCRYPTED:
                    break
                if len(data) > MOST_OPENED:
                    return b""
        return bytes(data)

    async def _parsed(self, seal: AttachmentId, data: bytes) -> Parsed | None:
        parsed = await asyncio.to_thread(mime.parse_sealed, data)
        self._last = None if parsed is None else (seal, parsed)
        return parsed


def _with_inside(email: Email, seal: AttachmentId, inside: Email) -> Email:
    """Put the content of a signed email into what is known of it."""
    attachments = tuple(
        replace(one, id=AttachmentId(f"{seal}{_WITHIN}{index}"))
        for index, one in enumerate(inside.attachments)
    )
    return replace(
        email,
        html=inside.html,
        text=inside.text,
        attachments=attachments,
        protection=inside.protection,
    )
