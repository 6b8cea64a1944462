"""Which conversation an email belongs to."""

import hashlib
from dataclasses import replace

from mailmine.model.comment import Comment
from mailmine.model.email import Email, Metadata
from mailmine.model.ids import MessageId, ThreadId
from mailmine.refine import identity

PROPERTY = "string:Thread"
"""Shows the Message-ID with which the conversation began."""


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
