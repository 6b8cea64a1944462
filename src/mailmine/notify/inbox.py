"""What a person was told in the app, for the pages and the API: never more than he may see now."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection as Transaction

from mailmine.model.notice import Notice
from mailmine.notify import words
from mailmine.notify.audience import MaySee
from mailmine.notify.words import Letter
from mailmine.store import deliveries
from mailmine.store.users import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One message in the app."""

    id: str
    at: datetime
    is_read: bool
    letter: Letter
    notices: tuple[Notice, ...]


def of(
    tx: Transaction, user: User, may_see: MaySee, *, limit: int, public_url: str = ""
) -> tuple[Told, ...]:
    """List what a person was told, the latest first."""
    told = []
    for delivery in deliveries.inbox(tx, user.id, limit):
        seen = tuple(one for one in delivery.notices if may_see(user, one.project))
        if seen:
            told.append(
                Told(
                    id=delivery.id,
                    at=delivery.created_at,
                    is_read=delivery.read_at is not None,
                    letter=words.write(seen, public_url=public_url),
                    notices=seen,
                )
            )
    return tuple(told)
