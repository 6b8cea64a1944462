"""Mail as further clients, languages and people write it: so that nothing is built for the cases it was measured on."""

# ruff: noqa: RUF001

import pytest

from mailmine.model.email import Address, Email
from mailmine.refine import refine

WORDS = "Thanks, the pump arrived today.\nWe will fit it on Monday."
EARLIER = "Dear Petra,\nthe pump left our house.\nBest regards\nAnn"
MARKED = "\n".join(f"> {line}" for line in EARLIER.split("\n"))
HTML_WORDS = "<div>Thanks, the pump arrived today.</div><div>We will fit it on Monday.</div>"
HTML_EARLIER = "<div>Dear Petra,</div><div>the pump left our house.</div>"

HISTORIES = {
    "Danish": f"Den lør. 16. aug. 2025 kl. 05.13 skrev Jan <j@example.com>:\n\n{MARKED}",
    "Norwegian": f"16. aug. 2025 kl. 05:13 skrev Jan Hansen <j@example.com>:\n\n{MARKED}",
    "Finnish": f"la 16. elok. 2025 klo 5.13 Jan (j@example.com) kirjoitti:\n\n{MARKED}",
    "Polish": f"sob., 16 sie 2025 o 05:13 Jan <j@example.com> napisał(a):\n\n{MARKED}",
    "Czech": f"so 16. 8. 2025 v 5:13 odesílatel Jan <j@example.com> napsal:\n\n{MARKED}",
    "Hungarian": f"János <j@example.com> ezt írta (időpont: 2025. aug. 16., Szo, 5:13):\n\n{MARKED}",
    "Turkish": f"Ahmet <a@example.com>, 16 Ağu 2025 Cmt, 05:13 tarihinde şunu yazdı:\n\n{MARKED}",
    "Ukrainian": f"сб, 16 серп. 2025 р. о 05:13 Іван <i@example.com> пише:\n\n{MARKED}",
    "Yandex": f'16.08.2025, 05:13, "Иван" <i@example.com>:\n\n{EARLIER}',
    "Japanese": f"2025/08/16 5:13、田中太郎 <t@example.com>のメール:\n\n{EARLIER}",
    "NetEase": f'在 2025-08-16 05:13:04，"张三" <z@example.com> 写道：\n{EARLIER}',
    "Korean": f"2025년 8월 16일 (토) 오전 5:13, 김철수 <k@example.com>님이 작성:\n\n{MARKED}",
    "Vietnamese": f"Vào Th 7, 16 thg 8, 2025 vào lúc 05:13 An <a@example.com> đã viết:\n\n{MARKED}",
    "Seznam": (
        "---------- Původní e-mail ----------\nOd: Jan <j@example.com>\nKomu: p@example.com\n"
        f"Datum: 16. 8. 2025 5:13:04\nPředmět: Pumpa\n{EARLIER}"
    ),
    "GMX": (
        'Gesendet: Samstag, 16. August 2025 um 05:13\nVon: "Ann" <ann@example.com>\n'
        f'An: "Petra" <p@example.com>\nBetreff: Pumpe\n{EARLIER}'
    ),
    "Samsung": (
        "-------- Ursprüngliche Nachricht --------\nVon: Ann <ann@example.com>\n"
        f"Datum: 16.08.25 05:13 (GMT+01:00)\nAn: Petra\nBetreff: Pumpe\n\n{EARLIER}"
    ),
    "Zoho": f"---- On Sat, 16 Aug 2025 05:13:04 +0200 Ann <a@example.com> wrote ---\n\n{EARLIER}",
    "Yahoo": f"En sábado, 16 de agosto de 2025, 05:13:04 CEST, Ann <a@example.com> escribió:\n\n{EARLIER}",
    "GroupWise": f">>> Ann Smith <a@example.com> 16.08.2025 05:13 >>>\n{EARLIER}",
    "Zendesk": f"##- Bitte geben Sie Ihre Antwort über dieser Zeile ein. -##\n\nIhre Anfrage\n{EARLIER}",
    "Notes": (
        '"Smith, Ann" <ann@example.com> on 08/16/2025 05:13:04 AM\nPlease respond to ann@example.com\n'
        f"To: petra@example.com\ncc:  \n\nSubject: Pump\n\n{EARLIER}"
    ),
    "Notes in German": (
        "Ann Smith <ann@example.com>\n16.08.2025 05:13\nBitte antworten an ann@example.com\n\n"
        f"An:\tPetra Schulz/Muster@MUSTER\nKopie:\t\nThema:\tPumpe\n\n{EARLIER}"
    ),
    "Notes in columns": (
        "Ann Smith <ann@example.com>\n16/08/2025 05:13\n\nTo\nPetra Schulz/Muster@MUSTER\ncc\n"
        f"Bob Jones/Muster@MUSTER\nSubject\nPump\n\n{EARLIER}"
    ),
    "GroupWise with seconds": f">>> <a@example.com> 8/16/25 5:13:04 am >>>\n{EARLIER}",
    "GroupWise without its first mark": f'"Ann" <a@example.com> 08/16/25 05:13AM >>>\n{EARLIER}',
    "GroupWise in a sentence": (
        ">>> On 8/16/2025 at 5:13 AM, in message <68A0.6D0E@example.com>, Ann\n"
        f"<a@example.com> wrote:\n{MARKED}"
    ),
    "stars": f"*********** Forwarded message follows ***********\nAnn Smith\n\n{EARLIER}",
    "a rule above what is marked": f"________________________________\n> From: Ann\n> Sent: 5:13\n> To: P\n{MARKED}",
    "bars": "On Sat, 16 Aug 2025 at 05:13, Ann <a@example.com> wrote:\n"
    + MARKED.replace("> ", "| "),
}

