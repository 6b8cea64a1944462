from datetime import UTC, datetime, timedelta

import pytest

from mailmine.web import words

NOW = datetime(2026, 11, 23, 14, 32, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (timedelta(seconds=-3), "0 s ago"),
        (timedelta(seconds=2), "2 s ago"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(minutes=5, seconds=50), "5 min ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=12), "12 d ago"),
    ],
)
def test_how_long_ago(age: timedelta, said: str) -> None:
    assert words.ago(NOW - age, NOW) == said


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (datetime(2026, 11, 23, 0, 5, tzinfo=UTC), "00:05"),
        (datetime(2026, 11, 3, 12, 0, tzinfo=UTC), "3 Nov"),
        (datetime(2024, 11, 3, 12, 0, tzinfo=UTC), "3 Nov 2024"),
    ],
)
def test_when_gives_no_more_than_is_needed(at: datetime, said: str) -> None:
    assert words.when(at, NOW) == said


@pytest.mark.parametrize(
    ("octets", "said"),
    [(0, "0 B"), (812, "812 B"), (1_434, "1.4 KB"), (84_213, "82 KB"), (3 * 1024**3, "3.0 GB")],
)
def test_sizes(octets: int, said: str) -> None:
    assert words.size(octets) == said


def test_a_disguised_name_shows_its_disguise() -> None:
    assert words.plain("invoice\u202egpj.exe") == "invoice\ufffdgpj.exe"
    assert words.plain("pay\u200bpal \n support") == "pay\ufffdpal support"


@pytest.mark.parametrize(
    ("person", "said"),
    [
        ("Ann Lee <ann@example.com>", "Ann Lee"),
        ('"Lee, Ann" <ann@example.com>', "Lee, Ann"),
        ("ann@example.com", "ann@example.com"),
        (" <ann@example.com>", "<ann@example.com>"),
        (None, "(unknown sender)"),
        ("", "(unknown sender)"),
    ],
)
def test_a_sender_goes_by_name(person: str | None, said: str) -> None:
    assert words.name_of(person) == said


def test_an_address_stands_apart_from_its_name() -> None:
    assert words.address_of("Ann Lee <ann@example.com>") == "ann@example.com"
    assert words.address_of("ann@example.com") == ""
    assert words.address_of(None) == ""


def test_a_folder_is_told_by_its_path() -> None:
    assert words.folder_path("Orders (/ Inbox / Orders)") == "Inbox / Orders"
    assert words.folder_path("Odd (name)") == "Odd (name)"


def test_first_words_are_one_line() -> None:
    assert words.first_words("Dear all,\n\n\tthe  truck\u00a0waits") == "Dear all, the truck waits"
    assert len(words.first_words("word " * 10_000)) <= words.FIRST_WORDS


@pytest.mark.parametrize("text", [None, "", " \u200b\n"])
def test_what_cannot_be_seen_is_blank(text: str | None) -> None:
    assert words.is_blank(text)
    assert not words.is_blank(f"{text}.")
