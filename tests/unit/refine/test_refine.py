"""Whole emails, written for these tests, and the words that their authors wrote."""

from dataclasses import replace

import pytest
from hypothesis import example, given, strategies as st

from mailmine.model.email import Address, Email
from mailmine.model.ids import MessageId
from mailmine.refine import VERSION, Kind, Posting, refine


def of_text(text: str, subject: str = "Re: Order 12") -> Email:
    return Email(
        message_id=MessageId("<one@example.com>"),
        subject=subject,
        from_=Address("Ann", "ann@example.com"),
        text=text,
    )


def of_html(html: str, subject: str = "Re: Order 12") -> Email:
    return Email(message_id=MessageId("<one@example.com>"), subject=subject, html=html)


WORDS = "The goods arrived this morning, all is well."

QUOTES = {
    "marked": "On Tue, 3 Mar 2026 at 10:15, Bob Miller <bob@example.com> wrote:\n> Did they arrive?\n> Bob",
    "marked, wrapped": "On Tue, 3 Mar 2026 at 10:15, Bob Miller\n<bob@example.com>\nwrote:\n\n> Did they arrive?",
    "no name": "On 3/3/2026 10:15 AM, bob@example.com wrote:\n> Did they arrive?",
    "German": "Am 03.03.2026 um 10:15 schrieb Bob Miller:\n> Sind sie da?",
    "French": "Le 3 mars 2026 à 10:15, Bob Miller <bob@example.com> a écrit :\n> Sont-ils arrivés ?",
    "Spanish": "El 3 de marzo de 2026, 10:15, Bob Miller <bob@example.com> escribió:\n> ¿Llegaron?",
    "Italian": "Il giorno mar 3 mar 2026 alle ore 10:15 Bob <bob@example.com> ha scritto:\n> Sono arrivati?",
    "Dutch": "Op di 3 mrt. 2026 om 10:15 schreef Bob Miller <bob@example.com>:\n> Zijn ze er?",
    "Polish": "W dniu 03.03.2026 o 10:15, Bob Miller pisze:\n> Dotarły?",
    "Japanese": "2026年3月3日(火) 10:15 Bob <bob@example.com>:\n> 届きましたか",
    "no verb": "2026-03-03 10:15 GMT+01:00 Bob Miller <bob@example.com>:\n\n> Did they arrive?",
    "unmarked": "On 3 Mar 2026, at 10:15, Bob Miller <bob@example.com> wrote:\n\nDid they arrive?\nBob",
    "Outlook": (
        "From: Bob Miller <bob@example.com>\nSent: Tuesday, March 3, 2026 10:15 AM\n"
        "To: Ann <ann@example.com>\nSubject: Order 12\n\nDid they arrive?"
    ),
    "Outlook, many recipients": (
        "From: Bob Miller\nSent: Tuesday, March 3, 2026 10:15 AM\nTo: Ann Smith; Carl Jones;\n"
        "Dora Black; Emil White\nCc: Fred\nSubject: Order 12\n\nDid they arrive?"
    ),
    "Outlook, German": (
        "________________________________\nVon: Bob <bob@example.com>\nGesendet: Dienstag, 3. März 2026 10:15\n"
        "An: Ann\nBetreff: Bestellung 12\n\nSind sie da?"
    ),
    "Outlook, bold": "*From:* Bob\n*Sent:* 3 March 2026 10:15\n*To:* Ann\n*Subject:* Order 12\n\nHi",
    "Outlook, Swedish": "Från: Bob\nSkickat: den 3 mars 2026 10:15\nTill: Ann\nÄmne: Order 12\n\nHej",
    "Outlook, Chinese": "发件人\uff1a Bob\n发送时间\uff1a 2026年3月3日 10:15\n收件人\uff1a Ann\n主题\uff1a 订单\n\n到了吗",
    "Outlook of old": "-----Original Message-----\nFrom: Bob\nSent: Tuesday 10:15\nTo: Ann\nSubject: x\n\nHi",
    "Notes": (
        "Bob Miller/HOU/EXAMPLE\n03/03/2026 10:15 AM\nTo: Ann Smith/HOU/EXAMPLE@EXAMPLE\ncc:  \n"
        "Subject: Order 12\n\nDid they arrive?"
    ),
    "Notes, forwarded": (
        "---------------------- Forwarded by Ann Smith/HOU/EXAMPLE on 03/03/2026 \n"
        "10:15 AM ---------------------------\n\n\nBob Miller\n03/02/2026 08:57 PM\nTo: Ann\ncc:\nSubject: x\n\nHi"
    ),
    "Gmail, forwarded": (
        "---------- Forwarded message ---------\nFrom: Bob <bob@example.com>\nDate: Tue, Mar 3, 2026\n"
        "Subject: Order 12\nTo: <ann@example.com>\n\nDid they arrive?"
    ),
    "Apple, forwarded": "> Begin forwarded message:\n>\n> From: Bob <bob@example.com>\n> Subject: Order 12\n>\n> Hi",
    "GroupWise": ">>> Bob Miller <bob@example.com> 03/03/26 10:15AM >>>\nDid they arrive?",
    "Zoho": "---- On Tue, 03 Mar 2026 10:15:00 +0100 Bob <bob@example.com> wrote ----\n\nDid they arrive?",
    "Polymail": (
        "On Tue, Mar 3, 2026 at 10:15 AM Bob Miller\n\n<\nmailto:Bob Miller <bob@example.com>\n> wrote:\nDid they?"
    ),
    "ticket system": "##- Please type your reply above this line -##\n\nDid they arrive?",
}  # fmt: skip


