"""Emails of a bucket are refined by what others of it have in common with them, and are learned from.

What is read is what is stored by then, so a page may be refined before the page ahead of it is learned from. Whoever
refines the bucket anew has learned from all of it: then the comments depend on the emails alone, as far as no sender
and no domain has more lines than are remembered.
"""

import zlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from sqlalchemy import Connection as Transaction

from mailmine.model.email import Email
from mailmine.model.ids import BucketId, CommentId
from mailmine.refine import Known, Refined, identity, learning
from mailmine.store import emails as kept_emails, habits
from mailmine.sync.refinery import Refinery

Read = Callable[[Callable[[Transaction], list[Known]]], Awaitable[list[Known]]]
"""Does something in a reading transaction."""


class Remembering:
    """Refines the emails of one bucket by what is known of them."""

    def __init__(self, refinery: Refinery, bucket_id: BucketId, *, read: Read) -> None:
        self._refinery = refinery
        self._bucket_id = bucket_id
        self._read = read

    async def start(self) -> None:
        """Make ready."""
        await self._refinery.start()

    async def refine(
        self, emails: Sequence[Email], known: Sequence[Known] = ()
    ) -> list[Refined | None]:
        """Refine each by what is known of it now. May raise RefineryBroken, DatabaseUnavailable."""
        if emails and not known:
            known = await self._read(lambda tx: recall(tx, self._bucket_id, emails))
        return await self._refinery.refine(emails, known)

    async def aclose(self) -> None:
        """Nothing is held; whose refinery it is, ends it."""


def recall(tx: Transaction, bucket_id: BucketId, emails: Sequence[Email]) -> list[Known]:
    """Say what is known of each of these emails."""
    seen = habits.of(tx, bucket_id, _whose(emails))
    parents = {
        identity.comment_id(email.in_reply_to) for email in emails if email.in_reply_to is not None
    }
    lines = kept_emails.lines_of(tx, bucket_id, parents)
    repeated = {who: learning.repeated(found) for who, found in seen.items()}
    nothing: frozenset[int] = frozenset()
    known = []
    for email in emails:
        address, domain = _who(email)
        parent = identity.comment_id(email.in_reply_to) if email.in_reply_to is not None else None
        known.append(
            Known(
                signature=repeated.get(address, nothing),
                notice=repeated.get(domain, nothing),
                parent=nothing if parent is None else lines.get(parent, nothing),
            )
        )
    return known


def learn(
    tx: Transaction, bucket_id: BucketId, refined: Iterable[tuple[CommentId, Email, Refined]]
) -> None:
    """Remember how these emails end. Done again, it changes nothing."""
    new = [(comment_id, email, words.tail) for comment_id, email, words in refined if words.tail]
    seen = habits.of(tx, bucket_id, _whose(email for _, email, _ in new))
    changed: dict[str, dict[int, int]] = {}
    for comment_id, email, tail in sorted(new, key=lambda one: one[0]):
        address, domain = _who(email)
        for who, witness in ((address, comment_id), (domain, address)):
            found = seen.setdefault(who, {})
            if who and learning.learn(found, tail, zlib.crc32(witness.encode())):
                changed[who] = found
    habits.put(tx, bucket_id, changed)


def _whose(emails: Iterable[Email]) -> Collection[str]:
    return {who for email in emails for who in _who(email)} - {""}


def _who(email: Email) -> tuple[str, str]:
    """Name the sender, and his domain with its @; both are empty where there is none."""
    sender = email.from_ or email.sender
    address = sender.address.lower() if sender else ""
    _, at, domain = address.rpartition("@")
    return (address, f"@{domain}") if at and domain else ("", "")
