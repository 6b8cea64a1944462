"""A store as it looks after some days at a small company, written through the store's own functions."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection as Transaction

from mailmine.access import passwords
from mailmine.access.permissions import GlobalPermission, Permission
from mailmine.model.comment import Comment, Message
from mailmine.model.email import Email, Metadata
from mailmine.model.ids import (
    BucketId,
    CommentId,
    FolderId,
    FolderKey,
    IntegrationId,
    ItemId,
    MailboxId,
    SourceId,
)
from mailmine.model.integration import Connection, DisabledReason, FolderStatus, Occurrence, Trouble
from mailmine.refine import VERSION, comment, identity, refine
from mailmine.store import (
    attachments,
    buckets,
    comments,
    copies,
    emails,
    failures,
    folders,
    integrations,
    leases,
    mailboxes,
    projects,
    sources,
    users,
    warnings,
)
from mailmine.store.comments import NewComment
from mailmine.store.copies import NewCopy
from mailmine.store.database import Database
from mailmine.store.emails import NewEmail
from mailmine.store.folders import SeenFolder
from mailmine.store.leases import Release
from mailmine.store.warnings import StandingWarning
from tests.browser import letters
from tests.contract.store_world import put_place

PASSWORD = "correct horse battery staple"
HASH = passwords.hash_password(PASSWORD)

REFUSED = (
    "Exchange refused the username or the password of this integration. "
    "Set the right password, then switch the integration on again."
)
PASSWORD_ENDS = (
    "The password of svc ends in four weeks. Give the account another, and enter it here with the "
    "day on which it ends. Without it nothing of this integration is read."
)
NO_SUCH_MAILBOX = (
    "There is no mailbox sales.benelux@nordwind.example. Correct the address, or remove the "
    "mailbox here if it was deleted in Exchange."
)


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of a mailbox, and where its mail goes."""

    mailbox_id: MailboxId
    address: str
    key: FolderKey
    path: tuple[str, ...]
    bucket_id: BucketId
    source_id: SourceId


@dataclass(frozen=True, slots=True)
class Company:
    """What was seeded, for tests that go on from there."""

    orders: Place
    done: Place
    service: Place
    board: Place


def company(database: Database, now: datetime) -> Company:
    """Fill an empty database; `now` is the moment at which the pages are looked at."""
    with database.write() as tx:
        _people(tx)
        seeded = _mailboxes(tx, now)
        for age, email in letters.orders():
            deliver(tx, seeded.orders, email, at=now - age)
        for age, email in letters.service():
            deliver(tx, seeded.service, email, at=now - age)
        for age, email in letters.routine(120):
            deliver(tx, seeded.done, email, at=now - age)
        deliver(tx, seeded.board, letters.minutes(), at=now - timedelta(days=3))
    return seeded


def deliver(tx: Transaction, place: Place, email: Email, *, at: datetime) -> CommentId:
    """Put one email where a round would have put it."""
    email = replace(email, sent_at=email.sent_at or at)
    comment_id = identity.of(email)
    new = NewEmail(comment_id=comment_id, fingerprint=identity.fingerprint(email), email=email)
    key = emails.put(tx, place.bucket_id, [new], at=at)[comment_id].key
    metadata = Metadata(folder=place.path, received_at=at, size=18_432, is_read=False)
    item = ItemId(f"{place.key}/{comment_id}")
    copy = NewCopy(
        mailbox_id=place.mailbox_id,
        folder_key=place.key,
        item_id=item,
        email_key=key,
        metadata=metadata,
    )
    copies.put(tx, [copy])
    references = {
        index: attachments.put(
            tx,
            key,
            index,
            name=attachment.name,
            content_type=attachment.content_type,
            size=attachment.size,
            content_hash=attachment.content_hash,
        ).reference
        for index, attachment in enumerate(email.attachments)
        if attachment.content_hash
    }
    made = comment.make(
        email,
        refine(email),
        metadata,
        mailbox=place.address,
        comment_id=comment_id,
        references=references,
    )
    new_comment = NewComment(comment=made, email_key=key, refined=VERSION)
    comments.put(tx, place.source_id, [new_comment], at=at)
    return comment_id


def add(tx: Transaction, place: Place, comment_id: CommentId, body: str, *, at: datetime) -> None:
    """Put in a comment as a client of the API does, without an email."""
    made = Comment(id=comment_id, timestamp=at, messages=(Message(body=body),))
    comments.put(
        tx, place.source_id, [NewComment(comment=made, email_key=None, refined=VERSION)], at=at
    )


def end_round(tx: Transaction, mailbox_id: MailboxId, *, at: datetime) -> None:
    """Let a round of a mailbox have ended."""
    lease = leases.claim(
        tx, [mailbox_id], owner="seed", now=at, until=at + timedelta(minutes=1)
    ).get(mailbox_id)
    assert lease is not None
    leases.release(tx, Release(lease=lease, next_due_at=at + timedelta(days=1), round_ended_at=at))


def _people(tx: Transaction) -> None:
    everything = frozenset({GlobalPermission.ROOT})
    for username, given, everywhere in (
        ("ann", {}, everything),
        ("ben", {"nordwind": frozenset({Permission.SOURCES_READ})}, frozenset()),
        ("eve", {}, frozenset()),
    ):
        users.add(
            tx,
            username=username,
            email=f"{username}@nordwind.example",
            password_hash=HASH,
            global_permissions=frozenset(map(str, everywhere)),
            project_permissions={name: frozenset(map(str, some)) for name, some in given.items()},
        )


