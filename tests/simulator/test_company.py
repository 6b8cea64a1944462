"""The invented company's mail is mail, hangs together, and comes out the same twice."""

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from functools import cache
from itertools import islice

from exchange_simulator import company
from exchange_simulator.company.language import FAR_LANGUAGES, LANGUAGES, language

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
EVENTS = 400


@cache
def deliveries() -> tuple[company.Delivery, ...]:
    return tuple(company.history(1, NOW))


@cache
def events() -> tuple[company.Event, ...]:
    return tuple(islice(company.arrivals(1, NOW), EVENTS))


@cache
def mails() -> tuple[Message, ...]:
    arrived = [event for event in events() if isinstance(event, company.Delivery)]
    return tuple(message_from_bytes(one.raw) for one in (*deliveries(), *arrived))


def leaves(mail: Message) -> Iterator[Message]:
    return (part for part in mail.walk() if not part.is_multipart())


def text_of(part: Message) -> str:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode(part.get_content_charset() or "ascii")


def test_a_thousand_distinct_mails_of_sixty_days_lie_in_every_mailbox() -> None:
    history = deliveries()
    assert len(history) >= 1000
    assert len({one.raw for one in history}) > 900
    assert {one.mailbox for one in history} == set(company.mailboxes())
    times = [one.at for one in history]
    assert times == sorted(times)
    assert NOW - timedelta(days=62) < times[0] < NOW - timedelta(days=55)
    assert times[-1] <= NOW


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert tuple(company.history(1, NOW)) == deliveries()
    assert tuple(islice(company.arrivals(1, NOW), EVENTS)) == events()
    assert next(company.history(2, NOW)) != deliveries()[0]


def test_every_mail_parses_without_defects_and_every_text_decodes() -> None:
    for mail in mails():
        assert mail["Date"]
        assert mail["From"]
        assert str(make_header(decode_header(mail["Subject"])))
        for part in mail.walk():
            assert not part.defects
            if (part["Content-Type"] or "").startswith("text/") and not part.get_filename():
                assert text_of(part).strip()


def test_no_slot_stays_unfilled() -> None:
    for mail in mails():
        plain = next((p for p in leaves(mail) if p.get_content_type() == "text/plain"), None)
        if plain:
            assert not {"{", "}"} & set(text_of(plain))


def test_answers_refer_to_mails_that_are_there() -> None:
    known = {mail["Message-ID"] for mail in mails()}
    answers = [mail for mail in mails() if mail["In-Reply-To"]]
    assert len(answers) > 300
    for mail in answers:
        assert mail["In-Reply-To"] in known
        assert set(mail["References"].split()) <= known


def test_an_answer_quotes_what_it_answers() -> None:
    by_id = {mail["Message-ID"]: mail for mail in mails()}
    quoting = 0
    for mail in mails():
        answered = by_id.get(mail["In-Reply-To"])
        if answered is None or mail["Auto-Submitted"] or mail.get_content_type() == "text/calendar":
            continue
        plain = next(part for part in leaves(mail) if part.get_content_type() == "text/plain")
        subject = str(make_header(decode_header(answered["Subject"])))
        quoting += subject in text_of(plain) or "> " in text_of(plain)
    assert quoting > 200


def test_all_languages_write() -> None:
    subjects = " ".join(str(make_header(decode_header(mail["Subject"]))) for mail in mails())
    texts = " ".join(text_of(part) for m in mails() for part in islice(leaves(m), 1))
    for code in LANGUAGES | FAR_LANGUAGES:
        said = language(code)
        assert any(closing.split("{")[0] in texts for closing in said.closings), code
    assert "AW: " in subjects


def test_all_mail_programs_and_notices_occur() -> None:
    everything = b"".join(bytes(one.raw) for one in deliveries())
    for mark in (
        b"MsoNormal",
        b"divRplyFwdMsg",
        b"ms-outlook-mobile-signature",
        b"gmail_quote",
        b'blockquote type=3D"cite"',
        b"format=flowed",
        b"report-type=delivery-status",
        b"auto-replied",
        b"method=REQUEST",
        b"List-Unsubscribe",
        b"Content-ID: <image001",
        b"=?iso-8859-1?q?",
        b"=?windows-1252?q?",
        b"=?iso-2022-jp?b?",
        b"=?gb2312?b?",
        b"=?utf-8?",
    ):
        assert mark in everything, mark


def test_some_mails_lack_a_message_id_and_some_lie_in_two_mailboxes() -> None:
    ids = Counter(message_from_bytes(one.raw)["Message-ID"] for one in deliveries())
    assert ids.pop(None) > 3
    twice = [message_id for message_id, count in ids.items() if count == 2]
    assert len(twice) > 10


def test_attachments_open() -> None:
    kinds: Counter[str] = Counter()
    for part in (part for mail in mails() for part in leaves(mail)):
        content = part.get_payload(decode=True)
        if not part.get_filename() or not isinstance(content, bytes):
            continue
        kinds[part.get_content_type()] += 1
        match part.get_content_type():
            case "application/pdf":
                table = int(content.split(b"startxref\n")[1].split()[0])
                assert content[table:].startswith(b"xref")
                assert content.endswith(b"%%EOF\n")
            case "image/png":
                assert content.startswith(b"\x89PNG\r\n\x1a\n")
            case "text/csv":
                rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))
                assert {len(row) for row in rows} == {3}
            case other:
                assert other.endswith("wordprocessingml.document")
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    assert archive.testzip() is None
    assert len(kinds) == 4


def test_events_follow_one_another_and_moves_name_mails_that_are_there() -> None:
    places = {one.key: one.folder for one in deliveries()}
    last, moves = NOW, 0
    for event in events():
        assert event.at >= last
        last = event.at
        if isinstance(event, company.Move):
            moves += 1
            assert places[event.key] != event.folder
        else:
            assert event.key not in places
        places[event.key] = event.folder
    assert moves > EVENTS / 10


def test_some_arrivals_answer_mails_of_the_history() -> None:
    old = {message_from_bytes(one.raw)["Message-ID"] for one in deliveries()}
    new = [message_from_bytes(e.raw) for e in events() if isinstance(e, company.Delivery)]
    assert sum(mail["In-Reply-To"] in old for mail in new) > 10
