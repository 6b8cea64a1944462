"""Emails that clients put into a bucket go the way of those from Exchange: kept, refined, shown in its sources."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection as Transaction

from mailmine.model.comment import Comment
from mailmine.model.email import Email, Metadata
from mailmine.model.ids import BucketId, CommentId, ContentHash, EmailKey, MessageId
from mailmine.refine import Refined, comment, identity
from mailmine.store import attachments, comments, copies, emails, sources, uploads
from mailmine.store.comments import NewComment
from mailmine.store.emails import NewEmail
from mailmine.store.uploads import Upload
from mailmine.sync import conversations, decide, learning


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """An email as a client put it, with all that was made of it."""

    id: str
    """The client's name for it: the Message-ID."""
    mailbox: str
    timestamp: datetime
    metadata: Metadata | None
    email: Email
    raw: ContentHash
    """Its MIME."""
    refined: Refined
    contents: Sequence[tuple[ContentHash, int] | None]
    """The content of each attachment and its size in bytes; None where it has none."""

    @property
    def comment_id(self) -> CommentId:
        """The id of its comment."""
        return identity.comment_id(MessageId(self.id))


def take_in(tx: Transaction, bucket_id: BucketId, new: Sequence[Uploaded], *, at: datetime) -> None:
    """Keep emails, and make their comments. One that the bucket has already says from now on what it says now."""
    latest = {one.comment_id: one for one in new}
    rows = {
        comment_id: NewEmail(
            comment_id=comment_id,
            fingerprint=identity.fingerprint(one.email),
            email=one.email,
            raw=one.raw,
            lines=one.refined.lines,
        )
        for comment_id, one in latest.items()
    }
    known = emails.known(tx, bucket_id, list(latest))
    for comment_id, email in known.items():
        emails.replace_content(tx, email.key, rows[comment_id], at=at)
    kept = emails.put(tx, bucket_id, list(rows.values()), at=at)
    keys = {comment_id: email.key for comment_id, email in kept.items()}
    uploads.put(
        tx,
        [
            Upload(
                email_key=keys[comment_id],
                id=one.id,
                mailbox=one.mailbox,
                timestamp=one.timestamp,
                metadata=one.metadata or Metadata(),
                has_metadata=one.metadata is not None,
            )
            for comment_id, one in latest.items()
        ],
    )
    for comment_id, one in latest.items():
        if comment_id in known:
            there = [index for index, content in enumerate(one.contents) if content is not None]
            attachments.keep_only(tx, keys[comment_id], there)
        for index, content in enumerate(one.contents):
            if content is not None:
                attachment = one.email.attachments[index]
                attachments.put(
                    tx,
                    keys[comment_id],
                    index,
                    name=attachment.name,
                    content_type=attachment.content_type,
                    size=content[1],
                    content_hash=content[0],
                )
    show(
        tx,
        bucket_id,
        [(keys[comment_id], one.email, one.refined) for comment_id, one in latest.items()],
        at=at,
    )
    learning.learn(tx, bucket_id, [(name, one.email, one.refined) for name, one in latest.items()])


def show(
    tx: Transaction,
    bucket_id: BucketId,
    refined: Sequence[tuple[EmailKey, Email, Refined]],
    *,
    at: datetime,
) -> None:
    """Make the comments of emails that are kept, in all sources of their bucket."""
    comments.take_turns(tx, bucket_id)
    made = compose(tx, refined)
    for source in sources.of_bucket(tx, bucket_id):
        conversations.put(tx, source.id, made, at=at)


def compose(
    tx: Transaction, refined: Sequence[tuple[EmailKey, Email, Refined]]
) -> list[NewComment]:
    """Make comments of emails that are kept: each shows the copy that counts, or what a client said of it."""
    keys = [key for key, _, _ in refined]
    lying = copies.of_emails(tx, keys)
    said = uploads.of_emails(tx, keys)
    stored = emails.comment_ids(tx, keys)
    made: list[NewComment] = []
    for key, email, words in refined:
        copy, upload = decide.shown(lying.get(key, ())), said.get(key)
        if copy is not None:
            metadata, mailbox = copy.metadata, copy.mailbox
        elif upload is not None:
            metadata, mailbox = upload.metadata, upload.mailbox
            if metadata.received_at is None:
                metadata = replace(metadata, received_at=upload.timestamp)
        else:
            metadata, mailbox = Metadata(), ""
        kept = attachments.of_email(tx, key)
        made.append(
            NewComment(
                comment=comment.make(
                    email,
                    words,
                    metadata,
                    mailbox=mailbox,
                    comment_id=stored[key],
                    references={one.index: one.reference for one in kept},
                    hashes={one.index: one.content_hash for one in kept},
                ),
                email_key=key,
                refined=words.version,
            )
        )
    return made


def own_comment(email: Email, refined: Refined, comment_id: CommentId | None) -> Comment:
    """Make the comment of an email that is in no bucket."""
    return comment.make(
        email, refined, Metadata(), mailbox="", comment_id=comment_id or identity.of(email)
    )
