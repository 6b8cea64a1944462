import pytest
from hypothesis import given, strategies as st

from mailmine.refine import rtf
from mailmine.refine.rtf import Document

PACKED = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
)
"""MS-OXRTFCP, 3.2.1."""
REPEATS = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")
"""Ibid., 3.2.2: a reference to what it itself unpacks."""


def text(words: str) -> str:
    return rtf.read(rb"{\rtf1\ansi\ansicpg1252" + words.encode() + b"}").text


@pytest.mark.parametrize(
    ("packed", "unpacked"),
    [
        (PACKED, b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"),
        (REPEATS, b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"),
        (b"\x10\0\0\0\x04\0\0\0MELA\0\0\0\0{\\r}", b"{\\r}"),
        (b"\x10\0\0\0\x04\0\0\0none\0\0\0\0{\\r}", b""),
        (b"short", b""),
    ],
    ids=["packed", "repeats", "not packed", "neither", "short"],
)
def test_unpacking(packed: bytes, unpacked: bytes) -> None:
    assert rtf.unpack(packed) == unpacked


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (r"\pard One\par\tab two\line", "One\n\ttwo"),
        (r"{\fonttbl{\f0 Arial;}}{\*\generator X;}{\info{\title T}}Words", "Words"),
        (r"caf\'e9 \{x\} \\ a\~b", "café {x} \\ a\xa0b"),
        (r"\u8364?\uc2\u-10179??\u-8704??!", "€😀!"),
        (r"{\fonttbl{\f0 A;}{\f1\fcharset204 B;}}\f1\'cf\'f0\plain\'e9", "Прé"),
        (r"{\f0\fcharset128 x}{\pict\bin4 }}}}abc}words", "xwords"),
        (r"shown{\v hidden}{\deleted }", "shown"),
        ("one\r\ntwo", "onetwo"),
    ],
)
def test_text(words: str, shown: str) -> None:
    assert text(words) == shown


def test_html_is_had_again_word_for_word() -> None:
    words = (
        rb"{\rtf1\ansi\ansicpg1251\fromhtml1 \deff0{\fonttbl{\f0\fcharset204 Arial;}}"
        rb"{\*\htmltag18 <html>}{\*\htmltag34 <p class=\'22a\'22>}\htmlrtf {\f0 \htmlrtf0 "
        rb"\'cf\'f0{\*\htmltag84 &nbsp;}\htmlrtf \'a0\htmlrtf0 {\*\mhtmltag84 &amp;}"
        rb"\{x\}\htmlrtf\par}\htmlrtf0{\*\htmltag58 </html>}}"
    )
    assert rtf.read(words) == Document('<html><p class="a">Пр&nbsp;{x}</html>', is_html=True)


def test_a_large_one_is_cut() -> None:
    assert len(text("x" * rtf.MAX_SIZE + "yz")) < rtf.MAX_SIZE


@given(st.binary(max_size=300), st.text("\\{}'*u0f \n", max_size=100))
def test_nothing_makes_it_raise(data: bytes, words: str) -> None:
    rtf.unpack(PACKED[:16] + data)
    rtf.read(data)
    text(words).encode()
