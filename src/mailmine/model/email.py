"""An email as it was read, before anything is made of it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mailmine.model.ids import AttachmentId, ContentHash, MessageId


@dataclass(frozen=True, slots=True)
class Address:
    """Somebody's name and address; either may be empty, neither is validated."""

    name: str
    address: str


class AttachmentKind(StrEnum):
    """What an attachment is in Exchange."""

    FILE = "file"
    ITEM = "item"
    """A message or another item inside the message."""
    REFERENCE = "reference"
    """A link to a file kept elsewhere; it has no content of its own."""


class Protection(StrEnum):
    """What protects the content of an email."""

    SIGNED = "Signed"
    """By S/MIME or PGP. Whether rightly is not checked."""
    ENCRYPTED = "Encrypted"
    """What it says is not known."""
    RIGHTS_MANAGED = "Rights managed"
    """By IRM: only a wrapping is to be read, as a rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """What is known of an attachment without its content."""

    name: str
    content_type: str
    """A MIME type, lower-case."""
    size: int
    """Bytes, as far as the server says; 0 where it does not."""
    kind: AttachmentKind = AttachmentKind.FILE
    is_inline: bool = False
    content_id: str | None = None
    """Without angle brackets; an HTML body names it by `cid:`."""
    id: AttachmentId | None = None
    """By this the reader fetches the content; None for mail that did not come from Exchange."""
    content_hash: ContentHash | None = None
    """The blob that holds the content, once it has been kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """The content of one email: what stays the same in whatever folder or mailbox it lies.

    Both readers, raw MIME and `.eml` files arrive at this record. It is what a bucket keeps, so that
    comments can be refined anew without Exchange. Text is as the sender wrote it, but without
    NUL and lone surrogates.
    """

    message_id: MessageId | None
    """None where the header is missing (drafts, some system mail)."""
    subject: str = ""
    from_: Address | None = None
    sender: Address | None = None
    """Who sent it, where that is not `from_` (RFC 5322, 3.6.2)."""
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    sent_at: datetime | None = None
    in_reply_to: MessageId | None = None
    references: tuple[MessageId, ...] = ()
    """Oldest first."""
    headers: tuple[tuple[str, str], ...] = ()
    """All internet headers in order, decoded; names as sent."""
    html: str | None = None
    text: str | None = None
    """The plain-text body, where there is one. Exchange gives only one of the two."""
    attachments: tuple[Attachment, ...] = ()
    item_class: str = "IPM.Note"
    """Exchange's kind of item: IPM.Note, IPM.Schedule.Meeting.Request, REPORT.IPM.Note.NDR, …"""
    protection: Protection | None = None
    """What was found where the email was opened; body and attachments are those inside a signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What Exchange knows of one copy of an email; the copy synced last is shown in the comment."""

    folder: tuple[str, ...] = ()
    """Path of the folder, root first, below the mailbox's root: ("Inbox", "Orders")."""
    received_at: datetime | None = None
    size: int | None = None
    """Bytes."""
    is_read: bool | None = None
    is_draft: bool = False
    importance: str | None = None
    """Low, Normal or High."""
    sensitivity: str | None = None
    """Normal, Personal, Private or Confidential."""
    categories: tuple[str, ...] = field(default=())
    has_attachments: bool | None = None
    conversation_id: str | None = None
    conversation_topic: str | None = None
