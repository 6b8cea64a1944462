"""What is done where a seal cannot be had, or is another than it was."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.exchange.reader import (
    Change,
    ChangeKind,
    ChangePage,
    CursorLost,
    Fetched,
    Folder,
    FolderTree,
    Item,
)
from mailmine.model.email import Attachment, Email, Metadata, Protection
from mailmine.model.ids import AttachmentId, Cursor, FolderId, ItemId
from mailmine.sync.sealed import OpeningReader
from tests import sealed_mail

SEAL = Attachment(
    name="smime.p7m", content_type="multipart/signed", size=9, id=AttachmentId("AAMk=")
)
ITEM = Item(
    id=ItemId("1"),
    email=Email(message_id=None, item_class="IPM.Note.SMIME", attachments=(SEAL,)),
    metadata=Metadata(),
)


@dataclass
class FakeReader:
    """Has one item, and gives the same content for each attachment."""

    content: bytes | Fault
    asked: list[AttachmentId | None] = field(default_factory=list)
    pieces: int = 0
    keeps_ids = True
    version = None

    def assume(self, version: str | None) -> None:
        del version

    async def folders(self) -> FolderTree:
        return FolderTree(folders=(), is_complete=True)

    async def search_folders(self) -> tuple[Folder, ...]:
        return ()

    async def changes(
        self,
        folder: FolderId,
        cursor: Cursor | None,
        *,
        limit: int,
        since: datetime | None = None,
        outlined: bool = False,
    ) -> ChangePage | CursorLost | Fault:
        del folder, cursor, limit, since, outlined
        plain = replace(ITEM, id=ItemId("2"), email=Email(message_id=None))
        changes = tuple(
            Change(kind=ChangeKind.PRESENT, item_id=one.id, item=one) for one in (ITEM, plain)
        )
        return ChangePage(changes=changes, cursor=Cursor("c"), is_last=True)

    async def newest(
        self, folder: FolderId, *, since: datetime, limit: int
    ) -> tuple[ItemId, ...] | Fault:
        del folder, since, limit
        return ()

    async def fetch(self, items: Sequence[ItemId]) -> AsyncGenerator[Sequence[Fetched], None]:
        yield [replace(ITEM, id=id_) for id_ in items]

    async def outlines(self, items: Sequence[ItemId]) -> Mapping[ItemId, Item]:
        del items
        return {}

    async def locate(self, items: Sequence[ItemId]) -> Mapping[ItemId, FolderId | None]:
        return dict.fromkeys(items)

    async def attachment(self, item: ItemId, attachment: Attachment) -> AsyncGenerator[bytes, None]:
        del item
        self.asked.append(attachment.id)
        if isinstance(self.content, Fault):
            raise ExchangeError(self.content)
        for start in range(0, len(self.content), 100):
            self.pieces += 1
            yield self.content[start : start + 100]

    async def aclose(self) -> None:
        pass


def fault(scope: Scope) -> Fault:
    return Fault(where=Where.EWS, code=Code.NO_CONTENT, message="no", scope=scope)


async def fetch(reader: OpeningReader) -> Item:
    ((item,),) = [batch async for batch in reader.fetch([ITEM.id])]
    assert isinstance(item, Item)
    return item


async def content(reader: OpeningReader, attachment: Attachment) -> bytes:
    return b"".join([piece async for piece in reader.attachment(ITEM.id, attachment)])


async def test_a_seal_that_cannot_be_read_leaves_the_rest() -> None:
    item = await fetch(OpeningReader(FakeReader(fault(Scope.ITEM))))
    assert item.incomplete == fault(Scope.ITEM)
    assert item.email == ITEM.email


async def test_what_concerns_the_mailbox_is_raised() -> None:
    with pytest.raises(ExchangeError):
        await fetch(OpeningReader(FakeReader(fault(Scope.MAILBOX))))


async def test_of_encrypted_mail_only_the_beginning_is_read() -> None:
    fake = FakeReader(sealed_mail.envelope(b"x" * 10_000))
    item = await fetch(OpeningReader(fake))
    assert item.email.protection is Protection.ENCRYPTED
    assert item.email.attachments == (SEAL,)
    assert fake.pieces == 1


async def test_what_is_no_seal_at_all_stays_as_it_is() -> None:
    assert await fetch(OpeningReader(FakeReader(b"junk"))) == ITEM


async def test_attachments_inside_are_read_of_the_seal_once() -> None:
    fake = FakeReader(sealed_mail.signature())
    order, prices = (await fetch(OpeningReader(fake))).email.attachments
    reader = OpeningReader(fake)
    fake.asked.clear()
    assert await content(reader, order) == b"%PDF-1.4 one"
    assert await content(reader, prices) == b"chair;42"
    assert fake.asked == [SEAL.id]


async def test_what_is_not_inside_any_more_is_that_attachments_fault() -> None:
    order, prices = (
        await fetch(OpeningReader(FakeReader(sealed_mail.signature())))
    ).email.attachments
    one = sealed_mail.signature(b"Content-Type: text/plain\r\n\r\nwords")
    for kept in (b"junk", one):
        with pytest.raises(ExchangeError) as caught:
            await content(OpeningReader(FakeReader(kept)), prices)
        assert caught.value.fault.scope is Scope.ITEM
    assert await content(OpeningReader(FakeReader(b"other")), SEAL) == b"other"
    assert order.id != prices.id


async def test_what_came_along_is_opened_where_it_is_sealed() -> None:
    reader = OpeningReader(FakeReader(sealed_mail.signature()))
    page = await reader.changes(FolderId("f"), None, limit=10)
    assert isinstance(page, ChangePage)
    emails = [change.item.email for change in page.changes if change.item]
    assert [email.protection for email in emails] == [Protection.SIGNED, None]
