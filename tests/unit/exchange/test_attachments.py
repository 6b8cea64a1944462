"""Attachments are decoded while they arrive."""

import base64
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given, strategies as st

from mailmine.exchange.ews.attachments import MOST_AROUND, ContentCutter, DamagedError, TooLongError
from mailmine.exchange.faults import Code, ExchangeError, Scope
from mailmine.model.email import Attachment, AttachmentKind
from mailmine.model.ids import AttachmentId, ItemId
from tests.unit.exchange.fakes import Asked, Said, all_messages, answers, failed, fault, reading

ITEM = ItemId("item")
FILE = Attachment(name="a", content_type="text/plain", size=1, id=AttachmentId("att"))


def file(content: bytes | str, tag: str = "Content") -> str:
    """Write the answer that holds `content`."""
    text = content if isinstance(content, str) else base64.b64encode(content).decode()
    return answers(
        "GetAttachment",
        '<m:Attachments><t:FileAttachment><t:AttachmentId Id="att"/><t:Name>a&#x1;b</t:Name>'
        f"<t:ContentType>text/plain</t:ContentType><t:{tag}>{text}</t:{tag}></t:FileAttachment></m:Attachments>",
    )


async def content_of(answer: str | Said, attachment: Attachment = FILE) -> bytes:
    on = reading(lambda _: answer)
    return b"".join([piece async for piece in on.reader.attachment(ITEM, attachment)])


@given(
    st.binary(max_size=300),
    st.integers(1, 50),
    st.sampled_from(["", "\n", "\r\n ", "&#xD;\n", "&#13;&#10;"]),
)
def test_content_is_whole_however_the_wire_cuts_it(content: bytes, cut: int, fold: str) -> None:
    text = base64.b64encode(content).decode()
    text = fold.join(text[at : at + 7] for at in range(0, len(text), 7))
    answer = file(text).encode()
    cutter = ContentCutter()
    got = b"".join(
        piece for at in range(0, len(answer), cut) for piece in cutter.feed(answer[at : at + cut])
    )
    cutter.finish()
    assert got == content
    assert cutter.was_found
    assert cutter.around == file("").encode()


async def test_an_empty_attachment_is_empty() -> None:
    assert await content_of(file(b"")) == b""
    assert await content_of(file(b"").replace("<t:Content></t:Content>", "<t:Content />")) == b""


async def test_an_attached_item_comes_as_its_mime() -> None:
    mime = b"Subject: inner\r\n\r\nHello"
    inner = base64.b64encode(mime).decode()
    answer = answers(
        "GetAttachment",
        '<m:Attachments><t:ItemAttachment><t:AttachmentId Id="att"/><t:Message>'
        f'<t:MimeContent CharacterSet="UTF-8">{inner}</t:MimeContent><t:Subject>inner</t:Subject>'
        "</t:Message></t:ItemAttachment></m:Attachments>",
    )
    assert await content_of(answer) == mime


async def test_c9_a_large_attachment_is_never_held_whole() -> None:
    start, end = file("@").encode().split(b"@")
    piece = base64.b64encode(b"x" * 49_152)
    on = reading(lambda _: Said([start, *[piece] * 100, end]))
    pieces = on.reader.attachment(ITEM, FILE)
    assert len(await anext(pieces)) < 100_000
    assert on.exchange.pieces_taken <= 3
    assert isinstance(pieces, AsyncGenerator)
    await pieces.aclose()
    assert on.exchange.in_flight == 0


@pytest.mark.parametrize(
    "text",
    [
        "####",
        "QUJ",
        "QUJD=QUJD",
        "QU\x00JD",
        "QUJD&amp;",
        "&#65;UJD",
        "<![CDATA[QUJD]]>",
        "<!-- nothing -->QUJD",
    ],
)
async def test_damaged_content_is_said_and_not_guessed(text: str) -> None:
    with pytest.raises(ExchangeError) as raised:
        await content_of(file(text))
    assert (raised.value.fault.code, raised.value.fault.scope) == (
        Code.DAMAGED_CONTENT,
        Scope.ITEM,
    )


