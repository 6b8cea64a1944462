"""What people are told, and what they are not: decided without any I/O."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from mailmine.model.ids import IntegrationId, MailboxId, UserId
from mailmine.model.notice import Notice, PersonalChannel, Topic
from mailmine.notify import decide
from mailmine.notify.decide import CAP, FEW, HOUR, SETTLE, WINDOW, Person, Room, Subject, Way
from mailmine.store.deliveries import Recipient
from mailmine.store.events import Event
from mailmine.store.incidents import Incident

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
EXCHANGE = IntegrationId("i")

STOPPED = Subject(
    project="support",
    integration="Exchange",
    address=None,
    is_stopped=True,
    by_person=False,
    read_at=None,
    since=None,
)


def stopped(mailbox: str | None = None, *, at: datetime = NOON, code: str = "gone") -> Event:
    return Event(
        id=1,
        at=at,
        kind="mailbox_disabled" if mailbox else "integration_disabled",
        integration_id=EXCHANGE,
        mailbox_id=MailboxId(mailbox) if mailbox else None,
        user_id=None,
        detail={"code": code, "message": "It is gone. Bring it back."},
    )


def subjects(*names: str) -> dict[str, Subject]:
    return {name: replace(STOPPED, address=f"{name}@example.com") for name in names} | {
        EXCHANGE: STOPPED
    }


class Story:
    """What follows from what, step by step."""

    def __init__(self, *names: str) -> None:
        self.subjects = subjects(*names)
        self.incidents: dict[tuple[str, Topic], Incident] = {}

    def step(self, *events: Event, now: datetime = NOON) -> tuple[Notice, ...]:
        followed = decide.follow(
            list(self.incidents.values()), list(events), self.subjects, now=now
        )
        for one in followed.forget:
            del self.incidents[one.subject, one.topic]
        for one in followed.keep:
            self.incidents[one.subject, one.topic] = one
        return followed.notices

    def change(self, name: str, **values: object) -> None:
        self.subjects[name] = replace(self.subjects[name], **values)  # type: ignore[arg-type]


def test_an_integration_is_told_at_once_and_once() -> None:
    story = Story()
    (notice,) = story.step(stopped())
    assert (notice.topic, notice.project, notice.code) == (
        Topic.INTEGRATION_DISABLED,
        "support",
        "gone",
    )
    assert story.step() == ()
    assert story.step(now=NOON + HOUR) == ()


def test_a_mailbox_is_told_once_it_is_clear_that_it_is_the_only_one() -> None:
    story = Story("a")
    assert story.step(stopped("a")) == ()
    assert story.step(now=NOON + SETTLE - SECOND) == ()
    (notice,) = story.step(now=NOON + SETTLE)
    assert notice.mailboxes == ("a@example.com",)
    assert story.step(now=NOON + HOUR) == ()


def test_few_are_told_one_by_one() -> None:
    story = Story("a", "b", "c")
    story.step(stopped("a"), stopped("b"), stopped("c"))
    told = story.step(now=NOON + SETTLE)
    assert [notice.mailboxes for notice in told] == [
        ("a@example.com",),
        ("b@example.com",),
        ("c@example.com",),
    ]


def test_many_for_one_cause_are_told_in_one() -> None:
    names = [f"m{number}" for number in range(FEW + 1)]
    story = Story(*names)
    for minutes, name in enumerate(names):
        assert story.step(stopped(name, at=NOON + minutes * 10 * SECOND)) == ()
    (notice,) = story.step(now=NOON + HOUR)
    assert notice.mailboxes == tuple(f"{name}@example.com" for name in names)


def test_many_for_different_causes_are_not_one() -> None:
    names = [f"m{number}" for number in range(FEW + 1)]
    story = Story(*names)
    story.step(*(stopped(name, code=name) for name in names))
    assert len(story.step(now=NOON + SETTLE)) == FEW + 1


def test_those_that_follow_slowly_are_one_too() -> None:
    names = [f"m{number}" for number in range(10)]
    story = Story(*names)
    told: list[Notice] = []
    for minute in range(40):
        now = NOON + minute * timedelta(minutes=1)
        new = [stopped(names[minute // 2], at=now)] if minute < 20 and minute % 2 == 0 else []
        told += story.step(*new, now=now)
    assert sorted(address for one in told for address in one.mailboxes) == sorted(
        f"{name}@example.com" for name in names
    )
    assert [len(one.mailboxes) for one in told[:FEW]] == [1] * FEW
    assert len(told) < len(names)


def test_it_is_resolved_once_it_was_read_again() -> None:
    story = Story("a")
    story.step(stopped("a"))
    story.step(now=NOON + SETTLE)
    story.change("a", is_stopped=False)
    assert story.step(now=NOON + HOUR) == ()
    story.change("a", read_at=NOON + HOUR)
    assert story.step(now=NOON + HOUR) == ()
    (notice,) = story.step(now=NOON + HOUR + SETTLE)
    assert (notice.topic, notice.about) == (Topic.RESOLVED, Topic.MAILBOX_DISABLED)
    assert (notice.since, notice.until) == (NOON, NOON + HOUR)
    assert story.step(now=NOON + 2 * HOUR) == ()
    assert story.incidents == {}


def test_what_comes_back_and_stops_at_once_was_not_resolved() -> None:
    story = Story("a")
    story.step(stopped("a"))
    story.step(now=NOON + SETTLE)
    story.change("a", is_stopped=False, read_at=NOON + HOUR)
    assert story.step(now=NOON + HOUR) == ()
    story.change("a", is_stopped=True)
    assert story.step(now=NOON + HOUR + SETTLE) == ()


def test_many_that_come_back_are_told_in_one() -> None:
    names = [f"m{number}" for number in range(FEW + 1)]
    story = Story(*names)
    story.step(*map(stopped, names))
    story.step(now=NOON + SETTLE)
    for name in names:
        story.change(name, is_stopped=False, read_at=NOON + HOUR)
    story.step(now=NOON + HOUR)
    (notice,) = story.step(now=NOON + HOUR + SETTLE)
    assert notice.topic is Topic.RESOLVED
    assert len(notice.mailboxes) == FEW + 1


def test_what_goes_on_before_anybody_was_told_is_not_told() -> None:
    story = Story("a")
    story.step(stopped("a"))
    story.change("a", is_stopped=False)
    assert story.step(now=NOON + SETTLE) == ()
    story.change("a", read_at=NOON + HOUR)
    assert story.step(now=NOON + HOUR + SETTLE) == ()


@pytest.mark.parametrize("is_told", [True, False])
def test_what_a_person_switched_off_is_quiet(is_told: bool) -> None:  # noqa: FBT001
    story = Story("a")
    story.step(stopped("a"))
    if is_told:
        story.step(now=NOON + SETTLE)
    story.change("a", by_person=True)
    assert story.step(now=NOON + SETTLE) == ()
    story.change("a", is_stopped=False, by_person=False, read_at=NOON + HOUR)
    assert story.step(now=NOON + HOUR) == ()
    assert story.step(now=NOON + HOUR + SETTLE) == ()


def test_what_was_removed_is_quiet() -> None:
    story = Story("a")
    story.step(stopped("a"))
    del story.subjects["a"]
    assert story.step(now=NOON + SETTLE) == ()
    assert story.incidents == {}


def test_what_stops_again_is_told_again() -> None:
    story = Story()
    assert len(story.step(stopped())) == 1
    assert len(story.step(stopped(at=NOON + HOUR), now=NOON + HOUR)) == 1


def test_a_warning_is_told_and_never_resolved() -> None:
    story = Story()
    story.change(EXCHANGE, is_stopped=False, read_at=NOON + HOUR)
    event = replace(stopped(), kind="integration_warning")
    (notice,) = story.step(event)
    assert notice.topic is Topic.WARNING
    assert story.step(now=NOON + HOUR) == ()
    assert story.incidents == {}


def test_warnings_of_one_thing_are_told_each() -> None:
    story = Story()
    story.change(EXCHANGE, is_stopped=False, since=NOON - HOUR)
    event = replace(stopped(), kind="integration_warning")
    others = [replace(event, detail={"code": code, "message": ""}) for code in ("a", "b")]
    assert sorted((one.code, one.since) for one in story.step(*others)) == [
        ("a", NOON),
        ("b", NOON),
    ]
    again = replace(others[0], at=NOON + 2 * HOUR)
    assert [one.code for one in story.step(again, now=again.at)] == ["a"]


def test_other_events_say_nothing() -> None:
    story = Story("a")
    quiet = ["configured", "signed_in", "mailbox_troubled", "mailbox_enabled", "mailbox_mended"]
    assert story.step(*(replace(stopped("a"), kind=kind) for kind in quiet)) == ()
    assert story.incidents == {}


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 1200)), min_size=1, max_size=20)
)
def test_whatever_stays_stopped_is_told_as_often_as_it_stopped_or_less_and_at_least_once(
    stops: list[tuple[str, int]],
) -> None:
    story = Story(*"abcdefgh")
    told: list[str] = []
    at = sorted(stops, key=lambda stop: stop[1])
    for second in range(0, 4000, 10):
        now = NOON + second * SECOND
        events = [
            stopped(name, at=NOON + when * SECOND)
            for name, when in at
            if second - 10 < when <= second
        ]
        for notice in story.step(*events, now=now):
            told += notice.mailboxes
    for name in {name for name, _ in stops}:
        assert 1 <= told.count(f"{name}@example.com") <= [one for one, _ in stops].count(name)


@given(
    held=st.lists(st.integers(0, 1200), min_size=1, max_size=12),
    told=st.lists(st.integers(0, 1200), max_size=12),
)
def test_nothing_is_held_for_longer_than_two_windows(held: list[int], told: list[int]) -> None:
    moments = [NOON + each * SECOND for each in held]
    before = [NOON + each * SECOND for each in told]
    now = max([*moments, *before]) + WINDOW
    assert decide.way(moments, before, now=now) is not Way.LATER


NOTICE = Notice(
    topic=Topic.MAILBOX_DISABLED,
    about=Topic.MAILBOX_DISABLED,
    project="support",
    integration_id=EXCHANGE,
    integration="Exchange",
    mailbox_ids=(),
    mailboxes=(),
    code="gone",
    message="",
    since=NOON,
)
ANA = UserId("ana")
EVERYWHERE = frozenset(PersonalChannel)


def person(
    *projects: str, choices: Mapping[tuple[Topic, PersonalChannel], bool] | None = None
) -> Person:
    return Person(
        user_id=ANA, may_see=projects.__contains__, channels=EVERYWHERE, choices=choices or {}
    )


def test_who_has_the_right_gets_it_in_the_app_and_by_mail() -> None:
    assert decide.address([NOTICE], [person("support")], []) == {
        Recipient(user_id=ANA, channel="in_app"): (NOTICE,),
        Recipient(user_id=ANA, channel="email"): (NOTICE,),
    }


def test_who_has_no_right_gets_nothing_whatever_he_chose() -> None:
    chosen = {(topic, channel): True for topic in Topic for channel in PersonalChannel}
    assert decide.address([NOTICE], [person("sales", choices=chosen)], []) == {}


def test_who_unsubscribed_from_one_channel_gets_the_others() -> None:
    chosen = {(Topic.MAILBOX_DISABLED, PersonalChannel.EMAIL): False}
    sent = decide.address([NOTICE], [person("support", choices=chosen)], [])
    assert [one.channel for one in sent] == ["in_app"]


def test_who_did_not_want_to_know_of_the_stop_does_not_hear_of_its_end() -> None:
    resolved = replace(NOTICE, topic=Topic.RESOLVED)
    chosen = {(Topic.MAILBOX_DISABLED, channel): False for channel in PersonalChannel}
    assert decide.address([resolved], [person("support", choices=chosen)], []) == {}


def test_a_way_that_there_is_not_is_not_taken() -> None:
    lonely = replace(person("support"), channels=frozenset({PersonalChannel.IN_APP}))
    assert [one.channel for one in decide.address([NOTICE], [lonely], [])] == ["in_app"]


def test_a_channel_of_a_project_gets_the_topics_of_its_project() -> None:
    all_topics = frozenset(Topic)
    rooms = [
        Room(name="support/slack", project="support", topics=all_topics),
        Room(name="sales/slack", project="sales", topics=all_topics),
        Room(name="support/pager", project="support", topics=frozenset({Topic.WARNING})),
    ]
    assert decide.address([NOTICE], [], rooms) == {
        Recipient(user_id=None, channel="support/slack"): (NOTICE,)
    }


@given(
    projects=st.lists(st.sampled_from(["support", "sales", "legal"]), max_size=6),
    rights=st.sets(st.sampled_from(["support", "sales", "legal"])),
    unwanted=st.sets(st.tuples(st.sampled_from(Topic), st.sampled_from(PersonalChannel))),
    topics=st.lists(st.sampled_from(Topic), min_size=6, max_size=6),
)
def test_nobody_ever_gets_what_he_may_not_see_or_does_not_want(
    projects: list[str],
    rights: set[str],
    unwanted: set[tuple[Topic, PersonalChannel]],
    topics: list[Topic],
) -> None:
    notices = [
        replace(NOTICE, project=project, topic=topic)
        for project, topic in zip(projects, topics, strict=False)
    ]
    asker = person(*rights, choices=dict.fromkeys(unwanted, False))
    for recipient, got in decide.address(notices, [asker], []).items():
        for notice in got:
            assert notice.project in rights
            assert (notice.topic, PersonalChannel(recipient.channel)) not in unwanted


@given(waited=st.integers(0, 40), count=st.integers(0, 40), sent=st.integers(0, 20))
def test_the_cap_is_kept_and_nothing_is_lost(waited: int, count: int, sent: int) -> None:
    notices = [replace(NOTICE, code=str(number)) for number in range(waited + count)]
    allotted = decide.allot(notices[:waited], notices[waited:], sent=sent)
    assert len(allotted.messages) <= max(0, CAP - sent)
    told = [one.code for message in allotted.messages for one in message]
    assert told + [one.code for one in allotted.held] == [one.code for one in notices]
    assert not (allotted.held and sent < CAP)
    assert all(allotted.messages)


def lengths(waited: int, count: int, *, sent: int) -> list[int]:
    allotted = decide.allot([NOTICE] * waited, [NOTICE] * count, sent=sent)
    return [len(message) for message in allotted.messages]


def test_the_last_that_may_go_sums_up_the_rest() -> None:
    assert lengths(0, CAP + 5, sent=0) == [1] * (CAP - 1) + [6]


def test_what_waited_is_one_message() -> None:
    assert lengths(5, 2, sent=0) == [5, 1, 1]
    assert lengths(5, 2, sent=CAP - 1) == [7]
