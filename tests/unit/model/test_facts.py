"""What a comment is found by."""

from datetime import UTC, datetime

import msgspec
import pytest

from mailmine.model.comment_filter import CommentFilter, People, address
from mailmine.model.facts import Wanted, answer, of_filter


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("Weber, Jonas <jonas@weber.example>", "jonas@weber.example"),
        ('"Weber" <a@b>', "a@b"),
        ("a@b", "a@b"),
        ("Only a name", "Only a name"),
        ("a < b", "a < b"),
        ("<>", ""),
    ],
)
def test_the_address_is_what_stands_in_brackets(written: str, found: str) -> None:
    assert address(written) == found


def test_a_comma_in_a_name_hides_no_domain() -> None:
    people = People(domain_one_of=("weber.example",))
    assert people.matches(["Weber, Jonas <jonas@weber.example>"])


@pytest.mark.parametrize(
    ("seconds", "name"),
    [(0, "1h"), (3_599, "1h"), (3_600, "4h"), (86_400, "3d"), (10**9, "later"), (None, "none")],
)
def test_a_response_time_has_a_name(seconds: float | None, name: str) -> None:
    assert answer(seconds) == name


def test_a_selection_becomes_the_filter_of_a_stream_and_back() -> None:
    wanted = Wanted(
        since=datetime(2026, 1, 1, tzinfo=UTC),
        until=datetime(2026, 2, 1, tzinfo=UTC),
        chosen={
            "sender": frozenset({"a@b"}),
            "domain": frozenset({"b"}),
            "string:Folder": frozenset({"Inbox (/ Inbox)", "Done (/ Done)"}),
            "number:Messages": frozenset({"1"}),
        },
    )
    written, left = wanted.as_filter()
    assert left == ()
    assert of_filter(written) == wanted
    comment = {
        "timestamp": "2026-01-31T23:59:59Z",
        "messages": [{"from": "A <A@B>"}],
        "user_properties": {"string:Folder": "Done (/ Done)", "number:Messages": 1},
    }
    assert written.matches(comment)
    assert not written.matches(comment | {"timestamp": "2026-02-01T00:00:00Z"})


def test_what_no_stream_can_filter_by_is_named() -> None:
    wanted = Wanted(words="order", chosen={"language": frozenset({"de"}), "hour": frozenset({"1"})})
    written, left = wanted.as_filter()
    assert (written, left) == (CommentFilter(), ("words", "language", "hour"))


def test_a_filter_that_says_more_is_not_read() -> None:
    odd = msgspec.convert({"messages": {"to": {"one_of": ["a@b"]}}}, CommentFilter)
    assert of_filter(odd) is None
