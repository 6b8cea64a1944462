"""Answers with characters that XML forbids."""

import pytest
from hypothesis import given, strategies as st
from lxml import etree

from mailmine.exchange.ews.xml import MalformedError, clean, parse


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"&#x1A;", "\ufffd"),
        (b"&#x0;&#0;&#xB;", "\ufffd\ufffd\ufffd"),
        (b"&#x0000000000000000000001A;", "\ufffd"),
        (b"&#99999999999;&#x1A;", "\ufffd\ufffd"),
        (b"&#xFFFF;&#65534;", "\ufffd\ufffd"),
        (b"a\x00b\x1ac", "a\ufffdb\ufffdc"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        (b"\xef\xbf\xbf", "\ufffd"),
        (b"&#xD83D;&#xDE00;\x01", "😀\ufffd"),
        (b"&#55357;&#56832;", "😀"),
        (b"&#xD83D;x", "\ufffdx"),
        (b"&#x1F600;&#9;&#xD;&lt;&amp;\x02", "😀\t\r<&\ufffd"),
    ],
)
def test_a_forbidden_character_is_replaced(written: bytes, read: str) -> None:
    answer = b"<a>" + written + b"</a>"
    assert parse(answer).text == read


def test_an_answer_that_calls_itself_xml_1_1_is_read_whole() -> None:
    assert parse(b'<?xml version="1.1"?><a>one&#x1;two</a>').text == "one\ufffdtwo"


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "Windows-1252", "iso-8859-15"])
def test_an_answer_is_read_in_the_encoding_that_it_names(encoding: str) -> None:
    answer = f"<?xml version='1.0' encoding='{encoding}'?><a>Größe&#x1;</a>".encode(encoding)
    assert parse(answer).text == "Größe\ufffd"


@pytest.mark.parametrize("named", ["utf-16", "us-ascii", "iso-8859-1", "windows-9999"])
def test_utf_8_is_read_as_such_whatever_the_answer_calls_it(named: str) -> None:
    answer = f'<?xml version="1.0" encoding="{named}"?><a>Größe</a>'.encode()
    assert parse(answer).text == "Größe"
    assert parse(answer.replace(b"<a>", b"<a>\x01")).text == "\ufffdGröße"


def test_an_encoding_that_nobody_knows_costs_the_letters_that_are_not_utf_8() -> None:
    answer = b'<?xml version="1.0" encoding="windows-9999"?><a>Gr\xf6sse</a>'
    assert parse(answer).text == "Gr\ufffdsse"


def test_an_empty_line_before_the_declaration_does_no_harm() -> None:
    assert parse(b'\r\n<?xml version="1.0" encoding="utf-8"?><a>x</a>\r\n').text == "x"


def test_a_text_of_twenty_megabytes_is_read() -> None:
    assert len(parse(b"<a>" + b"x" * 20_000_000 + b"</a>").text or "") == 20_000_000


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"no xml",
        b"<a>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<?xml version="1.0"?> <!-- <a> --><!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<!-- never ends <!DOCTYPE a><a/>",
        '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'.encode("utf-16"),
    ],
)
def test_what_is_no_answer_is_refused(answer: bytes) -> None:
    with pytest.raises(MalformedError):
        parse(answer)


def test_a_mail_about_document_types_is_no_document_type() -> None:
    assert parse(b"<a><![CDATA[<!DOCTYPE html>]]></a>").text == "<!DOCTYPE html>"


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(inside: bytes) -> None:
    try:
        root = parse(b"<a>" + inside + b"</a>")
    except MalformedError:
        return
    read = root.xpath("string()")
    assert isinstance(read, str)
    assert not any(char < " " and char not in "\t\n\r" for char in read)
    assert "\x00" not in read
    read.encode()


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_every_text_is_read_with_nothing_but_the_forbidden_altered(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = escaped.replace("\r", "&#xD;")
    read = parse(f"<a>{escaped}</a>".encode()).text or ""
    assert len(read) == len(text)
    for was, is_ in zip(text, read, strict=True):
        assert is_ == was or (is_ == "\ufffd" and (was < " " or was in "\ufffe\uffff"))


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_cleaning_leaves_good_xml_as_it_is(text: str) -> None:
    element = etree.Element("a")
    try:
        element.text = text
    except ValueError:
        return
    good = etree.tostring(element, encoding="utf-8")
    assert clean(good) == good
