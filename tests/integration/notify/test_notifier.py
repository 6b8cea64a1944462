"""From what the sync wrote to what people read: told once, to those who may know, whatever dies in between."""

import asyncio
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, Engine, event

from mailmine.access.permissions import sees_integrations as may_see
from mailmine.model.ids import UserId
from mailmine.model.notice import PersonalChannel, Topic
from mailmine.notify import inbox
from mailmine.notify.channel import Channel, Channels, Message
from mailmine.notify.decide import CAP, SETTLE
from mailmine.notify.inbox import Told
from mailmine.notify.notifier import FIRST_PAUSE, KEPT, LEASE, TRIES, Notifier, pause
from mailmine.store import deliveries, events, settings, subscriptions, users, workers
from mailmine.store.database import Database
from mailmine.store.deliveries import State
from mailmine.store.workers import Worker
from tests.integration.notify.conftest import NAMES, SECRET
from tests.integration.notify.town import HOUR, Hook, Postman, Town, finish
from tests.integration.sync.test_runner import until

ANA = "ana@example.com"


def in_app(town: Town, name: str = "ana") -> tuple[Told, ...]:
    with town.database.read() as tx:
        user = users.by_username(tx, name)
        assert user is not None
        return inbox.of(tx, user, may_see, limit=100, public_url="https://mail.example.com")


def titles(town: Town, name: str = "ana") -> list[str]:
    return [told.letter.title for told in reversed(in_app(town, name))]


def id_of(town: Town, name: str) -> UserId:
    with town.database.read() as tx:
        user = users.by_username(tx, name)
    assert user is not None
    return user.id


def states(town: Town) -> dict[str, State]:
    with town.database.read() as tx:
        return {one.channel: one.state for one in deliveries.latest(tx, 100)}


async def test_a_stop_and_its_end_are_told_in_all_channels_to_who_may_know(
    town: Town, postman: Postman, hook: Hook
) -> None:
    notifier = town.notifier()
    town.stop("a")
    await finish(notifier)
    assert titles(town) == []
    town.now += SETTLE
    await finish(notifier)
    await finish(town.notifier())
    town.now += HOUR
    town.mend("a")
    await finish(notifier)
    town.now += SETTLE
    await finish(notifier)
    said = ["The mailbox a@example.com was disabled", "The mailbox a@example.com is read again"]
    assert titles(town) == said
    assert postman.to(ANA) == said
    assert [json.loads(body)["title"] for _, body in hook.got] == said
    assert titles(town, "bob") == []
    assert len(postman.mails) == len(said)
    assert "https://mail.example.com/integrations?open=" in in_app(town)[0].letter.link


async def test_an_integration_is_told_without_delay(town: Town, postman: Postman) -> None:
    notifier = town.notifier()
    town.stop()
    await finish(notifier)
    town.now += HOUR
    town.mend()
    await finish(notifier)
    assert postman.to(ANA) == [
        "The integration Exchange was disabled",
        "The integration Exchange is read again",
    ]


async def test_the_mail_says_what_to_do_and_is_known_as_automatic(
    town: Town, postman: Postman
) -> None:
    town.stop()
    await finish(town.notifier())
    (mail,) = postman.mails
    text = mail.get_content()
    assert "There is no such mailbox. [ErrorNonExistentMailbox]" in text
    assert "Since 2026-03-02 11:00 UTC." in text
    assert "https://mail.example.com/integrations" in text
    assert mail["From"] == "mailmine@example.com"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == f"<{mail['X-Mailmine-Delivery']}@example.com>"


async def test_a_webhook_is_signed_and_has_an_id(town: Town, hook: Hook) -> None:
    town.stop()
    await finish(town.notifier())
    ((headers, body),) = hook.got
    told = json.loads(body)
    expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Mailmine-Signature"] == f"sha256={expected}"
    assert headers["X-Mailmine-Delivery"] == told["delivery"]
    assert told["notices"][0]["topic"] == "integration_disabled"
    assert told["notices"][0]["project"] == "support"


async def test_who_unsubscribed_gets_nothing_there(town: Town, postman: Postman) -> None:
    ana = id_of(town, "ana")
    with town.database.write() as tx:
        for topic in Topic:
            subscriptions.put(tx, ana, topic, PersonalChannel.EMAIL, wanted=False)
    town.stop()
    await finish(town.notifier())
    assert postman.mails == []
    assert len(titles(town)) == 1
    with town.database.write() as tx:
        subscriptions.put(tx, ana, Topic.INTEGRATION_DISABLED, PersonalChannel.EMAIL, wanted=True)
        subscriptions.put(tx, ana, Topic.INTEGRATION_DISABLED, PersonalChannel.IN_APP, wanted=False)
    town.now += HOUR
    town.mend()
    town.stop()
    await finish(town.notifier())
    assert postman.to(ANA) == ["The integration Exchange was disabled"]
    assert len(titles(town)) == 1


