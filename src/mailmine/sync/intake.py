"""What arrives in a bucket goes one way: it is kept, refined, and shown as comments of the bucket's sources.

prepare   puts together what was read and what was refined of it (`refinery`); a failure is a value
take_in   writes all that a page of a folder brought, within one transaction of the caller's
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

import structlog
from sqlalchemy import Connection as Transaction

from mailmine.exchange.reader import Item
from mailmine.model.comment import Comment
from mailmine.model.email import AttachmentKind, Email
from mailmine.model.ids import BucketId, CommentId, EmailKey, ItemId, SourceId
from mailmine.model.integration import Mailbox
from mailmine.refine import Refined, comment, identity
from mailmine.store import (
    attachments,
    comments,
    copies,
    emails,
    failures,
    rechecks,
    retentions,
    sources,
)
from mailmine.store.attachments import StoredAttachment, WantedAttachment
from mailmine.store.comments import NewComment, StoredComment
from mailmine.store.copies import Copy, NewCopy as CopyRow
from mailmine.store.emails import KnownEmail, NewEmail as EmailRow
from mailmine.store.errors import Conflict
from mailmine.store.folders import FolderState
from mailmine.sync import conversations, decide, learning, recognition, schedule, uploading

log = structlog.get_logger(__name__)

REFINE_FAILED = "refine_failed"
STORE_FAILED = "store_failed"


@dataclass(frozen=True, slots=True)
class Prepared:
    """An item, and what was refined of its email."""

    item: Item
    refined: Refined


@dataclass(frozen=True, slots=True)
class Failed:
    """An item that could not be read or understood."""

    item_id: ItemId
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What one folder brought, to be written in one transaction."""

    folder: FolderState
    items: tuple[Prepared, ...] = ()
    intents: tuple[decide.Intent, ...] = ()
    """Settled without reading the item: gone copies, read flags, and what was recognised."""
    failed: tuple[Failed, ...] = ()
    settled: tuple[ItemId, ...] = ()
    """Asked for and not there any more, or no mail: nothing is kept, earlier failures are over."""
    tried: Mapping[ItemId, int] = field(default_factory=dict)
    """How often the items that failed before were asked for."""
    first_tried: tuple[ItemId, ...] = ()
    """Items that were asked for the first time, and came or failed, in this order."""


@dataclass(slots=True)
class Taken:
    """What was written."""

    new: int = 0
    copies: int = 0
    moved: int = 0
    changed: int = 0
    gone: int = 0
    failed: int = 0

    def add(self, other: "Taken") -> None:
        """Count `other` in."""
        self.new += other.new
        self.copies += other.copies
        self.moved += other.moved
        self.changed += other.changed
        self.gone += other.gone
        self.failed += other.failed


@dataclass(slots=True)
class _Page:
    """What the intents of a page come to."""

    new: dict[CommentId, decide.NewEmail] = field(default_factory=dict)
    placed: list[tuple[CommentId, Item]] = field(default_factory=list)
    changed: list[decide.ChangedCopy] = field(default_factory=list)
    known: list[decide.KnownCopy] = field(default_factory=list)
    gone: list[ItemId] = field(default_factory=list)
    left: list[ItemId] = field(default_factory=list)
    read: dict[ItemId, bool] = field(default_factory=dict)
    taken: Taken = field(default_factory=Taken)

    def sort(self, intents: Iterable[decide.Intent]) -> None:
        """Put each intent where it belongs."""
        for intent in intents:
            match intent:
                case decide.NewEmail(comment_id, _, item):
                    self.new[comment_id] = intent
                    self.placed.append((comment_id, item))
                    self.taken.new += 1
                case decide.NewCopy(comment_id, item):
                    self.placed.append((comment_id, item))
                    self.taken.copies += 1
                case decide.MovedCopy(comment_id, item):
                    self.placed.append((comment_id, item))
                    self.taken.moved += 1
                case decide.ChangedCopy():
                    self.changed.append(intent)
                    self.taken.changed += 1
                case decide.KnownCopy():
                    self.known.append(intent)
                    self.taken.copies += 1
                case decide.GoneCopy(item_id):
                    self.gone.append(item_id)
                case decide.LeftCopy(item_id):
                    self.left.append(item_id)
                case decide.ReadFlag(item_id, is_read):
                    self.read[item_id] = is_read