HTML = {
    "GMX": (
        '<div name="quote" style="margin:10px; border-left:2px solid #C3D9E5;"><div><b>Gesendet:</b> Samstag, '
        "16. August 2025 um 05:13 Uhr<br><b>Von:</b> Ann<br><b>An:</b> Petra<br><b>Betreff:</b> Pumpe</div>"
        f'<div name="quoted-content">{HTML_EARLIER}</div></div>'
    ),
    "Mail.ru": (
        '<blockquote style="border-left:1px solid #0857A6;">Суббота, 16 августа 2025, 5:13 +03:00 от Ann '
        f"&lt;a@example.com&gt;:<br><div>{HTML_EARLIER}</div></blockquote>"
    ),
    "Zimbra": (
        '<hr id="zwchr"><div data-marker="__HEADERS__"><b>From: </b>Ann &lt;a@example.com&gt;<br><b>To: </b>Petra<br>'
        f"<b>Sent: </b>Saturday, August 16, 2025 5:13:04 AM<br><b>Subject: </b>Pump</div>{HTML_EARLIER}"
    ),
    "Roundcube": (
        '<p id="reply-intro">On 2025-08-16 05:13, Ann wrote:</p><blockquote type="cite">'
        f"{HTML_EARLIER}</blockquote>"
    ),
    "Tutanota": (
        '16 Aug 2025, 05:13 by a@example.com:<br><blockquote class="tutanota_quote">'
        f"{HTML_EARLIER}</blockquote>"
    ),
    "eM Client": (
        "<div>------ Original Message ------</div><div>From Ann &lt;a@example.com&gt;</div><div>To Petra</div>"
        "<div>Date 16.08.2025 05:13:04</div><div>Subject Pump</div>"
        f'<div><blockquote type="cite" class="cite2">{HTML_EARLIER}</blockquote></div>'
    ),
    "IONOS": (
        '<blockquote type="cite"><div>Ann &lt;a@example.com&gt; hat am 16.08.2025 05:13 CEST geschrieben:</div>'
        f"{HTML_EARLIER}</blockquote>"
    ),
    "Spark in a language that nobody told us": (
        '<div name="messageReplySection">Zzz 16 Zzz 2025, Ann zzz:<br>'
        f'<blockquote type="cite" class="spark_quote">{HTML_EARLIER}</blockquote></div>'
    ),
    "GMX in such a language": (
        '<div name="quote" style="margin:10px"><div><b>Zzz:</b> Zzz<br><b>Zzzz:</b> Ann</div>'
        f'<div name="quoted-content">{HTML_EARLIER}</div></div>'
    ),
    "Outlook in such a language": (
        '<div class="OutlookMessageHeader"><hr tabindex="-1"><b>Zzz:</b> Ann<br><b>Zzzz:</b> Zzz</div>'
        f"{HTML_EARLIER}"
    ),
    "Outlook in such a language, by its line": (
        '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal">'
        f"<b>Zzz:</b> Ann<br><b>Zzzz:</b> Zzz 5:13<br><b>Zz:</b> Petra</p></div>{HTML_EARLIER}"
    ),
    "Yahoo in such a language": (
        f'<div id="ydp1f2e3d4cyahoo_quoted_1" class="ydp1f2e3d4cyahoo_quoted"><div>Zzz Ann:</div>{HTML_EARLIER}</div>'
    ),
    "Outlook seen in Hotmail": f'<div class="ecxgmail_quote">Zzz Ann:<blockquote>{HTML_EARLIER}</blockquote></div>',
    "Freshdesk": (
        '<div class="freshdesk_quote"><blockquote class="freshdesk_quote">On Sat, 16 Aug at 5:13 AM , Ann '
        f"&lt;a@example.com&gt; wrote:<br>{HTML_EARLIER}</blockquote></div>"
    ),
    "Yahoo for Android": (
        '<div id="ymail_android_signature"><a href="https://example.com">Yahoo Mail: Search, Organize</a></div>'
        "<blockquote><div>On Sat, Aug 16, 2025 at 5:13 AM, Ann</div><div>&lt;a@example.com&gt; wrote:</div>"
        f"<div>{HTML_EARLIER}</div></blockquote>"
    ),
    "Samsung": (
        '<div id="composer_signature"><div>Sent from my Galaxy</div></div><div>-------- Original message --------</div>'
        f"<div>From: Ann &lt;a@example.com&gt; </div><div>Date: 16/08/2025  05:13  (GMT+00:00) </div>{HTML_EARLIER}"
    ),
    "Notes": (
        "<table><tr><td><b>Ann Smith/HQ/Example</b><p>16.08.2025 05:13<td><table><tr><td><div align=right>An</div>"
        "<td>Petra Schulz/Muster@MUSTER<tr><td><div align=right>Kopie</div><td><tr><td><div align=right>Thema"
        f"</div><td>Pumpe</table></table><br>{HTML_EARLIER}"
    ),
    "Canary": (
        '<div id="CanarySig">Sent from <a href="https://canarymail.io">Canary</a></div><blockquote '
        'id="CanaryBlockquote"><div>On Saturday, Aug 16, 2025 at 5:13 AM, Ann &lt;a@example.com&gt; wrote:</div>'
        f"{HTML_EARLIER}</blockquote>"
    ),
}

