"""What is to be done about what a folder's changes say. Pure: no I/O, no clock.

    seen in a page  + copies known              -> what to fetch, and intents for the rest
    fetched         + copies and emails known   -> intents

The order of intents, of pages and of folders does not matter, and neither does doing them again: a copy is
added under the id of its item, or marked gone, and where a comment lies follows from its copies alone
(`shown`). So a move is safe however Exchange tells it: delete before create, after it, or never.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from mailmine.exchange.reader import Change, ChangeKind, Item
from mailmine.model.email import Metadata
from mailmine.model.ids import CommentId, EmailKey, FolderKey, ItemId
from mailmine.model.integration import Filters
from mailmine.refine import identity
from mailmine.store.copies import Copy
from mailmine.store.emails import KnownEmail
from mailmine.sync import filters as wanted


class Reason(StrEnum):
    """Why there is nothing to do."""

    KNOWN = "known"
    TOO_OLD = "too_old"
    """Came before the mailbox's start."""
    UNWANTED = "unwanted"
    """The lists of participants leave it out."""


@dataclass(frozen=True, slots=True)
class NewEmail:
    """An email that its bucket does not have yet, and its first copy."""

    comment_id: CommentId
    fingerprint: str
    item: Item


@dataclass(frozen=True, slots=True)
class NewCopy:
    """A further copy of an email that its bucket has."""

    comment_id: CommentId
    item: Item


@dataclass(frozen=True, slots=True)
class MovedCopy:
    """A copy that took the place of another, in the same mailbox, that is gone."""

    comment_id: CommentId
    item: Item


@dataclass(frozen=True, slots=True)
class ChangedCopy:
    """A known copy whose flags or categories changed; its subject and body stay as they were read first."""

    email_key: EmailKey
    item_id: ItemId
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class KnownCopy:
    """A copy, under an id that is new, of an email that was recognised without being read."""

    email_key: EmailKey
    item_id: ItemId
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class GoneCopy:
    """A copy that no longer lies in its folder. Its email and comment stay."""

    item_id: ItemId


@dataclass(frozen=True, slots=True)
class LeftCopy:
    """The server says that a copy left its folder, and could tell where it is: it is gone once that was asked."""

    item_id: ItemId


@dataclass(frozen=True, slots=True)
class ReadFlag:
    """A known copy was marked as read or unread, and nothing else."""

    item_id: ItemId
    is_read: bool


@dataclass(frozen=True, slots=True)
class Nothing:
    """Seen, and no concern of ours."""

    item_id: ItemId
    reason: Reason


