"""What clients upload: comments, raw emails, documents. Their shapes, and what becomes of them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from mailmine.api.errors import InvalidError
from mailmine.api.limits import MOST_COMMENTS, CommentIdText, Octets, Whole, check_json
from mailmine.model.comment import Comment, CommentAttachment, Message
from mailmine.model.email import Attachment, Email, Metadata
from mailmine.model.ids import AttachmentReference, CommentId, ContentHash, ThreadId
from mailmine.refine import mime

Body = Annotated[str, Meta(max_length=65_536)]
Person = Annotated[str, Meta(max_length=512)]
People = Annotated[tuple[Person, ...], Meta(max_length=2_048)]
PropertyName = Annotated[str, Meta(pattern="^(string|number):")]
Properties = dict[PropertyName, str | float | Whole]
Short = Annotated[str, Meta(max_length=256)]


class Words(Struct, frozen=True, omit_defaults=True):
    """A text, and what a client has beside it."""

    text: Body
    translated_from: Body | None = None
    text_markup: Any = None
    translated_from_markup: Any = None

    @property
    def more(self) -> dict[str, Any]:
        """All but the text. Raises InvalidError."""
        every = {
            "translated_from": self.translated_from,
            "text_markup": self.text_markup,
            "translated_from_markup": self.translated_from_markup,
        }
        given = {name: value for name, value in every.items() if value is not None}
        for name, value in given.items():
            check_json(value, name)
        return given


class NewMessage(Struct, frozen=True, rename={"from_": "from"}):
    """A message of a comment."""

    body: Words
    subject: Words | None = None
    signature: Words | None = None
    from_: Person | None = None
    to: People | None = None
    cc: People | None = None
    bcc: People | None = None
    sent_at: datetime | None = None
    language: Annotated[str, Meta(max_length=8)] | None = None

    def message(self) -> Message:
        """Make ours of it. Raises InvalidError."""
        parts = {"body": self.body, "subject": self.subject, "signature": self.signature}
        return Message(
            body=self.body.text,
            subject=self.subject.text if self.subject else None,
            signature=self.signature.text if self.signature else None,
            from_=self.from_ or None,
            to=self.to or (),
            cc=self.cc or (),
            bcc=self.bcc or (),
            sent_at=utc(self.sent_at) if self.sent_at else None,
            language=self.language or None,
            renditions={name: words.more for name, words in parts.items() if words and words.more},
        )


class NewAttachment(Struct, frozen=True):
    """What is known of an attachment."""

    name: Short
    size: Octets
    content_type: Short
    attachment_reference: Short | None = None
    content_hash: Short | None = None


Attachments = Annotated[tuple[NewAttachment, ...], Meta(max_length=128)]


class NewComment(Struct, frozen=True):
    """A comment as a client puts it."""

    id: CommentIdText
    timestamp: datetime
    messages: Annotated[tuple[NewMessage, ...], Meta(max_length=2_048)]
    thread_id: Annotated[str, Meta(max_length=1_024)] | None = None
    user_properties: Properties | None = None
    attachments: Attachments | None = None

    def comment(self) -> Comment:
        """Make ours of it. Raises InvalidError."""
        return Comment(
            id=CommentId(self.id),
            timestamp=utc(self.timestamp),
            messages=tuple(one.message() for one in self.messages),
            thread_id=ThreadId(self.thread_id) if self.thread_id else None,
            user_properties=checked(self.user_properties or {}),
            attachments=tuple(
                CommentAttachment(
                    name=one.name,
                    size=one.size,
                    content_type=one.content_type,
                    attachment_reference=AttachmentReference(one.attachment_reference)
                    if one.attachment_reference
                    else None,
                    content_hash=ContentHash(one.content_hash) if one.content_hash else None,
                )
                for one in self.attachments or ()
            ),
        )


class RawHeaders(Struct, frozen=True):
    """Headers as they were sent, or one by one."""

    raw: Annotated[str, Meta(max_length=65_536)] | None = None
    parsed: dict[str, str | tuple[str, ...]] | None = None


class RawBody(Struct, frozen=True):
    """The body as it was sent."""

    plain: Annotated[str, Meta(max_length=33_554_432)] | None = None
    html: Annotated[str, Meta(max_length=33_554_432)] | None = None


class RawEmail(Struct, frozen=True):
    """An email of which a client has headers and body apart."""

    headers: RawHeaders
    body: RawBody
    attachments: Attachments | None = None

    def email(self) -> Email:
        """Read it. Raises InvalidError where it has no headers or no body."""
        if self.headers.raw is None and self.headers.parsed is None:
            raise InvalidError("raw_email.headers: give `raw` or `parsed`.")
        if self.body.plain is None and self.body.html is None:
            raise InvalidError("raw_email.body: give `plain` or `html`.")
        raw = self.headers.raw
        if raw is None:
            raw = "".join(_written(self.headers.parsed or {}))
        # Without a body: what its Content-Type says is no concern of ours.
        email = mime.parse(f"{raw.strip()}\n\n".encode("utf-8", "replace")).email
        return replace(
            email,
            html=self.body.html,
            text=self.body.plain,
            attachments=tuple(
                Attachment(name=one.name, content_type=one.content_type, size=one.size)
                for one in self.attachments or ()
            ),
        )


class Document(Struct, frozen=True):
    """A raw email, and what else its comment is to say."""

    raw_email: RawEmail
    user_properties: Properties | None = None
    comment_id: CommentIdText | None = None


class NewEmailMetadata(Struct, frozen=True, omit_defaults=True):
    """What a mailbox says of an email beside its MIME."""

    sensitivity: str | None = None
    size: Octets | None = None
    categories: tuple[str, ...] | None = None
    importance: str | None = None
    has_attachments: bool | None = None
    conversation_id: str | None = None
    conversation_topic: str | None = None
    is_read: bool | None = None
    folder: tuple[str, ...] | None = None
    received_at: str | None = None

    def metadata(self) -> Metadata:
        """Make ours of it. Raises InvalidError for a time that is none."""
        return Metadata(
            folder=self.folder or (),
            received_at=_time(self.received_at),
            size=self.size,
            is_read=self.is_read,
            importance=self.importance,
            sensitivity=self.sensitivity,
            categories=self.categories or (),
            has_attachments=self.has_attachments,
            conversation_id=self.conversation_id,
            conversation_topic=self.conversation_topic,
        )


class NewEmail(Struct, frozen=True):
    """An email as a client puts it into a bucket."""

    id: Annotated[str, Meta(min_length=1, max_length=4_096)]
    """Its Message-ID, with the angle brackets."""
    mailbox: Short
    timestamp: datetime
    mime_content: str
    metadata: NewEmailMetadata | None = None
    attachments: Attachments | None = None


class CommentsBody(Struct, frozen=True):
    """Comments to be put or synced, each checked when its turn comes."""

    comments: Annotated[list[msgspec.Raw], Meta(max_length=MOST_COMMENTS)]


class EmailsBody(Struct, frozen=True):
    """Emails to be put into a bucket."""

    emails: Annotated[list[msgspec.Raw], Meta(max_length=MOST_COMMENTS)]


class DocumentsBody(Struct, frozen=True):
    """Raw emails to become comments."""

    documents: Annotated[list[msgspec.Raw], Meta(max_length=MOST_COMMENTS)]
    transform_tag: str
    include_comments: bool | None = False
    override_user_properties: Annotated[tuple[PropertyName, ...], Meta(max_length=128)] | None = (
        None
    )


def utc(at: datetime) -> datetime:
    """Take a moment without an offset as UTC, as the original's documentation does. Raises InvalidError."""
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise InvalidError(f"The moment {at.isoformat()} is beyond the calendar.") from error


def checked(given: Properties) -> dict[str, str | int | float]:
    """Check that each property has the kind of value that its name says; blank ones are left out."""
    kept: dict[str, str | int | float] = {}
    for name, value in given.items():
        if name.startswith("string:") != isinstance(value, str):
            kind = name.partition(":")[0]
            raise InvalidError(f"user_properties: the value of {name!r} is no {kind}.")
        if not isinstance(value, str) or value.strip():
            kept[name] = value
    return kept


def _written(parsed: dict[str, str | tuple[str, ...]]) -> Iterable[str]:
    """Write headers down, each on one line."""
    for name, values in parsed.items():
        for value in (values,) if isinstance(values, str) else values:
            clean = "".join(name.split(":")[0].split())
            yield f"{clean}: {' '.join(value.split())}\n"


def _time(written: str | None) -> datetime | None:
    if not written:
        return None
    try:
        return utc(datetime.fromisoformat(written))
    except ValueError as error:
        raise InvalidError(f"metadata.received_at: {written!r} is no time.") from error