LAST_WORDS = {
    "to call me in 2 hours.": "On 16 Aug 2025 05:13, Jan <j@example.com> wrote:",
    "op tijd weten of 3 of 4 beter is.": 'Op 16 aug. 2025 05:13 schreef "Jan" <j@example.com> het\nvolgende:',
    "am Montag um 10:15 Uhr fertig.": "Am 16.08.2025 um 05:13 schrieb Jan <j@example.com>:",
    "le 3 mars.": "Le 16 août 2025 à 05:13, Jean <j@example.com> a écrit :",
    "Montag, 3. März 2026 passt mir gut": "Jan <j@example.com> schrieb:",
    "12.3.2026, or as soon as you can": "чт, 28 окт. 2021 г., 12:06 Jan <j@example.com>:",
    "em 3 dias.": "Em sáb., 16 de ago. de 2025 às 05:13, João <j@example.com> escreveu:",
}


def of(text: str, name: str = "Petra") -> Email:
    return Email(message_id=None, text=text, from_=Address(name, "p.schulz@example.com"))


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_histories(history: str) -> None:
    assert refine(of(f"{WORDS}\n\n{history}")).reply == WORDS


@pytest.mark.parametrize("history", HTML.values(), ids=HTML)
def test_histories_in_html(history: str) -> None:
    email = Email(message_id=None, html=f"<html><body>{HTML_WORDS}<br>{history}</body></html>")
    assert refine(email).text == WORDS


