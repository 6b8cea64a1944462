"""What is large keeps nobody waiting: counted in requests and in what is done before what, not by a clock."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from exchange_simulator.exchange import Request
from mailmine.model.ids import MessageId
from mailmine.refine.identity import comment_id
from mailmine.store import comments, folders, mailboxes, sources
from mailmine.sync.settings import SyncSettings
from tests.integration.sync.conftest import ACCOUNT, ORDERS, World, both, eml
from tests.integration.sync.test_runner import running, until

HUGE = 20_000
SMALL = 50
RAW = eml(0)
pytestmark = pytest.mark.timeout(300)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
embedded = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Who waits for whom does not depend on the database."""


def fill(world: World, address: str, count: int, *, at: datetime = LONG_AGO) -> None:
    """Deliver many emails, a minute apart, the last one at `at`."""
    mailbox = world.exchange.mailbox(address)
    world.exchange.grant(ACCOUNT, mailbox=address)
    name = address.partition("@")[0]
    for number in range(count):
        raw = RAW.replace(b"<0@", f"<{name}-{number}@".encode())
        mailbox.deliver(raw, at=at - timedelta(minutes=count - 1 - number))


def small_ones(world: World) -> list[str]:
    addresses = [f"small{number}@example.com" for number in range(SMALL)]
    for address in addresses:
        fill(world, address, 3)
    return addresses


def read_of(world: World) -> dict[str, int]:
    """Count the emails that were read of each mailbox."""
    with world.database.read() as tx:
        return {
            one.address: sum(state.emails_read for state in folders.of_mailbox(tx, one.id))
            for one in mailboxes.list_all(tx)
        }


def are_done(world: World, addresses: Sequence[str]) -> bool:
    with world.database.read() as tx:
        done = {one.address for one in mailboxes.list_all(tx) if one.last_round_at is not None}
    return done >= set(addresses)


@both
@embedded
async def test_one_huge_and_fifty_small_mailboxes_no_small_one_waits_for_the_huge_one(
    world: World,
) -> None:
    fill(world, "huge@example.com", HUGE)
    small = small_ones(world)
    world.configure("huge@example.com", *small)
    # Its round does not end before all of it is read, unless something stops it.
    settings = SyncSettings(slice=timedelta(hours=1), page=50, poll_interval=timedelta(hours=1))
    async with running(world, settings):
        await until(lambda: are_done(world, small), seconds=120)
        assert not are_done(world, ["huge@example.com"])
        read = read_of(world)
    assert all(read[address] == 3 for address in small)
    # How far it is by then is the machine's affair.
    assert 0 < read["huge@example.com"] < HUGE


@both
@embedded
async def test_huge_mailboxes_that_fill_every_place_take_turns_with_the_small_ones(
    world: World,
) -> None:
    settings = SyncSettings(slice=timedelta(), page=50, poll_interval=timedelta(hours=1))
    huge = [f"huge{number}@example.com" for number in range(settings.rounds_per_integration)]
    for address in huge:
        fill(world, address, 1_000)
    small = small_ones(world)
    world.configure(*huge, *small)
    async with running(world, settings):
        await until(lambda: are_done(world, small), seconds=120)
        read = read_of(world)
    # Of each of them a page, while fifty small ones had their turn; two, where its turn had come again.
    assert all(read[address] == 3 for address in small)
    assert all(read[address] <= 2 * settings.page for address in huge)


class Watch:
    """Delivers an email while others are being read, and counts the requests until it is a comment."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
        """Deliver after so many requests."""
        self._world = world
        self._after = after
        self._note = world.exchange.requests.append
        self._noted = 0
        self.asked = 0
        """Requests from the delivery to the comment."""
        self.read_before = 0
        """Emails that were read when it was delivered."""
        self.is_there = False
        monkeypatch.setattr(world.exchange.requests, "append", self._look)

    def _look(self, request: Request) -> None:
        self._note(request)
        self._noted += 1
        if self._noted == self._after:
            self.read_before = read_of(self._world)[ORDERS]
            self._world.exchange.mailbox(ORDERS).deliver(RAW.replace(b"<0@", b"<new@"))
        elif self._noted > self._after and not self.is_there:
            self.asked += 1
            self.is_there = self._is_comment()

    def _is_comment(self) -> bool:
        new = comment_id(MessageId("<new@example.com>"))
        with self._world.database.read() as tx:
            return comments.get(tx, sources.list_all(tx)[0].id, new) is not None


@both
@embedded
@pytest.mark.parametrize("count", [2_000, HUGE])
async def test_new_mail_during_a_first_load_is_a_comment_after_a_few_requests(
    world: World, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    fill(world, ORDERS, count)
    world.configure()
    watch = Watch(world, monkeypatch, after=100)
    settings = SyncSettings(slice=timedelta(hours=1), page=50, fresh_interval=timedelta())
    async with running(world, settings):
        await until(lambda: watch.is_there, seconds=60)
        assert read_of(world)[ORDERS] < count
    assert watch.read_before > 0
    # What is left of the page and of the one that is under way, the look at the folders, the new mail, and the next page.
    assert watch.asked <= 20


@both
@embedded
async def test_a_start_far_into_a_mailbox_costs_what_comes_after_it(world: World) -> None:
    wanted, costs = 40, list[dict[str, int]]()
    world.settings = SyncSettings(slice=timedelta(), page=20)
    addresses = {ORDERS: 200, "large@example.com": 4_000}
    for address, before in addresses.items():
        fill(world, address, before + wanted)
    world.configure(*addresses, start_at=LONG_AGO - timedelta(minutes=wanted - 1))
    for number, address in enumerate(addresses, start=1):
        world.exchange.requests.clear()
        while len(world.comments()) < number * wanted:
            await world.round(address)
        costs.append(world.exchange.requests.by_operation())
    assert costs[0] == costs[1]
    # What lies before is listed by its ids, afterwards, and nothing of it is fetched.
    world.exchange.requests.clear()
    world.settings = SyncSettings(page=100)
    await world.sync("large@example.com")
    asked = world.exchange.requests.by_operation()
    assert len(world.comments()) == 2 * wanted
    assert asked.keys().isdisjoint({"GetItem", "graph:message", "graph:attachments"})
    pages = asked.get("SyncFolderItems", 0) + asked.get("graph:messages/delta", 0)
    assert pages <= 4_000 / world.settings.page + 10
