import pytest
from hypothesis import given, strategies as st

from mailmine.api.attachments import _disposition, _media_type, _range
from mailmine.api.errors import RangeError


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("bytes=4-400", (4, 10)),
        ("bytes=5-4", None),
        ("bytes=0-1,3-4", None),
        ("bytes=-", None),
        ("lines=1-2", None),
        ("", None),
    ],
)
def test_ranges(header: str, expected: tuple[int, int] | None) -> None:
    assert _range(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=11-12", "bytes=-0"])
def test_ranges_outside(header: str) -> None:
    with pytest.raises(RangeError, match="10 bytes"):
        _range(header, 10)


@given(st.text())
def test_the_name_of_a_file_never_breaks_the_header(name: str) -> None:
    header = _disposition(name)
    assert header.startswith('attachment; filename="')
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


def test_the_name_of_a_file_arrives() -> None:
    assert (
        _disposition('Über "x".pdf')
        == "attachment; filename=\"_ber _x_.pdf\"; filename*=UTF-8''%C3%9Cber%20%22x%22.pdf"
    )


def test_the_name_of_a_file_does_not_deceive() -> None:
    header = _disposition("../invoice\u202efdp.exe")
    assert header == (
        "attachment; filename=\".._invoice_fdp.exe\"; filename*=UTF-8''.._invoice_fdp.exe"
    )
    long = _disposition("x" * 9000 + ".pdf")
    assert ".pdf" in long
    assert len(long) < 400
    assert _disposition("") == "attachment; filename=\"attachment\"; filename*=UTF-8''attachment"


def test_odd_content_types_are_not_passed_on() -> None:
    assert _media_type("Application/PDF") == "application/pdf"
    assert _media_type(".pdf") == "application/octet-stream"
    assert _media_type("text/html\r\nX: y") == "application/octet-stream"