Intent = (
    NewEmail
    | NewCopy
    | MovedCopy
    | ChangedCopy
    | KnownCopy
    | GoneCopy
    | LeftCopy
    | ReadFlag
    | Nothing
)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a page of changes asks for."""

    fetch: tuple[ItemId, ...]
    """To be read from the server, in order, each once."""
    items: tuple[Item, ...]
    """Came with the page."""
    intents: tuple[Intent, ...]


def select(
    changes: Sequence[Change],
    known: Mapping[ItemId, Copy],
    *,
    folder: FolderKey,
    start_at: datetime | None = None,
    keeps_ids: bool = False,
) -> Selection:
    """Tell what must be fetched from what is settled by the page itself.

    `keeps_ids` says that items keep their ids in a move (`Reader.keeps_ids`): then one that is said to have left, and lies nowhere else
    as far as we know, may be back already, also one of which nothing was ever told before. Only items that are unknown, gone or
    elsewhere are fetched, and known ones that the server calls changed.
    The last word about an item counts, should a page name it more than once.
    """
    fetch: list[ItemId] = []
    items: list[Item] = []
    intents: list[Intent] = []
    for item_id, change in {change.item_id: change for change in changes}.items():
        copy = known.get(item_id)
        is_here = copy is not None and not copy.is_gone and copy.folder_key == folder
        if change.kind is ChangeKind.GONE:
            may_be_here = keeps_ids and (is_here or copy is None or copy.is_gone)
            intents.append(LeftCopy(item_id) if may_be_here else GoneCopy(item_id))
        elif is_here and change.is_read is not None:
            intents.append(ReadFlag(item_id, change.is_read))
        elif is_here and not change.is_changed:
            intents.append(Nothing(item_id, Reason.KNOWN))
        elif copy is not None and is_here and change.outline is not None:
            intents.append(_compare(copy, change.outline))
        elif change.item is not None:
            items.append(change.item)
        elif _is_too_old(change.received_at, start_at) and copy is None:
            intents.append(Nothing(item_id, Reason.TOO_OLD))
        else:
            fetch.append(item_id)
    return Selection(tuple(fetch), tuple(items), tuple(intents))


def _is_too_old(received_at: datetime | None, start_at: datetime | None) -> bool:
    return start_at is not None and received_at is not None and received_at < start_at


def candidates(items: Iterable[Item]) -> set[CommentId]:
    """Give the ids under which the emails of these items may be known already."""
    ids: set[CommentId] = set()
    for item in items:
        plain = identity.of(item.email)
        ids.update((plain, identity.suffixed(plain, identity.fingerprint(item.email))))
        if not item.email.message_id:
            ids.add(identity.without_body(item.email))
    return ids


def decide(
    items: Sequence[Item],
    *,
    folder: FolderKey,
    emails: Mapping[CommentId, KnownEmail],
    copies: Mapping[ItemId, Copy],
    others: Mapping[EmailKey, Sequence[Copy]],
    filters: Filters | None = None,
    start_at: datetime | None = None,
    halves: Mapping[ItemId, CommentId] | None = None,
) -> tuple[Intent, ...]:
    """Tell what to do about fetched `items` of `folder`.

    `emails` are those known under any of `candidates(items)`, `copies` the known copies under the items' own
    ids, `others` the known copies, in the same mailbox, of those emails. `halves` as `identify` has them.
    """
    known = {comment_id: email.fingerprint for comment_id, email in emails.items()}
    intents: list[Intent] = []
    for item in items:
        copy = copies.get(item.id)
        if copy is not None and not copy.is_gone and copy.folder_key == folder:
            intents.append(_compare(copy, item))
            continue
        if not wanted.is_recent_enough(item.email, item.metadata, start_at) and copy is None:
            intents.append(Nothing(item.id, Reason.TOO_OLD))
            continue
        if filters is not None and not wanted.is_email_wanted(item.email, filters):
            intents.append(Nothing(item.id, Reason.UNWANTED))
            continue
        comment_id, fingerprint = identify(item, known, halves or {})
        if comment_id not in known:
            known[comment_id] = fingerprint
            intents.append(NewEmail(comment_id, fingerprint, item))
        elif copy is not None or _left_another(emails.get(comment_id), item, others):
            intents.append(MovedCopy(comment_id, item))
        else:
            intents.append(NewCopy(comment_id, item))
    return tuple(intents)


def recognise(
    outlines: Sequence[Item],
    *,
    emails: Mapping[CommentId, KnownEmail],
    nameless: Mapping[ItemId, EmailKey],
    filters: Filters,
    start_at: datetime | None,
) -> tuple[KnownCopy, ...]:
    """Tell which items are copies of kept emails; the others are to be fetched, and decided about then.

    `emails` are those known under any of `candidates(outlines)`, `nameless` those of items without a Message-ID.
    """
    fingerprints = {comment_id: email.fingerprint for comment_id, email in emails.items()}
    found: list[KnownCopy] = []
    for item in outlines:
        if not (
            wanted.is_recent_enough(item.email, item.metadata, start_at)
            and wanted.is_email_wanted(item.email, filters)
        ):
            continue
        if item.email.message_id:
            email = emails.get(identify(item, fingerprints, {})[0])
            key = None if email is None else email.key
        else:
            key = nameless.get(item.id)
        if key is not None:
            found.append(KnownCopy(key, item.id, item.metadata))
    return tuple(found)


def _compare(copy: Copy, item: Item) -> Intent:
    """Tell what changed of a known copy. A folder that is read anew names many of which nothing did."""
    before = replace(copy.metadata, folder=item.metadata.folder)
    if before == item.metadata:
        return Nothing(item.id, Reason.KNOWN)
    return ChangedCopy(copy.email_key, item.id, item.metadata)


def identify(
    item: Item, known: Mapping[CommentId, str], halves: Mapping[ItemId, CommentId]
) -> tuple[CommentId, str]:
    """Name the comment of this item: another email under the same Message-ID does not get the same one.

    Exchange lets anybody send under a Message-ID that was used before (exchange.md, part C, row 26). What stands in
    for one that is missing is made of the body: of items that are, or once were, read without theirs, `halves`
    gives the names.
    """
    fingerprint = identity.fingerprint(item.email)
    if item.id in halves:
        return halves[item.id], fingerprint
    comment_id = identity.of(item.email)
    if known.get(comment_id, fingerprint) != fingerprint:
        comment_id = identity.suffixed(comment_id, fingerprint)
    return comment_id, fingerprint


def _left_another(
    email: KnownEmail | None, item: Item, others: Mapping[EmailKey, Sequence[Copy]]
) -> bool:
    """Tell whether the email left another place, as far as it can be told yet."""
    copies = () if email is None else others.get(email.key, ())
    return any(other.is_gone and other.item_id != item.id for other in copies)


def shown(copies: Collection[Copy]) -> Copy | None:
    """Give the copy whose folder and flags the comment shows: the one synced last of those that are still there.

    Where none is, the one synced last of all: the comment stays as it was.
    """
    return max(copies, key=lambda copy: (not copy.is_gone, copy.order), default=None)
