from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options
from hypothesis import given, strategies as st

from mailmine.refine import cms
from tests.sealed_mail import INSIDE, envelope, signature


def value(tag: int, *inside: bytes, is_open: bool = False) -> bytes:
    """Write a value of BER; an open one ends by a mark."""
    content = b"".join(inside)
    if is_open:
        return bytes([tag, 0x80]) + content + b"\x00\x00"
    return bytes([tag, 0x84]) + len(content).to_bytes(4) + content


DATA = value(0x06, bytes.fromhex("2a864886f70d010701"))


def signed(content: bytes, *, is_open: bool = True) -> bytes:
    """Write a signature as programs write it that do not know how long the mail will be."""
    inside = value(0x30, DATA, value(0xA0, content, is_open=is_open), is_open=is_open)
    digests = value(0x31, value(0x30, DATA, is_open=is_open), is_open=is_open)
    body = value(0x30, value(0x02, b"\x01"), digests, inside, is_open=is_open)
    of_kind = value(0x06, cms.Kind.SIGNED.value)
    return value(0x30, of_kind, value(0xA0, body, is_open=is_open), is_open=is_open)


def test_the_content_of_a_signature() -> None:
    data = signature()
    assert cms.kind(data) is cms.Kind.SIGNED
    assert cms.signed_content(data) == INSIDE


def test_a_signature_apart_from_its_mail_has_no_content() -> None:
    assert cms.signed_content(signature(INSIDE, PKCS7Options.DetachedSignature)) is None


def test_what_is_encrypted_is_told_by_its_beginning() -> None:
    data = envelope()
    assert cms.kind(data[: cms.BEGINNING]) is cms.Kind.ENVELOPED
    assert cms.signed_content(data) is None


def test_content_in_pieces_with_end_marks() -> None:
    pieces = [value(0x04, b"Subject"), value(0x24, value(0x04, b": "), is_open=True)]
    for is_open in (True, False):
        content = value(0x24, *pieces, value(0x04, b"x"), is_open=is_open)
        assert cms.signed_content(signed(content, is_open=is_open)) == b"Subject: x"


def test_what_breaks_off_has_no_content() -> None:
    data = signed(value(0x04, b"words"))
    end = data.index(b"words") + 5
    assert cms.signed_content(data[:end]) == b"words"  # the mail is whole, its signature is not
    assert [cms.signed_content(data[:size]) for size in range(end)] == [None] * end


def test_pieces_within_pieces_have_a_bound() -> None:
    deep = value(0x04, b"x")
    for _ in range(10_000):
        deep = b"\x24\x80" + deep
    assert cms.signed_content(signed(deep)) is None
    assert cms.signed_content(b"\x30\x80" * 10_000) is None


@given(st.binary(max_size=200), st.integers(0, 200))
def test_nothing_makes_it_raise(junk: bytes, at: int) -> None:
    data = signed(value(0x24, value(0x04, b"words"), is_open=True))
    for attempt in (junk, data[:at] + junk, data[:at] + junk + data[at + len(junk) :]):
        cms.kind(attempt)
        cms.signed_content(attempt)
