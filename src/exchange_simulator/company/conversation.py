"""One matter between a customer and the company: question, answer, question, until it is settled."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime

from exchange_simulator.company import compose, files
from exchange_simulator.company.cast import (
    COMPANY,
    DOMAIN,
    MAILBOXES,
    Person,
    address,
    at_home,
    colleague,
    customer,
)
from exchange_simulator.company.compose import Headers, Part
from exchange_simulator.company.dice import Dice
from exchange_simulator.company.language import Language, Topic, language
from exchange_simulator.company.programs import LOGO, Body, Draft, Program, Quoted, lay_out

WAITS = {"customer": timedelta(hours=30), "company": timedelta(hours=9)}
"""Who writes next → how long that takes on average."""

OUTLOOKS = (Program.OUTLOOK, Program.OUTLOOK_PLAIN)
"""These write "AW:" or "RE:" as the language has it, the others "Re:"."""

FILE_TOPICS = {
    "damage": ("photo", "photo"),
    "invoice": ("pdf",),
    "payment": ("pdf", "csv"),
    "quote": ("pdf", "csv"),
    "certificate": ("pdf",),
    "calibration": ("csv",),
    "application": ("pdf", "docx"),
    "fault": ("photo",),
    "delivery": ("pdf",),
    "change": ("pdf",),
    "question": ("pdf",),
}
"""Topic → the kinds of files that are attached in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail on its way."""

    raw: bytes
    sent_at: datetime
    is_from_customer: bool
    recipients: tuple[str, ...]
    """Shared mailboxes, by address, in which it lies when it has arrived."""
    message_id: str | None
    quoted: Quoted
    """The mail as the next one quotes it."""


@dataclass(slots=True, kw_only=True)
class Conversation:
    """A thread; `write_next` makes it longer by one mail."""

    mailbox: str
    topic: str
    customer: Person
    agent: Person
    language: Language
    slots: dict[str, str]
    subject: str
    length: int
    """How many mails it will have."""
    next_at: datetime
    mails: list[Mail] = field(default_factory=list)

    @property
    def is_settled(self) -> bool:
        """Whether nobody will write any more."""
        return len(self.mails) >= self.length

    def write_next(self, dice: Dice, at: datetime) -> Mail:
        """Write the next mail of the thread: the customer's and the company's turns alternate."""
        is_from_customer = len(self.mails) % 2 == 0
        author = self.customer if is_from_customer else self.agent
        previous = self.mails[-1] if self.mails else None
        body = lay_out(
            author.program,
            self._draft(dice, author, at),
            previous.quoted if previous else None,
            self.language,
        )
        mail = self._sent(dice, author, at, body, previous)
        self.mails.append(mail)
        self.next_at = dice.after(at, WAITS["company" if is_from_customer else "customer"])
        return mail

    def _draft(self, dice: Dice, author: Person, at: datetime) -> Draft:
        """Find what the author has to say at this point of the conversation."""
        said, topic = self.language, self.language.topics[self.topic]
        turn = len(self.mails)
        later = {**self.slots, "date": said.dated(said.date, at + timedelta(dice.randrange(2, 16)))}
        if turn == 0:
            chosen = _opening(dice, said, topic, self.slots)
            if self.topic != "application" and dice.chance(0.45):
                chosen.append(dice.choice(said.extras).format(**later))
        elif author is self.agent:
            first = dice.choice(said.acknowledgements).format(**later)
            news = dice.choice(topic.answer if turn == 1 else topic.resolve).format(**self.slots)
            chosen = [
                f"{first}{said.space}{news[0].upper()}{news[1:]}",
                dice.choice(said.assurances).format(**later),
            ]
        else:
            chosen = [dice.choice(said.thanks), dice.choice(said.follow_ups).format(**later)]
        greetings = said.greetings if turn == 0 else said.greetings_by_name
        partner = self.customer if author is self.agent else self.agent
        name = partner.last if said.code in {"ja", "zh"} else partner.name
        return Draft(
            greeting=dice.choice(greetings).format(name=name, first=partner.first),
            paragraphs=tuple(chosen),
            closing=dice.choice(said.closings).format(city=author.city),
            signature=author.signature,
            disclaimer=said.disclaimer if author.company and dice.chance(0.4) else None,
            has_logo=author is self.agent and dice.chance(0.5),
        )

    def _sent(
        self, dice: Dice, author: Person, at: datetime, body: Body, previous: Mail | None
    ) -> Mail:
        """Address the laid-out message and dispatch it."""
        to_company = author is self.customer
        to = (
            [(COMPANY, self.mailbox)]
            if to_company
            else [(self.customer.name, self.customer.address)]
        )
        also = _second_mailbox(dice, self.mailbox) if to_company and previous is None else None
        if also:
            to.append((COMPANY, also))
        prefix = self.language.reply_prefix if author.program in OUTLOOKS else "Re: "
        subject = f"{prefix if previous else ''}{self.subject}"
        message_id = new_message_id(dice, author)
        headers: Headers = (
            *transport_headers(dice, author, at, message_id),
            ("From", compose.mailbox(author.name, author.address, author.charset)),
            ("To", ",\r\n ".join(compose.mailbox(*one, author.charset) for one in to)),
            ("Subject", compose.encoded("Subject", subject, author.charset)),
            *self._thread_headers(author),
        )
        raw = compose.message(
            headers,
            content(dice, author, body, self._files(dice, author)),
        )
        return Mail(
            raw=raw,
            sent_at=at,
            is_from_customer=to_company,
            recipients=tuple(one for _, one in to) if to_company else (self.mailbox,),
            message_id=message_id,
            quoted=Quoted(
                name=author.name,
                address=author.address,
                to="; ".join(f"{name} <{one}>" for name, one in to),
                sent_at=at,
                subject=subject,
                text=body.text,
                html=body.fragment,
            ),
        )

    def _thread_headers(self, author: Person) -> Headers:
        known = [mail.message_id for mail in self.mails if mail.message_id]
        headers: Headers = ()
        if self.mails and self.mails[-1].message_id:
            headers += (("In-Reply-To", str(self.mails[-1].message_id)),)
        if self.mails and known:
            headers += (("References", "\r\n ".join(known)),)
        if author.program is Program.OUTLOOK:
            topic = compose.encoded("Thread-Topic", self.subject, author.charset)
            headers += (("Thread-Topic", topic),)
        return headers

    def _files(self, dice: Dice, author: Person) -> list[Part]:
        """Choose what is attached, often nothing."""
        kinds = FILE_TOPICS[self.topic] if author is self.customer else ("pdf",)
        share = 0.85 if self.topic == "application" and not self.mails else 0.22
        if not dice.chance(share):
            return []
        slots = self.slots
        return [
            _file(dice, kind, number, slots, subject=self.subject, author=author)
            for number, kind in enumerate(kinds, 1)
        ]


def begin(dice: Dice, at: datetime) -> Conversation:
    """Begin a new matter, somewhere in the company's business."""
    who = customer(dice)
    said = language(who.language)
    mailbox, topic = dice.choice(
        [
            (mailbox, topic)
            for mailbox, topics in MAILBOXES.items()
            for topic in topics
            if topic in said.topics
        ]
    )
    if topic == "application" or dice.chance(0.25):
        who = at_home(dice, who)
    amount = dice.randrange(48, 9_800)
    reference = f"{dice.choice('ABKLRSW')}-{dice.digits(5)}"
    slots = {
        "order": f"{dice.choice(('45', 'PO-', 'B'))}{dice.digits(6)}",
        "invoice": f"{at.year}-{dice.digits(5)}",
        "serial": f"{dice.choice('LMN')}{dice.digits(7)}",
        "serial2": f"{dice.choice('LMN')}{dice.digits(7)}",
        "part": f"{dice.digits(3)}-{dice.digits(4)}",
        "code": dice.digits(2),
        "reference": reference,
        "tracking": f"LX{dice.digits(9)}EU",
        "quantity": str(dice.randrange(2, 25)),
        "product": dice.choice(said.products),
        "amount": said.amount.format(whole=amount, cents=dice.randrange(100)),
        "city": who.city,
        "company": who.company or dice.choice(("Nordlab", "Technika", "Acme Test")),
        "date": said.dated(said.date, at - timedelta(days=dice.randrange(3, 25))),
        "date2": said.dated(said.date, at + timedelta(days=dice.randrange(3, 20))),
    }
    return Conversation(
        mailbox=address(mailbox),
        topic=topic,
        customer=who,
        agent=colleague(dice, mailbox),
        language=said,
        slots=slots,
        subject=dice.choice(said.topics[topic].subjects).format(**slots),
        length=dice.choices((1, 2, 3, 4, 5, 7), (32, 24, 16, 14, 9, 5))[0],
        next_at=at,
    )


