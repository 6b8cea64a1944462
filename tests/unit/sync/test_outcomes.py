from hypothesis import given, strategies as st

from mailmine.sync.outcomes import Outcomes
from mailmine.sync.settings import WarningSettings

FEW = WarningSettings(failed_of=20, failed_in_a_row=4)


def is_bad(failed: list[bool]) -> bool:
    """Look at every stretch of emails, as the rule is told."""
    ends = range(1, len(failed) + 1)
    in_a_row = any(end >= 4 and all(failed[end - 4 : end]) for end in ends)
    return in_a_row or any(end >= 20 and sum(failed[end - 20 : end]) > 3 for end in ends)


@given(st.lists(st.lists(st.sampled_from([False, False, False, True]), max_size=30), max_size=6))
def test_too_many_of_the_last_or_too_many_in_a_row_are_bad(pages: list[list[bool]]) -> None:
    outcomes = Outcomes(FEW)
    for page in pages:
        outcomes.add(page)
    assert outcomes.is_bad is is_bad([one for page in pages for one in page])


def test_fifteen_of_a_hundred_are_not_too_many_and_sixteen_are() -> None:
    outcomes = Outcomes()
    outcomes.add(number % 7 == 0 for number in range(1, 101))
    outcomes.add([True])
    assert outcomes.failed == 15
    assert not outcomes.is_bad
    outcomes.add([True])
    assert outcomes.is_bad


def test_few_emails_say_nothing_yet() -> None:
    outcomes = Outcomes()
    outcomes.add([True] * 9 + [False] + [True] * 9)
    assert not outcomes.is_bad
    outcomes.add([True])
    assert outcomes.is_bad


def test_after_a_pause_it_begins_anew() -> None:
    outcomes = Outcomes()
    outcomes.add([True] * 10)
    outcomes.clear()
    outcomes.add([True] * 9)
    assert not outcomes.is_bad
