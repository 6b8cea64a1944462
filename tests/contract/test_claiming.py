"""What processes claim together keeps to the limits of all, and to the pace that an Exchange asked for."""

from collections import Counter
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from mailmine.exchange.faults import Fault, Scope, Where
from mailmine.model.ids import ExchangeId, IntegrationId, MailboxId
from mailmine.model.integration import Connection, Integration
from mailmine.store import integrations, leases, mailboxes, overview, strikes, workers
from mailmine.store.database import Database
from mailmine.store.leases import Release, Rest
from mailmine.store.workers import Worker
from mailmine.sync import aftermath, claiming, freshness, schedule
from mailmine.sync.claiming import Claimed, Claims
from mailmine.sync.settings import SyncSettings
from tests.contract.store_world import MINUTE, build

SECOND = timedelta(seconds=1)
SETTINGS = SyncSettings(rounds=8, rounds_per_integration=4, rounds_per_exchange=6)
BUSY = Fault(
    where=Where.EWS,
    code="ErrorServerBusy",
    message="Busy.",
    scope=Scope.CONNECTION,
    retry_after=MINUTE,
)


def build_many(database: Database, number: int = 10) -> tuple[Integration, Integration, datetime]:
    """Make two integrations of one server, with so many mailboxes each, all due from the returned moment on."""
    with database.write() as tx:
        world = build(tx)
        first = world.integration
        second = integrations.save(
            tx, first.project_id, "second", title="Second", connection=first.connection
        )
        for integration in (first, second):
            for each in range(number):
                mailboxes.save(
                    tx, integration.id, f"{each}@acme.example", bucket_id=world.bucket.id
                )
        now = max(one.next_due_at for one in mailboxes.list_all(tx))
    return first, second, now


def let_rest(database: Database, now: datetime) -> None:
    """Let there be nothing to do in any of them."""
    rest = Rest(tree="looks", until=now + MINUTE)
    with database.write() as tx:
        ids = [one.id for one in mailboxes.list_all(tx)]
        held = leases.claim(tx, ids, owner="", now=now, until=now + SECOND).values()
        given_back = [
            Release(lease=one, next_due_at=now, round_ended_at=now, rest=rest) for one in held
        ]
        leases.release_all(tx, given_back)


def claim(
    database: Database,
    owner: str,
    now: datetime,
    settings: SyncSettings = SETTINGS,
    *,
    held: Collection[Claimed] = (),
    ahead: Mapping[IntegrationId, int] = MappingProxyType({}),
) -> Claims:
    with database.write() as tx:
        return claiming.claim(tx, held, owner=owner, now=now, settings=settings, ahead=ahead)


def number_of(claimed: Collection[Claimed], *of: Integration) -> list[int]:
    number = Counter(one.integration.id for one in claimed)
    return [number[one.id] for one in of]


def test_no_integration_takes_all_the_room(database: Database) -> None:
    first, second, now = build_many(database)
    claims = claim(database, "a", now, replace(SETTINGS, rounds_per_exchange=24))
    of = [one.integration.id for one in claims.claimed]
    assert (of.count(first.id), of.count(second.id)) == (4, 4)
    assert claims.next_due_at is None


def test_one_server_is_read_by_so_many_of_all_processes(database: Database) -> None:
    _, _, now = build_many(database)
    assert len(claim(database, "a", now).claimed) == 6
    assert claim(database, "b", now).claimed == ()
    # What one leaves behind counts until its leases run out.
    assert claim(database, "b", now + SETTINGS.lease - SECOND).claimed == ()
    assert len(claim(database, "b", now + SETTINGS.lease).claimed) == 6


def test_mailboxes_at_rest_are_claimed_ahead(database: Database) -> None:
    first, second, now = build_many(database)
    let_rest(database, now)
    roomy = replace(SETTINGS, rounds_per_exchange=24)
    claims = claim(database, "a", now + MINUTE, roomy, ahead={first.id: 3})
    assert number_of(claims.claimed, first, second) == [7, 4]
    more = claim(database, "a", now + MINUTE, roomy, held=claims.claimed, ahead={first.id: 4})
    assert number_of(more.claimed, first, second) == [1, 0]


