"""Two projects with something of everything in them, and people who may do this and that."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mailmine.access import tokens
from mailmine.access.permissions import Permission
from mailmine.model.comment import Comment, CommentAttachment, Message
from mailmine.model.email import Attachment, Email
from mailmine.model.ids import (
    AttachmentReference,
    BucketId,
    CommentId,
    ContentHash,
    DatasetId,
    FolderId,
    MessageId,
    SourceId,
    ThreadId,
    UserId,
)
from mailmine.model.integration import (
    Connection,
    DisabledReason,
    Filters,
    FolderStatus,
    Occurrence,
    Trouble,
)
from mailmine.store import (
    attachments,
    buckets,
    comments,
    datasets,
    emails,
    folders,
    integrations,
    mailboxes,
    projects,
    sources,
    streams,
    users,
)
from mailmine.store.blobs import Blobs
from mailmine.store.comments import NewComment
from mailmine.store.database import Database
from mailmine.store.emails import NewEmail
from mailmine.store.folders import SeenFolder
from tests.contract.store_world import put_place

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
COMMENTS = 300
REFUSAL = Occurrence(
    at=NOON,
    code="ErrorNonExistentMailbox",
    message="There is no such mailbox.",
    server="exchange.example.com (EX01)",
    request_id="4a5b",
)
CONTENT = bytes(range(256)) * 1000

READING = frozenset(
    {
        Permission.SOURCES_READ,
        Permission.BUCKETS_READ,
        Permission.INTEGRATIONS_READ,
        Permission.LABELS_READ,
        Permission.STREAMS_READ,
        Permission.STREAMS_CONSUME,
        Permission.USERS_READ,
    }
)


@dataclass(frozen=True, slots=True)
class Town:
    """Ids and tokens that the tests need."""

    source: SourceId
    bucket: BucketId
    reference: AttachmentReference
    tokens: dict[str, str]
    """Of `root`, `reader` (of sales), `stranger` (everything in finance), `powerless`, `clerk` (files in sales),
    `halfway` (everything in finance, files in sales)."""
    clerk: UserId
    dataset: DatasetId


def comment_id(number: int) -> CommentId:
    return CommentId(f"<{number}@example.com>".encode().hex())


async def found(database: Database, blobs: Blobs) -> Town:
    """Fill an empty database."""
    content_hash = await blobs.put_bytes(CONTENT)
    with database.write() as tx:
        places = {}
        for name in ("finance", "sales"):
            project = projects.ensure(tx, name, title=name.title())
            bucket = buckets.ensure(tx, project.id, "inbox", title="In")
            source = sources.ensure(tx, project.id, "mail", title="Mail", bucket_id=bucket.id)
            integration = integrations.save(
                tx,
                project.id,
                "exchange",
                title="Our Exchange",
                connection=Connection(
                    endpoint="https://exchange.example.com/EWS/Exchange.asmx",
                    username="svc",
                    proxy="http://proxy.example.com",
                    proxy_username="svc",
                ),
            )
            mailbox = mailboxes.save(
                tx,
                integration.id,
                "orders@example.com",
                bucket_id=bucket.id,
                start_at=NOON,
                filters=Filters(folder_denylist=(("Junk",),)),
            )
            mailboxes.save(tx, integration.id, "gone@example.com", bucket_id=bucket.id)
            places[name] = (bucket, source, integration, mailbox)
            dataset = datasets.add(
                tx,
                project.id,
                "all",
                title="All",
                description="",
                has_sentiment=False,
                model_family="english",
                flags=(),
                definitions={},
                source_ids=(source.id,),
                at=NOON,
            ).id
            streams.add(
                tx,
                dataset,
                "new",
                title="New",
                description="",
                comment_filter={},
                model=None,
                updates=streams.Updates.TEXT,
                at=NOON,
            )
        bucket, source, integration, mailbox = places["sales"]
        gone = next(
            one
            for one in mailboxes.of_integration(tx, integration.id)
            if one.address == "gone@example.com"
        )
        mailboxes.set_enabled(
            tx,
            gone.id,
            enabled=False,
            reason=DisabledReason.SYNC_ERROR,
            trouble=Trouble(
                code="ErrorNonExistentMailbox",
                message="There is no such mailbox.",
                since=NOON,
                reason="no-mailbox",
                first=REFUSAL,
                last=REFUSAL,
            ),
        )
        inbox, _ = folders.save_tree(
            tx,
            mailbox.id,
            [
                SeenFolder(folder_id=FolderId("AAA="), path=("Inbox",), total=9, well_known=None),
                SeenFolder(folder_id=FolderId("BBB="), path=("New",), total=0, well_known=None),
            ],
            is_complete=True,
        )
        put_place(tx, inbox.key, FolderStatus.UP_TO_DATE, at=NOON, until=NOON, cursor="H4")
        attachment = Attachment(name="Über.pdf", content_type="application/pdf", size=3)
        first = comment_id(0)
        kept = emails.put(
            tx,
            bucket.id,
            [
                NewEmail(
                    comment_id=first,
                    fingerprint="f",
                    email=Email(message_id=MessageId("<0@example.com>"), attachments=(attachment,)),
                )
            ],
            at=NOON,
        )
        stored = attachments.put(
            tx,
            kept[first].key,
            0,
            name="Über.pdf",
            content_type="application/pdf",
            size=len(CONTENT),
            content_hash=content_hash,
        )
        lost = attachments.put(
            tx,
            kept[first].key,
            1,
            name="lost.txt",
            content_type="text/plain",
            size=3,
            content_hash=ContentHash("0" * 64),
        )
        comments.put(
            tx,
            source.id,
            [
                NewComment(
                    comment=Comment(
                        id=comment_id(number),
                        timestamp=NOON + timedelta(minutes=number),
                        messages=(Message(body=f"Order {number}\nBest", subject="Order"),),
                        thread_id=ThreadId("abc"),
                        attachments=(
                            CommentAttachment(name="a.txt", size=3, content_type="text/plain"),
                        )
                        if number == 1
                        else (),
                        user_properties={"number:Messages": 1},
                    ),
                    email_key=kept[first].key if number == 0 else None,
                    refined=1,
                )
                for number in range(COMMENTS)
            ],
            at=NOON,
        )
        people = {
            "root": (frozenset({"root"}), {}),
            "reader": (frozenset(), {"sales": READING}),
            "stranger": (frozenset(), {"finance": frozenset(Permission)}),
            "powerless": (frozenset(), {}),
            "clerk": (frozenset(), {"sales": frozenset({Permission.FILES_WRITE})}),
            "halfway": (
                frozenset(),
                {"finance": frozenset(Permission), "sales": frozenset({Permission.FILES_WRITE})},
            ),
        }
        given = {"lost": str(lost.reference)}
        for name, (everywhere, by_project) in people.items():
            user = users.add(
                tx,
                username=name,
                email=f"{name}@example.com",
                password_hash=None,
                global_permissions=frozenset(everywhere),
                project_permissions={
                    project: frozenset(some) for project, some in by_project.items()
                },
            )
            given[name] = tokens.issue(tx, user, "test", at=NOON)
            if name == "clerk":
                clerk = user.id
    return Town(source.id, bucket.id, stored.reference, given, clerk, dataset)