@pytest.mark.parametrize("quote", QUOTES.values(), ids=QUOTES)
def test_history_is_cut_off(quote: str) -> None:
    refined = refine(of_text(f"{WORDS}\n\n{quote}\n"))
    assert refined.text == WORDS
    assert refined.reply == WORDS
    assert not refined.shows_forwarded
    assert {zone.kind for zone in refined.zones} > {Kind.NEW}


@pytest.mark.parametrize(
    "text",
    [
        "On the one hand we could wait, on the other hand they wrote:\nno.\nLet us go.",
        "The train:\nFrom: London\nTo: Paris\nDate: Monday\nPlease book it.",
        "Three points:\n- price\n- time\nSubject: to change.",
        "5 > 3 and 2 < 4, as everybody knows.\nThat is all.",
        f"See below\n-----------\n{'These are many words, no signature. ' * 3}".rstrip(),
        "Sent from my desk, it is much easier to write.",
        "On 3 March 2026 our client Miller wrote to us:\nPlease cancel.\nShall we?",
        "bob@example.com wrote in anger:\nPlease cancel.\nShall we?",
    ],
)
def test_words_that_only_look_like_history_stay(text: str) -> None:
    assert refine(of_text(text)).text == text


def test_answers_between_and_below_quotes_stay_in_order() -> None:
    text = "On 3/3/2026 10:15 AM, Bob wrote:\n> One?\n\nYes.\n\n> Two?\n\nNo.\n"
    assert refine(of_text(text)).text == "Yes.\n\nNo."


def test_a_forward_without_words_shows_what_was_passed_on_and_says_so() -> None:
    refined = refine(of_text(QUOTES["Gmail, forwarded"], subject="Fwd: Order 12"))
    assert refined.text == "Did they arrive?"
    assert refined.reply == ""
    assert refined.shows_forwarded
    assert refined.is_forward
    assert refined.earlier is not None
    assert refined.earlier.from_ == "Bob <bob@example.com>"
    assert refined.earlier.subject == "Order 12"


CHAIN = """FYI

---------- Forwarded message ---------
From: Bob <bob@example.com>
Date: Tue, Mar 3, 2026
Subject: Fwd: Order 12
To: <ann@example.com>

Please see below.

---------- Forwarded message ---------
From: Carl <carl@example.com>
Date: Mon, Mar 2, 2026
Subject: Order 12
To: <bob@example.com>

Where is it?

On Sun, 1 Mar 2026 at 10:15, Dora <dora@example.com> wrote:
> It was sent.
> On Sat, 28 Feb 2026 at 9:00, Carl <carl@example.com> wrote:
> > Is it sent?
"""


def test_the_conversation_below_is_told_apart_email_by_email() -> None:
    refined = refine(of_text(CHAIN, subject="Fwd: Fwd: Order 12"))
    assert [
        (message.from_, message.to, message.date, message.subject, message.text)
        for message in refined.messages
    ] == [
        (
            "Bob <bob@example.com>",
            "<ann@example.com>",
            "Tue, Mar 3, 2026",
            "Fwd: Order 12",
            "Please see below.",
        ),
        (
            "Carl <carl@example.com>",
            "<bob@example.com>",
            "Mon, Mar 2, 2026",
            "Order 12",
            "Where is it?",
        ),
        ("Dora <dora@example.com>", "", "Sun, 1 Mar 2026 at 10:15", "Order 12", "It was sent."),
        ("Carl <carl@example.com>", "", "Sat, 28 Feb 2026 at 9:00", "Order 12", "Is it sent?"),
    ]


