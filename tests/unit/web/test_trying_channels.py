"""Test messages: who may send which, and what the page says of them."""

from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest

from mailmine.access.throttle import FREE
from mailmine.model.notice import PersonalChannel, Topic
from mailmine.notify.channel import Channel, Channels, Message, NotDelivered
from mailmine.notify.decide import Room
from mailmine.store import events, users
from mailmine.web.setup import Setup
from tests.browser.server import Served, serving_company
from tests.unit.web.conftest import SignIn
from tests.unit.web.test_people import post


class Fake:
    """A channel that keeps what it was given."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.sent: list[Message] = []
        self._fault = fault

    async def send(self, message: Message) -> None:
        if self._fault:
            raise self._fault
        self.sent.append(message)


MAIL = Fake()
REFUSING = Fake(NotDelivered("The service cannot be reached."))
BROKEN = Fake(ValueError("https://hooks.example/secret"))
ELSEWHERE = Fake()


def _room(name: str, channel: Channel) -> tuple[Room, Channel]:
    project = name.partition("/")[0]
    return Room(name=name, project=project, topics=frozenset(Topic)), channel


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    rooms = {
        name: _room(name, channel)
        for name, channel in (
            ("nordwind/hook", REFUSING),
            ("nordwind/broken", BROKEN),
            ("board/hook", ELSEWHERE),
        )
    }
    setup = Setup(public_url="https://mail.example", channels=Channels(email=MAIL, rooms=rooms))
    folder: Path = tmp_path_factory.mktemp("pages")
    with serving_company(folder, setup=setup) as served:
        with served.database.write() as tx:
            ann = users.by_username(tx, "ann")
            assert ann is not None
            users.save(tx, replace(ann, email="ann@nordwind.example"))
        yield served


async def test_each_way_is_tried_and_said(served: Served, sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    status, page = await post(ann, "/notifications", "/test#ways", way=PersonalChannel.EMAIL)
    assert status == HTTPStatus.OK
    assert "Taken" in page.get_element_by_id("outcome").text_content()
    (message,) = MAIL.sent
    assert message.to == "ann@nordwind.example"
    assert "ann" in message.letter.text
    assert message.letter.link == "https://mail.example"

    _, page = await post(ann, "/notifications", "/test#ways", way=PersonalChannel.IN_APP)
    assert "Asked for by ann" in page.get_element_by_id("outcome").text_content()

    _, page = await post(ann, "/notifications", "/test#ways", way="nordwind/hook")
    assert "cannot be reached" in page.get_element_by_id("outcome").text_content()

    # What is broken in an unforeseen way is told without its words, which may hold a secret.
    _, page = await post(ann, "/notifications", "/test#ways", way="nordwind/broken")
    assert "ValueError" in page.get_element_by_id("outcome").text_content()
    assert "secret" not in page.get_element_by_id("outcome").text_content()

    with served.database.read() as tx:
        told = events.page(tx, before=None, limit=4)
    assert {one.kind for one in told} == {"notification_tried"}
    assert [one.detail["arrived"] for one in reversed(told)] == [True, True, False, False]


async def test_a_channel_of_a_project_is_for_who_looks_after_it(sign_in: SignIn) -> None:
    ben = await sign_in("ben")
    async with ben.get("/notifications") as answer:
        assert "hook" not in await answer.text()
    status, _ = await post(ben, "/notifications", "/test#ways", way="board/hook")
    assert status == HTTPStatus.NOT_FOUND
    assert ELSEWHERE.sent == []


async def test_many_test_messages_are_slowed_down(served: Served, sign_in: SignIn) -> None:
    with served.database.write() as tx:
        users.add(
            tx,
            username="eager",
            email="eager@nordwind.example",
            password_hash=None,
            global_permissions=frozenset(),
            project_permissions={},
        )
    eager = await sign_in("eager")
    before = len(MAIL.sent)
    # Each attempt counts; the sixth has to wait for the fifth.
    answers = [
        await post(eager, "/notifications", "/test#ways", way=PersonalChannel.EMAIL)
        for _ in range(FREE + 1)
    ]
    assert [status for status, _ in answers] == [HTTPStatus.OK] * FREE + [
        HTTPStatus.TOO_MANY_REQUESTS
    ]
    assert "wait for" in answers[-1][1].get_element_by_id("outcome").text_content()
    assert len(MAIL.sent) - before == FREE
