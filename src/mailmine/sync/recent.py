"""What is kept of the rounds of a mailbox, for whoever looks at it, whichever process reads it.

Of rounds in a row in which nothing happened only the first is kept, so that an idle mailbox writes nothing more; when it
was read last stands with the mailbox.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection as Transaction

from mailmine import metrics
from mailmine.model.ids import MailboxId
from mailmine.model.past_round import PastRound
from mailmine.store import rounds
from mailmine.sync.report import Ending, Report


class Recent:
    """Knows of the mailboxes that this process reads which were idle last."""

    def __init__(self) -> None:
        self._idle: set[MailboxId] = set()

    def over(self, mailbox_id: MailboxId, past: PastRound) -> Callable[[Transaction], None] | None:
        """Tell what is to be written of a round that is over; None: nothing."""
        if not _is_idle(past):
            self._idle.discard(mailbox_id)
        elif mailbox_id in self._idle:
            return None
        else:
            self._idle.add(mailbox_id)
        return partial(rounds.add, mailbox_id=mailbox_id, past=past)

    def forget(self, mailbox_id: MailboxId) -> None:
        """Know no more of a mailbox."""
        self._idle.discard(mailbox_id)


def past(report: Report, tally: metrics.Tally, *, at: datetime, took: timedelta) -> PastRound:
    """Sum a round up."""
    taken = report.taken
    return PastRound(
        at=at,
        took=took,
        ending=report.ending,
        new=taken.new,
        moved=taken.moved,
        gone=taken.gone,
        failed=taken.failed,
        requests=tally.requests,
        octets=tally.bytes,
        throttled=tally.throttled,
        code=report.fault.code if report.fault else tally.code,
        answers=dict(tally.answers),
    )


def _is_idle(past: PastRound) -> bool:
    happened = past.new or past.moved or past.gone or past.failed or past.code
    return past.ending == Ending.DONE and not happened
