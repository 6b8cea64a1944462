import struct

import pytest
from hypothesis import given, strategies as st

from mailmine.model.email import AttachmentKind
from mailmine.refine import mime, tnef

MESSAGE, ATTACHMENT = 0x00069003, 0x00069005
BEGINS, TITLE, DATA, CODE_PAGE = 0x00069002, 0x00018010, 0x0006800F, 0x00069007


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("<BII", 1, kind, len(value)) + value + b"\0\0"


def value(data: bytes) -> bytes:
    return struct.pack("<II", 1, len(data)) + data + b"\0" * (-len(data) % 4)


def text(name: int, words: str) -> bytes:
    return struct.pack("<HH", 0x1F, name) + value(words.encode("utf-16-le") + b"\0\0")


def binary(name: int, data: bytes) -> bytes:
    return struct.pack("<HH", 0x102, name) + value(data)


def number(name: int, what: int) -> bytes:
    return struct.pack("<HHI", 3, name, what)


def properties(*some: bytes) -> bytes:
    return struct.pack("<I", len(some)) + b"".join(some)


def wrapped(*attributes: bytes) -> bytes:
    return tnef.SIGNATURE + b"\1\0" + b"".join(attributes)


NAMED = struct.pack("<HH", 3, 0x8001) + b"G" * 16 + struct.pack("<III", 0, 7, 7)
NAMED_BY_TEXT = (
    struct.pack("<HH", 3, 0x8002)
    + b"G" * 16
    + struct.pack("<II", 1, 6)
    + b"a\0b\0\0\0\0\0"
    + b"\7\0\0\0"
)
INNER = wrapped(
    attribute(MESSAGE, properties(text(0x37, "Inside"), text(0x1000, "Inner words"))),
    attribute(BEGINS, b""),
    attribute(TITLE, b"deep.txt\0"),
    attribute(DATA, b"deep"),
)
WHOLE = wrapped(
    attribute(CODE_PAGE, struct.pack("<II", 1251, 0)),
    attribute(
        MESSAGE,
        properties(
            NAMED,
            NAMED_BY_TEXT,
            number(0x3FDE, 65001),
            text(0x1000, "Plain\r\nwords"),
            binary(0x1013, "<p>Grüße</p>".encode()),
        ),
    ),
    attribute(BEGINS, b""),
    attribute(TITLE, "Счёт~1.PDF\0".encode("cp1251")),
    attribute(DATA, b"%PDF"),
    attribute(
        ATTACHMENT,
        properties(text(0x3707, "Счёт.pdf"), text(0x370E, "application/pdf"), text(0x3712, "c@d")),
    ),
    attribute(BEGINS, b""),
    attribute(TITLE, b"Message\0"),
    attribute(ATTACHMENT, properties(struct.pack("<HH", 0x0D, 0x3701) + value(b"I" * 16 + INNER))),
)


def mail(data: bytes, *before: bytes) -> bytes:
    parts = (*before, b"Content-Type: application/ms-tnef; name=winmail.dat\n\n%s" % data)
    return b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n" + b"".join(
        b"--b\n%s\n" % part for part in (*parts, b"")
    )


def test_what_is_wrapped_is_the_emails_own() -> None:
    parsed = mime.parse(mail(WHOLE))
    email = parsed.email
    assert (email.text, email.html) == ("Plain\nwords", "<p>Grüße</p>")
    bill, message, deep = email.attachments
    assert (bill.name, bill.content_type, bill.content_id) == ("Счёт.pdf", "application/pdf", "c@d")
    assert bill.is_inline
    assert (message.name, message.kind) == ("Inside", AttachmentKind.ITEM)
    assert deep.name == "deep.txt"
    assert parsed.contents[0] == b"%PDF"
    assert parsed.contents[2] == b"deep"
    inside = mime.parse(parsed.contents[1]).email
    assert (inside.subject, inside.text) == ("Inside", "Inner words")


def test_a_text_beside_it_is_the_text() -> None:
    email = mime.parse(mail(WHOLE, b"\nBeside")).email
    assert (email.text, email.html) == ("Beside", "<p>Grüße</p>")


def test_rich_text_is_the_body_where_there_is_no_other() -> None:
    rich = b"\x1e\0\0\0\x0f\0\0\0MELA\0\0\0\0{\\rtf1 a\\par b}"
    email = mime.parse(mail(wrapped(attribute(MESSAGE, properties(binary(0x1009, rich)))))).email
    assert (email.text, email.html, email.attachments) == ("a\nb", None, ())


def test_what_only_has_its_name_stays_an_attachment() -> None:
    parsed = mime.parse(mail(b"something else"))
    assert [one.name for one in parsed.email.attachments] == ["winmail.dat"]
    assert parsed.contents == (b"something else",)


def test_what_breaks_off_is_read_as_far_as_it_goes() -> None:
    found = tnef.read(WHOLE[: WHOLE.index(b"%PDF") + 2])
    assert found is not None
    assert found.html == "<p>Grüße</p>"
    assert [one.content for one in found.attachments] == [b"%P"]


def test_messages_within_one_another_are_followed_so_far() -> None:
    data = wrapped()
    for _ in range(100):
        inside = struct.pack("<HH", 0x0D, 0x3701) + value(b"I" * 16 + data)
        data = wrapped(attribute(BEGINS, b""), attribute(ATTACHMENT, properties(inside)))
    found, depth = tnef.read(data), 0
    while found and found.attachments:
        found, depth = found.attachments[0].message, depth + 1
    assert depth == tnef.MAX_DEPTH + 1


@pytest.mark.parametrize("count", [0, 3, 0xFFFFFFFF])
def test_counts_are_not_believed(count: int) -> None:
    many = struct.pack("<HHI", 0x1003, 0x1234, count)
    assert tnef.read(wrapped(attribute(MESSAGE, properties(many)))) is not None


@given(st.integers(0, len(WHOLE)), st.binary(max_size=20))
def test_nothing_makes_it_raise(at: int, junk: bytes) -> None:
    tnef.read(WHOLE[:at] + junk + WHOLE[at + len(junk) :])
