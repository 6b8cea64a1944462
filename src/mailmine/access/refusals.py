"""Writes refused sign-ins into the audit log, in few rows: whoever asks without end fills no database."""

from datetime import datetime, timedelta
from typing import Final

from mailmine.store import events, settings
from mailmine.store.database import Database
from mailmine.store.events import Detail
from mailmine.store.users import User

KIND: Final = "sign_in_refused"

EACH: Final = 10
"""Refusals of one account within `WINDOW` that are a row each; after them the 100th, the 1,000th and so on are."""

WINDOW: Final = timedelta(hours=1)
"""Counted from the first of them."""

_PREFIX: Final = "refused_sign_ins:"


def note(database: Database, user: User | None, *, at: datetime, detail: Detail) -> None:
    """Note that somebody was refused: as `user`, or as nobody known. Raises StoreError.

    All names that are no account count as one, and are not written down: people type their password where their name goes.
    Never within a transaction: it stays, whatever becomes of the request.
    """
    name = f"{_PREFIX}{user.id if user else ''}"
    while True:
        with database.write() as tx:
            settings.remove_older(tx, _PREFIX, _written(at - WINDOW))
            old = settings.get(tx, name)
            since, _, number = (old or f"{_written(at)} 0").partition(" ")
            count = int(number) + 1
            if not settings.swap(tx, name, old=old, new=f"{since} {count}"):
                continue  # another process counted at the same time
            if count <= EACH or str(count).rstrip("0") == "1":
                more = {"times": count} if count > EACH else {}
                user_id = user.id if user else None
                events.append(tx, KIND, at=at, user_id=user_id, detail={**detail, **more})
            return


def _written(moment: datetime) -> str:
    """Write it so that texts have the order of time."""
    return moment.isoformat(timespec="microseconds")