def prepare(
    items: Iterable[Item], refined: Iterable[Refined | None]
) -> tuple[list[Prepared], list[Failed]]:
    """Put together items and what was refined of them; an item whose email could not be refined has failed."""
    prepared: list[Prepared] = []
    failed: list[Failed] = []
    for item, words in zip(items, refined, strict=True):
        if words is not None:
            prepared.append(Prepared(item, words))
        else:
            log.warning("email not refined", item=item.id)
            failed.append(
                Failed(
                    item.id,
                    REFINE_FAILED,
                    "mailmine could not make a comment of this email. Please report it.",
                )
            )
    return prepared, failed


def take_in(tx: Transaction, mailbox: Mailbox, delivery: Delivery, *, at: datetime) -> Taken:
    """Write `delivery`. Done again, it changes nothing. Raises Conflict where another was quicker: do it again."""
    folder = delivery.folder
    items = [prepared.item for prepared in delivery.items]
    known = emails.known(tx, mailbox.bucket_id, decide.candidates(items)) if items else {}
    halves = _halves(tx, mailbox, items, known)
    here = copies.by_items(tx, mailbox.id, [item.id for item in items]) if items else {}
    lying = copies.of_emails(tx, {email.key for email in known.values()}) if known else {}
    page = _Page()
    page.sort(
        decide.decide(
            items,
            folder=folder.key,
            emails=known,
            copies=here,
            others={
                key: [copy for copy in some if copy.mailbox_id == mailbox.id]
                for key, some in lying.items()
            },
            filters=mailbox.filters,
            start_at=mailbox.start_at,
            halves=halves,
        )
    )
    page.sort(delivery.intents)
    keys = {comment_id: email.key for comment_id, email in known.items()}
    refined = {prepared.item.id: prepared.refined for prepared in delivery.items}
    keys |= _keep_new(tx, mailbox, folder, page, refined, at=at)
    touched = _place(tx, mailbox, folder, page, keys)
    show_again(
        tx,
        mailbox.bucket_id,
        touched - {keys[comment_id] for comment_id in page.new},
        at=at,
        made_of={
            keys[comment_id]: (comment_id, item.email, refined[item.id])
            for comment_id, item in page.placed
        },
    )
    rechecks.add(tx, folder.key, rechecks.Kind.LEFT, page.left)
    mended = _mend(tx, mailbox, delivery, page, known, here=here, halves=halves, at=at)
    if mailbox.sync_attachments:
        placed = [(keys[comment_id], item) for comment_id, item in page.placed]
        read = [(key, item.id, item.email) for key, item in (*placed, *mended)]
        _want_attachments(tx, mailbox, [*read, *_recognised(tx, page)], at)
    _note_failures(tx, mailbox, delivery, page, at)
    return page.taken


def _halves(
    tx: Transaction,
    mailbox: Mailbox,
    items: Sequence[Item],
    known: dict[CommentId, KnownEmail],
) -> dict[ItemId, CommentId]:
    """Name the comments of items without a Message-ID that are read without their body now, or were at first.

    What stands in for the Message-ID is made of the body. So an email that was not read whole is named without, and
    found by that name when it moves and is read whole. And one that was read whole is found by what else there
    is of it, which is added to what is `known`.
    """
    named: dict[ItemId, CommentId] = {}
    lost: list[Item] = []
    for item in items:
        name, whole = identity.without_body(item.email), identity.of(item.email)
        if item.email.message_id or (whole != name and whole in known):
            continue
        kept = known.get(name)
        if kept is not None and kept.fingerprint != identity.fingerprint(item.email):
            continue
        if item.incomplete is not None:
            named[item.id] = name
            if kept is None:
                lost.append(item)
        elif kept is not None and _is_half(tx, mailbox, kept):
            named[item.id] = name
    if lost:
        found = recognition.nameless(tx, mailbox, lost)
        names = emails.comment_ids(tx, list(found.values()))
        known |= emails.known(tx, mailbox.bucket_id, list(names.values()))
        named |= {item_id: names[key] for item_id, key in found.items()}
    return named


