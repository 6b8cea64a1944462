"""Which comment an email becomes: by its Message-ID, and by a stand-in where there is none.

Never by Exchange's item id, which changes with every move (spec/communications-mining.md, 3).
"""

import hashlib

from mailmine.model.email import Email
from mailmine.model.ids import CommentId, MessageId

MAX_LENGTH = 1_024
"""Characters of a comment id (spec/communications-mining.md, 0)."""

_FINGERPRINT_LENGTH = 8


def comment_id(message_id: MessageId) -> CommentId:
    """Lower-case hex of the Message-ID, brackets included; a SHA-256 of it where that is too long."""
    data = message_id.encode("utf-8", "replace")
    plain = data.hex()
    return CommentId(plain if len(plain) <= MAX_LENGTH else hashlib.sha256(data).hexdigest())


def message_id(name: str) -> MessageId | None:
    """Give the Message-ID that a comment or a conversation is named after; None for other names."""
    try:
        found = bytes.fromhex(name).decode()
    except ValueError:
        return None
    return MessageId(found) if found.startswith("<") and found.endswith(">") else None


def of(email: Email) -> CommentId:
    """Name the comment of this email; without a Message-ID the same content gives the same id."""
    if email.message_id:
        return comment_id(email.message_id)
    return _stand_in(email, email.html or email.text or "")


def without_body(email: Email) -> CommentId:
    """Name the comment of this email as it is named where its body could not be read."""
    return comment_id(email.message_id) if email.message_id else _stand_in(email, "")


def _stand_in(email: Email, body: str) -> CommentId:
    return CommentId(
        _digest(
            email.from_.address if email.from_ else "",
            email.sent_at.isoformat() if email.sent_at else "",
            email.subject,
            *(someone.address for someone in (*email.to, *email.cc, *email.bcc)),
            body,
        )
    )


def fingerprint(email: Email) -> str:
    """Tells two different emails under one Message-ID apart: by who sent them, and when."""
    sender = email.from_ or email.sender
    return _digest(
        sender.address.lower() if sender else "",
        email.sent_at.replace(microsecond=0).isoformat() if email.sent_at else "",
    )[: 2 * _FINGERPRINT_LENGTH]


def suffixed(known: CommentId, fingerprint: str) -> CommentId:
    """Name the comment of a second, different email whose Message-ID is taken already."""
    suffix = f".{fingerprint}"
    if len(known) + len(suffix) > MAX_LENGTH:
        known = CommentId(hashlib.sha256(known.encode()).hexdigest())
    return CommentId(known + suffix)


def _digest(*parts: str) -> str:
    """Each part with its length, so that no two lists of parts run together."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "replace")
        whole.update(b"%d:" % len(data))
        whole.update(data)
    return whole.hexdigest()
