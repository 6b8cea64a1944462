"""Comments as Python has them. What mailmine said besides stays in `raw`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """An attachment as a comment lists it."""

    name: str
    size: int
    """Bytes."""
    content_type: str
    reference: str | None = None
    """By which its content is fetched; None where mailmine does not have the content."""
    content_hash: str | None = None
    raw: Json = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a comment; a comment made of an email has exactly one."""

    body: str
    """What its author wrote: without quotes, signature and the like."""
    subject: str | None = None
    signature: str | None = None
    from_: str | None = None
    """`Name <address>`, or whichever of the two is known."""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    sent_at: datetime | None = None
    language: str | None = None
    """ISO 639-1; None where it cannot be told."""
    raw: Json = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment: what an email became, or what was put."""

    id: str
    timestamp: datetime
    """When the email was sent. Aware."""
    messages: tuple[Message, ...]
    thread_id: str | None = None
    user_properties: Mapping[str, str | int | float] = field(default_factory=dict)
    """Names begin with `string:` or `number:`."""
    attachments: tuple[Attachment, ...] = ()
    uid: str | None = None
    """The source's id and the comment's; None until mailmine has it, as in the next two."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    raw: Json = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of comments that were sent."""

    new: int
    updated: int
    unchanged: int


def read(data: Json) -> Comment:
    """Read a comment's JSON."""
    return Comment(
        id=data["id"],
        timestamp=_moment(data["timestamp"]),
        messages=tuple(_read_message(each) for each in data["messages"]),
        thread_id=data.get("thread_id"),
        user_properties=data.get("user_properties") or {},
        attachments=tuple(_read_attachment(each) for each in data.get("attachments") or ()),
        uid=data.get("uid"),
        created_at=_moment_or_none(data.get("created_at")),
        updated_at=_moment_or_none(data.get("updated_at")),
        raw=data,
    )


def write(comment: Comment) -> dict[str, Any]:
    """Write a comment as it is put. Raises ValueError for a time without a time zone."""
    return {
        "id": comment.id,
        "timestamp": written(comment.timestamp),
        "messages": [_write_message(each) for each in comment.messages],
        "thread_id": comment.thread_id,
        "user_properties": dict(comment.user_properties),
        "attachments": [_write_attachment(each) for each in comment.attachments],
    }


def written(at: datetime) -> str:
    """Write a moment. Raises ValueError for one without a time zone."""
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone: give one, datetime.UTC for instance.")
    return at.isoformat()


def _read_message(data: Json) -> Message:
    return Message(
        body=data["body"]["text"],
        subject=_text(data, "subject"),
        signature=_text(data, "signature"),
        from_=data.get("from"),
        to=tuple(data.get("to") or ()),
        cc=tuple(data.get("cc") or ()),
        bcc=tuple(data.get("bcc") or ()),
        sent_at=_moment_or_none(data.get("sent_at")),
        language=data.get("language"),
        raw=data,
    )


def _read_attachment(data: Json) -> Attachment:
    return Attachment(
        name=data["name"],
        size=data["size"],
        content_type=data["content_type"],
        reference=data.get("attachment_reference"),
        content_hash=data.get("content_hash"),
        raw=data,
    )


def _write_message(message: Message) -> dict[str, Any]:
    texts = {"body": message.body, "subject": message.subject, "signature": message.signature}
    parts = {
        # Its markup and translation go with a text that was read and is the same still.
        name: message.raw[name] if _text(message.raw, name) == text else {"text": text}
        for name, text in texts.items()
        if text is not None
    }
    known = {
        "from": message.from_,
        "to": message.to,
        "cc": message.cc,
        "bcc": message.bcc,
        "sent_at": written(message.sent_at) if message.sent_at else None,
        "language": message.language,
    }
    return parts | {name: value for name, value in known.items() if value}


def _write_attachment(attachment: Attachment) -> dict[str, Any]:
    known = {
        "name": attachment.name,
        "size": attachment.size,
        "content_type": attachment.content_type,
        "attachment_reference": attachment.reference,
        "content_hash": attachment.content_hash,
    }
    return {name: value for name, value in known.items() if value is not None}


def _text(data: Json, part: str) -> str | None:
    text: str | None = (data.get(part) or {}).get("text")
    return text


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _moment_or_none(text: str | None) -> datetime | None:
    return _moment(text) if text else None
