"""An integration is read another way: every comment keeps its id, and nothing that is kept is read again."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given as drawn, settings, strategies as st
from sqlalchemy import select

from exchange_simulator import Exchange, Message
from mailmine.model.integration import (
    Backend,
    Filters,
)
from mailmine.store import attachments, emails, failures, folders
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.store.folders import FolderState
from mailmine.store.schema import copies
from mailmine.sync import recognition
from mailmine.sync.settings import SyncSettings
from tests.integration.sync.conftest import (
    ACCOUNT,
    APP,
    CLAIMS,
    ORDERS,
    PASSWORD,
    TENANT,
    World,
    both,
    eml,
)

OTHER = {Backend.EWS: Backend.GRAPH, Backend.GRAPH: Backend.EWS}


def switch(world: World, *addresses: str, sync_attachments: bool = False) -> None:
    """Configure the other way of reading, and forget what was handed out by this one."""
    world.backend = OTHER[world.backend]
    world.configure(*addresses, sync_attachments=sync_attachments)
    for address in (ORDERS, CLAIMS):
        world.exchange.mailbox(address).given.clear()


def given(world: World, address: str = ORDERS) -> tuple[int, int]:
    """Count the bodies and the contents of attachments that were handed out since the switch."""
    counted = world.exchange.mailbox(address).given
    return counted["body"], counted["content"]


def ids(world: World) -> dict[str, str]:
    """Give the comment id of each Message-ID."""
    return {str(one.user_properties["string:Message ID"]): one.id for one in world.comments()}


def states(world: World, *, with_gone: bool = False) -> tuple[FolderState, ...]:
    with world.database.read() as tx:
        return folders.of_mailbox(tx, world.mailbox().id, with_gone=with_gone)


@both
async def test_nothing_that_is_kept_is_read_again(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    for number in range(30):
        orders.deliver(
            eml(number, attachment=b"%PDF" if number % 3 == 0 else None),
            folder="Inbox/Orders" if number % 2 else "Inbox",
        )
    world.settings = SyncSettings(page=7)
    world.configure(sync_attachments=True)
    await world.sync()
    before = world.comments()
    assert all(file.attachment_reference for one in before for file in one.attachments)
    switch(world, sync_attachments=True)
    await world.sync()
    assert given(world) == (0, 0)
    assert {one.id: one.attachments for one in world.comments()} == {
        one.id: one.attachments for one in before
    }
    assert world.folder_of(0) == "Inbox"
    assert world.folder_of(1) == "Orders"
    await world.sync()
    assert given(world) == (0, 0)


@both
async def test_what_happens_after_the_switch_is_seen(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("Done")
    messages = [orders.deliver(eml(number)) for number in range(4)]
    world.configure()
    await world.sync()
    switch(world)
    await world.sync()
    messages[0].move("Done")
    messages[1].delete()
    messages[2].mark_read()
    orders.deliver(eml(4))
    await world.sync()
    assert len(world.comments()) == 5
    assert world.folder_of(0) == "Done"
    assert world.folder_of(1) == "Inbox"
    assert world.folder_of(4) == "Inbox"


@both
async def test_what_happens_around_the_switch_is_seen(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("Done")
    messages = [orders.deliver(eml(number)) for number in range(4)]
    world.configure()
    await world.sync()
    known = ids(world)
    messages[0].move("Done")
    messages[1].delete()
    copy = messages[2].copy("Done")
    orders.deliver(eml(4))
    switch(world)
    await world.sync()
    assert given(world) == (1, 0)
    assert ids(world).items() >= known.items()
    assert len(world.comments()) == 5
    assert world.folder_of(0) == "Done"
    assert world.folder_of(1) == "Inbox"
    copy.delete()
    await world.sync()
    assert world.folder_of(2) == "Inbox"


@both
async def test_an_email_in_two_folders_and_two_mailboxes_stays_one_comment(world: World) -> None:
    message = world.exchange.mailbox(ORDERS).deliver(eml(1))
    message.copy("Archive")
    world.exchange.mailbox(CLAIMS).deliver(eml(1))
    world.configure(ORDERS, CLAIMS)
    await world.sync(ORDERS, CLAIMS)
    known = ids(world)
    switch(world, ORDERS, CLAIMS)
    await world.sync(ORDERS, CLAIMS)
    assert (given(world), given(world, CLAIMS)) == ((0, 0), (0, 0))
    assert ids(world) == known
    message.delete()
    await world.sync(ORDERS)
    (comment,) = world.comments()
    assert comment.user_properties["string:Mailbox"] == CLAIMS


@both
async def test_two_emails_under_one_message_id_stay_two_comments(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.deliver(eml(1, message_id="<same@example.com>"))
    orders.deliver(eml(2, message_id="<same@example.com>", sender="Bob <bob@example.com>"))
    world.configure()
    await world.sync()
    known = {one.id for one in world.comments()}
    switch(world)
    orders.deliver(eml(3, message_id="<same@example.com>", sender="Eve <eve@example.com>"))
    await world.sync()
    assert given(world) == (1, 0)
    assert len(world.comments()) == 3
    assert {one.id for one in world.comments()} > known


def nameless(number: int, body: str = "Please send chairs.") -> bytes:
    """Write an email without a Message-ID."""
    return (
        f"From: Ann <ann@example.com>\r\nTo: {ORDERS}\r\nSubject: Order {number}\r\n"
        f"Date: Mon, 02 Mar 2026 10:00:00 +0000\r\n\r\n{body}\r\n"
    ).encode()


@both
async def test_emails_without_a_message_id_are_told_by_what_else_is_listed(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("Done")
    messages = [orders.deliver(nameless(number)) for number in range(3)]
    # Those two differ in nothing but what cannot be listed.
    for body in ("Twelve.", "Thirty."):
        orders.deliver(nameless(7, body))
    world.configure()
    await world.sync()
    known = {one.id for one in world.comments()}
    assert len(known) == 5
    # What one way gives of a body the other may give in another form.
    for message in messages:
        message.edit(body="<p>In another form.</p>")
    switch(world)
    messages[0].move("Done")
    await world.sync()
    bodies, _ = given(world)
    assert bodies <= 2
    assert {one.id for one in world.comments()} == known


async def test_one_without_a_message_id_stays_one_comment_when_it_moves_in_graph(
    world: World,
) -> None:
    orders = world.exchange.mailbox(ORDERS)
    message = orders.deliver(nameless(1))
    orders.make_folder("Done")
    world.configure()
    await world.sync()
    switch(world)
    await world.sync()
    message.edit(body="<p>In another form.</p>")
    message.move("Done")
    await world.sync()
    (comment,) = world.comments()
    assert "Done" in str(comment.user_properties["string:Folder"])
    assert given(world) == (0, 0)


@both
async def test_there_and_back_again(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("Done")
    messages = [orders.deliver(eml(number)) for number in range(6)]
    world.settings = SyncSettings(page=2, slice=timedelta())
    world.configure()
    await world.sync()
    known = ids(world)
    switch(world)
    await world.round()
    messages[0].move("Done")
    messages[1].mark_read()
    switch(world)
    await world.sync()
    assert given(world) == (0, 0)
    switch(world)
    await world.sync()
    assert given(world) == (0, 0)
    assert ids(world) == known
    assert world.folder_of(0) == "Done"


@both
async def test_changed_back_before_it_was_used_nothing_is_read(world: World) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure()
    await world.sync()
    before = states(world, with_gone=True)
    switch(world)
    switch(world)
    await world.sync()
    assert [(one.key, one.is_gone) for one in states(world, with_gone=True)] == [
        (one.key, one.is_gone) for one in before
    ]
    assert given(world) == (0, 0)


@both
async def test_in_the_middle_of_the_first_load_while_mail_arrives(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    for number in range(20):
        orders.deliver(eml(number))
    world.settings = SyncSettings(page=5, slice=timedelta())
    world.configure()
    await world.round()
    known = ids(world)
    assert 0 < len(known) < 20
    orders.deliver(eml(20))
    switch(world)
    for number in range(21, 25):
        orders.deliver(eml(number))
        await world.round()
    await world.sync()
    assert given(world) == (25 - len(known), 0)
    assert ids(world).items() >= known.items()
    assert len(world.comments()) == 25
    assert all(world.folder_of(number) == "Inbox" for number in range(25))


@both
async def test_where_nothing_is_kept_whole_items_come_along(world: World) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure()
    switch(world)
    world.exchange.requests.clear()
    await world.sync()
    assert world.folder_of(1) == "Inbox"
    assert given(world) == (1, 0)


@both
async def test_contents_that_are_still_to_be_fetched_are_had_by_the_other_way(
    world: World,
) -> None:
    orders = world.exchange.mailbox(ORDERS)
    for number in range(4):
        orders.deliver(eml(number, attachment=b"%PDF"))
    world.settings = SyncSettings(attachments=1, slice=timedelta())
    world.configure(sync_attachments=True)
    await world.round()
    with world.database.read() as tx:
        waiting = attachments.queued(tx, world.mailbox().id, datetime.max.replace(tzinfo=UTC), 10)
    assert waiting
    switch(world, sync_attachments=True)
    await world.sync()
    assert all(file.attachment_reference for one in world.comments() for file in one.attachments)
    assert given(world)[1] == len(waiting)


async def test_an_email_that_failed_is_read_by_the_other_way(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    messages = [orders.deliver(eml(number)) for number in range(3)]
    world.exchange.fail("GetItem", "ErrorItemCorrupt", times=None, message=messages[0])
    world.exchange.fail(
        "GetItem",
        "ErrorContentConversionFailed",
        message=messages[1],
        when_asked="item:Body",
        times=None,
    )
    world.configure()
    await world.sync()
    assert len(world.comments()) == 2
    assert failed(world) == 2
    world.exchange.heal()
    switch(world)
    await world.sync()
    assert {one.messages[0].subject for one in world.comments() if one.messages[0].body} == {
        "Order 0",
        "Order 1",
        "Order 2",
    }
    assert failed(world) == 0
    assert given(world) == (2, 0)


def failed(world: World) -> int:
    with world.database.read() as tx:
        return len(failures.of_mailbox(tx, world.mailbox().id, 10))


@both
async def test_only_mail_since_the_start_is_read_by_the_other_way(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(4):
        orders.deliver(eml(number), at=start + timedelta(days=1 if number % 2 else -1))
    world.configure(start_at=start)
    await world.sync()
    assert len(world.comments()) == 2
    world.backend = OTHER[world.backend]
    world.configure(start_at=start)
    orders.given.clear()
    await world.sync()
    assert given(world) == (0, 0)
    assert len(world.comments()) == 2


@both
async def test_folders_that_are_not_wanted_stay_so(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.deliver(eml(1))
    orders.deliver(eml(2), folder="Private")
    unwanted = Filters(folder_denylist=(("Private",),))
    world.configure(filters=unwanted)
    await world.sync()
    world.backend = OTHER[world.backend]
    world.configure(filters=unwanted)
    await world.sync()
    assert len(world.comments()) == 1
    world.exchange.requests.clear()
    await world.sync()
    with world.database.read() as tx:
        ids_of = recognition.ids_of(tx, world.mailbox().id)
    assert ids_of is not None
    assert not ids_of.is_recognising


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@both
async def test_a_folder_that_cannot_be_read_does_not_keep_the_others(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.deliver(eml(1))
    orders.deliver(eml(2), folder="Old")
    world.configure()
    await world.sync()
    switch(world)
    orders.delete_folder("Old")
    await world.sync()
    assert len(world.comments()) == 2
    assert given(world) == (0, 0)


# -- whatever people do before, at and after the switch

BOTH = (ORDERS, CLAIMS)
PLACES = ("Inbox", "Done", "Inbox/Work")
EMPTY = "mailmine.db"


@dataclass
class People:
    """They deliver, copy, move, mark and delete."""

    exchange: Exchange
    messages: list[Message] = field(default_factory=list)
    delivered: int = 0
    seen: int = 0
    """How many messages there were at the last round."""

    def do(self, act: "Act") -> None:
        what, number, address, place = act
        lying = [message for message in self.messages if message.folder is not None]
        if what in ("deliver", "deliver nameless") or not lying:
            self.deliver(address, place, is_nameless=what == "deliver nameless")
            return
        message = lying[number % len(lying)]
        match what:
            case "deliver again":
                raw = message.mailbox.mime(message.item)
                self.messages.append(self.exchange.mailbox(address).deliver(raw, folder=place))
            case "copy":
                self.messages.append(message.copy(place))
            case "move":
                message.move(place)
            case "mark":
                message.mark_read(read=bool(number % 2))
            case _:
                message.delete()

    def deliver(self, address: str, place: str, *, is_nameless: bool) -> None:
        raw = nameless(self.delivered) if is_nameless else eml(self.delivered)
        self.delivered += 1
        self.messages.append(self.exchange.mailbox(address).deliver(raw, folder=place))


Act = tuple[str, int, str, str]

acts = st.tuples(
    st.sampled_from(
        [
            "deliver",
            "deliver",
            "deliver nameless",
            "deliver again",
            "copy",
            "move",
            "mark",
            "delete",
        ]
    ),
    st.integers(0, 9),
    st.sampled_from(BOTH),
    st.sampled_from(PLACES),
)
stories = st.lists(st.one_of(acts, st.none()), max_size=8)
"""What people do; None is a round of each mailbox."""


@contextmanager
def a_store(exchange: Exchange, address: str, backend: Backend, folder: Path) -> Iterator[World]:
    """Give a store of its own, a copy of an empty one."""
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(folder / EMPTY, Path(name) / EMPTY)
        database = Database.open(f"sqlite:///{Path(name) / EMPTY}")
        world = World(
            exchange, address, database, Blobs.open(Path(name)), Path(name), backend=backend
        )
        world.configure(*BOTH)
        yield world
        database.close()


async def tell(world: World, people: People, story: list[Act | None]) -> None:
    world.settings = SyncSettings(page=2, slice=timedelta())
    for act in story:
        if act is not None:
            people.do(act)
        else:
            people.seen = len(people.messages)
            for address in BOTH:
                await world.round(address)
    world.settings = SyncSettings(page=2)


def shown(world: World) -> dict[str, dict[str, object]]:
    """Give the comments with where and how their emails lie."""
    return {
        one.id: {"subject": one.messages[0].subject, **one.user_properties}
        for one in world.comments()
    }


def subjects_read(world: World, address: str) -> set[str | None] | None:
    """Give the subjects that need not be read again; None where nothing of the mailbox lies there.

    An email without a Message-ID is recognised in its own mailbox only.
    """
    with world.database.read() as tx:
        mine = copies.c.mailbox_id == world.mailbox(address).id
        lying = select(copies.c.email_key).where(mine, copies.c.is_gone.is_(False))
        if not tx.execute(lying).all():
            return None
        kept = tx.execute(select(copies.c.email_key).where(mine)).scalars().all()
        here = set(emails.comment_ids(tx, kept).values())
    return {
        one.messages[0].subject
        for one in world.comments()
        if one.id in here or one.user_properties.get("string:Message ID")
    }


@dataclass(frozen=True)
class Story:
    """What happens before the connection is changed, while the other way reads for the first time, and after."""

    before: list[Act | None]
    loading: list[Act | None]
    after: list[Act | None]


@pytest.mark.timeout(300)
@drawn(told=st.builds(Story, stories, stories, stories))
@settings(
    max_examples=12,
    deadline=None,
    # A failing story takes too long to be told shorter.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)
def test_after_a_switch_all_is_as_if_it_had_been_read_by_graph(tmp_path: Path, told: Story) -> None:
    if not (tmp_path / EMPTY).exists():
        database = Database.open(f"sqlite:///{tmp_path / EMPTY}")
        database.migrate()
        database.close()
    with tempfile.TemporaryDirectory() as name:
        exchange = Exchange(folder=Path(name))
        exchange.account(ACCOUNT, password=PASSWORD)
        exchange.application(APP, tenant=TENANT, secret=PASSWORD)
        for mailbox in BOTH:
            exchange.mailbox(mailbox)
            exchange.grant(ACCOUNT, mailbox=mailbox)
            for place in PLACES[1:]:
                exchange.mailbox(mailbox).make_folder(place)
        with exchange.serve() as address:
            asyncio.run(is_as_if(exchange, address, told, tmp_path))
        exchange.close()


async def is_as_if(exchange: Exchange, address: str, told: Story, folder: Path) -> None:
    people = People(exchange)
    with a_store(exchange, address, Backend.EWS, folder) as world:
        await tell(world, people, told.before)
        known = {id_: one["subject"] for id_, one in shown(world).items()}
        read = {mailbox: subjects_read(world, mailbox) for mailbox in BOTH}
        world.backend = Backend.GRAPH
        world.configure(*BOTH)
        for mailbox in BOTH:
            exchange.mailbox(mailbox).given.clear()
        seen = people.seen
        await tell(world, people, told.loading)
        # Without a Message-ID, what comes at another time is another email as far as one can see.
        nameless_ones = [one for one in people.messages[seen:] if one.message_id is None]
        await world.sync(*BOTH)
        for mailbox, subjects in read.items():
            if subjects is not None:
                there = exchange.mailbox(mailbox)
                new = [
                    message
                    for message in people.messages
                    if message.mailbox is there
                    and (message.subject not in subjects or message in nameless_ones)
                ]
                # What changes once all was recognised may be read, as by any way.
                changed = sum(
                    act is not None and act[0] in ("move", "mark") for act in told.loading
                )
                assert there.given["body"] <= len(new) + changed
        await tell(world, people, told.after)
        await world.sync(*BOTH)
        found = shown(world)
        with a_store(exchange, address, Backend.GRAPH, folder) as fresh:
            await fresh.sync(*BOTH)
            expected = shown(fresh)
    assert {id_: found[id_]["subject"] for id_ in known} == known
    assert len({one["subject"] for one in found.values()}) == len(found)
    lying = Counter(message.subject for message in people.messages if message.folder is not None)
    for id_, one in expected.items():
        subject = one["subject"]
        if lying[str(subject)] == 1:
            assert found[id_] == one
        else:
            # Which of several copies is shown depends on which was synced last.
            assert found[id_]["subject"] == subject