@pytest.mark.parametrize(("last", "attribution"), LAST_WORDS.items())
def test_words_right_above_an_attribution_that_look_like_one(last: str, attribution: str) -> None:
    words = f"Please tell the team that works on the order of the pump\n{last}"
    assert refine(of(f"{words}\n{attribution}\n\n{MARKED}")).text == words


@pytest.mark.parametrize(
    ("head", "initials"),
    [
        ("Saturday, August 16, 2025, 5:13:04 AM, you wrote:", "AS"),
        ("16 августа 2025 г., 5:13:04, вы писали:", "АС"),
        ("On Sat, 16 Aug 2025, Ann wrote:", "A"),
    ],
)
def test_quotes_with_initials_and_answers_in_between(head: str, initials: str) -> None:
    mark = f"{initials}>"
    text = (
        f"Hello Ann,\n\n{head}\n\n{mark} Is it there?\n{mark}\n{mark}> Was it?\n\nYes.\n\n"
        f"{mark} When?\n\nOn Monday."
    )
    assert refine(of(text)).text.split() == ["Hello", "Ann,", "Yes.", "On", "Monday."]


def test_what_stands_behind_a_prompt_is_no_quote() -> None:
    text = "This fails:\n\nSQL> select 1;\nSQL> exit\n\nWhat now?"
    assert refine(of(text)).text == text


@pytest.mark.parametrize(
    ("name", "signed"),
    [
        ("Petra Schulz", "Petra Schulz"),
        ("Petra Schulz", "i.A. Petra Schulz"),
        ("Petra Schulz", "Dr. Petra Schulz"),
        ("Petra Schulz", "Dipl.-Ing. Petra Schulz"),
        ("Schulz, Petra", "Petra Schulz"),
        ("Schulz, Petra (Muster GmbH)", "ppa. Petra Schulz"),
        ("Petra Schulz | Muster", "Petra Schulz"),
        ("Petra Schulz via Orders", "Petra Schulz"),
    ],
)
def test_a_signature_begins_with_the_senders_name(name: str, signed: str) -> None:
    refined = refine(of(f"Please send two.\n\n{signed}\nEinkauf", name))
    assert (refined.text, refined.signature) == ("Please send two.", f"{signed}\nEinkauf")


@pytest.mark.parametrize("name", ["Schulz Petra", "", "p.schulz@example.com"])
def test_a_name_that_the_address_tells_or_that_stands_the_other_way_round(name: str) -> None:
    email = Email(
        message_id=None,
        text="Please send two.\n\nPetra Schulz\nEinkauf",
        from_=Address(name, "petra.schulz@example.com"),
    )
    assert refine(email).signature == "Petra Schulz\nEinkauf"


def test_an_email_of_nothing_but_a_signature_shows_it() -> None:
    refined = refine(of("Petra Schulz\nEinkauf", "Petra Schulz"))
    assert refined.text == refined.signature == "Petra Schulz\nEinkauf"