def content(dice: Dice, author: Person, body: Body, attached: list[Part]) -> Part:
    """Give the MIME structure that the author's program gives a body with these attachments."""
    flowed = "; format=flowed" if author.program is Program.THUNDERBIRD else ""
    plain = compose.text_part(body.text, "plain", author.charset, parameters=flowed)
    whole = plain
    if body.html is not None:
        html = compose.text_part(body.html, "html", author.charset)
        whole = compose.multipart("alternative", _boundary(dice), plain, html)
        if f"cid:{LOGO}" in body.html:
            logo = files.png(120, 32, 31, 56, 100)
            picture = compose.attachment("image001.png", "image/png", logo, cid=LOGO)
            whole = compose.multipart("related", _boundary(dice), whole, picture)
    if attached:
        whole = compose.multipart("mixed", _boundary(dice), whole, *attached)
    return whole


def new_message_id(dice: Dice, author: Person) -> str | None:
    """Make a Message-ID as the author's program makes it; some old gateways leave it out."""
    if author.program is Program.OUTLOOK_PLAIN and dice.chance(0.25):
        return None
    domain = author.address.partition("@")[2]
    match author.program:
        case Program.GMAIL:
            return f"<CA+{dice.hexadecimal(20).lower()}={dice.hexadecimal(12)}@mail.{domain}>"
        case Program.APPLE_MAIL:
            groups = "-".join(dice.hexadecimal(count) for count in (8, 4, 4, 4, 12))
            return f"<{groups}@{domain}>"
        case Program.THUNDERBIRD:
            return f"<{dice.hexadecimal(8).lower()}-{dice.hexadecimal(12).lower()}@{domain}>"
        case _:
            server = f"AS8PR{dice.hexadecimal(6)}"
            return f"<{server}{dice.hexadecimal(16)}@{server}.{domain}>"


