"""An email, what was refined of it, and the copy synced last become a comment.

Names and forms of the user properties: spec/communications-mining.md, section 3.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from mailmine.model.comment import Comment, CommentAttachment, Message
from mailmine.model.email import Address, Email, Metadata
from mailmine.model.ids import AttachmentReference, CommentId, ContentHash
from mailmine.refine import nature, thread
from mailmine.refine.protection import protection
from mailmine.refine.result import Refined

MAX_TEXT = 65_536
"""Characters of a text field; this and all below: spec/communications-mining.md, 2.3."""
MAX_ADDRESS = 512
MAX_ADDRESSES = 2_048
MAX_ATTACHMENTS = 128
MAX_NAME = 256
MAX_LANGUAGE = 8

CUT_MARK = " […]"
"""Ends a text that was longer than the contract allows."""

UNDATED = datetime(1970, 1, 1, tzinfo=UTC)
"""The timestamp of an email that has neither been sent nor received, as far as anyone can tell."""

PLACE = frozenset(
    {
        "string:Folder",
        "string:Mailbox",
        "string:Is Read",
        "string:Importance",
        "string:Sensitivity",
        "string:Categories",
        "string:Received At",
        thread.CONVERSATION,
        "string:Conversation Topic",
        "number:Size",
    }
)
"""The properties that come from a copy and not from the email."""


def make(
    email: Email,
    refined: Refined,
    metadata: Metadata,
    *,
    mailbox: str,
    comment_id: CommentId,
    references: Mapping[int, AttachmentReference] | None = None,
    hashes: Mapping[int, ContentHash] | None = None,
) -> Comment:
    """Compose the comment.

    `references` and `hashes` name the kept contents by their index in `email.attachments`; an
    attachment that is in neither is listed without its content.
    """
    message = Message(
        body=_clip(refined.text),
        subject=_clip(email.subject) or None,
        signature=_clip(refined.signature) or None,
        from_=_shown(email.from_ or email.sender),
        to=_all_shown(email.to),
        cc=_all_shown(email.cc),
        bcc=_all_shown(email.bcc),
        sent_at=email.sent_at,
        language=(refined.language or "")[:MAX_LANGUAGE] or None,
    )
    return Comment(
        id=comment_id,
        timestamp=email.sent_at or metadata.received_at or UNDATED,
        messages=(message,),
        thread_id=thread.thread_id(email, metadata),
        user_properties={**_kept(_of_email(email, refined)), **place(metadata, mailbox)},
        attachments=tuple(
            CommentAttachment(
                name=attachment.name[:MAX_NAME] or f"attachment-{index + 1}",
                size=attachment.size,
                content_type=attachment.content_type[:MAX_NAME] or "application/octet-stream",
                attachment_reference=(references or {}).get(index),
                content_hash=(hashes or {}).get(index),
            )
            for index, attachment in enumerate(email.attachments[:MAX_ATTACHMENTS])
        ),
    )


def place(metadata: Metadata, mailbox: str) -> dict[str, str | int | float]:
    """Give the user properties that come from one copy: where it lies, its state."""
    read = metadata.is_read
    received = metadata.received_at
    return _kept(
        {
            "string:Folder": _folder(metadata.folder),
            "string:Mailbox": mailbox,
            "string:Is Read": None if read is None else _yes(yes=read),
            "string:Importance": metadata.importance,
            "string:Sensitivity": metadata.sensitivity,
            "string:Categories": ", ".join(metadata.categories),
            "string:Received At": received.isoformat() if received else None,
            thread.CONVERSATION: metadata.conversation_id,
            "string:Conversation Topic": metadata.conversation_topic,
            "number:Size": metadata.size,
        }
    )


def moved(comment: Comment, metadata: Metadata, mailbox: str) -> Comment:
    """Give the comment after its copy moved or changed; nothing is refined anew."""
    own = {name: value for name, value in comment.user_properties.items() if name not in PLACE}
    return replace(comment, user_properties={**own, **place(metadata, mailbox)})


def _of_email(email: Email, refined: Refined) -> dict[str, str | int | float | None]:
    sender = email.from_ or email.sender
    recipients = (*email.to, *email.cc, *email.bcc)
    addresses = {someone.address.lower() or someone.name for someone in recipients}
    senders = {sender.address.lower() or sender.name} if sender else set()
    headers = nature.headers(email)
    return {
        "number:Messages": 1,
        "number:Participant Count": len(addresses | senders),
        "number:Recipient Count": len(addresses),
        # As its headers tell: of emails that were never here they know as well.
        "number:Position in Thread": _position(email),
        "string:Message ID": email.message_id,
        thread.PROPERTY: thread.root(email),
        "string:Sender": sender.address or sender.name if sender else None,
        "string:Sender Domain": _domain(sender) if sender else None,
        "string:Recipient Domain": ", ".join(
            sorted({domain for someone in recipients if (domain := _domain(someone))})
        ),
        "string:Has Signature": _yes(yes=bool(refined.signature)),
        "string:Has Attachments": _yes(yes=bool(email.attachments)),
        "string:Shows Forwarded": "Yes" if refined.shows_forwarded else None,
        "string:Protection": protection(email),
        thread.KIND: nature.kind(email),
        # Where Exchange tells it of the copy, that counts.
        thread.CONVERSATION: thread.of_index(headers.get("thread-index", "")),
        "string:Automatic": nature.automatic(email, headers),
        "string:Bulk": "Yes" if nature.is_bulk(headers) else None,
    }


def _position(email: Email) -> int:
    return len(email.references) + 1 if email.references else 1 + bool(email.in_reply_to)


def _folder(path: tuple[str, ...]) -> str | None:
    """`Leaf (/ Path / Leaf)`."""
    return f"{path[-1]} (/ {' / '.join(path)})" if path else None


def _yes(*, yes: bool) -> str:
    return "Yes" if yes else "No"


def _kept(properties: Mapping[str, str | int | float | None]) -> dict[str, str | int | float]:
    """Without None and blanks: a null value breaks the whole page of a client (ibid., 9)."""
    kept: dict[str, str | int | float] = {}
    for name, value in properties.items():
        if isinstance(value, str):
            if value and not value.isspace():
                kept[name] = value if len(value) <= MAX_TEXT else _clip(value)
        elif value is not None:
            kept[name] = value
    return kept


def _clip(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - len(CUT_MARK)] + CUT_MARK


def _shown(someone: Address | None) -> str | None:
    if someone is None:
        return None
    both = f"{someone.name} <{someone.address}>" if someone.name and someone.address else ""
    if len(both) > MAX_ADDRESS:
        both = someone.address
    return (both or someone.address or someone.name)[:MAX_ADDRESS] or None


def _all_shown(people: Iterable[Address]) -> tuple[str, ...]:
    shown = (_shown(someone) for someone in people)
    return tuple(text for text in shown if text)[:MAX_ADDRESSES]


def _domain(someone: Address) -> str:
    return someone.address.rpartition("@")[2].lower() if "@" in someone.address else ""
