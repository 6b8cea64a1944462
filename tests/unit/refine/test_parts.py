from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st

from mailmine.refine import parts
from mailmine.refine.parts import Part


def leaves(part: Part) -> Iterator[tuple[str, bytes]]:
    if not part.children:
        yield part.content_type, part.content
    for child in part.children:
        yield from leaves(child)


def read(*lines: str) -> list[tuple[str, bytes]]:
    return list(leaves(parts.read("\n".join(lines).encode())))


MIXED = "Content-Type: multipart/mixed; boundary=%s"
HTML = "Content-Type: text/html"


def test_a_boundary_that_begins_like_another() -> None:
    found = read(
        *(MIXED % "ab", "", "--ab", MIXED % "a", "", "--a", "", "one"),
        *("--ab", HTML, "", "two", "--ab--"),
    )
    assert found == [("text/plain", b"one"), ("text/html", b"two")]


def test_the_line_break_before_a_delimiter_belongs_to_it() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n\r\n--b\r\n\r\ntwo\r\n--b--\r\nend"
    assert [content for _, content in leaves(parts.read(raw))] == [b"one\r\n", b"two"]


def test_what_has_no_end_ends_with_the_email() -> None:
    assert read(MIXED % "b", "", "--b", HTML, "", "one", "") == [("text/html", b"one\n")]


def test_a_last_delimiter_behind_the_last_words_is_none_of_them() -> None:
    assert read(MIXED % "b", "", "--b", "", "one--b--", "") == [("text/plain", b"one")]


def test_what_looks_like_a_delimiter_within_the_words_is_none() -> None:
    assert read(MIXED % "b", "", "--b", "", "one--b--two", "--b--") == [
        ("text/plain", b"one--b--two")
    ]
    assert read(MIXED % "b", "", "--b", "", "one--b--", "--b--") == [("text/plain", b"one--b--")]


def test_a_multipart_within_one_with_the_same_boundary() -> None:
    found = read(
        *(MIXED % "b", "", "--b", MIXED % "b", "", "--b", "", "one", "--b--"),
        *("--b", HTML, "", "two", "--b--"),
    )
    assert found == [("text/plain", b"one"), ("text/html", b"two")]


def test_parts_of_a_multipart_that_was_ended_too_early() -> None:
    found = read(
        *(MIXED % "out", "", "--out", MIXED % "in", "", "--in", "", "one"),
        *("--out", "", "two", "--in", "", "three", "--in--", "--out", "", "four", "--out--"),
    )
    assert [content for _, content in found] == [b"one", b"two", b"three", b"four"]


@pytest.mark.parametrize(
    "named",
    ['Content-Type: multipart/mixed; boundary="Other"', "Content-Type: multipart/mixed"],
    ids=["wrong", "missing"],
)
def test_a_boundary_that_does_not_occur_is_guessed(named: str) -> None:
    found = read(named, "", "Hello", "-- no", "--b", HTML, "", "one", "--b", "", "two", "--b--")
    assert found == [("text/html", b"one"), ("text/plain", b"two")]


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Type: multipart/mixed", '\tboundary="b"'),
        ("Content-Type: multipart/mixed;", 'boundary="b"'),
        ("Content-Type : multipart/mixed; boundary=b",),
        ("Content-Type: multipart/mixed; boundary*0=b",),
        ('content-type: MULTIPART/MIXED; charset="x" ;; Boundary = "b " ',),
    ],
)
def test_ways_to_name_a_boundary(lines: tuple[str, ...]) -> None:
    assert read(*lines, "", "--b", HTML, "", "one", "--b--") == [("text/html", b"one")]


def test_a_folded_boundary_keeps_its_space() -> None:
    found = read(
        'Content-Type: multipart/mixed; boundary="b', ' c"', "", "--b c", "", "one", "--b c--"
    )
    assert found == [("text/plain", b"one")]


def test_a_broken_header_does_not_end_the_headers() -> None:
    raw = b"Received: x\nSubject: a long\nline that lost its indent\nFrom: a@b\nno header: here\n\nbody"
    part = parts.read(raw)
    assert part.get("subject").split() == ["a", "long", "line", "that", "lost", "its", "indent"]
    assert part.get("From") == "a@b"
    assert part.body == b"no header: here\n\nbody"


def test_a_blank_line_that_is_missing() -> None:
    assert read(MIXED % "b", "", "--b", HTML, "<p>one", "--b", HTML, "--b--") == [
        ("text/html", b"<p>one"),
        ("text/html", b""),
    ]


def test_obsolete_headers() -> None:
    part = parts.read(b"Subject :One\n  \n two\nDate\t: x\n\nbody")
    assert part.get("Subject").split() == ["One", "two"]
    assert part.get("Date") == "x"
    assert part.body == b"body"


def test_a_mailbox_files_first_line_is_left_out() -> None:
    assert parts.read(b"\n\nFrom a@b Fri Feb 22 17:06:23 2008\nSubject: x\n\nbody").headers == [
        ("Subject", "x")
    ]


def test_messages_in_any_depth_and_encoding() -> None:
    inner = "Subject: inner\nContent-Type: text/html\n\n<p>"
    encoded = "U3ViamVjdDogaW5uZXIKQ29udGVudC1UeXBlOiB0ZXh0L2h0bWwKCjxwPg=="
    message = "Content-Type: message/rfc822"
    assert read(message, "", message, "", inner) == [("text/html", b"<p>")]
    assert read(message, "Content-Transfer-Encoding: base64", "", encoded) == [
        ("text/html", b"<p>")
    ]


def test_a_message_inside_stays_as_it_is() -> None:
    inner = b"Subject:  odd\r\n  folds\r\nX:\r\n\r\nbody \r\n"
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n%s\r\n--b--"
    (message,) = parts.read(raw % inner).children
    assert message.content == inner


def test_a_digest_holds_messages() -> None:
    (message,) = parts.read(
        b"Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\nbody\n--b--"
    ).children
    assert message.content_type == "message/rfc822"
    assert message.children[0].get("Subject") == "one"


def test_nesting_is_followed_so_far() -> None:
    raw = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(2_000)
    )
    part, depth = parts.read(raw), 0
    while part.children:
        part, depth = part.children[0], depth + 1
    assert depth == parts.MAX_DEPTH


@given(st.binary(max_size=500), st.text("-b\n :;=", max_size=100))
def test_nothing_makes_it_raise(data: bytes, ending: str) -> None:
    raw = (MIXED % "b").encode() + b"\n\n--b\n" + data + b"\n--b" + ending.encode()
    assert list(leaves(parts.read(raw))) == list(leaves(parts.read(raw)))
