"""What happened, what people were told, who may know: what to tell whom now. Pure functions, no I/O.

Events open incidents. An incident is told once when it begins and once when what stopped is read again; never
where a person stopped it himself. What many mailboxes of an integration suffer for one cause is told in one.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from mailmine.model.ids import IntegrationId, MailboxId, UserId
from mailmine.model.notice import Notice, PersonalChannel, Topic
from mailmine.store.deliveries import Recipient
from mailmine.store.events import Event
from mailmine.store.incidents import Incident
from mailmine.store.subscriptions import Choices

TOPICS: Final[Mapping[str, Topic]] = {
    "integration_disabled": Topic.INTEGRATION_DISABLED,
    "mailbox_disabled": Topic.MAILBOX_DISABLED,
    "integration_warning": Topic.WARNING,
    "mailbox_warning": Topic.WARNING,
}
"""The kinds of events that people are told of."""

FEW: Final = 3
"""Mailboxes that are told of one by one; of more, with one cause within `WINDOW`, one message tells."""
WINDOW: Final = timedelta(minutes=10)
SETTLE: Final = timedelta(minutes=1)
"""What is said of a mailbox waits for so long, in case that others follow."""
CAP: Final = 10
"""Messages that a recipient gets within `HOUR` at most; the rest are summed up in one."""
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """How a mailbox or an integration is now."""

    project: str
    integration: str
    """Its title."""
    address: str | None
    """None: it is an integration."""
    is_stopped: bool
    by_person: bool
    """Whether somebody switched it off on purpose."""
    read_at: datetime | None
    """When it was last read to its end."""
    since: datetime | None
    """When its trouble began."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of the incidents."""

    keep: tuple[Incident, ...] = ()
    """Those that are new or changed."""
    forget: tuple[Incident, ...] = ()
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who may be told, as far as it matters here."""

    user_id: UserId
    may_see: Callable[[str], bool]
    """Whether he may see the integrations of a project."""
    channels: frozenset[PersonalChannel]
    """The ways to him that there are."""
    choices: Choices = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A channel to all people of a project."""

    name: str
    project: str
    topics: frozenset[Topic]


@dataclass(frozen=True, slots=True)
class Allotted:
    """What one recipient gets now, each a message, and what waits until he may get more."""

    messages: tuple[tuple[Notice, ...], ...]
    held: tuple[Notice, ...]


def opened(known: Iterable[Incident], events: Iterable[Event]) -> tuple[Incident, ...]:
    """Add what newly stopped to the incidents, in the place of earlier ones of the same."""
    incidents = {(one.subject, one.topic): one for one in known}
    for event in events:
        topic = TOPICS.get(event.kind)
        if topic is None or event.integration_id is None:
            continue
        subject: str = event.mailbox_id or event.integration_id
        code = str(event.detail.get("code", ""))
        if topic is Topic.WARNING:
            # Of several things at once none takes the place of another.
            subject = f"{subject} {code}"
        incidents[subject, topic] = Incident(
            subject=subject,
            topic=topic,
            integration_id=event.integration_id,
            mailbox_id=event.mailbox_id,
            code=code,
            message=str(event.detail.get("message", "")),
            began_at=event.at,
        )
    return tuple(incidents.values())


def follow(
    known: Collection[Incident],
    events: Collection[Event],
    subjects: Mapping[str, Subject],
    *,
    now: datetime,
) -> Followed:
    """Say which incidents begin and end, and what is to be told of them now."""
    before = {(one.subject, one.topic): one for one in known}
    current = opened(known, events)
    looked = {
        (one.subject, one.topic): _look(one, subjects.get(one.thing), now=now) for one in current
    }
    lasting = [one for one in looked.values() if one is not None]
    told, notices = _tell(lasting, subjects, now=now)
    after = {(one.subject, one.topic): one for one in told}
    return Followed(
        keep=tuple(one for key, one in after.items() if before.get(key) != one),
        forget=tuple(one for key, one in before.items() if key not in after),
        notices=notices,
    )


def over_at(incident: Incident) -> datetime | None:
    """When all was told of an incident, whatever becomes of what it is about; None: it was not yet."""
    is_warning = incident.topic is Topic.WARNING
    return incident.told_at if is_warning else incident.back_told_at


def _look(incident: Incident, subject: Subject | None, *, now: datetime) -> Incident | None:
    """Bring an incident up to date; None where there is nothing more to say of it."""
    if (at := over_at(incident)) is not None:
        # Kept for a while, for those that follow to be counted with it.
        return None if at + WINDOW <= now else incident
    if subject is None:
        return None
    if incident.topic is Topic.WARNING:
        return incident
    if subject.is_stopped:
        return None if subject.by_person else replace(incident, back_at=None)
    return _look_again(incident, subject, now=now)


def _look_again(incident: Incident, subject: Subject, *, now: datetime) -> Incident | None:
    """See whether what may go on does: only once it was read to its end. What nobody knows of is forgotten."""
    if incident.told_at is None:
        return None
    if incident.back_at is None and subject.read_at and subject.read_at > incident.began_at:
        return replace(incident, back_at=now)
    return incident


_Cause = tuple[IntegrationId, Topic, str]


