from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from mailmine.model.email import Address
from mailmine.refine import headers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain\r\n folded", "plain folded"),
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?iso-8859-1?Q?Gr=FC=DFe?= from =?utf-8?B?w4Ru?=", "Grüße from Än"),
        ("=?utf-8?q?one?= \r\n =?utf-8?q?_two?=", "one two"),
        ("=?utf-8?q?Fr=C3?= =?utf-8?q?=B6sche?=", "Frösche"),  # a character cut in two
        ("=?utf-8*de?q?sch=C3=B6n?=", "schön"),
        ("=?x-nothing?q?caf=C3=A9?=", "café"),
        ("=?broken", "=?broken"),
    ],
)
def test_decoding(value: str, text: str) -> None:
    assert headers.decode(value) == text


@given(st.text(max_size=200))
def test_decoding_never_raises(value: str) -> None:
    headers.decode(value).encode()


def test_raw_bytes_are_read_in_the_charset_of_the_text() -> None:
    raw = "Привет".encode("koi8-r").decode("ascii", "surrogateescape")
    assert headers.decode(raw, "koi8-r") == "Привет"


def test_a_raw_header_may_be_all_ascii_and_japanese() -> None:
    raw = "日本語".encode("iso2022_jp").decode("ascii")
    assert headers.decode(raw) == headers.decode(raw, "iso-2022-jp") == "日本語"


@pytest.mark.parametrize(
    ("value", "people"),
    [
        ("Ann <ann@example.com>", [("Ann", "ann@example.com")]),
        ("ann@example.com", [("", "ann@example.com")]),
        ('"Smith, Ann" <ann@example.com>, bob@example.com', [("Smith, Ann", "ann@example.com"), ("", "bob@example.com")]),
        ("ann@example.com (Ann)", [("Ann", "ann@example.com")]),
        ("Team: ann@example.com, Bob <bob@example.com>;", [("", "ann@example.com"), ("Bob", "bob@example.com")]),
        ("undisclosed-recipients:;", []),
        ("Ann <ann@example.com>; Bob <bob@example.com>", [("Ann", "ann@example.com"), ("Bob", "bob@example.com")]),
        ("=?utf-8?q?J=C3=BCrgen?= <j@example.com>", [("Jürgen", "j@example.com")]),
        ('"Ann \\"the boss\\" S" <ann@example.com>', [('Ann "the boss" S', "ann@example.com")]),
        ("<ann@example.com>", [("", "ann@example.com")]),
        ("Ann <ann@example.com", [("Ann", "ann@example.com")]),
        ("Nobody", [("Nobody", "")]),
        ("", []),
    ],
)  # fmt: skip
def test_addresses(value: str, people: list[tuple[str, str]]) -> None:
    assert headers.addresses(value) == tuple(Address(*one) for one in people)


@given(st.text(max_size=200))
def test_addresses_never_raise(value: str) -> None:
    assert all(one.name or one.address for one in headers.addresses(value))


def test_addresses_have_a_limit() -> None:
    many = ", ".join(f"a{n}@b.c" for n in range(3_000))
    assert len(headers.addresses(many)) == headers.MAX_ADDRESSES


def test_message_ids() -> None:
    assert headers.message_id(" <a@b>\r\n") == "<a@b>"
    assert headers.message_id("") is None
    assert headers.message_id("<>") is None
    assert headers.message_id("no-brackets@b") == "no-brackets@b"
    assert headers.message_ids("<a@b>\r\n\t<c@d> junk <a@b>") == ("<a@b>", "<c@d>")


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("Tue, 3 Mar 2026 10:15:00 +0100", datetime(2026, 3, 3, 9, 15, tzinfo=UTC)),
        ("Tue, 3 Mar 2026 10:15:00 -0000", datetime(2026, 3, 3, 10, 15, tzinfo=UTC)),
        ("3 Mar 2026 10:15:00 +0000 (UTC)", datetime(2026, 3, 3, 10, 15, tzinfo=UTC)),
        ("2026-03-03T10:15:00+02:00", datetime(2026, 3, 3, 8, 15, tzinfo=UTC)),
        ("yesterday", None),
        ("Tue, 3 Mar 0000 10:15:00 +9999", None),
        ("", None),
    ],
)
def test_dates(value: str, moment: datetime | None) -> None:
    assert headers.date(value) == moment


@given(st.text(max_size=60))
def test_dates_never_raise_and_are_utc(value: str) -> None:
    moment = headers.date(value)
    assert moment is None or moment.tzinfo is UTC