def _is_half(tx: Transaction, mailbox: Mailbox, email: KnownEmail) -> bool:
    """Tell an email that was kept without its body from one that has none.

    The former may have its body by now; else a copy of it failed, or it left, by which that is forgotten.
    """
    stored = emails.get(tx, email.key)
    if stored is None:
        return False
    if stored.email.html or stored.email.text or failures.of_emails(tx, [email.key]):
        return True
    lying = copies.of_emails(tx, [email.key]).get(email.key, ())
    mine = [copy for copy in lying if copy.mailbox_id == mailbox.id]
    return bool(mine) and _is_empty(stored.email) and all(copy.is_gone for copy in mine)


def _mend(
    tx: Transaction,
    mailbox: Mailbox,
    delivery: Delivery,
    page: _Page,
    known: Mapping[CommentId, KnownEmail],
    *,
    here: Mapping[ItemId, Copy],
    halves: Mapping[ItemId, CommentId],
    at: datetime,
) -> list[tuple[EmailKey, Item]]:
    """Let emails that were not kept wholly be what was read of them now; give those, to look for their attachments.

    Any other email stays as it was read first.
    """
    if not (known or here):
        return []
    fingerprints = {comment_id: email.fingerprint for comment_id, email in known.items()}
    placed = {item.id for _, item in page.placed}
    # What stands in for a Message-ID is another one once there is a body: then the id of the item tells.
    nameless = {
        item.id: here[item.id].email_key
        for item in (prepared.item for prepared in delivery.items)
        if item.id in here and item.id not in placed and not item.email.message_id
    }
    keys = {comment_id: email.key for comment_id, email in known.items()}
    failed = failures.of_emails(tx, {*keys.values(), *nameless.values()})
    mended: list[tuple[EmailKey, Item]] = []
    for prepared in delivery.items:
        item = prepared.item
        comment_id, fingerprint = decide.identify(item, fingerprints, halves)
        key = nameless.get(item.id, keys.get(comment_id))
        if key is None or item.incomplete is not None:
            continue
        broken = failed.get(key, ())
        # That a copy was not whole is forgotten when it leaves, which may be told before where it came to.
        stored = emails.get(tx, key) if broken or item.id in placed else None
        if stored is None or not (broken or _is_empty(stored.email)):
            continue
        if stored.raw is None and stored.email != item.email:
            row = EmailRow(comment_id=comment_id, fingerprint=fingerprint, email=item.email)
            emails.replace_content(tx, key, row, at=at)
            made = [(key, item.email, prepared.refined)]
            uploading.show(tx, mailbox.bucket_id, made, at=at)
        for mailbox_id, item_id in broken:
            failures.resolve(tx, mailbox_id, [item_id])
        mended.append((key, item))
    return mended


def _is_empty(email: Email) -> bool:
    return not (email.html or email.text or email.attachments)