async def test_content_that_breaks_off_is_damaged() -> None:
    with pytest.raises(ExchangeError, match="damaged"):
        await content_of(file(b"x" * 3000)[:2000])


async def test_a_link_has_no_content_and_nothing_is_asked() -> None:
    on = reading(lambda _: file(b"x"))
    link = Attachment(
        name="a",
        content_type="x/y",
        size=0,
        kind=AttachmentKind.REFERENCE,
        id=AttachmentId("ref"),
    )
    with pytest.raises(ExchangeError) as raised:
        await anext(on.reader.attachment(ITEM, link))
    assert (raised.value.fault.code, raised.value.fault.scope) == (Code.NO_CONTENT, Scope.ITEM)
    assert on.exchange.asked == []


async def test_an_answer_without_content_is_not_an_empty_attachment() -> None:
    with pytest.raises(ExchangeError) as raised:
        await content_of(answers("GetAttachment", "<m:Attachments/>"))
    assert raised.value.fault.code == Code.NO_CONTENT


@pytest.mark.parametrize("code", ["ErrorItemNotFound", "ErrorCannotOpenFileAttachment"])
async def test_an_attachment_that_cannot_be_read_is_a_fault_of_its_item(code: str) -> None:
    with pytest.raises(ExchangeError) as raised:
        await content_of(answers("GetAttachment", failed("GetAttachment", code)))
    assert (raised.value.fault.code, raised.value.fault.scope) == (code, Scope.ITEM)


async def test_a_mailbox_in_trouble_is_not_a_fault_of_the_item() -> None:
    with pytest.raises(ExchangeError) as raised:
        await content_of(
            answers("GetAttachment", failed("GetAttachment", "ErrorMailboxMoveInProgress"))
        )
    assert raised.value.fault.scope is Scope.MAILBOX


@pytest.mark.parametrize(
    "failing",
    [
        Said("no", status=500, headers={"Content-Type": "text/plain"}),
        fault("ErrorInternalServerError"),
        Said("not xml"),
        answers("GetAttachment"),
    ],
    ids=["500", "fault", "nonsense", "nothing"],
)
async def test_c12_an_attachment_that_a_sound_server_fails_at_is_a_fault_of_its_item(
    failing: Said | str,
) -> None:
    on = reading(
        lambda asked: failing if asked.operation == "GetAttachment" else all_messages(asked)
    )
    with pytest.raises(ExchangeError) as raised:
        await anext(on.reader.attachment(ITEM, FILE))
    assert raised.value.fault.scope is Scope.ITEM


async def test_an_outage_is_not_held_against_the_attachment() -> None:
    on = reading(lambda _: Said(status=500))
    with pytest.raises(ExchangeError) as raised:
        await anext(on.reader.attachment(ITEM, FILE))
    assert raised.value.fault.scope is Scope.MAILBOX


async def test_an_older_server_is_asked_in_its_version() -> None:
    def answer(asked: Asked) -> str | Said:
        is_old = asked.version == "Exchange2010"
        return file(b"ok") if is_old else fault("ErrorInvalidServerVersion")

    on = reading(answer)
    assert b"".join([piece async for piece in on.reader.attachment(ITEM, FILE)]) == b"ok"


def test_a_flood_around_the_content_is_refused() -> None:
    cutter = ContentCutter()
    list(cutter.feed(b"x" * MOST_AROUND))
    with pytest.raises(TooLongError):
        list(cutter.feed(b"x"))


def test_a_content_that_never_ends_is_damaged() -> None:
    cutter = ContentCutter()
    list(cutter.feed(b"<t:Content>QUJD"))
    with pytest.raises(DamagedError):
        cutter.finish()
