"""Which conversation an email belongs to."""

import binascii
import hashlib
from base64 import b64decode
from dataclasses import replace
from typing import Final

from mailmine.model.comment import Comment
from mailmine.model.email import Email, Metadata
from mailmine.model.ids import MessageId, ThreadId
from mailmine.refine import identity
from mailmine.refine.nature import EmailKind

PROPERTY = "string:Thread"
"""Shows the Message-ID with which the conversation began."""
CONVERSATION: Final = "string:Conversation ID"
"""Shows what Exchange calls the conversation."""
KIND: Final = "string:Email Kind"

_INDEX: Final = 22
"""Bytes of a Thread-Index without what each answer adds; the last 16 are the conversation's (MS-OXOMSG, 2.2.1.3)."""
_GUID: Final = 16
_BEFORE_GUID: Final = b"\x10\x00"
"""Stands before those 16 in the ids of EWS and Graph, which name the mailbox as well."""


def root(email: Email) -> MessageId | None:
    """Find the Message-ID with which the conversation began, as far as it is told (RFC 5322, 3.6.4)."""
    if email.references:
        return email.references[0]
    return email.in_reply_to or email.message_id


def thread_id(email: Email, metadata: Metadata) -> ThreadId:
    """Name the conversation, the same for all its emails: hex of the root's Message-ID.

    Without any id in the headers Exchange's own conversation stands in, and at last the email alone.
    """
    first = root(email)
    if first:
        return ThreadId(identity.comment_id(first))
    if metadata.conversation_id:
        return ThreadId(hashlib.sha256(metadata.conversation_id.encode()).hexdigest())
    return ThreadId(identity.of(email))


def joined(comment: Comment, thread_id: ThreadId) -> Comment:
    """Give the comment as a part of this conversation."""
    if comment.thread_id == thread_id:
        return comment
    own = dict(comment.user_properties)
    if first := identity.message_id(thread_id):
        own[PROPERTY] = first
    return replace(comment, thread_id=thread_id, user_properties=own)


def of_index(index: str) -> str | None:
    """Read Exchange's name of the conversation from a Thread-Index; None where it is none."""
    data = _decoded(index)
    return data[_INDEX - _GUID : _INDEX].hex() if len(data) >= _INDEX else None


def exchange_name(comment: Comment) -> str | None:
    """Give Exchange's name of the conversation, the same from all mailboxes if it can be; None where it tells none."""
    told = comment.user_properties.get(CONVERSATION)
    if not isinstance(told, str):
        return None
    data = _decoded(told)
    # What was read from a header is the plain name already.
    same_for_all = (
        len(told) > 2 * _GUID and data[-_GUID - len(_BEFORE_GUID) : -_GUID] == _BEFORE_GUID
    )
    return f"exchange:{data[-_GUID:].hex() if same_for_all else told}"


def begins(comment: Comment) -> bool:
    """Tell whether a conversation begins with this email, as far as its headers say."""
    return comment.user_properties.get(KIND) == EmailKind.NEW


def _decoded(text: str) -> bytes:
    try:
        return b64decode("".join(text.split()))
    except (binascii.Error, ValueError):
        return b""