def _tell(
    incidents: Sequence[Incident], subjects: Mapping[str, Subject], *, now: datetime
) -> tuple[tuple[Incident, ...], tuple[Notice, ...]]:
    """Mark what is told now, and put it in notices."""
    causes: dict[_Cause, list[Incident]] = {}
    for one in incidents:
        causes.setdefault((one.integration_id, one.topic, one.code), []).append(one)
    kept: list[Incident] = []
    notices: list[Notice] = []
    for group in causes.values():
        stopped = [one for one in group if one.told_at is None]
        back = [one for one in group if one.back_at is not None and one.back_told_at is None]
        told_now: dict[str, Incident] = {}
        for held, is_back in ((stopped, False), (back, True)):
            before = [one for one in group if _is_told(one, is_back=is_back)]
            for together in _due(held, before, is_back=is_back, now=now):
                notices.append(_notice(together, subjects, is_back=is_back))
                for one in together:
                    told_now[one.subject] = (
                        replace(one, back_told_at=now) if is_back else replace(one, told_at=now)
                    )
        kept += [told_now.get(one.subject, one) for one in group]
    return tuple(kept), tuple(notices)


def _is_told(incident: Incident, *, is_back: bool) -> bool:
    return (incident.back_told_at if is_back else incident.told_at) is not None


def _moment(incident: Incident, *, is_back: bool) -> datetime:
    return incident.back_at if is_back and incident.back_at else incident.began_at


class Way(Enum):
    """How what happened to several mailboxes for one cause is told."""

    LATER = auto()
    EACH = auto()
    TOGETHER = auto()


def way(held: Collection[datetime], told: Iterable[datetime], *, now: datetime) -> Way:
    """Say how to tell of what happened at the moments `held`, after what happened at `told` was."""
    recent = [at for at in told if now - at < WINDOW]
    if len(held) + len(recent) <= FEW:
        return Way.EACH if max(held) + SETTLE <= now else Way.LATER
    if recent:
        return Way.LATER
    due = min(max(held) + SETTLE, min(held) + WINDOW)
    if now < due:
        return Way.LATER
    return Way.TOGETHER


def _due(
    held: Sequence[Incident], told: Iterable[Incident], *, is_back: bool, now: datetime
) -> Iterator[Sequence[Incident]]:
    """Put what is to be told now in messages."""
    if not held:
        return
    if held[0].mailbox_id is None:
        for one in held:
            yield [one]
        return
    others = [_moment(one, is_back=is_back) for one in told]
    how = way([_moment(one, is_back=is_back) for one in held], others, now=now)
    if how is Way.TOGETHER:
        yield held
    elif how is Way.EACH:
        for one in held:
            yield [one]


def _notice(
    incidents: Sequence[Incident], subjects: Mapping[str, Subject], *, is_back: bool
) -> Notice:
    first = incidents[0]
    of = [subjects[one.thing] for one in incidents]
    boxes = [
        (one.mailbox_id, subject.address)
        for one, subject in zip(incidents, of, strict=True)
        if one.mailbox_id is not None and subject.address is not None
    ]
    boxes.sort(key=lambda box: box[1].lower())
    is_warning = first.topic is Topic.WARNING
    begun = [
        one.began_at if is_back or is_warning else subject.since or one.began_at
        for one, subject in zip(incidents, of, strict=True)
    ]
    back = [one.back_at for one in incidents if one.back_at is not None]
    return Notice(
        topic=Topic.RESOLVED if is_back else first.topic,
        about=first.topic,
        project=of[0].project,
        integration_id=first.integration_id,
        integration=of[0].integration,
        mailbox_ids=tuple(MailboxId(mailbox_id) for mailbox_id, _ in boxes),
        mailboxes=tuple(address for _, address in boxes),
        code=first.code,
        message=first.message,
        since=min(begun),
        until=max(back) if is_back and back else None,
    )


def wants(person: Person, notice: Notice, channel: PersonalChannel) -> bool:
    """Whether a person may have this notice, and did not choose otherwise.

    That something is over is told only to those who want to know that it began.
    """
    return (
        channel in person.channels
        and person.may_see(notice.project)
        and all(
            person.choices.get((topic, channel), True) for topic in {notice.topic, notice.about}
        )
    )


def is_for(room: Room, notice: Notice) -> bool:
    """Whether a project's channel is to have this notice."""
    return room.project == notice.project and {notice.topic, notice.about} <= room.topics


def address(
    notices: Collection[Notice], people: Iterable[Person], rooms: Iterable[Room]
) -> Mapping[Recipient, tuple[Notice, ...]]:
    """Say who gets which notices."""
    sent: dict[Recipient, tuple[Notice, ...]] = {}
    for person in people:
        for channel in PersonalChannel:
            wanted = tuple(notice for notice in notices if wants(person, notice, channel))
            if wanted:
                sent[Recipient(user_id=person.user_id, channel=channel)] = wanted
    for room in rooms:
        wanted = tuple(notice for notice in notices if is_for(room, notice))
        if wanted:
            sent[Recipient(user_id=None, channel=room.name)] = wanted
    return sent


def allot(waiting: Sequence[Notice], new: Sequence[Notice], *, sent: int) -> Allotted:
    """Put notices in messages for one recipient who was sent so many within the hour.

    What waited is summed up in one; the last message that he may get sums up all that is left.
    """
    messages = [tuple(waiting)] if waiting else []
    messages += [(notice,) for notice in new]
    free = max(0, CAP - sent)
    if len(messages) <= free:
        return Allotted(tuple(messages), ())
    if free == 0:
        return Allotted((), (*waiting, *new))
    rest = tuple(notice for message in messages[free - 1 :] for notice in message)
    return Allotted((*messages[: free - 1], rest), ())
