from datetime import UTC, datetime, timedelta

from mailmine.metrics import Tally
from mailmine.model.ids import MailboxId
from mailmine.sync import recent
from mailmine.sync.report import Ending, Report

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def note(mailbox: str, minute: int, *, new: int = 0, ending: Ending = Ending.DONE) -> None:
    report, tally = Report(ending=ending), Tally(requests=2)
    report.taken.new = new
    tally.answers["200"] += 1
    tally.answers["503"] += 1
    at = NOON + timedelta(minutes=minute)
    recent.note(MailboxId(mailbox), report, tally, at=at, took=timedelta(seconds=1))


def test_of_idle_rounds_in_a_row_the_last_is_kept() -> None:
    note("idle", 0, new=3)
    for minute in range(1, 5):
        note("idle", minute)
    note("idle", 5, ending=Ending.FAILED)
    known = recent.of(MailboxId("idle"))
    assert known is not None
    assert [one.at.minute for one in known.rounds] == [5, 4, 0]
    assert known.since == NOON
    assert known.answers == {"200": 6, "503": 6}


def test_only_the_last_rounds_are_kept() -> None:
    for minute in range(recent.MOST + 5):
        note("busy", minute, new=1)
    known = recent.of(MailboxId("busy"))
    assert known is not None
    assert len(known.rounds) == recent.MOST
    assert known.rounds[0].at.minute == recent.MOST + 4


def test_nothing_is_known_of_others() -> None:
    assert recent.of(MailboxId("elsewhere")) is None
