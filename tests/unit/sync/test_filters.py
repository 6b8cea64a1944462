from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from mailmine.model.email import Address, Email, Metadata
from mailmine.model.integration import Filters
from mailmine.sync.filters import is_email_wanted, is_folder_wanted, is_recent_enough

paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(tuple)


def test_a_folder_stands_for_its_subtree_in_any_case() -> None:
    filters = Filters(folder_allowlist=(("INBOX",),), folder_denylist=(("Inbox", "private"),))
    for path in [("Inbox",), ("Inbox", "Orders")]:
        assert is_folder_wanted(path, filters)
    for path in [("inbox", "Private"), ("Inbox", "PRIVATE", "Deep"), ("Sent Items",)]:
        assert not is_folder_wanted(path, filters)


@given(paths, paths)
def test_deny_beats_allow(path: tuple[str, ...], listed: tuple[str, ...]) -> None:
    both = Filters(folder_allowlist=(listed,), folder_denylist=(listed,))
    assert not is_folder_wanted(path, both)


@given(paths)
def test_empty_lists_want_all(path: tuple[str, ...]) -> None:
    assert is_folder_wanted(path, Filters())


EMAIL = Email(
    message_id=None,
    from_=Address("Ann", "Ann@Example.com"),
    to=(Address("", "orders@shop.example"),),
    cc=(Address("Bob", "bob@other.example"),),
)


@pytest.mark.parametrize(
    ("filters", "is_wanted"),
    [
        (Filters(), True),
        (Filters(participant_allowlist=("ann@example.com",)), True),
        (Filters(participant_allowlist=("eve@example.com",)), False),
        (Filters(participant_domain_allowlist=("OTHER.example",)), True),
        (Filters(participant_domain_allowlist=("@other.example",)), True),
        (Filters(participant_domain_allowlist=("example",)), False),
        (Filters(participant_denylist=("BOB@other.example",)), False),
        (Filters(participant_domain_denylist=("shop.example",)), False),
        (
            Filters(
                participant_allowlist=("ann@example.com",),
                participant_domain_denylist=("other.example",),
            ),
            False,
        ),
        (
            Filters(
                participant_allowlist=("eve@example.com",),
                participant_domain_allowlist=("other.example",),
            ),
            True,
        ),
    ],
)
def test_people_and_domains(filters: Filters, *, is_wanted: bool) -> None:
    assert is_email_wanted(EMAIL, filters) is is_wanted


def test_the_start_counts_when_the_email_was_received() -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    early = datetime(2026, 2, 28, tzinfo=UTC)
    assert not is_recent_enough(EMAIL, Metadata(received_at=early), start)
    assert is_recent_enough(EMAIL, Metadata(received_at=start), start)
    assert is_recent_enough(EMAIL, Metadata(), start)
    assert is_recent_enough(EMAIL, Metadata(received_at=early), None)
