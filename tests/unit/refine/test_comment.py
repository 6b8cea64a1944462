from dataclasses import replace
from datetime import UTC, datetime

from mailmine.model.comment import Comment
from mailmine.model.email import Address, Attachment, Email, Metadata
from mailmine.model.ids import AttachmentReference, ContentHash, MessageId
from mailmine.refine import comment, identity, refine

SENT = datetime(2026, 3, 3, 9, 15, tzinfo=UTC)
EMAIL = Email(
    message_id=MessageId("<one@example.com>"),
    subject="Order 12",
    from_=Address("Ann", "Ann@Example.com"),
    to=(Address("", "bob@example.org"), Address("Carl", "")),
    sent_at=SENT,
    references=(MessageId("<root@example.com>"),),
    text="Where are the goods that we ordered?\n-- \nAnn, Example Ltd\n",
    attachments=(
        Attachment(name="a.pdf", content_type="application/pdf", size=12),
        Attachment(name="", content_type="", size=0),
    ),
)
COPY = Metadata(
    folder=("Inbox", "Orders"),
    received_at=datetime(2026, 3, 3, 9, 16, tzinfo=UTC),
    size=2_048,
    is_read=False,
    importance="High",
    categories=("Blue", "Late"),
)


def made(email: Email = EMAIL, copy: Metadata = COPY) -> Comment:
    return comment.make(
        email,
        refine(email),
        copy,
        mailbox="sales@example.org",
        comment_id=identity.of(email),
        references={0: AttachmentReference("secret")},
        hashes={0: ContentHash("00")},
    )


def test_the_comment_of_an_email() -> None:
    whole = made()
    assert whole.id == identity.comment_id(MessageId("<one@example.com>"))
    assert whole.timestamp == SENT
    (message,) = whole.messages
    assert message.body == "Where are the goods that we ordered?"
    assert message.signature == "--\nAnn, Example Ltd"
    assert message.subject == "Order 12"
    assert message.from_ == "Ann <Ann@Example.com>"
    assert message.to == ("bob@example.org", "Carl")
    assert message.language == "en"


def test_its_user_properties_are_spelled_as_clients_know_them() -> None:
    assert made().user_properties == {
        "number:Messages": 1,
        "number:Participant Count": 3,
        "number:Recipient Count": 2,
        "number:Position in Thread": 2,
        "string:Email Kind": "Reply",
        "string:Message ID": "<one@example.com>",
        "string:Thread": "<root@example.com>",
        "string:Sender": "Ann@Example.com",
        "string:Sender Domain": "example.com",
        "string:Recipient Domain": "example.org",
        "string:Has Signature": "Yes",
        "string:Has Attachments": "Yes",
        "string:Folder": "Orders (/ Inbox / Orders)",
        "string:Mailbox": "sales@example.org",
        "string:Is Read": "No",
        "string:Importance": "High",
        "string:Categories": "Blue, Late",
        "string:Received At": "2026-03-03T09:16:00+00:00",
        "number:Size": 2_048,
    }


def test_what_is_unknown_is_no_property() -> None:
    properties = made(Email(message_id=None), Metadata()).user_properties
    assert None not in properties.values()
    assert all(not isinstance(value, str) or value.strip() for value in properties.values())
    assert all(name.startswith(("string:", "number:")) for name in properties)
    assert "string:Folder" not in properties


def test_attachments_are_listed_with_or_without_their_content() -> None:
    first, second = made().attachments
    assert (first.name, first.attachment_reference, first.content_hash) == ("a.pdf", "secret", "00")
    assert (second.name, second.content_type) == ("attachment-2", "application/octet-stream")
    assert second.attachment_reference is None


def test_the_time_is_that_of_receiving_where_nobody_says_when_it_was_sent() -> None:
    assert made(replace(EMAIL, sent_at=None)).timestamp == COPY.received_at
    assert made(replace(EMAIL, sent_at=None), Metadata()).timestamp == comment.UNDATED


def test_a_move_changes_the_properties_of_the_place_and_nothing_else() -> None:
    before = made()
    after = comment.moved(before, Metadata(folder=("Archive",), is_read=True), "sales@example.org")
    assert after.user_properties["string:Folder"] == "Archive (/ Archive)"
    assert after.user_properties["string:Is Read"] == "Yes"
    assert "string:Importance" not in after.user_properties
    assert after.user_properties["string:Sender"] == "Ann@Example.com"
    assert replace(after, user_properties={}) == replace(before, user_properties={})


def test_a_move_to_where_it_was_changes_nothing() -> None:
    assert comment.moved(made(), COPY, "sales@example.org") == made()


def test_every_property_of_a_place_is_known_as_one() -> None:
    whole = Metadata(
        folder=("a",),
        received_at=SENT,
        size=1,
        is_read=True,
        importance="Low",
        sensitivity="Private",
        categories=("x",),
        has_attachments=True,
        conversation_id="c",
        conversation_topic="t",
    )
    assert comment.place(whole, "m").keys() == comment.PLACE


def test_what_is_longer_than_the_contract_allows_is_cut_with_a_mark() -> None:
    long = replace(
        EMAIL,
        text="word " * 20_000,
        to=tuple(Address("", f"a{n}@example.org") for n in range(3_000)),
        from_=Address("A" * 600, "ann@example.com"),
        attachments=EMAIL.attachments * 100,
    )
    whole = made(long)
    (message,) = whole.messages
    assert len(message.body) == comment.MAX_TEXT
    assert message.body.endswith(comment.CUT_MARK)
    assert message.from_ == "ann@example.com"
    assert len(message.to) == comment.MAX_ADDRESSES
    assert len(whole.attachments) == comment.MAX_ATTACHMENTS
    assert all(len(str(value)) <= comment.MAX_TEXT for value in whole.user_properties.values())