def transport_headers(dice: Dice, author: Person, at: datetime, message_id: str | None) -> Headers:
    """Write what servers and programs put above From, To and Subject."""
    local = language(author.language).local(at)
    domain = author.address.partition("@")[2]
    received = (
        f"from mail.{domain} (198.51.100.{dice.randrange(1, 255)})\r\n by mx1.{DOMAIN}"
        f" with ESMTPS; {format_datetime(at + timedelta(seconds=dice.randrange(1, 5)))}"
    )
    headers: Headers = (("Received", received), ("Date", format_datetime(local)))
    if message_id:
        headers += (("Message-ID", message_id),)
    if author.program is Program.THUNDERBIRD:
        headers += (("User-Agent", author.program.value),)
    elif author.program is not Program.GMAIL:
        headers += (("X-Mailer", author.program.value),)
    return headers


def _opening(dice: Dice, said: Language, topic: Topic, slots: dict[str, str]) -> list[str]:
    """Write the paragraphs of a first mail."""
    details = dice.sample(topic.detail, k=1 if dice.chance(0.7) else 2)
    sentences = [dice.choice(topic.opening), *details, dice.choice(topic.ask)]
    filled = [sentence.format(**slots) for sentence in sentences]
    if dice.chance(0.4):
        return [said.space.join(filled)]
    return [said.space.join(filled[:-1]), filled[-1]]


def _second_mailbox(dice: Dice, mailbox: str) -> str | None:
    """Choose a second addressee: some customers write to two mailboxes, to be sure."""
    if not dice.chance(0.06):
        return None
    return dice.choice([address(other) for other in MAILBOXES if address(other) != mailbox])


def _file(
    dice: Dice, kind: str, number: int, slots: dict[str, str], *, subject: str, author: Person
) -> Part:
    """Attach a file that fits the matter."""
    match kind:
        case "photo":
            colour = (dice.randrange(200), dice.randrange(200), dice.randrange(200))
            name, content_type = f"IMG_{dice.digits(4)}.png", "image/png"
            data = files.png(320, 240, *(value // 40 * 40 for value in colour))
        case "csv":
            rows = [("Serial", "Model", "Date")]
            rows += [
                (f"L{dice.digits(7)}", slots["product"], slots["date2"])
                for _ in range(dice.randrange(4, 30))
            ]
            name, content_type, data = f"list-{slots['reference']}.csv", "text/csv", files.csv(rows)
        case "docx":
            name = f"CV {author.name}.docx"
            content_type = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
            data = files.docx((author.name, author.city, author.phone, subject))
        case _:
            name, content_type = f"{slots['invoice']}-{number}.pdf", "application/pdf"
            lines = (author.company, subject, slots["reference"], slots["product"], slots["amount"])
            data = files.pdf(lines)
    return compose.attachment(name, content_type, data)


def _boundary(dice: Dice) -> str:
    return f"_000_{dice.hexadecimal(24)}_"
