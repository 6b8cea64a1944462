from datetime import UTC, datetime

import pytest

from mailmine.web.mailbox_lines import Line, moment, parse


def test_addresses_alone() -> None:
    found = parse("a@x.example\n\n  b@x.example  \n")
    assert [line.address for line in found.good] == ["a@x.example", "b@x.example"]
    assert [line.number for line in found.good] == [1, 3]
    assert found.wrong == ()


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_a_line_may_say_more(between: str) -> None:
    line = between.join(("a@x.example", "orders", "2026-01-31", "yes"))
    assert parse(line).good == (
        Line(
            number=1,
            address="a@x.example",
            bucket="orders",
            start_at=datetime(2026, 1, 31, tzinfo=UTC),
            attachments=True,
        ),
    )


def test_the_first_line_may_name_the_columns_in_any_order() -> None:
    found = parse("\ufeffBucket;Email;Start\n;a@x.example;\nb;b@x.example;2026-01-31T10:00+02:00\n")
    first, second = found.good
    assert (first.address, first.bucket, first.start_at) == ("a@x.example", None, None)
    assert (second.bucket, second.start_at) == ("b", datetime(2026, 1, 31, 8, tzinfo=UTC))


def test_what_is_wrong_names_its_line() -> None:
    found = parse("a@x.example\nnobody\nA@X.example\nb@x.example,,soon\nc@x.example,,,perhaps")
    assert [line.address for line in found.good] == ["a@x.example"]
    assert found.wrong == (
        "Line 2: 'nobody' is no address of a mailbox.",
        "Line 3: A@X.example stands in line 1 already.",
        "Line 4: 'soon' is no time: write it as 2026-01-31.",
        "Line 5: attachments are yes or no, not 'perhaps'.",
    )


def test_columns_without_addresses() -> None:
    assert parse("name;bucket\nx;y").wrong == (
        "Line 1 names columns, but none of them is called address.",
    )


@pytest.mark.parametrize("text", ["", "\n\n", " ; ;"])
def test_nothing_is_nothing(text: str) -> None:
    assert parse(text).good == ()


def test_beyond_the_calendar() -> None:
    with pytest.raises(ValueError, match="no time"):
        moment("0001-01-01T00:00:00+14:00")
