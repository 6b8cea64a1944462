"""A mailbox is read another way than before: what is kept of it is recognised, and not read again.

Each way of reading has ids of its own for folders and items (exchange.md, part D). So with the first round by
another way all folders count as gone; those that it finds are read from their beginning, by outlines. An email that
is kept gets a copy under its new id, and only others are fetched. Once all folders were read to their end, old copies
are gone as those of any folder that is: what was deleted or moved meanwhile needs no rule of its own.

Whose ids a mailbox has is told by the rounds, which alone write them: so it does not matter that a round by the old
way may be under way when the connection is changed, nor that it is changed back before the other way was used.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection as Transaction

from mailmine.exchange.reader import Item
from mailmine.model.ids import EmailKey, ItemId, MailboxId
from mailmine.model.integration import Backend, Mailbox
from mailmine.refine import identity
from mailmine.store import attachments, copies, emails, failures, folders, rechecks, settings
from mailmine.store.copies import Copy
from mailmine.store.settings import About
from mailmine.sync import decide
from mailmine.sync.decide import KnownCopy


class Ids(msgspec.Struct, frozen=True, kw_only=True):
    """Whose ids the folders and copies of a mailbox have."""

    backend: Backend
    is_recognising: bool = False
    """Not all folders were read to their end since that is so."""


def ids_of(tx: Transaction, mailbox_id: MailboxId) -> Ids | None:
    """Tell whose ids a mailbox has; None where it was only ever read one way."""
    kept = settings.get(tx, _name(mailbox_id))
    return None if kept is None else msgspec.json.decode(kept, type=Ids)


def note(tx: Transaction, mailbox_id: MailboxId, backend: Backend) -> None:
    """Note which way a mailbox was read up to now; belongs into the transaction that configures another."""
    if ids_of(tx, mailbox_id) is None:
        _keep(tx, mailbox_id, Ids(backend=backend))


def begin(tx: Transaction, mailbox: Mailbox, backend: Backend) -> None:
    """Let the mailbox be read by `backend` from now on, and nothing be asked for under ids that are not its own."""
    for state in folders.of_mailbox(tx, mailbox.id, with_gone=True):
        # Where that is now, only the old way could say.
        rechecks.drop_all(tx, state.key, rechecks.Kind.LEFT)
        if not state.is_gone:
            rechecks.begin(tx, state.key, rechecks.Kind.UNSEEN)
            folders.start_anew(tx, state.key)
    folders.save_tree(tx, mailbox.id, (), is_complete=True)
    failures.leave(tx, mailbox.id)
    attachments.unqueue(tx, mailbox.id)
    # Where nothing is kept, whole items are read faster.
    has_copies = bool(rechecks.pending(tx, mailbox.id))
    _keep(tx, mailbox.id, Ids(backend=backend, is_recognising=has_copies))


def end(tx: Transaction, mailbox: Mailbox, backend: Backend) -> None:
    """Note that all folders were read to their end."""
    _keep(tx, mailbox.id, Ids(backend=backend))


def recognise(tx: Transaction, mailbox: Mailbox, outlines: Sequence[Item]) -> tuple[KnownCopy, ...]:
    """Tell which of the items are copies of emails that are kept whole."""
    known = emails.known(tx, mailbox.bucket_id, decide.candidates(outlines))
    found = decide.recognise(
        outlines,
        emails=known,
        nameless=nameless(tx, mailbox, [one for one in outlines if not one.email.message_id]),
        filters=mailbox.filters,
        start_at=mailbox.start_at,
    )
    # What was not kept whole may be had whole by the other way.
    broken = failures.of_emails(tx, {one.email_key for one in found})
    return tuple(one for one in found if one.email_key not in broken)


def nameless(tx: Transaction, mailbox: Mailbox, outlines: Sequence[Item]) -> dict[ItemId, EmailKey]:
    """Find the emails of items that have no Message-ID: what stands in for it is made of the body (`identity`).

    Each way gives the body in its own form, and some items cannot be read with theirs, so these are told by their
    mailbox, sender, subject and times, or by the item's id where that is known. Where two are alike, by their size
    too, or not at all. Reads all copies of the mailbox.
    """
    if not outlines:
        return {}
    under_id = copies.by_items(tx, mailbox.id, [one.id for one in outlines])
    found = {
        one.id: copy.email_key
        for one in outlines
        if (copy := under_id.get(one.id)) is not None
        and not (copy.metadata.is_draft or one.metadata.is_draft)
    }
    fingerprints = {one.id: identity.fingerprint(one.email) for one in outlines}
    alike = copies.by_fingerprints(tx, mailbox.id, set(fingerprints.values()))
    for one in outlines:
        if one.id not in found and one.metadata.received_at is not None:
            keys = _alike(tx, one, alike.get(fingerprints[one.id], ()))
            if len(keys) == 1:
                found[one.id] = keys.pop()
    return found


def _alike(tx: Transaction, item: Item, among: Sequence[Copy]) -> set[EmailKey]:
    received_at, size = item.metadata.received_at, item.metadata.size
    same_time = [copy for copy in among if copy.metadata.received_at == received_at]
    keys = {copy.email_key for copy in same_time if _is_like(tx, copy.email_key, item)}
    if len(keys) > 1:
        keys &= {copy.email_key for copy in same_time if copy.metadata.size == size}
    return keys


def _is_like(tx: Transaction, key: EmailKey, item: Item) -> bool:
    stored = emails.get(tx, key)
    return (
        stored is not None
        and not stored.email.message_id
        and stored.email.subject == item.email.subject
    )


def _keep(tx: Transaction, mailbox_id: MailboxId, ids: Ids) -> None:
    settings.put(tx, _name(mailbox_id), msgspec.json.encode(ids).decode())


def _name(mailbox_id: MailboxId) -> str:
    return settings.name(About.IDS_OF, mailbox_id)
