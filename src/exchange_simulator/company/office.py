"""The company's mailboxes over time: what has come in, and what comes next."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from exchange_simulator.company import notices
from exchange_simulator.company.cast import MAILBOXES, address
from exchange_simulator.company.conversation import Conversation, Mail, begin
from exchange_simulator.company.dice import Dice

DAYS = 60
"""How far back the history goes."""
MAILS = 1000
"""The least number of deliveries in the history."""

INBOX, IN_PROGRESS, DONE = "Inbox", "Inbox/In progress", "Archive/Done"
SENT, NEWSLETTERS = "Sent Items", "Inbox/Newsletters"
NEXT_FOLDER = {INBOX: IN_PROGRESS, IN_PROGRESS: DONE}
"""Where a mail is moved when somebody has dealt with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A mail arrives in a mailbox (or is put into its Sent Items)."""

    key: str
    """Names this copy in later moves."""
    mailbox: str
    """Its e-mail address."""
    folder: str
    """A path such as "Inbox/In progress"."""
    raw: bytes
    """MIME."""
    at: datetime
    """When it is received, UTC."""
    is_read: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Somebody moves a copy that was delivered before into another folder of its mailbox."""

    key: str
    mailbox: str
    folder: str
    at: datetime


Event = Delivery | Move


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A mail in a mailbox, before it has a key."""

    mailbox: str
    folder: str
    raw: bytes
    at: datetime


def mailboxes() -> tuple[str, ...]:
    """Return the addresses of the company's shared mailboxes."""
    return tuple(address(mailbox) for mailbox in MAILBOXES)


def history(seed: int, now: datetime) -> Iterator[Delivery]:
    """Yield the mail of the last `DAYS` days, oldest first: at least `MAILS` deliveries.

    `now` is an aware datetime in UTC. The same seed and the same `now` give the same bytes.
    """
    yield from _Office(seed, now).past


def arrivals(seed: int, start: datetime) -> Iterator[Event]:
    """Yield what happens after `history(seed, start)`, without end: new mail, answers, moves.

    Events are seconds apart, and name the keys of that history or their own.
    """
    yield from _Office(seed, start).future()


class _Office:
    """Keeps the threads that go on and the mails that still wait to be moved."""

    def __init__(self, seed: int, now: datetime) -> None:
        self.dice = Dice(seed)
        self.now = now
        self.open: deque[Conversation] = deque(maxlen=120)
        self.waiting: deque[Delivery | Move] = deque(maxlen=300)
        arrived: list[_Arrived] = []
        while len(arrived) < MAILS:
            age = timedelta(days=self.dice.random() * DAYS)
            at = min(self.dice.office_hours(now - age), now - timedelta(minutes=1))
            arrived += self._matter(at)
        arrived += self._newsletters()
        arrived.sort(key=lambda one: (one.at, one.mailbox))
        self.past = [self._filed(number, one) for number, one in enumerate(arrived)]
        self.waiting.extend(one for one in self.past if one.folder in NEXT_FOLDER)

    def future(self) -> Iterator[Event]:
        """Yield moves and new mail, a few seconds apart."""
        at, number = self.now, len(self.past)
        while True:
            at += timedelta(seconds=self.dice.randrange(2, 7))
            if self.waiting and self.dice.chance(0.3):
                yield self._move(at)
                continue
            for one in self._news(at):
                delivery = Delivery(
                    key=f"mail-{number}",
                    mailbox=one.mailbox,
                    folder=one.folder,
                    raw=one.raw,
                    at=at,
                    is_read=one.folder == SENT,
                )
                number += 1
                if delivery.folder in NEXT_FOLDER:
                    self.waiting.append(delivery)
                yield delivery

    def _matter(self, at: datetime) -> list[_Arrived]:
        """All mails of a new matter up to now."""
        conversation = begin(self.dice, at)
        if self.dice.chance(0.04):
            raw = notices.contact_form(self.dice, conversation, at)
            return [_Arrived(conversation.mailbox, INBOX, raw, at)]
        arrived = []
        while not conversation.is_settled and conversation.next_at <= self.now:
            arrived += self._step(conversation, conversation.next_at)
        if not conversation.is_settled:
            self.open.append(conversation)
        return arrived

    def _step(self, conversation: Conversation, at: datetime) -> list[_Arrived]:
        """Write the next mail of a thread, and what it sets off."""
        mail = conversation.write_next(self.dice, at)
        arrived = [
            _Arrived(mailbox, INBOX if mail.is_from_customer else SENT, mail.raw, at)
            for mailbox in mail.recipients
        ]
        if at + timedelta(minutes=10) < self.now or at > self.now:
            arrived += self._consequence(conversation, mail, at)
        return arrived

    def _consequence(self, conversation: Conversation, mail: Mail, at: datetime) -> list[_Arrived]:
        """Let some mails cause another: a forward, a meeting, an automatic reply, a failed delivery."""
        dice, mailbox = self.dice, conversation.mailbox
        soon = at + timedelta(seconds=dice.randrange(3, 90))
        if mail.is_from_customer:
            if dice.chance(0.06):
                target = dice.choice([other for other in mailboxes() if other != mailbox])
                raw = notices.forward(dice, conversation, target, soon)
                return [_Arrived(mailbox, SENT, raw, soon), _Arrived(target, INBOX, raw, soon)]
            if conversation.topic in {"calibration", "question", "quote"} and dice.chance(0.08):
                return [_Arrived(mailbox, INBOX, notices.meeting(dice, conversation, soon), soon)]
        elif dice.chance(0.06):
            return [_Arrived(mailbox, INBOX, notices.absence(dice, conversation, soon), soon)]
        elif dice.chance(0.03):
            report = notices.failed_delivery(dice, conversation, soon)
            return [_Arrived(mailbox, INBOX, report, soon)]
        return []

    def _newsletters(self) -> list[_Arrived]:
        """One letter a week."""
        arrived = []
        for week in range(DAYS // 7):
            at = self.now - timedelta(days=7 * week, hours=5)
            raw = notices.newsletter(self.dice, address("support"), at)
            arrived.append(_Arrived(address("support"), NEWSLETTERS, raw, at))
        return arrived

    def _filed(self, number: int, one: _Arrived) -> Delivery:
        """Where an old mail lies by now: the older, the more likely it has been dealt with."""
        folder, age = one.folder, (self.now - one.at) / timedelta(days=1)
        if folder == INBOX:
            if self.dice.random() * 16 < age:
                folder = DONE
            elif self.dice.random() * 4 < age:
                folder = IN_PROGRESS
        is_read = folder != INBOX or self.dice.chance(min(age / 3, 0.95))
        return Delivery(
            key=f"mail-{number}",
            mailbox=one.mailbox,
            folder=folder,
            raw=one.raw,
            at=one.at,
            is_read=is_read,
        )

    def _news(self, at: datetime) -> list[_Arrived]:
        """Write an answer in a thread that goes on, or a new matter."""
        if self.open and self.dice.chance(0.5):
            conversation = self.dice.choice(self.open)
        else:
            conversation = begin(self.dice, at)
            self.open.append(conversation)
        arrived = self._step(conversation, at)
        if conversation.is_settled:
            self.open.remove(conversation)
        return arrived

    def _move(self, at: datetime) -> Move:
        """Somebody deals with one of the mails that wait."""
        old = self.dice.choice(self.waiting)
        self.waiting.remove(old)
        moved = Move(key=old.key, mailbox=old.mailbox, folder=NEXT_FOLDER[old.folder], at=at)
        if moved.folder in NEXT_FOLDER:
            self.waiting.append(moved)
        return moved