@pytest.mark.parametrize("mark", ["|", "•", "·"])
def test_a_signature_on_one_line(mark: str) -> None:
    parts = ("Petra Schulz", "Purchasing", "Muster Inc.", "+1 555 123 4567", "p.schulz@example.com")
    line = f" {mark} ".join(parts)
    assert refine(of(f"Please send two.\n\n{line}", "Petra Schulz")).signature == line


@pytest.mark.parametrize(
    "line",
    [
        "Virus-free.www.avast.com",
        "Diese E-Mail wurde von Avast-Antivirussoftware auf Viren geprüft.\nwww.avast.com",
        "Sans virus. www.avast.com",
        "Sent from Canary (https://canarymail.io)",
        "Sent from the Gmail app for iOS",
    ],
)
def test_what_programs_append(line: str) -> None:
    assert refine(of(f"Please send two.\n\n{line}")).text == "Please send two."


def test_a_heading_that_is_underlined() -> None:
    text = "Steps:\n------\n1. open\n2. close\n\nSummary\n=======\nAll fine."
    assert refine(of(text)).text == text


def test_words_that_begin_like_the_line_of_a_device() -> None:
    text = "We ship from Rome.\nSent from the warehouse were two valves."
    assert refine(of(text)).text == text


WARNINGS = [
    "CAUTION: This email originated from outside of the organization. Do not click links.",
    "ACHTUNG: Diese E-Mail stammt von außerhalb der Organisation. Klicken Sie nicht auf Links.",
    "ATTENTION : ce courriel provient de l’extérieur de l’organisation. Ne cliquez pas sur les liens.",
    "[EXTERN]",
    "EXTERNAL EMAIL",
    "*** EXTERNAL SENDER ***",
]


@pytest.mark.parametrize("warning", WARNINGS)
@pytest.mark.parametrize("more", ["", "<div><br></div><div>Please send two.</div>"])
def test_a_warning_right_above_the_words(warning: str, more: str) -> None:
    email = Email(message_id=None, html=f"<div>{warning}</div>{HTML_WORDS}{more}")
    assert refine(email).text == WORDS + "\n\nPlease send two." * bool(more)


def test_a_warning_that_is_wrapped() -> None:
    warning = (
        "CAUTION: This email originated from outside of the organization. Do not\n"
        "click links or open attachments unless you recognize the sender and know\n"
        "that the content is safe."
    )
    assert refine(of(f"{warning}\n{WORDS}")).text == WORDS


def test_a_notice_right_below_the_words_or_the_signature() -> None:
    notice = (
        "This e-mail is confidential and intended solely for the addressee.\n"
        "If you have received it in error, please notify the sender and delete it."
    )
    refined = refine(of(f"Hello,\n\nplease send two.\n{notice}"))
    assert refined.text == "Hello,\n\nplease send two."
    signature = "Petra Schulz\nMuster GmbH, T +49 30 1234567"
    refined = refine(of(f"Please send two.\n\nKind regards\n\n{signature}\n{notice}"))
    assert (refined.text, refined.signature) == ("Please send two.\n\nKind regards", signature)


@pytest.mark.parametrize(
    "closing",
    [
        "Z powazaniem",
        "Cordialement / Kind regards",
        "S pozdravem,",
        "Vielen Dank und viele Grüße",
        "Viele Grüße aus Hamburg",
        "何卒よろしくお願いいたします。",
    ],
)
def test_closings_as_people_write_them(closing: str) -> None:
    signature = "Petra Schulz\nEinkauf\nT +49 30 1234567"
    refined = refine(of(f"Please send two.\n\n{closing}\n\n{signature}", "Muster GmbH"))
    assert refined.signature == signature


@pytest.mark.parametrize(
    "signature", ["Petra Schulz\nMuster GmbH\nT +49 30 1234567", "-- \nPetra Schulz\nEinkauf"]
)
def test_what_is_passed_on_below_nothing_but_a_signature_is_shown(signature: str) -> None:
    block = "From: Ann <ann@example.com>\nSent: 16 August 2025 05:13\nTo: Petra\nSubject: Pump"
    email = Email(
        message_id=None,
        text=f"\n{signature}\n\n{block}\n\n{EARLIER}",
        subject="FW: Pump",
        from_=Address("Petra Schulz", "p.schulz@example.com"),
    )
    refined = refine(email)
    assert refined.text == EARLIER
    assert refined.shows_forwarded
    assert refined.signature == signature.replace("-- ", "--")


