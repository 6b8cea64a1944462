"""Taking mail apart never fails, whatever comes."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings, strategies as st

from exchange_simulator.content import parse
from exchange_simulator.headers import normalized_subject, parse_date
from exchange_simulator.html_text import html_to_text
from exchange_simulator.spool import Spool
from tests.simulator.mails import mail

LINES = st.sampled_from(
    [
        b"Subject: =?utf-8?q?=FF?=",
        b"Subject: =?no-such?b?!!?=",
        b"From: \xff\xfe <",
        b"From: a@b, =?utf-8?b?w6k=?= <c@d>;",
        b"To: undisclosed-recipients:;",
        b"Date: Mon, 99 Foo 9999 99:99:99 +9999",
        b"Date: Fri, 31 Dec 9999 23:59:59 -2359",
        b"Content-Type: multipart/mixed; boundary=x",
        b"Content-Type: text/html; charset=nonsense",
        b"Content-Type: message/rfc822",
        b"Content-Type: text/calendar; method=REQUEST",
        b"Content-Type: multipart/report; report-type=\xff",
        b"Content-Type: application/pdf; name*=utf-8''%FF",
        b"Content-Type: text/plain; charset*=x'y'%FF",
        b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: uuencode",
        b"Content-Transfer-Encoding: quoted-printable",
        b"Content-Disposition: attachment; filename*0*=a''%41; filename*1=b",
        b"Thread-Index: AAAA",
        b"--x",
        b"--x--",
        b"",
        b"DTSTART:99999999T999999",
        b"<p>\x00<table><td>",
        b"begin 666 a\n!!!\nend",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.lists(LINES, max_size=25).map(b"\r\n".join)))
@example(b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" * 200)
@example(b"From: " + b"(" * 5000)
def test_parsing_is_total(raw: bytes) -> None:
    spool = Spool()
    try:
        assert parse(raw, spool).item_class
    finally:
        spool.close()


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_html_to_text_is_total(source: str) -> None:
    assert isinstance(html_to_text(source), str)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("<p>one</p><p>two</p>", "one\r\n\r\ntwo\r\n"),
        ("one<br>two", "one\r\ntwo\r\n"),
        ("<div>one</div><div>two</div>", "one\r\ntwo\r\n"),
        ('<a href="https://x.org/">here</a>', "here<https://x.org/>\r\n"),
        ("<style>p{}</style><script>x()</script>shown", "shown\r\n"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b\r\n"),
    ],
)
def test_html_becomes_text(html: str, text: str) -> None:
    assert html_to_text(html) == text


def test_topics_have_no_prefixes() -> None:
    assert normalized_subject("RE: AW: Fwd: Order 7") == "Order 7"
    assert normalized_subject(None) == ""


def test_dates_are_utc_or_none() -> None:
    assert parse_date("Mon, 02 Mar 2026 10:00:00 +0200") == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert parse_date("Mon, 02 Mar 2026 10:00:00") == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert parse_date("yesterday") is None


def test_a_thread_has_one_conversation() -> None:
    spool = Spool()
    first = parse(mail("Order", message_id="<a@x>"), spool)
    reply = parse(mail("RE: Order", message_id="<b@x>", headers="References: <a@x>\r\n"), spool)
    other = parse(mail("Order", message_id="<c@x>"), spool)
    spool.close()
    assert first.conversation_id == reply.conversation_id != other.conversation_id
