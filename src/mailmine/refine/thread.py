"""Which conversation an email belongs to."""

import hashlib

from mailmine.model.email import Email, Metadata
from mailmine.model.ids import MessageId, ThreadId
from mailmine.refine import identity


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