def test_what_a_ticket_system_wrote_below_its_line() -> None:
    refined = refine(of(f"##- Please type your reply above this line -##\n\n{WORDS}"))
    assert refined.text == WORDS
    assert not refined.shows_forwarded


def test_attachments_that_are_named_below_a_signature() -> None:
    signature = "Petra Schulz\nEinkauf\nT +49 30 1234567"
    assert refine(of(f"Please send two.\n\n{signature}\n\n - order.pdf")).signature == signature


@pytest.mark.parametrize(
    "text",
    [
        "We met on Monday, 3 March 2026, and Ann wrote:\n\nThis is fine.\n\nSo do it.",
        "The customer wrote on 3 March 2026:\n\nWe need two.\n\nPlease answer.",
        "In his mail of 3.3.2026 10:15 Bob <bob@example.com> wrote that he agrees. So we go on:\n\n1. order",
        "On 3 March we have 5 orders:\n- valve",
        "28.10.2021 12:06 error: disk full\n\nCan you help?",
        "Notes of 20/12/2000 11:19\n\nTo\ndo\n\nSubject\nmatter",
        "URGENT\n\nPlease send two.",
        "Hello,\n\n[EXTERNAL] is what the subject says. Why?",
    ],
)
def test_words_that_look_like_what_clients_write(text: str) -> None:
    assert refine(of(text)).text == text


@pytest.mark.parametrize(
    "footer",
    [
        (
            "-- \nReply to this email directly or view it on GitLab: https://gitlab.example.com/a/b/-/issues/1#note_1\n"
            "You're receiving this email because of your account on gitlab.example.com."
        ),
        "##########\n\nTo unsubscribe from the PUMPS list, click the following link:\nhttps://lists.example.com/x",
        "_______________________________________________\nPumps mailing list\nPumps@lists.example.com",
        "-- \nA line below the delimiter that is much longer than all that people write into a signature themselves",
    ],
)
def test_footers(footer: str) -> None:
    assert refine(of(f"Please send two.\n\n{footer}")).text == "Please send two."


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("王芳", "王芳\n采购部\n电话：010-12345678"),
        ("山田花子", "山田 花子\n株式会社サンプル\nTEL 03-1234-5678"),
    ],
)
def test_a_name_that_is_written_without_spaces(name: str, signature: str) -> None:
    assert refine(of(f"Please send two.\n\n此致\n\n{signature}", name)).signature == signature


def test_a_line_that_an_author_drew_begins_no_history() -> None:
    line = '<div style="border:none;border-top:solid windowtext 1.0pt;padding:1.0pt 0cm 0cm 0cm">Two.</div>'
    assert refine(Email(message_id=None, html=f"<div>One.</div>{line}")).text == "One.\n\nTwo."


@pytest.mark.parametrize(
    ("labels", "passes_on"),
    [
        (("Fra", "Sendt", "Til", "Emne"), True),
        (("Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe"), False),
    ],
    ids=["Danish", "Finnish"],
)
def test_a_prefix_that_answers_in_one_language_and_passes_on_in_another(
    labels: tuple[str, ...], *, passes_on: bool
) -> None:
    values = ("Jan <jan@example.com>", "16. elokuuta 2025 5.13", "Petra", "Pump")
    block = "\n".join(f"{label}: {value}" for label, value in zip(labels, values, strict=True))
    email = Email(message_id=None, text=f"{WORDS}\n\n{block}\n\n{EARLIER}", subject="VS: Pump")
    assert refine(email).is_forward is passes_on
