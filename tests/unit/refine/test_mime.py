import tracemalloc
from email.message import EmailMessage
from email.policy import SMTP

from hypothesis import given, settings, strategies as st

from mailmine.model.email import Address, AttachmentKind
from mailmine.refine import mime, parts

MIXED = b"""\
From: Ann <ann@example.com>
To: Bob <bob@example.com>
Cc: carl@example.com
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Date: Tue, 3 Mar 2026 10:15:00 +0100
Message-ID: <one@example.com>
In-Reply-To: <zero@example.com>
References: <root@example.com>
 <zero@example.com>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

Preamble.
--outer
Content-Type: multipart/alternative; boundary="inner part"

--inner part
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Sch=C3=B6n =
hier.
--inner part
Content-Type: text/html; charset=iso-8859-1

<p>Sch\xf6n hier.</p>
--inner part--
--outer
Content-Type: application/pdf
Content-Disposition: attachment; filename*0*=utf-8''Rech; filename*1*=nung%20%C3%A4.pdf
Content-Transfer-Encoding: base64

JVBERi0xLjQ=
--outer
Content-Type: image/png; name="=?utf-8?q?logo.png?="
Content-ID: <logo@example.com>
Content-Disposition: inline
Content-Transfer-Encoding: base64

aW1hZ2U=
--outer
Content-Type: message/rfc822

Subject: The inner one
Message-ID: <inner@example.com>

Inner text.
--outer--
"""


def test_a_whole_email() -> None:
    parsed = mime.parse(MIXED)
    email = parsed.email
    assert email.message_id == "<one@example.com>"
    assert email.in_reply_to == "<zero@example.com>"
    assert email.references == ("<root@example.com>", "<zero@example.com>")
    assert email.from_ == Address("Ann", "ann@example.com")
    assert email.to == (Address("Bob", "bob@example.com"),)
    assert email.cc == (Address("", "carl@example.com"),)
    assert email.subject == "Grüße"
    assert email.sent_at is not None
    assert email.sent_at.isoformat() == "2026-03-03T09:15:00+00:00"
    assert email.text == "Schön hier."
    assert email.html == "<p>Schön hier.</p>"
    assert ("Subject", "Grüße") in email.headers
    names = [attachment.name for attachment in email.attachments]
    assert names == ["Rechnung ä.pdf", "logo.png", "The inner one"]
    assert parsed.contents[0] == b"%PDF-1.4"
    assert [len(content) for content in parsed.contents] == [
        attachment.size for attachment in email.attachments
    ]
    logo, inner = email.attachments[1:]
    assert logo.is_inline
    assert logo.content_id == "logo@example.com"
    assert inner.kind is AttachmentKind.ITEM
    assert b"Inner text." in parsed.contents[2]


@given(st.binary(max_size=2_000))
def test_nothing_makes_it_raise(raw: bytes) -> None:
    parsed = mime.parse(raw)
    assert len(parsed.contents) == len(parsed.email.attachments)


@settings(max_examples=50)
@given(st.data())
def test_a_damaged_email_is_still_read(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(MIXED)))
    junk = data.draw(st.binary(max_size=30))
    parsed = mime.parse(MIXED[:at] + junk + MIXED[at + len(junk) :])
    assert len(parsed.contents) == len(parsed.email.attachments)


def test_empty_input() -> None:
    email = mime.parse(b"").email
    assert email.message_id is None
    assert email.text == ""


def test_raw_bytes_in_headers_follow_the_charset_of_the_text() -> None:
    body = "Поздравляю"
    head = "Subject: Привет\nFrom: Анна <a@example.com>\nContent-Type: text/plain; charset=koi8-r"
    raw = f"{head}\n\n{body}"
    email = mime.parse(raw.encode("koi8-r")).email
    assert email.subject == "Привет"
    assert email.from_ == Address("Анна", "a@example.com")
    assert email.text == body


def test_flowed_text_is_put_together_again() -> None:
    raw = b"Content-Type: text/plain; format=flowed\n\nOne line \nof text.\n> quoted \n> too\n-- \nAnn\n"
    assert mime.parse(raw).email.text == "One line of text.\n> quoted too\n-- \nAnn\n"


def test_a_file_inside_the_text_becomes_an_attachment() -> None:
    raw = b"Subject: x\n\nSee below.\nbegin 644 note.txt\n#0V%T\n`\nend\nBye.\n"
    parsed = mime.parse(raw)
    assert parsed.contents == (b"Cat",)
    assert parsed.email.attachments[0].name == "note.txt"
    assert "begin" not in (parsed.email.text or "")


def test_deep_nesting_is_no_way_to_stop_us() -> None:
    parts = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(2_000)
    )
    parsed = mime.parse(b"Subject: deep\n" + parts + b"\nthe end\n")
    assert parsed.email.subject == "deep"


def test_many_parts_are_too_many() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 3_000
    assert (mime.parse(raw).email.text or "").count("x") <= parts.MAX_PARTS


def test_a_charset_that_its_sender_made_up_stops_nothing() -> None:
    """spec/exchange.md, C 14."""
    raw = (
        b"Subject: =?x-made-up?q?caf=E9?=\nContent-Type: text/plain; charset=cp-made-up\n"
        b"Content-Transfer-Encoding: 8bit\n\nna\xefve"
    )
    email = mime.parse(raw).email
    assert email.subject == "café"
    assert email.text == "naïve"


def test_nothing_that_a_database_refuses_gets_through() -> None:
    """spec/exchange.md, C 15."""
    raw = b"Subject: a\x00b =?utf-8?q?=ED=A0=80?=\nFrom: \x00 <a\x00@b.c>\n\nbody\x00\xed\xa0\x80"
    email = mime.parse(raw).email
    for text in (email.subject, email.text or "", str(email.from_), str(email.headers)):
        assert "\x00" not in text
        text.encode("utf-8")


@settings(max_examples=50, deadline=None)
@given(
    contents=st.lists(st.binary(max_size=300), max_size=4),
    inner=st.binary(max_size=100),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_no_byte_of_an_attachment_is_lost(contents: list[bytes], inner: bytes, ending: str) -> None:
    message = EmailMessage()
    message.set_content("Please see attached.\n")
    for number, content in enumerate(contents):
        message.add_attachment(
            content, maintype="application", subtype="pdf", filename=f"{number}.pdf"
        )
    passed_on = EmailMessage()
    passed_on["Subject"] = "inner"
    passed_on.set_content("words\n")
    passed_on.add_attachment(inner, maintype="image", subtype="png", filename="i.png")
    message.add_attachment(passed_on)
    parsed = mime.parse(message.as_bytes(policy=SMTP.clone(linesep=ending)))
    assert list(parsed.contents[:-1]) == contents
    assert mime.parse(parsed.contents[-1]).contents == (inner,)


def test_a_large_email_takes_little_more_memory_than_its_parts() -> None:
    message = EmailMessage()
    message.set_content("Please see attached.\n")
    message.add_attachment(bytes(4 << 20), maintype="application", subtype="pdf", filename="a.pdf")
    raw = message.as_bytes()
    tracemalloc.start()
    try:
        parsed = mime.parse(raw)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert parsed.email.attachments[0].size == 4 << 20
    assert most < 3 * len(raw)