def test_those_that_take_longer_are_not_claimed_ahead(database: Database) -> None:
    first, second, now = build_many(database)
    roomy = replace(SETTINGS, rounds_per_exchange=24)
    ahead = {first.id: 3, second.id: 3}
    claims = claim(database, "a", now, roomy, ahead=ahead)
    assert number_of(claims.claimed, first, second) == [4, 4]
    assert claim(database, "a", now, roomy, held=claims.claimed, ahead=ahead).claimed == ()
    let_rest(database, now)
    more = claim(database, "a", now + MINUTE, roomy, held=claims.claimed, ahead=ahead)
    assert number_of(more.claimed, first, second) == [3, 3]


def test_those_that_wait_are_not_read_and_leave_room_to_others(database: Database) -> None:
    first, second, now = build_many(database, 20)
    let_rest(database, now)
    at, settings = now + MINUTE, replace(SETTINGS, rounds_per_exchange=10)
    ahead = {first.id: 3, second.id: 3}
    assert number_of(claim(database, "a", at, settings, ahead=ahead).claimed, first, second) == [
        7,
        7,
    ]
    # The first reads eight at a time; who could read only two claims no more than that.
    assert (
        sum(number_of(claim(database, "b", at, settings, ahead=ahead).claimed, first, second)) == 2
    )
    assert claim(database, "c", at, settings, ahead=ahead).claimed == ()


def test_processes_that_claim_ahead_at_once_keep_to_the_limit(database: Database) -> None:
    first, second, now = build_many(database, 40)
    let_rest(database, now)
    at, settings = now + MINUTE, replace(SETTINGS, rounds_per_exchange=19)
    ahead = {first.id: 2, second.id: 2}
    with ThreadPoolExecutor(6) as pool:
        claims = pool.map(
            lambda name: claim(database, str(name), at, settings, ahead=ahead), range(12)
        )
        read = [
            sum(min(4, number) for number in number_of(one.claimed, first, second))
            for one in claims
        ]
    assert sorted(read)[-4:] == [0, 3, 8, 8]


def test_it_is_known_who_left_a_mailbox(database: Database) -> None:
    _, _, now = build_many(database, 0)
    assert [one.left_by for one in claim(database, "a", now).claimed] == [None]
    assert [one.left_by for one in claim(database, "b", now + MINUTE).claimed] == ["a"]


def test_another_server_is_read_meanwhile(database: Database) -> None:
    first, second, now = build_many(database)
    elsewhere = Connection(endpoint="https://other.example/EWS/Exchange.asmx")
    with database.write() as tx:
        integrations.set_connection(tx, second.id, elsewhere)
    taken = [one for name in "abc" for one in claim(database, name, now).claimed]
    of = [one.integration.id for one in taken]
    assert (of.count(first.id), of.count(second.id)) == (6, 6)


def test_many_that_claim_at_once_keep_to_the_limit(database: Database) -> None:
    _, _, now = build_many(database)
    with ThreadPoolExecutor(6) as pool:
        claimed = [
            one.mailbox.id
            for claims in pool.map(lambda name: claim(database, str(name), now), range(12))
            for one in claims.claimed
        ]
    assert len(claimed) == len(set(claimed)) == 6


def test_a_pause_that_a_server_asks_for_holds_for_all_of_its_integrations(
    database: Database,
) -> None:
    first, second, now = build_many(database, 2)
    mailbox = claim(database, "a", now, replace(SETTINGS, rounds=1)).claimed[0]
    with database.write() as tx:
        aftermath.failed(
            tx,
            mailbox.lease,
            mailbox.mailbox,
            mailbox.integration,
            BUSY,
            at=now,
            pause=lambda times, wish: schedule.pause(times, wish, first=SECOND, jitter=0),
        )
    assert claim(database, "b", now + SECOND).claimed == ()
    assert claim(database, "b", now + MINUTE - SECOND).claimed == ()
    exchange = claiming.exchange_of(mailbox.integration.connection)
    with database.read() as tx:
        assert strikes.of(tx, exchange) is not None
    taken = claim(database, "b", now + MINUTE).claimed
    assert {one.integration.id for one in taken} == {first.id, second.id}
    with database.read() as tx:
        assert strikes.of(tx, exchange) is None, "its pause is over"