def _mailboxes(tx: Transaction, now: datetime) -> Company:
    nordwind = projects.ensure(tx, "nordwind", title="Nordwind Trading")
    private = projects.ensure(tx, "board", title="Board")
    shared = buckets.ensure(tx, nordwind.id, "shared").id
    service = buckets.ensure(tx, nordwind.id, "service").id
    papers = buckets.ensure(tx, private.id, "papers").id

    def source(project: projects.Project, name: str, title: str, bucket: BucketId) -> SourceId:
        return sources.ensure(tx, project.id, name, title=title, bucket_id=bucket, kind="email").id

    orders = source(nordwind, "orders", "Orders", shared)
    support = source(nordwind, "support", "Customer support", service)
    minutes = source(private, "minutes", "Board minutes", papers)
    sources.ensure(tx, nordwind.id, "press", title="Press & media")

    hamburg = integrations.save(
        tx,
        nordwind.id,
        "exchange-2019",
        title="Exchange 2019, Hamburg",
        connection=Connection(endpoint="https://mail.nordwind.example/EWS/Exchange.asmx"),
    ).id
    rotterdam = integrations.save(
        tx,
        nordwind.id,
        "exchange-2010",
        title="Exchange 2010, Rotterdam",
        connection=Connection(endpoint="https://old.nordwind.example/EWS/Exchange.asmx"),
    ).id
    first = Occurrence(
        at=now - timedelta(hours=5),
        code="http_401",
        message=REFUSED,
        server="old.nordwind.example (EX02)",
        request_id="4a5b0d7e-1f0c-4d3e-9a51-6f1f0e7c2b90",
    )
    last = replace(
        first,
        at=now - timedelta(hours=4, minutes=30),
        request_id="c2f1e8aa-0b4e-4c57-8f4b-51f7d9a3e6d4",
    )
    refused = Trouble(
        code="http_401",
        message=REFUSED,
        since=first.at,
        reason="wrong-password",
        first=first,
        last=last,
    )
    integrations.set_enabled(
        tx, rotterdam, enabled=False, reason=DisabledReason.SYNC_ERROR, trouble=refused
    )
    _mailbox(tx, rotterdam, "rotterdam@nordwind.example", (shared, orders), {("Inbox",): 230})

    inbox, done = _mailbox(
        tx,
        hamburg,
        "orders@nordwind.example",
        (shared, orders),
        {("Inbox",): 84, ("Inbox", "Done"): 412},
    )
    (help_desk,) = _mailbox(
        tx, hamburg, "service@nordwind.example", (service, support), {("Inbox",): 48_211}
    )
    (benelux,) = _mailbox(
        tx, hamburg, "sales.benelux@nordwind.example", (shared, orders), {("Inbox",): 12}
    )
    (press,) = _mailbox(tx, hamburg, "press@nordwind.example", (shared, orders), {("Inbox",): 0})
    (board,) = _mailbox(tx, hamburg, "board@nordwind.example", (papers, minutes), {("Inbox",): 3})
    for place, read in ((inbox, 84), (done, 412), (board, 3)):
        _read(tx, place, read, FolderStatus.UP_TO_DATE, now - timedelta(seconds=40))
    _read(tx, help_desk, 31_900, FolderStatus.IN_PROGRESS, now - timedelta(seconds=1))
    for place in (inbox, help_desk, board):
        end_round(tx, place.mailbox_id, at=now - timedelta(seconds=2))

    missing = Trouble(
        code="ErrorNonExistentMailbox",
        message=NO_SUCH_MAILBOX,
        since=now - timedelta(days=1),
        reason="no-mailbox",
    )
    mailboxes.set_enabled(
        tx, benelux.mailbox_id, enabled=False, reason=DisabledReason.SYNC_ERROR, trouble=missing
    )
    warnings.put(
        tx,
        StandingWarning(
            integration_id=hamburg,
            mailbox_id=None,
            code="password_ends",
            message=PASSWORD_ENDS,
            since=now - timedelta(days=2),
            ends_at=now + timedelta(days=28),
            told_at=now - timedelta(days=2),
        ),
    )
    mailboxes.set_enabled(tx, press.mailbox_id, enabled=False, reason=DisabledReason.USER)
    failures.record(
        tx,
        help_desk.mailbox_id,
        help_desk.key,
        ItemId("broken"),
        code="ErrorCorruptData",
        message="Exchange itself cannot read this item.",
        at=now,
        next_try_at=None,
    )
    return Company(inbox, done, help_desk, board)


def _mailbox(
    tx: Transaction,
    integration_id: IntegrationId,
    address: str,
    fills: tuple[BucketId, SourceId],
    tree: dict[tuple[str, ...], int],
) -> list[Place]:
    mailbox = mailboxes.save(tx, integration_id, address, bucket_id=fills[0])
    seen = [
        SeenFolder(
            folder_id=FolderId(f"{address}/{'/'.join(path)}"),
            path=path,
            total=total,
            well_known=None,
        )
        for path, total in tree.items()
    ]
    states = folders.save_tree(tx, mailbox.id, seen, is_complete=True)
    keys = {state.path: state.key for state in states}
    return [Place(mailbox.id, address, keys[path], path, *fills) for path in tree]


def _read(tx: Transaction, place: Place, read: int, status: FolderStatus, at: datetime) -> None:
    put_place(
        tx,
        place.key,
        status,
        at=at,
        until=at if status is FolderStatus.UP_TO_DATE else None,
        cursor=None,
        read=read,
    )
