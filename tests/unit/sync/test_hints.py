from datetime import timedelta

from mailmine.sync.hints import MOST, PROOFS, Hints

QUARTER = timedelta(minutes=15)


def told(times: int) -> Hints:
    hints = Hints()
    for _ in range(times):
        hints.told()
    return hints


def test_the_more_hints_told_the_longer_they_are_relied_on() -> None:
    found = [
        told(times).full_pass(QUARTER) for times in (0, PROOFS - 1, PROOFS, 3 * PROOFS, 10_000)
    ]
    assert found == [QUARTER, QUARTER, 2 * QUARTER, 4 * QUARTER, MOST * QUARTER]


def test_what_is_empty_is_left_alone_for_the_longest_time() -> None:
    assert told(0).full_pass(QUARTER, is_empty=True) == MOST * QUARTER


def test_one_that_kept_something_back_takes_all_trust() -> None:
    hints = told(10_000)
    hints.kept_back()
    assert hints.full_pass(QUARTER) == QUARTER
