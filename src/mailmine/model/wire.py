"""A comment as JSON: the contract of the API (Communications Mining, section 3).

The store keeps this JSON ready-made, so that a page of comments is spliced and not built.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from mailmine.model.comment import Comment, CommentAttachment, Message
from mailmine.model.ids import CommentId, SourceId, ThreadId


def timestamp(at: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with microseconds; clients refuse one without an offset."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def uid(source_id: SourceId, comment_id: CommentId) -> str:
    """Name a comment across sources."""
    return f"{source_id}.{comment_id}"


def encode(
    comment: Comment, *, source_id: SourceId, created_at: datetime, updated_at: datetime
) -> bytes:
    """Write `comment` as the JSON object that every route returns."""
    return orjson.dumps(
        {
            "id": comment.id,
            "uid": uid(source_id, comment.id),
            "source_id": source_id,
            "thread_id": comment.thread_id,
            "timestamp": timestamp(comment.timestamp),
            "created_at": timestamp(created_at),
            "updated_at": timestamp(updated_at),
            "messages": [_message(message) for message in comment.messages],
            "user_properties": dict(comment.user_properties),
            "attachments": [_attachment(attachment) for attachment in comment.attachments],
            "has_annotations": False,
        }
    )


def decode(json: bytes) -> Comment:
    """Read back what `encode` wrote."""
    data: Mapping[str, Any] = orjson.loads(json)
    return Comment(
        id=CommentId(data["id"]),
        timestamp=datetime.fromisoformat(data["timestamp"]),
        messages=tuple(_read_message(message) for message in data["messages"]),
        thread_id=ThreadId(data["thread_id"]) if data["thread_id"] else None,
        user_properties=data["user_properties"],
        attachments=tuple(
            msgspec.convert(attachment, CommentAttachment) for attachment in data["attachments"]
        ),
    )


def _text(text: str | None, more: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if text is None else {"text": text, **(more or {})}


def has_markup(json: bytes) -> bool:
    """Tell whether one comment's JSON, or that of many in one piece, may hold markup."""
    # From the end: so CPython finds that it is not there in a third of the time.
    return json.rfind(_MARKUP_MARK) >= 0


def without_markup(json: bytes) -> bytes:
    """Give a comment's JSON without its markup, which is given out only where it is asked for."""
    if not has_markup(json):
        return json
    data = orjson.loads(json)
    for message in data["messages"]:
        for part in ("body", "subject", "signature"):
            if part in message:
                for key in MARKUP:
                    message[part].pop(key, None)
    return orjson.dumps(data)


_MARKUP_MARK = b'_markup"'
"""Stands in the JSON of a comment that has markup."""
MARKUP = ("text_markup", "translated_from_markup")
RENDITIONS = ("translated_from", *MARKUP)


def _message(message: Message) -> dict[str, object]:
    more = message.renditions
    known = {
        "body": _text(message.body, more.get("body")),
        "subject": _text(message.subject, more.get("subject")),
        "signature": _text(message.signature, more.get("signature")),
        "from": message.from_,
        "to": message.to or None,
        "cc": message.cc or None,
        "bcc": message.bcc or None,
        "sent_at": timestamp(message.sent_at) if message.sent_at else None,
        "language": message.language,
    }
    return {name: value for name, value in known.items() if value is not None}


def _attachment(attachment: CommentAttachment) -> dict[str, object]:
    known = {
        "name": attachment.name,
        "size": attachment.size,
        "content_type": attachment.content_type,
        "attachment_reference": attachment.attachment_reference,
        "content_hash": attachment.content_hash,
    }
    return {name: value for name, value in known.items() if value is not None}


def _read_message(data: Mapping[str, Any]) -> Message:
    renditions = {
        part: more
        for part in ("body", "subject", "signature")
        if part in data
        and (more := {key: data[part][key] for key in RENDITIONS if key in data[part]})
    }
    return Message(
        renditions=renditions,
        body=data["body"]["text"],
        subject=data["subject"]["text"] if "subject" in data else None,
        signature=data["signature"]["text"] if "signature" in data else None,
        from_=data.get("from"),
        to=tuple(data.get("to", ())),
        cc=tuple(data.get("cc", ())),
        bcc=tuple(data.get("bcc", ())),
        sent_at=datetime.fromisoformat(data["sent_at"]) if "sent_at" in data else None,
        language=data.get("language"),
    )
