"""Whatever a server answers, a reader raises ExchangeError or nothing (the promise of the Reader protocol)."""

from contextlib import suppress
from datetime import UTC, datetime

from hypothesis import given, strategies as st

from mailmine.exchange.faults import ExchangeError, Fault
from mailmine.exchange.reader import ChangePage, CursorLost, FolderTree, Item
from mailmine.model.email import Attachment
from mailmine.model.ids import AttachmentId, Cursor, FolderId, ItemId
from tests.unit.exchange.fakes import (
    Said,
    answers,
    changes,
    created,
    failed,
    fault,
    message,
    reading,
    value,
)

GOOD = [
    changes(created("A"), created("B", "Item"), '<t:Delete><t:ItemId Id="C"/></t:Delete>'),
    answers(
        "FindFolder",
        '<m:RootFolder IndexedPagingOffset="3" IncludesLastItemInRange="false"><t:Folders><t:Folder>'
        '<t:FolderId Id="f"/><t:ParentFolderId Id="f"/><t:DisplayName>F</t:DisplayName>'
        "<t:TotalCount>7</t:TotalCount><t:ExtendedProperty>"
        '<t:ExtendedFieldURI PropertyTag="0x670a" PropertyType="SystemTime"/><t:Value>2024</t:Value>'
        "</t:ExtendedProperty></t:Folder></t:Folders></m:RootFolder>",
    ),
    answers(
        "GetItem",
        message(
            "A",
            "<t:DateTimeReceived>2024-01-01T00:00:00Z</t:DateTimeReceived><t:Size>77</t:Size>"
            "<t:InternetMessageHeaders><t:InternetMessageHeader HeaderName='From'>=?utf-8?q?a?= &lt;a@b&gt;"
            "</t:InternetMessageHeader></t:InternetMessageHeaders><t:From><t:Mailbox><t:Name>A</t:Name>"
            "</t:Mailbox></t:From><t:Attachments><t:FileAttachment><t:Size>1</t:Size></t:FileAttachment>"
            "</t:Attachments>",
        ),
    ),
    answers("GetItem", failed("GetItem", "ErrorItemCorrupt")),
    answers(
        "GetAttachment", "<m:Attachments><t:FileAttachment><t:Content>QUJD</t:Content></t:FileAttachment></m:Attachments>"
    ),
    str(fault("ErrorServerBusy", xml=value("BackOffMilliseconds", "500")).body),
]  # fmt: skip

SNIPPETS = st.sampled_from(
    [
        "",
        "<",
        ">",
        "&",
        "&#x0;",
        "'",
        '"',
        "9" * 5000,
        "-1",
        "\x00",
        "é",
        "<t:X/>",
        "</t:X>",
        "٣",
        "²",
    ]
) | st.text(max_size=4)


@st.composite
def spoiled(draw: st.DrawFn) -> str:
    """Take a good answer and replace some of it by something else, mostly where a value stands."""
    text = draw(st.sampled_from(GOOD))
    for _ in range(draw(st.integers(0, 3))):
        places = [at for at, char in enumerate(text) if char in '>"']
        at = draw(st.sampled_from(places)) + 1 if places else 0
        length = draw(st.integers(0, 12))
        text = text[:at] + draw(SNIPPETS) + text[at + length :]
    return text


@given(spoiled() | st.binary(max_size=80), st.sampled_from([200, 500]))
async def test_nothing_but_an_exchange_error_is_raised(body: str | bytes, status: int) -> None:
    said = Said(body if isinstance(body, bytes) else body.encode("utf-8", "replace"), status)
    folder, item = FolderId("f"), ItemId("A")
    with suppress(ExchangeError):
        assert isinstance(await reading(lambda _: said).reader.folders(), FolderTree)
    with suppress(ExchangeError):
        page = await reading(lambda _: said).reader.changes(folder, Cursor("c"), limit=9)
        assert isinstance(page, ChangePage | CursorLost | Fault)
    with suppress(ExchangeError):
        since = datetime(2024, 1, 1, tzinfo=UTC)
        found = await reading(lambda _: said).reader.newest(folder, since=since, limit=9)
        assert isinstance(found, tuple | Fault)
    with suppress(ExchangeError):
        got = [one async for batch in reading(lambda _: said).reader.fetch([item]) for one in batch]
        assert [one.id for one in got] == [item]
        if isinstance(got[0], Item):
            assert "\x00" not in repr(got[0])
            repr(got[0]).encode()
    with suppress(ExchangeError):
        file = Attachment(name="a", content_type="x/y", size=1, id=AttachmentId("a"))
        async for piece in reading(lambda _: said).reader.attachment(item, file):
            assert isinstance(piece, bytes)
