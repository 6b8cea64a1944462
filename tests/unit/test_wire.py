"""The JSON of a comment."""

from datetime import UTC, datetime, timedelta, timezone

import orjson

from mailmine.model import wire
from mailmine.model.comment import Comment, CommentAttachment, Message
from mailmine.model.ids import AttachmentReference, CommentId, SourceId, ThreadId

AT = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
COMMENT = Comment(
    id=CommentId("3c61406578616d706c652e636f6d3e"),
    timestamp=AT,
    thread_id=ThreadId("3c61"),
    messages=(
        Message(body="Hello", subject="Hi", from_="Ann <ann@example.com>", to=("b@example.com",)),
    ),
    user_properties={"string:Folder": "Inbox (/ Inbox)", "number:Messages": 1},
    attachments=(
        CommentAttachment(name="a.pdf", size=3, content_type="application/pdf"),
        CommentAttachment(
            name="b.pdf",
            size=3,
            content_type="application/pdf",
            attachment_reference=AttachmentReference("r"),
        ),
    ),
)


def encoded(comment: Comment) -> bytes:
    return wire.encode(comment, source_id=SourceId("00ff"), created_at=AT, updated_at=AT)


def test_a_comment_comes_back_from_its_json() -> None:
    assert wire.decode(encoded(COMMENT)) == COMMENT


def test_what_clients_insist_on_is_there() -> None:
    bare = Comment(id=CommentId("1"), timestamp=AT, messages=(Message(body=""),))
    json = orjson.loads(encoded(bare))
    assert json["uid"] == "00ff.1"
    assert json["messages"] == [{"body": {"text": ""}}]
    assert json["attachments"] == []
    assert json["created_at"] == "2026-03-01T10:30:00.000000Z"


def test_a_timestamp_is_written_in_utc() -> None:
    berlin = timezone(timedelta(hours=1))
    assert (
        wire.timestamp(datetime(2026, 1, 1, 0, 0, tzinfo=berlin)) == "2025-12-31T23:00:00.000000Z"
    )
