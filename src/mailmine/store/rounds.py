"""The last rounds of each mailbox, for whoever looks at it."""

from typing import Final

from sqlalchemy import Connection, delete, select

from mailmine.model.ids import MailboxId
from mailmine.model.past_round import PastRound
from mailmine.store.schema import rounds
from mailmine.store.upsert import upsert

MOST: Final = 20
"""Rounds of a mailbox that are kept."""


def add(tx: Connection, mailbox_id: MailboxId, past: PastRound) -> None:
    """Keep a round, and forget the oldest beyond `MOST`. Raises NotFound if there is no such mailbox."""
    row = {"mailbox_id": mailbox_id, "began_at": past.at, "past": past}
    tx.execute(upsert(tx, rounds, key=("mailbox_id", "began_at"), change=("past",)).values(**row))
    is_of_it = rounds.c.mailbox_id == mailbox_id
    oldest = (
        select(rounds.c.began_at)
        .where(is_of_it)
        .order_by(rounds.c.began_at.desc())
        .offset(MOST - 1)
        .limit(1)
        .scalar_subquery()
    )
    tx.execute(delete(rounds).where(is_of_it, rounds.c.began_at < oldest))


def of_mailbox(tx: Connection, mailbox_id: MailboxId) -> tuple[PastRound, ...]:
    """List the rounds of a mailbox that are kept, the latest first."""
    kept = select(rounds.c.past).where(rounds.c.mailbox_id == mailbox_id)
    return tuple(tx.execute(kept.order_by(rounds.c.began_at.desc())).scalars())
