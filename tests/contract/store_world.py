"""A small world to test the store in: a project with a bucket, a source and a mailbox, and mail for it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from mailmine.model import integration
from mailmine.model.comment import Comment, CommentAttachment, Message
from mailmine.model.email import Email, Metadata
from mailmine.model.ids import (
    CommentId,
    Cursor,
    EmailKey,
    FolderId,
    FolderKey,
    ItemId,
    MessageId,
    ThreadId,
)
from mailmine.model.integration import FolderStatus, Integration, Mailbox
from mailmine.store import (
    buckets,
    comments,
    copies,
    emails,
    folders,
    integrations,
    mailboxes,
    projects,
    sources,
)

NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is there already."""

    project: projects.Project
    bucket: buckets.Bucket
    source: sources.Source
    integration: Integration
    mailbox: Mailbox
    inbox: folders.FolderState
    archive: folders.FolderState


def build(tx: Connection) -> World:
    project = projects.ensure(tx, "acme")
    bucket = buckets.ensure(tx, project.id, "mail")
    source = sources.ensure(tx, project.id, "support", bucket_id=bucket.id)
    exchange = integrations.save(
        tx,
        project.id,
        "exchange",
        title="Our Exchange",
        connection=integration.Connection(endpoint="https://exchange.example/EWS/Exchange.asmx"),
    )
    mailbox = mailboxes.save(tx, exchange.id, "support@acme.example", bucket_id=bucket.id)
    archive, inbox = folders.save_tree(
        tx, mailbox.id, [seen("Inbox"), seen("Archive")], is_complete=True
    )
    return World(
        project=project,
        bucket=bucket,
        source=source,
        integration=exchange,
        mailbox=mailbox,
        inbox=inbox,
        archive=archive,
    )


def seen(*path: str, folder_id: str = "", total: int = 0) -> folders.SeenFolder:
    return folders.SeenFolder(
        folder_id=FolderId(folder_id or "/".join(path)), path=path, total=total, well_known=None
    )


def comment_id(name: str) -> CommentId:
    return CommentId(f"<{name}@acme.example>".encode().hex())


def email(name: str, *, fingerprint: str = "print", **fields: object) -> emails.NewEmail:
    record = Email(message_id=MessageId(f"<{name}@acme.example>"), **fields)  # type: ignore[arg-type]
    return emails.NewEmail(comment_id=comment_id(name), fingerprint=fingerprint, email=record)


def keep(tx: Connection, world: World, *names: str) -> tuple[EmailKey, ...]:
    kept = emails.put(tx, world.bucket.id, [email(name) for name in names], at=NOW)
    return tuple(kept[comment_id(name)].key for name in names)


def copy(
    world: World, item: str, key: EmailKey, *, folder: folders.FolderState | None = None
) -> copies.NewCopy:
    return copies.NewCopy(
        mailbox_id=world.mailbox.id,
        folder_key=(folder or world.inbox).key,
        item_id=ItemId(item),
        email_key=key,
        metadata=Metadata(received_at=NOW, is_read=False, categories=("Red",)),
    )


def comment(
    name: str,
    body: str = "Hello",
    *,
    at: datetime = NOW,
    subject: str | None = None,
    thread: str | None = None,
    from_: str | None = None,
    to: tuple[str, ...] = (),
    attachment: str | None = None,
    email_key: EmailKey | None = None,
    refined: int = 1,
) -> comments.NewComment:
    files = (
        (CommentAttachment(name=attachment, size=1, content_type="text/plain"),)
        if attachment
        else ()
    )
    return comments.NewComment(
        comment=Comment(
            id=comment_id(name),
            timestamp=at,
            thread_id=None if thread is None else ThreadId(thread),
            messages=(Message(body=body, subject=subject, from_=from_, to=to),),
            attachments=files,
        ),
        email_key=email_key,
        refined=refined,
    )


def put_place(
    tx: Connection,
    key: FolderKey,
    status: FolderStatus,
    *,
    at: datetime = NOW,
    until: datetime | None = None,
    cursor: str | None = "c",
    hint: str | None = None,
    read: int = 0,
) -> None:
    """Say how far a folder was read."""
    place = folders.FolderPlace(
        key=key,
        cursor=None if cursor is None else Cursor(cursor),
        status=status,
        last_change=hint,
        synced_until=until,
        at=at,
        read=read,
    )
    folders.save_places(tx, [place])