@pytest.mark.parametrize(
    ("text", "posting"),
    [
        (WORDS, Posting.ALONE),
        (f"{WORDS}\n\n{QUOTES['Outlook']}", Posting.TOP),
        (f"{QUOTES['marked']}\n\n{WORDS}", Posting.BOTTOM),
        (f"{QUOTES['marked']}\n\n{WORDS}\n\n> When?\n\nToday.", Posting.BETWEEN),
        (QUOTES["Gmail, forwarded"], Posting.NONE),
        ("", Posting.NONE),
    ],
)
def test_where_the_new_words_stand_is_told(text: str, posting: Posting) -> None:
    assert refine(of_text(text)).posting is posting


def test_an_answer_in_outlook_is_no_forward() -> None:
    assert not refine(of_text(f"{WORDS}\n\n{QUOTES['Outlook']}")).is_forward
    assert refine(of_text(f"{WORDS}\n\n{QUOTES['Outlook']}", subject="WG: Order 12")).is_forward


def test_nothing_but_a_quote_is_the_authors_own() -> None:
    assert refine(of_text("> To be or not to be\n")).text == "To be or not to be"


def test_a_block_of_contact_data_is_the_signature_and_the_closing_stays() -> None:
    refined = refine(
        of_text(
            f"{WORDS}\n\nKind regards,\nAnn\n\nAnn Smith\nSales, Example Ltd\nTel. +44 20 7946 0000\n"
        )
    )
    assert refined.text == f"{WORDS}\n\nKind regards,\nAnn"
    assert refined.signature == "Ann Smith\nSales, Example Ltd\nTel. +44 20 7946 0000"
    assert refined.reply.endswith("0000")


@pytest.mark.parametrize(
    "banner",
    [
        "[EXTERNAL EMAIL]",
        "*** External sender ***",
        "CAUTION: This email originated from outside of the organization. Do not click links unless you know the sender.",
        "You don't often get email from bob@example.com. Learn why this is important<https://aka.ms/x>",
        "ACHTUNG: Diese E-Mail stammt von einem externen Absender. \u00d6ffnen Sie keine Links oder Anh\u00e4nge.",
    ],
)
def test_what_the_server_wrote_above_the_words_is_cut_off(banner: str) -> None:
    assert refine(of_text(f"{banner}\n\n{WORDS}\n")).text == WORDS


def test_words_about_caution_stay() -> None:
    for text in (f"Caution: the floor is wet.\n\n{WORDS}", "Please do not click the red button."):
        assert refine(of_text(text)).text == text


def test_a_legal_notice_and_what_a_list_appends_are_cut_off_with_the_signature_above() -> None:
    notice = (
        "This email and any attachments are confidential and intended solely for the addressee. "
        "If you have received it in error, please notify the sender and delete it."
    )
    refined = refine(
        of_text(f"{WORDS}\n\nKind regards\n\nAnn Smith\nT: +44 20 7946 0000\n\n{notice}\n")
    )
    assert refined.text == f"{WORDS}\n\nKind regards"
    assert refined.signature == "Ann Smith\nT: +44 20 7946 0000"
    assert list(dict.fromkeys(zone.kind for zone in refined.zones)) == [
        Kind.NEW,
        Kind.CLOSING,
        Kind.SIGNATURE,
        Kind.DISCLAIMER,
    ]


def test_what_is_only_confidential_stays() -> None:
    text = f"{WORDS}\n\nPlease keep this confidential, and delete the offer that you received on Monday."
    assert refine(of_text(text)).text == text


@pytest.mark.parametrize(
    "line",
    [
        "Sent from my iPhone",
        "Von meinem iPad gesendet",
        "Envoyé de mon iPhone",
        "Enviado desde mi iPhone",
        "Get Outlook for iOS<https://aka.ms/o0ukef>",
        "Sent from [Mail](https://go.example.com) for Windows 10",
        "Sent from my phone, please excuse typos.",
        "發自我的 iPhone",
    ],
)
def test_lines_of_devices_are_cut_off(line: str) -> None:
    refined = refine(of_text(f"{WORDS}\n\n{line}\n"))
    assert refined.text == WORDS
    assert refined.signature == line