async def test_who_loses_the_right_gets_nothing_that_was_on_its_way_and_sees_nothing(
    town: Town, postman: Postman
) -> None:
    postman.refuses[ANA] = "451 Later"
    notifier = town.notifier()
    town.stop()
    await finish(notifier)
    assert len(titles(town)) == 1
    take_the_right_from(town, "ana")
    postman.refuses.clear()
    town.now += HOUR
    await finish(notifier)
    assert postman.mails == []
    assert titles(town) == []
    assert states(town)["email"] is State.DROPPED


def take_the_right_from(town: Town, name: str) -> None:
    with town.database.write() as tx:
        user = users.by_username(tx, name)
        assert user is not None
        users.save(tx, replace(user, project_permissions={}))


async def test_who_may_not_sign_in_any_more_gets_nothing(town: Town, postman: Postman) -> None:
    with town.database.write() as tx:
        user = users.by_username(tx, "ana")
        assert user is not None
        users.save(tx, replace(user, is_enabled=False))
    town.stop()
    await finish(town.notifier())
    assert postman.mails == []
    assert titles(town) == []


async def test_what_a_person_stops_is_quiet(town: Town, postman: Postman, hook: Hook) -> None:
    notifier = town.notifier()
    town.switch_off("a")
    town.stop("b")
    await finish(notifier)
    town.switch_off("b")
    town.now += HOUR
    await finish(notifier)
    town.mend("a", "b")
    town.now += HOUR
    await finish(notifier)
    assert (titles(town), postman.mails, hook.got) == ([], [], [])


async def test_many_mailboxes_are_one_message(town: Town, postman: Postman) -> None:
    notifier = town.notifier()
    for name in NAMES[:8]:
        town.stop(name)
        await finish(notifier)
    town.now += SETTLE
    await finish(notifier)
    assert postman.to(ANA) == ["8 mailboxes of Exchange were disabled"]
    assert "- h@example.com" in postman.mails[0].get_content()


async def test_many_mailboxes_that_are_down_are_looked_at_together(town: Town) -> None:
    """As long as they are, it is done every two seconds."""
    notifier = town.notifier()
    asked: list[int] = []
    for name in NAMES[:8]:
        town.stop(name)
        await finish(notifier)
        with statements() as told:
            await notifier.step()
        asked.append(len(told))
    assert asked[0] == asked[-1]