def _keep_new(
    tx: Transaction,
    mailbox: Mailbox,
    folder: FolderState,
    page: _Page,
    refined: Mapping[ItemId, Refined],
    *,
    at: datetime,
) -> dict[CommentId, EmailKey]:
    """Keep new emails, and make their comments."""
    if not page.new:
        return {}
    rows = [
        EmailRow(
            comment_id=new.comment_id,
            fingerprint=new.fingerprint,
            email=new.item.email,
            lines=refined[new.item.id].lines,
        )
        for new in page.new.values()
    ]
    kept = emails.put(tx, mailbox.bucket_id, rows, at=at)
    for comment_id, email in kept.items():
        if email.fingerprint != page.new[comment_id].fingerprint:
            raise Conflict("Another email with the same Message-ID arrived at the same moment")
    latest = dict(page.placed)
    made = [
        NewComment(
            comment=comment.make(
                new.item.email,
                refined[new.item.id],
                replace(latest[new.comment_id].metadata, folder=folder.path),
                mailbox=mailbox.address,
                comment_id=new.comment_id,
            ),
            email_key=kept[new.comment_id].key,
            refined=refined[new.item.id].version,
        )
        for new in page.new.values()
    ]
    retention = retentions.of_bucket(tx, mailbox.bucket_id)
    made = [one for one in made if retention.keeps(one.comment.timestamp, at)]
    for source in sources.of_bucket(tx, mailbox.bucket_id):
        conversations.put(tx, source.id, made, at=at)
    # After the comments: writers of one source take turns by then, so that none learns past another.
    learning.learn(
        tx,
        mailbox.bucket_id,
        [(new.comment_id, new.item.email, refined[new.item.id]) for new in page.new.values()],
    )
    return {comment_id: email.key for comment_id, email in kept.items()}


def _place(
    tx: Transaction,
    mailbox: Mailbox,
    folder: FolderState,
    page: _Page,
    keys: Mapping[CommentId, EmailKey],
) -> set[EmailKey]:
    """Write where the copies lie now; give the emails whose comments may show something else now."""
    rows = [(item.id, keys[comment_id], item.metadata) for comment_id, item in page.placed]
    rows += [(intent.item_id, intent.email_key, intent.metadata) for intent in page.changed]
    rows += [(intent.item_id, intent.email_key, intent.metadata) for intent in page.known]
    copies.put(
        tx,
        [
            CopyRow(
                mailbox_id=mailbox.id,
                folder_key=folder.key,
                item_id=item_id,
                email_key=key,
                metadata=metadata,
            )
            for item_id, key, metadata in rows
        ],
    )
    touched = {key for _, key, _ in rows}
    if page.read:
        marked = copies.by_items(tx, mailbox.id, page.read)
        copies.set_read(tx, mailbox.id, page.read)
        touched.update(copy.email_key for copy in marked.values())
    if page.gone:
        gone = copies.mark_gone(tx, mailbox.id, folder.key, page.gone)
        page.taken.gone += len(gone)
        touched.update(gone)
    return touched


def show_again(
    tx: Transaction,
    bucket_id: BucketId,
    keys: Collection[EmailKey],
    *,
    at: datetime,
    made_of: Mapping[EmailKey, tuple[CommentId, Email, Refined]] = MappingProxyType({}),
) -> None:
    """Let the comments of these emails show the copy that counts now.

    An email that is at hand, `made_of`, also becomes the comment that a source lacks.
    """
    if not keys:
        return
    comments.take_turns(tx, bucket_id)
    lying = copies.of_emails(tx, keys)
    # What went for its age does not come back by a move.
    retention = retentions.of_bucket(tx, bucket_id)
    existing: dict[EmailKey, dict[SourceId, StoredComment]] = defaultdict(dict)
    for stored in comments.of_emails(tx, keys):
        if stored.email_key is not None:
            existing[stored.email_key][stored.source_id] = stored
    for source in sources.of_bucket(tx, bucket_id):
        rows: list[NewComment] = []
        for key in keys:
            copy = decide.shown(lying.get(key, ()))
            if copy is None:
                continue
            known = existing[key].get(source.id)
            if known is not None:
                moved = comment.moved(known.comment, copy.metadata, copy.mailbox)
                rows.append(NewComment(comment=moved, email_key=key, refined=known.refined))
            elif key in made_of:
                rows.append(_made_late(tx, copy, *made_of[key]))
        if rows := [one for one in rows if retention.keeps(one.comment.timestamp, at)]:
            conversations.put(tx, source.id, rows, at=at)