def test_a_signature_below_its_delimiter() -> None:
    refined = refine(of_text(f"{WORDS}\n-- \nAnn\nExample Ltd\n"))
    assert refined.text == WORDS
    assert refined.signature == "--\nAnn\nExample Ltd"


HTML = {
    "Outlook": (
        '<div style="border:none;border-top:solid #E1E1E1 1.0pt"><p class=MsoNormal><b>From:</b> Bob<br>'
        "<b>Sent:</b> 3 March 2026 10:15<br><b>To:</b> Ann<br><b>Subject:</b> x</p></div><p>Did they?</p>"
    ),
    "OWA": '<div id="appendonsend"></div><hr tabindex="-1"><div id="divRplyFwdMsg">Od: Bob</div><div>Hi</div>',
    "Gmail": (
        '<div class="gmail_quote"><div class="gmail_attr">Irgendwann hat wer gesagt<br></div>'
        '<blockquote class="gmail_quote">Did they?</blockquote></div>'
    ),
    "Apple Mail": (
        '<div><blockquote type="cite"><div>On 3 Mar 2026, at 10:15, Bob &lt;bob@example.com&gt; wrote:</div>'
        "<div>Did they?</div></blockquote></div>"
    ),
    "Thunderbird": '<div class="moz-cite-prefix">Am 3.3.2026 sagte Bob:</div><blockquote type="cite">Hi</blockquote>',
    "Yahoo": '<div class="yahoo_quoted"><div>Someone wrote something</div><div>Hi</div></div>',
    "Proton": '<div class="protonmail_quote">whoever<blockquote>Hi</blockquote></div>',
}  # fmt: skip


@pytest.mark.parametrize("quote", HTML.values(), ids=HTML)
def test_history_in_html_is_cut_off(quote: str) -> None:
    assert refine(of_html(f"<div>{WORDS}</div>{quote}")).text == WORDS


def test_a_quotation_that_the_author_chose_stays() -> None:
    html = "<p>You said</p><blockquote>never again</blockquote><p>and I agree.</p>"
    assert refine(of_html(html)).text == "You said\n\nnever again\n\nand I agree."


CITING = "The customer wrote to us:\n> It leaks.\n> Send another.\nWhat shall we answer?"


def test_what_the_author_of_a_new_email_quotes_is_no_history() -> None:
    assert refine(of_text(CITING, subject="A complaint")).text == CITING
    assert refine(of_text(f"{CITING}\n\n> So he said.", subject="A complaint")).text == CITING


@pytest.mark.parametrize("subject", ["Re: A complaint", "WG: A complaint"])
def test_quotes_between_words_are_of_the_email_that_was_answered_or_passed_on(subject: str) -> None:
    text = "See my answers.\n\n> One?\n\nYes.\n\n> Two?\n\nNo."
    assert refine(of_text(text, subject=subject)).text == "See my answers.\n\nYes.\n\nNo."


def test_an_email_that_answers_another_says_so_by_its_headers_too() -> None:
    email = of_text(CITING, subject="A complaint")
    answer = replace(email, in_reply_to=MessageId("<none@example.com>"))
    assert "It leaks." not in refine(answer).text


BUTTON = '<blockquote class="gmail_quote" style="border-left:1px solid #ccc">It leaks.</blockquote>'


def test_what_the_author_quotes_by_gmails_button_stays() -> None:
    assert refine(of_html(f"<div>{WORDS}</div>{BUTTON}")).text == f"{WORDS}\n\nIt leaks."


@pytest.mark.parametrize(
    "quote",
    [
        f'<div class="gmail_quote">{BUTTON}</div>',
        f"<div>On 3 Mar 2026, Bob &lt;bob@example.com&gt; wrote:</div>{BUTTON}",
        f'<blockquote type="cite">Hello,{BUTTON}</blockquote>',
    ],
    ids=["in a container", "below an attribution", "in a quote"],
)
def test_an_email_that_gmail_quotes_does_not(quote: str) -> None:
    assert refine(of_html(f"<div>{WORDS}</div>{quote}")).text == WORDS


def test_marked_signatures_in_html() -> None:
    refined = refine(
        of_html(f'<div>{WORDS}</div><div class="gmail_signature">Ann<br>Example Ltd</div>')
    )
    assert refined.text == WORDS
    assert refined.signature == "Ann\nExample Ltd"


