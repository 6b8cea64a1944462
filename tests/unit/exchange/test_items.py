"""From the properties of an item to an Email."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import pytest
from hypothesis import given, strategies as st

from mailmine.exchange.ews.items import read_item
from mailmine.exchange.ews.xml import parse
from mailmine.exchange.items import decode, is_mail, read_message_ids, read_time
from mailmine.exchange.reader import Item
from mailmine.model.email import Address, Attachment, AttachmentKind, Email, Metadata
from mailmine.model.ids import AttachmentId, ItemId, MessageId

TYPES: Final = "http://schemas.microsoft.com/exchange/services/2006/types"
ANN = "<t:Mailbox><t:Name>Ann</t:Name><t:EmailAddress>ann@example.com</t:EmailAddress></t:Mailbox>"
BOB = "<t:Mailbox><t:Name>Bob</t:Name><t:EmailAddress>bob@example.com</t:EmailAddress></t:Mailbox>"


def read(inside: str, kind: str = "Message") -> Item:
    """Read an item with `inside` as Exchange writes it."""
    xml = f'<t:{kind} xmlns:t="{TYPES}"><t:ItemId Id="A"/>{inside}</t:{kind}>'
    item = read_item(parse(xml.encode()), ItemId("A"))
    assert isinstance(item, Item)
    return item


def test_all_properties_find_their_place() -> None:
    item = read(
        "<t:ItemClass>IPM.Note</t:ItemClass><t:Subject>Order 7</t:Subject>"
        '<t:Sensitivity>Private</t:Sensitivity><t:Body BodyType="HTML">&lt;p&gt;Hi&lt;/p&gt;</t:Body>'
        '<t:Attachments><t:FileAttachment><t:AttachmentId Id="att"/><t:Name>a.pdf</t:Name>'
        "<t:ContentType>Application/PDF; name=a.pdf</t:ContentType><t:ContentId>&lt;cid@x&gt;</t:ContentId>"
        "<t:Size>77</t:Size><t:IsInline>true</t:IsInline></t:FileAttachment>"
        '<t:ItemAttachment><t:AttachmentId Id="msg"/><t:Name>Fwd</t:Name></t:ItemAttachment>'
        '<t:ReferenceAttachment><t:AttachmentId Id="ref"/><t:Name>Link</t:Name></t:ReferenceAttachment>'
        "</t:Attachments><t:DateTimeReceived>2024-02-29T08:00:01Z</t:DateTimeReceived>"
        "<t:Size>1234</t:Size><t:Categories><t:String>Red</t:String><t:String>VIP</t:String></t:Categories>"
        "<t:Importance>High</t:Importance><t:InReplyTo>&lt;1@x&gt;</t:InReplyTo><t:IsDraft>false</t:IsDraft>"
        '<t:InternetMessageHeaders><t:InternetMessageHeader HeaderName="Subject">=?utf-8?q?=C3=84?='
        '</t:InternetMessageHeader><t:InternetMessageHeader HeaderName="Received">from x'
        "</t:InternetMessageHeader></t:InternetMessageHeaders>"
        "<t:DateTimeSent>2024-02-29T08:00:00Z</t:DateTimeSent><t:HasAttachments>true</t:HasAttachments>"
        f'<t:ConversationId Id="conv"/><t:Sender>{BOB}</t:Sender><t:ToRecipients>{ANN}{BOB}</t:ToRecipients>'
        f"<t:CcRecipients>{BOB}</t:CcRecipients><t:BccRecipients>{ANN}</t:BccRecipients>"
        f"<t:ConversationTopic>Order</t:ConversationTopic><t:From>{ANN}</t:From>"
        "<t:InternetMessageId>&lt;7@x&gt;</t:InternetMessageId><t:IsRead>true</t:IsRead>"
        f"<t:References>&lt;0@x&gt; &lt;1@x&gt;</t:References><t:ReplyTo>{BOB}</t:ReplyTo><t:New>?</t:New>"
    )
    ann, bob = Address("Ann", "ann@example.com"), Address("Bob", "bob@example.com")
    assert item.email == Email(
        message_id=MessageId("<7@x>"),
        subject="Order 7",
        from_=ann,
        sender=bob,
        to=(ann, bob),
        cc=(bob,),
        bcc=(ann,),
        reply_to=(bob,),
        sent_at=datetime(2024, 2, 29, 8, tzinfo=UTC),
        in_reply_to=MessageId("<1@x>"),
        references=(MessageId("<0@x>"), MessageId("<1@x>")),
        headers=(("Subject", "Ä"), ("Received", "from x")),
        html="<p>Hi</p>",
        attachments=(
            Attachment(
                name="a.pdf",
                content_type="application/pdf",
                size=77,
                is_inline=True,
                content_id="cid@x",
                id=AttachmentId("att"),
            ),
            Attachment(
                name="Fwd",
                content_type="message/rfc822",
                size=0,
                kind=AttachmentKind.ITEM,
                id=AttachmentId("msg"),
            ),
            Attachment(
                name="Link",
                content_type="application/octet-stream",
                size=0,
                kind=AttachmentKind.REFERENCE,
                id=AttachmentId("ref"),
            ),
        ),
    )
    assert item.metadata == Metadata(
        received_at=datetime(2024, 2, 29, 8, 0, 1, tzinfo=UTC),
        size=1234,
        is_read=True,
        importance="High",
        sensitivity="Private",
        categories=("Red", "VIP"),
        has_attachments=True,
        conversation_id="conv",
        conversation_topic="Order",
    )


def test_an_item_with_nothing_is_an_empty_email() -> None:
    item = read("")
    assert item.email == Email(message_id=None)
    assert item.metadata == Metadata()


def test_a_plain_text_stays_plain() -> None:
    item = read('<t:Body BodyType="Text">a\n&lt;b&gt;</t:Body>')
    assert (item.email.text, item.email.html) == ("a\n<b>", None)


def test_an_address_that_says_nothing_is_none() -> None:
    email = read("<t:From><t:Mailbox/></t:From><t:ToRecipients><t:Mailbox/></t:ToRecipients>").email
    assert (email.from_, email.to) == (None, ())


@pytest.mark.parametrize(
    ("written", "read_as"), [("a@x", Address("", "a@x")), ("Somebody", Address("Somebody", ""))]
)
def test_a_name_that_is_but_the_address_is_said_once(written: str, read_as: Address) -> None:
    mailbox = f"<t:Mailbox><t:Name>{written}</t:Name><t:EmailAddress>{written}</t:EmailAddress></t:Mailbox>"
    assert read(f"<t:From>{mailbox}</t:From>").email.from_ == read_as


def test_a_comma_in_an_encoded_name_makes_no_second_address() -> None:
    email = read(
        '<t:InternetMessageHeaders><t:InternetMessageHeader HeaderName="From">'
        "=?utf-8?q?=C3=84nn=2C_A=2E?= &lt;ann@x&gt;</t:InternetMessageHeader></t:InternetMessageHeaders>"
    ).email
    assert email.from_ == Address("Änn, A.", "ann@x")


def test_comments_within_comments_in_a_header_stop_nothing() -> None:
    email = read(
        '<t:InternetMessageHeaders><t:InternetMessageHeader HeaderName="From">'
        f"{'(' * 5000} ann@x</t:InternetMessageHeader></t:InternetMessageHeaders>"
    ).email
    assert email.from_ is None
    assert len(email.headers) == 1


def test_a_sender_who_is_the_author_is_not_named_twice() -> None:
    assert read(f"<t:Sender>{ANN}</t:Sender><t:From>{ANN}</t:From>").email.sender is None
    only = read(f"<t:Sender>{ANN}</t:Sender>").email
    assert (only.from_, only.sender) == (Address("Ann", "ann@example.com"), None)


def test_what_2010_does_not_tell_of_a_report_is_taken_from_its_headers() -> None:
    item = read(
        "<t:ItemClass>REPORT.IPM.Note.NDR</t:ItemClass><t:InternetMessageHeaders>"
        '<t:InternetMessageHeader HeaderName="From">Postmaster &lt;p@x&gt;</t:InternetMessageHeader>'
        '<t:InternetMessageHeader HeaderName="To">ann@example.com</t:InternetMessageHeader>'
        '<t:InternetMessageHeader HeaderName="Message-Id"> &lt;ndr@x&gt;</t:InternetMessageHeader>'
        '<t:InternetMessageHeader HeaderName="References">&lt;7@x&gt;</t:InternetMessageHeader>'
        "</t:InternetMessageHeaders>",
        kind="Item",
    )
    assert item.email.message_id == "<ndr@x>"
    assert item.email.from_ == Address("Postmaster", "p@x")
    assert item.email.to == (Address("", "ann@example.com"),)
    assert item.email.references == ("<7@x>",)


@pytest.mark.parametrize(
    ("item_class", "is_kept"),
    [
        ("IPM.Note", True),
        ("IPM.Note.SMIME.MultipartSigned", True),
        ("ipm.note.rules.oofTemplate.Microsoft", True),
        ("IPM.Schedule.Meeting.Request", True),
        ("REPORT.IPM.Note.NDR", True),
        ("IPM.Post", True),
        ("IPM.Contact", False),
        ("IPM.Task", False),
        ("IPM.Appointment", False),
        ("IPM.Notebook", False),
        ("IPM", False),
    ],
)
def test_which_kinds_are_mail(item_class: str, is_kept: bool) -> None:  # noqa: FBT001
    assert is_mail(item_class) is is_kept


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("2024-02-29T08:00:00Z", datetime(2024, 2, 29, 8, tzinfo=UTC)),
        ("2024-02-29T08:00:00.1Z", datetime(2024, 2, 29, 8, 0, 0, 100_000, tzinfo=UTC)),
        ("2024-02-29T08:00:00.123456789Z", datetime(2024, 2, 29, 8, 0, 0, 123_456, tzinfo=UTC)),
        ("2024-02-29T08:00:00+02:00", datetime(2024, 2, 29, 6, tzinfo=UTC)),
        ("2024-02-29T08:00:00", datetime(2024, 2, 29, 8, tzinfo=UTC)),
        ("1601-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("2024-02-30T08:00:00Z", None),
        ("2024-02-29", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_c28_times_are_utc_whatever_is_written(
    written: str | None, read_as: datetime | None
) -> None:
    assert read_time(written) == read_as


@given(
    st.datetimes(min_value=datetime(1700, 1, 1), max_value=datetime(9990, 1, 1)),  # noqa: DTZ001
    st.integers(0, 9),
    st.integers(-14 * 60, 14 * 60),
)
def test_c28_any_number_of_digits_and_any_offset_is_read(
    naive: datetime, digits: int, minutes: int
) -> None:
    zone = timezone(timedelta(minutes=minutes))
    fraction = f"{naive.microsecond:06d}000"[:digits]
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    written = (
        f"{naive:%Y-%m-%dT%H:%M:%S}{'.' if digits else ''}{fraction}{sign}{hours:02d}:{rest:02d}"
    )
    kept = int(f"{fraction:0<6}"[:6] or 0)
    assert read_time(written) == naive.replace(microsecond=kept, tzinfo=zone)


@given(st.text(max_size=40))
def test_no_text_is_too_odd_for_a_time_or_ids(text: str) -> None:
    time = read_time(text)
    assert time is None or time.tzinfo is UTC
    assert all(found in text for found in read_message_ids(text))


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("=?utf-8?b?w6TDtg==?= and =?iso-8859-1?q?=FC?=", "äö and ü"),
        ("=?made-up?q?x?=", "=?made-up?q?x?="),
        ("=?utf-8?b?a?=", "=?utf-8?b?a?="),
        ("plain", "plain"),
        ("=?utf-8?q?a=00b?=", "ab"),
    ],
)
def test_c14_c15_encoded_words_never_stop_anything(written: str, read_as: str) -> None:
    assert decode(written) == read_as


@given(st.binary(max_size=60).map(lambda raw: base64.b64encode(raw).decode()))
def test_c15_no_nul_and_no_lone_surrogate_comes_out_of_a_header(inside: str) -> None:
    for charset in ("utf-8", "utf-7", "utf-16", "unicode_escape", "latin-1", "rot13"):
        decoded = decode(f"=?{charset}?b?{inside}?=")
        assert "\x00" not in decoded
        decoded.encode()