def _made_late(
    tx: Transaction,
    copy: Copy,
    comment_id: CommentId,
    email: Email,
    refined: Refined,
) -> NewComment:
    """Make the comment of an email that its bucket had before the source was there."""
    kept = attachments.of_email(tx, copy.email_key)
    made = comment.make(
        email,
        refined,
        copy.metadata,
        mailbox=copy.mailbox,
        comment_id=comment_id,
        references={attachment.index: attachment.reference for attachment in kept},
        hashes={attachment.index: attachment.content_hash for attachment in kept},
    )
    return NewComment(comment=made, email_key=copy.email_key, refined=refined.version)


def _recognised(tx: Transaction, page: _Page) -> Iterator[tuple[EmailKey, ItemId, Email]]:
    """Give what is kept of the emails that were not read."""
    for copy in page.known:
        if (stored := emails.get(tx, copy.email_key)) is not None:
            yield copy.email_key, copy.item_id, stored.email


def _want_attachments(
    tx: Transaction,
    mailbox: Mailbox,
    placed: Iterable[tuple[EmailKey, ItemId, Email]],
    at: datetime,
) -> None:
    """Line up the contents of attachments to be fetched later, those that are not there yet."""
    wanted: list[WantedAttachment] = []
    for key, item_id, email in placed:
        indexes = [
            index
            for index, attachment in enumerate(email.attachments)
            if attachment.kind is not AttachmentKind.REFERENCE
        ]
        if indexes:
            kept = {attachment.index for attachment in attachments.of_email(tx, key)}
            wanted += [
                WantedAttachment(item_id=item_id, email_key=key, index=index)
                for index in indexes
                if index not in kept
            ]
    attachments.queue(tx, mailbox.id, wanted, at=at)


def _note_failures(
    tx: Transaction, mailbox: Mailbox, delivery: Delivery, page: _Page, at: datetime
) -> None:
    """Write down what could not be read, or not wholly, and cross out what could be after all."""
    over = [prepared.item.id for prepared in delivery.items]
    failures.resolve(tx, mailbox.id, [*over, *delivery.settled])
    # Where those lie that left is asked yet: one that was never read is forgotten only if it is gone (`chores`).
    left = [*page.gone, *(copies.by_items(tx, mailbox.id, page.left) if page.left else ())]
    failures.resolve(tx, mailbox.id, left, folder_key=delivery.folder.key)
    for failed in delivery.failed:
        failures.record(
            tx,
            mailbox.id,
            delivery.folder.key,
            failed.item_id,
            code=failed.code,
            message=failed.message,
            at=at,
            next_try_at=schedule.item_retry(at, delivery.tried.get(failed.item_id, 0) + 1),
        )
        page.taken.failed += 1
    incomplete = {
        prepared.item.id: prepared.item.incomplete
        for prepared in delivery.items
        if prepared.item.incomplete is not None
    }
    # Only what is kept counts; it is not asked for again by itself.
    for item_id in copies.by_items(tx, mailbox.id, incomplete) if incomplete else ():
        fault = incomplete[item_id]
        failures.record(
            tx,
            mailbox.id,
            delivery.folder.key,
            item_id,
            code=fault.code,
            message=f"Kept without its body or its attachments. {fault.message}",
            at=at,
            next_try_at=None,
        )
        page.taken.failed += 1


def with_content(comment: Comment, index: int, kept: StoredAttachment) -> Comment:
    """Give the comment with the content of one attachment."""
    listed = list(comment.attachments)
    if index < len(listed):
        listed[index] = replace(
            listed[index],
            attachment_reference=kept.reference,
            content_hash=kept.content_hash,
            size=kept.size,
        )
    return replace(comment, attachments=tuple(listed))