def test_html_without_words_gives_way_to_the_text() -> None:
    email = Email(message_id=None, html="<html><body></body></html>", text=WORDS)
    assert refine(email).text == WORDS


@pytest.mark.parametrize("text", ["", "   \n\n", "\u200b"])
def test_an_empty_email_is_an_empty_comment(text: str) -> None:
    refined = refine(of_text(text))
    assert not refined.text.strip("\u200b")
    assert refined.language is None


def test_the_result_is_stamped() -> None:
    assert refine(of_text(WORDS)).version == VERSION


def test_the_language_is_that_of_the_new_words() -> None:
    text = (
        "Vielen Dank für die schnelle Antwort, wir warten noch auf die Ware.\n\n"
        + QUOTES["Outlook"]
    )
    assert refine(of_text(text)).language == "de"


LINES = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.sampled_from(
            [
                "",
                "> quoted",
                ">> twice",
                "From: Bob <bob@example.com>",
                "Sent: Monday 10:15",
                "To: Ann",
                "Subject: x",
                "On Tue, 3 Mar 2026, Bob wrote:",
                "wrote:",
                "-- ",
                "-----Original Message-----",
                "Begin forwarded message:",
                "Kind regards",
                "Sent from my iPhone",
                ">>> Bob 03/03/26 10:15AM >>>",
                "- note.doc",
            ]
        ),
    ),
    max_size=25,
)


@given(LINES)
@example(["*\x0c"])
def test_nothing_raises_nothing_is_invented_and_nothing_is_lost(lines: list[str]) -> None:
    body = "\n".join(lines)
    refined = refine(of_text(body))
    pieces = set("".join(body.split()))
    assert set("".join((refined.text + refined.signature).split())) <= pieces
    assert "".join("".join(zone.text for zone in refined.zones).split()) == "".join(body.split())


@given(LINES)
def test_each_line_is_in_exactly_one_zone(lines: list[str]) -> None:
    body = "\n".join(lines).replace("\r", "\n")
    zones = refine(of_text(body)).zones
    # One line becomes two where a client wrote an attribution behind the words.
    assert "".join("\n".join(zone.text for zone in zones).split()) == "".join(body.split())
    assert sum(zone.text.count("\n") + 1 for zone in zones) in range(
        body.count("\n") + 1, body.count("\n") + 2 + len(lines)
    )


@given(st.lists(st.text(alphabet="abc .,\n", max_size=40), max_size=8))
def test_words_alone_stay_as_they_are_when_they_are_refined_again(lines: list[str]) -> None:
    text = refine(of_text("\n".join(lines))).text
    assert refine(of_text(text)).text == text


@given(LINES)
def test_refining_is_deterministic(lines: list[str]) -> None:
    email = of_text("\n".join(lines))
    assert refine(email) == refine(email)


@given(LINES)
def test_words_are_left_whenever_there_were_any(lines: list[str]) -> None:
    body = "\n".join(lines)
    has_words = any(line.lstrip("> \t").strip() for line in lines)
    assert bool(refine(of_text(body)).text.strip()) or not has_words


@given(st.text(alphabet="<>/=\"' abdivspnblockquotestyleclassgmail_&;#1\n", max_size=300))
def test_no_html_makes_it_raise(html: str) -> None:
    refine(of_html(html))


def test_lines_may_end_as_exchange_ends_them() -> None:
    text = "Where is it?\n\n-- \nAnn Ash\n"
    unix = refine(Email(message_id=None, text=text))
    assert unix.text == "Where is it?"
    assert refine(Email(message_id=None, text=text.replace("\n", "\r\n"))) == unix
    html = "<pre>Where is it?\n\n-- \nAnn Ash\n</pre>"
    assert refine(Email(message_id=None, html=html.replace("\n", "\r\n"))).text == "Where is it?"


@pytest.mark.parametrize("words", ["", WORDS])
def test_without_the_account_of_what_was_cut_the_words_are_the_same(words: str) -> None:
    for quote in QUOTES.values():
        email = of_text(f"{words}\n\n{quote}")
        whole = refine(email)
        short = refine(email, whole=False)
        assert (short.text, short.signature, short.language, short.shows_forwarded) == (
            whole.text,
            whole.signature,
            whole.language,
            whole.shows_forwarded,
        )
        assert short.zones == ()
