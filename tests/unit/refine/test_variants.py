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
