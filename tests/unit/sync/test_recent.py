from datetime import UTC, datetime, timedelta

from mailmine.metrics import Tally
from mailmine.model.ids import MailboxId
from mailmine.model.past_round import PastRound
from mailmine.sync import recent
from mailmine.sync.recent import Recent
from mailmine.sync.report import Ending, Report

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BOX = MailboxId("a")


def past(*, new: int = 0, ending: Ending = Ending.DONE) -> PastRound:
    report, tally = Report(ending=ending), Tally(requests=2)
    report.taken.new = new
    tally.answers["200"] += 1
    tally.answers["503"] += 1
    return recent.past(report, tally, at=NOON, took=timedelta(seconds=1))


def test_a_round_is_summed_up() -> None:
    found = past(new=3)
    assert (found.new, found.requests, found.ending) == (3, 2, "done")
    assert found.answers == {"200": 1, "503": 1}


def test_of_idle_rounds_in_a_row_the_first_is_kept() -> None:
    known = Recent()
    rounds = [past(new=3), past(), past(), past(ending=Ending.FAILED), past(), past()]
    kept = [known.over(BOX, one) is not None for one in rounds]
    assert kept == [True, True, False, True, True, False]


def test_each_mailbox_is_idle_for_itself() -> None:
    known = Recent()
    assert known.over(BOX, past()) is not None
    assert known.over(MailboxId("b"), past()) is not None