def test_a_held_mailbox_does_not_hold_others(database: Database) -> None:
    first, _, now = build_many(database, 2)
    held: MailboxId
    with database.write() as tx:
        held = mailboxes.of_integration(tx, first.id)[0].id
        failed = strikes.Strikes(code="c", times=1, since=now, last_at=now, hold_until=now + MINUTE)
        strikes.put(tx, held, failed)
    taken = claim(database, "a", now)
    assert held not in {one.mailbox.id for one in taken.claimed}
    assert len(taken.claimed) == 4
    assert taken.next_due_at == now + SETTINGS.lease


def test_many_held_mailboxes_hide_none_that_may_be_read(database: Database) -> None:
    """More are held than may be read at once, and all of them were due earlier."""
    first, _, now = build_many(database, 20)
    later = now + SECOND
    with database.write() as tx:
        *early, free = (one.id for one in mailboxes.of_integration(tx, first.id))
        early += [one.id for one in mailboxes.list_all(tx) if one.integration_id != first.id]
        failed = strikes.Strikes(code="c", times=1, since=now, last_at=now, hold_until=now + MINUTE)
        for held in early:
            strikes.put(tx, held, failed)
        mailboxes.postpone(tx, [free], until=later, now=now)
    taken = claim(database, "a", later)
    assert [one.mailbox.id for one in taken.claimed] == [free]


def test_what_limits_its_callers_has_a_name() -> None:
    app = Connection(endpoint="https://graph.example", tenant_id="T", client_id="C")
    assert claiming.exchange_of(app) == ExchangeId("app t/c")
    server = Connection(endpoint="https://Mail.example/EWS/Exchange.asmx", username="a")
    assert claiming.exchange_of(server) == ExchangeId("server mail.example")
    found = Connection(endpoint="", username="A@example.com")
    assert claiming.exchange_of(found) == ExchangeId("account a@example.com")


def test_processes_say_that_they_are_there(database: Database) -> None:
    _, _, now = build_many(database, 2)
    lively, silent = (
        Worker(id=name, host="h", pid=1, version="1", since=now, seen_at=now, taken_over=0)
        for name in ("a", "b")
    )
    claim(database, "a", now)
    with database.write() as tx:
        workers.put(tx, lively)
        workers.put(tx, silent)
        workers.put(tx, replace(lively, seen_at=now + MINUTE, taken_over=2))
        (first, reads), (second, others) = workers.list_all(tx, now=now)
        assert (first.seen_at, first.taken_over, reads) == (now + MINUTE, 2, 5)
        assert (second, others) == (silent, 0)
        workers.forget(tx, before=now + SECOND)
        assert [one.id for one, _ in workers.list_all(tx, now=now)] == ["a"]
        workers.leave(tx, "a")
        assert workers.list_all(tx, now=now) == ()


def test_the_process_that_is_there_longest_is_the_first(database: Database) -> None:
    _, _, now = build_many(database, 2)
    old, young = (
        Worker(id=name, host="h", pid=1, version="1", since=since, seen_at=now, taken_over=0)
        for name, since in (("b", now - MINUTE), ("a", now))
    )
    with database.write() as tx:
        assert workers.is_first("a", workers.present(tx, now=now))
        workers.put(tx, young)
        workers.put(tx, replace(old, has_room=False))
        here = workers.present(tx, now=now)
        assert [(one.id, one.has_room) for one in here] == [("b", False), ("a", True)]
        assert [workers.is_first(name, here) for name in ("a", "b", None)] == [False, True, True]
        workers.put(tx, replace(young, seen_at=now + MINUTE))
        assert workers.is_first("a", workers.present(tx, now=now + MINUTE))


def test_the_schedule_of_all(database: Database) -> None:
    _, _, now = build_many(database, 2)
    claim(database, "a", now, replace(SETTINGS, rounds=2))
    with database.read() as tx:
        known = overview.take(tx).mailboxes
    soon, later = (freshness.schedule(known, at) for at in (now, now + MINUTE))
    assert (soon.reading, len(soon.waits), soon.overdue) == (2, 3, 0)
    assert (later.reading, len(later.waits), later.overdue) == (0, 5, 5)
