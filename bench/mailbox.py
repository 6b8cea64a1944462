"""A large mailbox to measure with: the mix that the project's performance figures are about.

The mean mail has 58 KB: 11 KB of HTML, 6 KB of the same as text, and in one of five an attachment
of 10 to 500 KB. More than half belong to chains that quote all that went before; four languages.
"""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from exchange_simulator.company.cast import Person, customer
from exchange_simulator.company.compose import (
    Headers,
    Part,
    encoded,
    mailbox,
    message,
    multipart,
    text_part,
)
from exchange_simulator.company.dice import Dice
from exchange_simulator.company.language import Language, language
from exchange_simulator.company.programs import Draft, Program, Quoted, lay_out

LANGUAGES = ("en", "de", "fr", "es")
PROGRAMS = (Program.OUTLOOK, Program.OUTLOOK, Program.OUTLOOK, Program.GMAIL, Program.APPLE_MAIL)
REPLIES = 0.55
ATTACHED = 0.2
LARGEST, SMALLEST = 500_000, 10_000
"""Bytes of an attachment; small ones are more frequent."""
LONGEST_CHAIN = 6
BYTES_OF_LINE, LINE = 57, 78
"""What a line of base64 carries, and its length with its end."""
TO = "orders@lindholt-instruments.example"


def synthetic(count: int, seed: int = 1) -> Iterator[bytes]:
    """Yield so many raw emails, all different, the same for the same seed."""
    dice = Dice(seed)
    people = [one for one in (customer(dice) for _ in range(400)) if one.language in LANGUAGES]
    said = {code: _sentences(dice, language(code)) for code in LANGUAGES}
    block = base64.encodebytes(dice.randbytes(LARGEST)).replace(b"\n", b"\r\n")
    threads: list[_Thread] = []
    at = datetime(2024, 1, 1, tzinfo=UTC)
    for number in range(count):
        at += timedelta(seconds=dice.randrange(60, 1200))
        if threads and dice.chance(REPLIES):
            thread = dice.choice(threads)
        else:
            thread = _Thread(dice.choice(people), number)
            threads.append(thread)
            del threads[:-50]
        yield thread.write(dice, at, said[thread.author.language], block)
        if len(thread.ids) == LONGEST_CHAIN:
            threads.remove(thread)


class _Thread:
    """A chain of mails, each quoting all before."""

    def __init__(self, author: Person, number: int) -> None:
        self.author = author
        self.subject = f"Order {number:06}"
        self.ids: list[str] = []
        self.quoted: Quoted | None = None

    def write(self, dice: Dice, at: datetime, sentences: list[str], block: bytes) -> bytes:
        author, said = self.author, language(self.author.language)
        draft = Draft(
            greeting=dice.choice(said.greetings),
            paragraphs=tuple(
                " ".join(dice.choices(sentences, k=dice.randrange(1, 4)))
                for _ in range(dice.randrange(11, 34))
            ),
            closing=dice.choice(said.closings).format(city=author.city),
            signature=author.signature,
            disclaimer=said.disclaimer,
        )
        body = lay_out(dice.choice(PROGRAMS), draft, self.quoted, said)
        subject = f"{said.reply_prefix if self.ids else ''}{self.subject}: {sentences[0][:40]}"
        identity = f"<{dice.hexadecimal(24)}@{author.address.partition('@')[2]}>"
        thread: Headers = ()
        if self.ids:
            thread = (("In-Reply-To", self.ids[-1]), ("References", "\r\n ".join(self.ids)))
        headers = (
            ("Date", format_datetime(at)),
            ("From", mailbox(author.name, author.address, "utf-8")),
            ("To", TO),
            ("Subject", encoded("Subject", subject, "utf-8")),
            ("Message-ID", identity),
            *thread,
        )
        boundary = f"_{dice.hexadecimal(24)}_"
        content = multipart(
            "alternative",
            boundary,
            text_part(body.text, "plain", "windows-1252"),
            text_part(body.html or body.fragment, "html", "windows-1252"),
        )
        if dice.chance(ATTACHED):
            content = multipart("mixed", f"{boundary}a", content, _attachment(dice, block))
        self.ids.append(identity)
        self.quoted = Quoted(
            name=author.name,
            address=author.address,
            to=TO,
            sent_at=at,
            subject=subject,
            text=body.text,
            html=body.fragment,
        )
        return message(headers, content)


def _sentences(dice: Dice, said: Language) -> list[str]:
    """Fill in all that can be said in a language, some in several ways."""
    sentences = []
    for topic in said.topics.values():
        for sentence in (*topic.opening, *topic.detail, *topic.ask, *topic.answer):
            numbers = {name: dice.digits(6) for name in ("order", "invoice", "serial", "serial2")}
            names = {"product": dice.choice(said.products), "city": "Lyon", "company": "Nordlab"}
            more = {name: dice.digits(2) for name in ("code", "quantity", "reference", "part")}
            dates = {"date": dice.choice(said.months), "date2": dice.choice(said.months)}
            sums = {"amount": dice.digits(3), "tracking": dice.digits(9)}
            sentences.append(sentence.format(**numbers, **names, **more, **dates, **sums))
    return sentences


def _attachment(dice: Dice, block: bytes) -> Part:
    """Cut an attachment out of the encoded block, so that its bytes cost nothing."""
    size = SMALLEST + (LARGEST - SMALLEST) * dice.random() ** 2.5
    lines = int(size / BYTES_OF_LINE)
    first = dice.randrange(len(block) // LINE - lines)
    return Part(
        (
            ("Content-Type", f'application/pdf; name="{dice.digits(8)}.pdf"'),
            ("Content-Disposition", "attachment"),
            ("Content-Transfer-Encoding", "base64"),
        ),
        block[first * LINE : (first + lines) * LINE],
    )