async def test_the_more_is_down_the_less_often_it_is_looked_at(
    town: Town, postman: Postman, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ten thousand mailboxes down, workers did little else."""
    monkeypatch.setattr("mailmine.notify.notifier.INCIDENTS", 1)
    notifier = town.notifier()
    for name in NAMES[:4]:
        town.stop(name)
    await finish(notifier)
    looks: list[bool] = []
    for _ in range(6):
        looks.append(await looked(notifier))
        town.now += timedelta(seconds=2)
    assert looks == [False, False, True, False, True, False]
    town.now -= HOUR  # a clock that is put right
    assert await looked(notifier)
    town.now += HOUR
    town.now += SETTLE
    for _ in range(3):
        await finish(notifier)
    assert postman.to(ANA) == ["4 mailboxes of Exchange were disabled"]


async def test_what_is_told_is_looked_at_no_further(town: Town) -> None:
    notifier = town.notifier()
    for name in NAMES[:2]:
        town.stop(name)
    town.now += SETTLE
    await finish(notifier)
    town.mend(*NAMES[:2])
    for _ in range(2):
        town.now += SETTLE
        await finish(notifier)
    with statements() as told:
        assert await looked(notifier)
    assert not any("FROM mailboxes" in one for one in told)


async def test_of_several_processes_the_one_that_is_there_longest_decides(
    town: Town, postman: Postman
) -> None:
    first, second = (town.notifier(worker_id=name) for name in ("first", "second"))
    since = town.now
    be_there(town, "first", since=since)
    be_there(town, "second", since=since + SETTLE)
    assert await looked(first)
    assert not await looked(second)
    town.stop(NAMES[0])
    town.now += 2 * SETTLE  # by now nobody heard of the first
    be_there(town, "second", since=since + SETTLE)
    await finish(second)
    assert postman.to(ANA) == [f"The mailbox {NAMES[0]}@example.com was disabled"]


def be_there(town: Town, worker_id: str, *, since: datetime) -> None:
    """Let a process say that it is there."""
    worker = Worker(
        id=worker_id, host="h", pid=1, version="1", since=since, seen_at=town.now, taken_over=0
    )
    with town.database.write() as tx:
        workers.put(tx, worker)


async def looked(notifier: Notifier) -> bool:
    """Whether it looks at the incidents now."""
    with statements() as told:
        await notifier.step()
    return any("FROM incidents" in one for one in told)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Note what databases are asked."""
    told: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        told.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield told
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def test_at_most_so_many_an_hour_and_the_rest_in_one(
    town: Town, postman: Postman, hook: Hook
) -> None:
    notifier = town.notifier()
    for number in range(CAP + 5):
        town.stop()
        await finish(notifier)
        assert len(postman.mails) == min(number + 1, CAP)
    town.now += HOUR
    await finish(notifier)
    await finish(notifier)
    assert postman.to(ANA)[CAP:] == ["5 more messages within an hour, summed up"]
    assert titles(town)[CAP:] == postman.to(ANA)[CAP:]
    assert len(hook.got) == CAP + 1
    assert len(json.loads(hook.got[-1][1])["notices"]) == 5


async def test_a_webhook_that_fails_is_tried_again_under_the_same_id(
    town: Town, hook: Hook
) -> None:
    hook.status = 500
    notifier = town.notifier()
    town.stop()
    await finish(notifier)
    await finish(notifier)
    assert len(hook.got) == 1
    with town.database.read() as tx:
        (waiting,) = deliveries.latest(tx, 10, only=State.WAITING)
    assert (waiting.attempts, waiting.last_error) == (1, "The webhook answered 500.")
    hook.status = 204
    town.now += FIRST_PAUSE
    await finish(notifier)
    await finish(notifier)
    assert [headers["X-Mailmine-Delivery"] for headers, _ in hook.got] == [waiting.id] * 2
    assert states(town)["support/webhook"] is State.SENT


async def test_what_never_arrives_is_given_up_and_can_be_seen(town: Town, hook: Hook) -> None:
    hook.status = 500
    notifier = town.notifier()
    town.stop()
    for _ in range(TRIES + 2):
        await finish(notifier)
        town.now += HOUR
    assert len(hook.got) == TRIES
    with town.database.read() as tx:
        (failed,) = deliveries.latest(tx, 10, only=State.FAILED)
        (event,) = [one for one in events.after(tx, 0, 100) if one.kind == "notification_failed"]
    assert failed.last_error == "The webhook answered 500."
    assert event.detail["channel"] == "support/webhook"
    assert event.detail["message"] == "The webhook answered 500."


async def test_an_address_that_is_refused_for_good_is_not_tried_again(
    town: Town, postman: Postman
) -> None:
    postman.refuses[ANA] = "550 No such user here"
    town.stop()
    await finish(town.notifier())
    with town.database.read() as tx:
        (failed,) = deliveries.latest(tx, 10, only=State.FAILED)
    assert failed.attempts == 1
    assert "550" in str(failed.last_error)


async def test_one_channel_that_breaks_does_not_stop_the_others(
    town: Town, postman: Postman
) -> None:
    class Broken:
        async def send(self, message: Message) -> None:
            del message
            raise ZeroDivisionError

    (room, _) = town.channels.rooms["support/webhook"]
    broken = Channels(email=town.channels.email, rooms={room.name: (room, Broken())})
    town.stop()
    await finish(town.notifier(channels=broken))
    assert len(postman.mails) == 1
    assert len(titles(town)) == 1
    with town.database.read() as tx:
        (waiting,) = deliveries.latest(tx, 10, only=State.WAITING)
    assert waiting.last_error == "mailmine failed (ZeroDivisionError)."


async def test_a_channel_that_is_not_set_up_any_more_is_let_go(town: Town, hook: Hook) -> None:
    hook.status = 500
    town.stop()
    await finish(town.notifier())
    town.now += HOUR
    await finish(town.notifier(channels=Channels()))
    assert states(town)["support/webhook"] is State.DROPPED


async def test_what_is_old_is_forgotten(town: Town) -> None:
    notifier = town.notifier()
    town.stop()
    await finish(notifier)
    town.now += KEPT + HOUR
    await finish(notifier)
    assert states(town) == {}


async def test_several_processes_tell_everything_once(
    town: Town, postman: Postman, hook: Hook
) -> None:
    notifiers = [town.notifier() for _ in range(4)]
    for name in NAMES[:2]:
        town.stop(name)
    town.stop()
    for _ in range(3):
        await asyncio.gather(*(notifier.step() for notifier in notifiers))
        town.now += SETTLE
    for notifier in notifiers:
        await finish(notifier)
    expected = [
        "The integration Exchange was disabled",
        "The mailbox a@example.com was disabled",
        "The mailbox b@example.com was disabled",
    ]
    assert sorted(postman.to(ANA)) == expected
    assert sorted(titles(town)) == expected
    assert len(hook.got) == len(expected)


async def test_it_runs_until_it_is_told_to_stop(town: Town, postman: Postman) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(town.notifier(look=0.01).run(stop))
    town.stop()
    await until(lambda: bool(postman.mails))
    stop.set()
    await running


class Killed(BaseException):
    """The process was killed here."""


class Fate:
    """Kills at one of the points that are passed."""

    def __init__(self, at: int) -> None:
        self._left = at
        self._lock = threading.Lock()

    def pass_by(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left <= 0:
                raise Killed

    @property
    def has_struck(self) -> bool:
        return self._left <= 0


class Mortal(Database):
    """A database whose process may be killed around every transaction that writes."""

    fate: Fate

    @classmethod
    def of(cls, database: Database, fate: Fate) -> "Mortal":
        mortal = cls.open(database.url)
        assert isinstance(mortal, cls)
        mortal.fate = fate
        return mortal

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.fate.pass_by()
        with super().write() as tx:
            yield tx
            self.fate.pass_by()
        self.fate.pass_by()


class MortalChannel:
    """A channel whose process may be killed before or after a message is out."""

    def __init__(self, channel: Channel, fate: Fate) -> None:
        self._channel = channel
        self._fate = fate

    async def send(self, message: Message) -> None:
        self._fate.pass_by()
        await self._channel.send(message)
        self._fate.pass_by()


def mortal(town: Town, fate: Fate) -> tuple[Mortal, Channels]:
    assert town.channels.email is not None
    rooms = {
        name: (room, MortalChannel(channel, fate))
        for name, (room, channel) in town.channels.rooms.items()
    }
    database = Mortal.of(town.database, fate)
    return database, Channels(email=MortalChannel(town.channels.email, fate), rooms=rooms)


WHOLE = 1000
"""More points than are passed in one life: nothing kills it."""


@pytest.mark.parametrize("at", [*range(1, 72, 5), WHOLE])
async def test_a_kill_anywhere_loses_nothing_and_repeats_only_under_the_same_id(
    town: Town, postman: Postman, hook: Hook, at: int
) -> None:
    fate = Fate(at)
    database, channels = mortal(town, fate)
    notifier = town.notifier(database=database, channels=channels)
    for happen in (town.stop, partial(town.stop, "a"), town.wait, town.mend, town.wait):
        happen()
        try:
            await finish(notifier)
        except Killed:
            town.now += LEASE
            notifier = town.notifier()
            await finish(notifier)
    database.close()
    expected = [
        "The integration Exchange is read again",
        "The integration Exchange was disabled",
        "The mailbox a@example.com is read again",
        "The mailbox a@example.com was disabled",
    ]
    assert fate.has_struck == (at < WHOLE)
    assert sorted(titles(town)) == expected
    mailed = {(str(mail["X-Mailmine-Delivery"]), str(mail["Subject"])) for mail in postman.mails}
    assert sorted(title for _, title in mailed) == expected
    posted = {(headers["X-Mailmine-Delivery"], body) for headers, body in hook.got}
    assert sorted(json.loads(body)["title"] for _, body in posted) == expected


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_an_event_that_is_committed_late_is_not_missed(town: Town) -> None:
    """PostgreSQL hands out ids before commits: an event with a lower id may be seen after one with a higher."""
    begun, go_on = threading.Event(), threading.Event()

    def late() -> None:
        with town.database.write() as tx:
            events.append(tx, "signed_in", at=town.now)
            begun.set()
            go_on.wait(30)

    thread = threading.Thread(target=late)
    thread.start()
    begun.wait(30)
    town.stop()  # has the higher id, and is there first
    notifier = town.notifier()
    stepping = asyncio.create_task(finish(notifier))
    await until(lambda: lock_is_waited_for(town.database._writer))
    go_on.set()
    await stepping
    thread.join()
    with town.database.read() as tx:
        assert settings.get(tx, "notify.event") == str(events.last_id(tx))
    assert len(titles(town)) == 1


def lock_is_waited_for(engine: Engine) -> bool:
    with engine.connect() as connection:
        waiting = connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(waiting.scalar_one())


def test_pauses_grow_up_to_an_hour() -> None:
    pauses = [pause(attempt) for attempt in range(1, TRIES + 1)]
    assert pauses == sorted(pauses)
    assert pauses[0] == FIRST_PAUSE
    assert pauses[-1] == HOUR
