"""A comment: what clients read. Its JSON is the contract of the API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mailmine.model.ids import AttachmentReference, CommentId, ContentHash, ThreadId

UserProperties = Mapping[str, str | int | float]
"""Names begin with `string:` or `number:`; values are never None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a comment; a comment made of an email has exactly one."""

    body: str
    """The words that this author wrote now: without quotes, signature and the like."""
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
    renditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What clients gave with `body`, `subject` or `signature` beside its text: `translated_from`, `text_markup`,
    `translated_from_markup`. We make none of it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentAttachment:
    """An attachment as a comment lists it."""

    name: str
    size: int
    """Bytes."""
    content_type: str
    attachment_reference: AttachmentReference | None = None
    """Only where the content was synced."""
    content_hash: ContentHash | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """What one email became. The source, the uid and the time of creation are the store's to add."""

    id: CommentId
    timestamp: datetime
    """When the email was sent; when it was received if that is unknown. Aware, UTC."""
    messages: tuple[Message, ...]
    thread_id: ThreadId | None = None
    user_properties: UserProperties = field(default_factory=dict)
    attachments: tuple[CommentAttachment, ...] = ()
