"""The schedule of mailboxes is data, and a lease is exclusive."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection

from mailmine.model.ids import MailboxId
from mailmine.store import integrations, leases, mailboxes, strikes, turns
from mailmine.store.database import Database
from mailmine.store.errors import LeaseLost
from mailmine.store.leases import Lease, Release, Rest
from mailmine.store.strikes import Strikes
from mailmine.store.turns import Turn
from tests.contract.store_world import MINUTE, build

SECOND = timedelta(seconds=1)


def start(database: Database) -> tuple[MailboxId, datetime]:
    """Build a world whose mailbox is due from the returned moment on."""
    with database.write() as tx:
        mailbox = build(tx).mailbox
    return mailbox.id, mailbox.next_due_at


def due_ids(
    tx: Connection, now: datetime, *, limit: int, turn: Turn = turns.ANY
) -> tuple[MailboxId, ...]:
    due = turns.due(tx, now, limit=limit, turn=turn)
    return tuple(one.mailbox.id for one in due)


def claim(database: Database, mailbox: MailboxId, now: datetime, owner: str = "a") -> Lease:
    with database.write() as tx:
        lease = leases.claim(tx, [mailbox], owner=owner, now=now, until=now + 30 * SECOND).get(
            mailbox
        )
    assert lease is not None
    return lease


def test_a_new_mailbox_is_due_at_once(database: Database) -> None:
    mailbox, now = start(database)
    with database.read() as tx:
        assert due_ids(tx, now - SECOND, limit=9) == ()
        assert due_ids(tx, now, limit=9) == (mailbox,)
        assert turns.next_due(tx) == now


def test_the_longest_overdue_comes_first(database: Database) -> None:
    mailbox, now = start(database)
    with database.write() as tx:
        first = mailboxes.by_id(tx, mailbox)
        assert first is not None
        second = mailboxes.save(
            tx, first.integration_id, "b@acme.example", bucket_id=first.bucket_id
        )
        mailboxes.wake(tx, second.id, now - MINUTE)
        assert due_ids(tx, now, limit=9) == (second.id, mailbox)
        assert due_ids(tx, now, limit=1) == (second.id,)


def test_integrations_take_turns(database: Database) -> None:
    mailbox, now = start(database)
    with database.write() as tx:
        first = mailboxes.by_id(tx, mailbox)
        assert first is not None
        known = integrations.by_id(tx, first.integration_id)
        assert known is not None
        other = integrations.save(
            tx, known.project_id, "other", title="Other", connection=known.connection
        )
        late = mailboxes.save(tx, other.id, "late@acme.example", bucket_id=first.bucket_id)
        many = [
            mailboxes.save(
                tx, first.integration_id, f"{name}@acme.example", bucket_id=first.bucket_id
            ).id
            for name in "xyz"
        ]
        for at, one in enumerate([mailbox, *many]):
            mailboxes.wake(tx, one, now - 2 * MINUTE + at * SECOND)
        mailboxes.wake(tx, late.id, now - MINUTE)
        assert due_ids(tx, now, limit=3) == (mailbox, late.id, many[0])


def test_what_is_switched_off_is_never_due(database: Database) -> None:
    mailbox, now = start(database)
    with database.write() as tx:
        mailboxes.set_enabled(tx, mailbox, enabled=False)
        assert due_ids(tx, now, limit=9) == ()
        assert turns.next_due(tx) is None
        mailboxes.set_enabled(tx, mailbox, enabled=True)
        (integration,) = integrations.list_all(tx)
        integrations.set_enabled(tx, integration.id, enabled=False)
        assert due_ids(tx, now, limit=9) == ()
        assert turns.next_due(tx) is None


def test_who_holds_the_lease_holds_it_alone(database: Database) -> None:
    mailbox, now = start(database)
    lease = claim(database, mailbox, now)
    with database.write() as tx:
        assert leases.claim(tx, [mailbox], owner="b", now=now, until=now + MINUTE) == {}
        assert due_ids(tx, now, limit=9) == ()
        assert turns.next_due(tx) == lease.until
        leases.guard(tx, lease)


def test_a_renewed_lease_lasts_longer(database: Database) -> None:
    mailbox, now = start(database)
    lease = claim(database, mailbox, now)
    with database.write() as tx:
        kept = leases.renew_all(tx, [lease], until=now + 5 * MINUTE)
        later = now + 4 * MINUTE
        assert leases.claim(tx, [mailbox], owner="b", now=later, until=later) == {}
    assert kept == {mailbox}


def test_an_expired_lease_is_taken_over_and_the_old_owner_is_fenced_off(database: Database) -> None:
    mailbox, now = start(database)
    old = claim(database, mailbox, now, "a")
    with database.read() as tx:
        assert due_ids(tx, old.until, limit=9) == (mailbox,)
    new = claim(database, mailbox, old.until, "b")
    assert new.epoch > old.epoch
    with database.write() as tx, pytest.raises(LeaseLost):
        leases.guard(tx, old)
    with database.write() as tx:
        assert leases.renew_all(tx, [old, new], until=now + MINUTE) == {mailbox}
        assert leases.renew_all(tx, [old], until=now + MINUTE) == set()
        leases.release_all(tx, [Release(lease=old, next_due_at=now, round_ended_at=now)])
    with database.write() as tx, pytest.raises(LeaseLost):
        leases.release(tx, Release(lease=old, next_due_at=now, round_ended_at=now))
    with database.write() as tx:
        leases.guard(tx, new)


def test_a_released_mailbox_is_due_when_told_and_its_lease_is_worth_nothing(
    database: Database,
) -> None:
    mailbox, now = start(database)
    lease = claim(database, mailbox, now)
    with database.write() as tx:
        leases.release(
            tx, Release(lease=lease, next_due_at=now + MINUTE, round_ended_at=now + SECOND)
        )
        state = mailboxes.by_id(tx, mailbox)
        assert state is not None
        assert (state.next_due_at, state.last_round_at) == (now + MINUTE, now + SECOND)
        assert turns.next_due(tx) == now + MINUTE
        with pytest.raises(LeaseLost):
            leases.guard(tx, lease)


def test_a_failed_round_leaves_the_time_of_the_last_good_one(database: Database) -> None:
    mailbox, now = start(database)
    with database.write() as tx:
        for ended in (now, None):
            lease = leases.claim(tx, [mailbox], owner="a", now=now, until=now + MINUTE).get(mailbox)
            assert lease is not None
            leases.release(tx, Release(lease=lease, next_due_at=now, round_ended_at=ended))
        state = mailboxes.by_id(tx, mailbox)
    assert state is not None
    assert state.last_round_at == now


def test_waking_brings_a_round_forward_and_never_puts_it_off(database: Database) -> None:
    mailbox, now = start(database)
    with database.write() as tx:
        mailboxes.wake(tx, mailbox, now + MINUTE)
        assert turns.next_due(tx) == now
        mailboxes.wake(tx, mailbox, now - MINUTE)
        assert turns.next_due(tx) == now - MINUTE


def test_waking_during_a_round_brings_another_after_it(database: Database) -> None:
    mailbox, now = start(database)
    lease = claim(database, mailbox, now)
    with database.write() as tx:
        mailboxes.wake(tx, mailbox, now + 9 * SECOND)
        mailboxes.wake(tx, mailbox, now + 5 * SECOND)
        mailboxes.wake(tx, mailbox, now + 7 * SECOND)
        assert due_ids(tx, now + 9 * SECOND, limit=9) == ()
        leases.release(tx, Release(lease=lease, next_due_at=now + MINUTE, round_ended_at=None))
        assert turns.next_due(tx) == now + 5 * SECOND


def test_waking_before_a_round_does_not_bring_another_after_it(database: Database) -> None:
    mailbox, now = start(database)
    with database.write() as tx:
        mailboxes.wake(tx, mailbox, now - SECOND)
    lease = claim(database, mailbox, now)
    with database.write() as tx:
        leases.release(tx, Release(lease=lease, next_due_at=now + MINUTE, round_ended_at=None))
        assert turns.next_due(tx) == now + MINUTE


def test_of_many_that_claim_at_once_one_gets_it(database: Database) -> None:
    mailbox, now = start(database)

    def attempt(number: int) -> Lease | None:
        with database.write() as tx:
            return leases.claim(
                tx, [mailbox], owner=f"worker {number}", now=now, until=now + MINUTE
            ).get(mailbox)

    with ThreadPoolExecutor(8) as pool:
        held = [lease for lease in pool.map(attempt, range(24)) if lease]
    assert len(held) == 1


def test_a_mailbox_stays_with_who_read_it_last_unless_it_is_late_there_or_was_woken(
    database: Database,
) -> None:
    mailbox, now = start(database)
    mine, others = (Turn(owner=owner, patience=SECOND) for owner in "ab")
    with database.write() as tx:
        # Who never was read is anybody's.
        assert due_ids(tx, now, limit=9, turn=others) == (mailbox,)
    lease = claim(database, mailbox, now, "a")
    due = now + MINUTE
    with database.write() as tx:
        leases.release(tx, Release(lease=lease, next_due_at=due, round_ended_at=now))
        assert due_ids(tx, due, limit=9, turn=mine) == (mailbox,)
        assert turns.next_due(tx, mine) == due
        assert due_ids(tx, due + SECOND / 2, limit=9, turn=others) == ()
        assert turns.next_due(tx, others) == due + SECOND
        assert due_ids(tx, due + SECOND, limit=9, turn=others) == (mailbox,)
        mailboxes.wake(tx, mailbox, now)
        assert due_ids(tx, now, limit=9, turn=others) == (mailbox,)


def test_where_all_are_late_each_goes_on_with_its_own(database: Database) -> None:
    """They would take each other's mailboxes, and each would come to know all of them."""
    mailbox, now = start(database)
    due = now + MINUTE
    with database.write() as tx:
        first = mailboxes.by_id(tx, mailbox)
        assert first is not None
        other = mailboxes.save(
            tx, first.integration_id, "b@acme.example", bucket_id=first.bucket_id
        ).id
    held = [claim(database, mailbox, due, "a"), claim(database, other, due, "b")]
    with database.write() as tx:
        for lease, at in zip(held, (due, due - SECOND), strict=True):
            leases.release(tx, Release(lease=lease, next_due_at=at, round_ended_at=due))
        assert turns.of_reader(tx, "a") == {mailbox}
        late = due + MINUTE
        for patience, wanted in ((SECOND / 2, (other, mailbox)), (2 * SECOND, (mailbox, other))):
            assert due_ids(tx, late, limit=9, turn=Turn(owner="a", patience=patience)) == wanted
        mailboxes.wake(tx, other, due)
        assert turns.of_reader(tx, "a") == {mailbox, other}


@pytest.mark.parametrize("event", ["woken", "woken while read", "left behind", "failed"])
def test_the_rest_of_a_mailbox_ends_with_what_leaves_something_to_do(
    database: Database, event: str
) -> None:
    mailbox, now = start(database)
    rest = Rest(tree="as it was", until=now + 15 * MINUTE)
    lease = claim(database, mailbox, now)
    resting = Release(lease=lease, next_due_at=now, round_ended_at=now, rest=rest)
    with database.write() as tx:
        leases.release(tx, resting)
    lease = claim(database, mailbox, now)
    assert lease.rest == rest
    with database.write() as tx:
        match event:
            case "woken":
                leases.release(tx, replace(resting, lease=lease))
                mailboxes.wake(tx, mailbox, now)
            case "woken while read":
                mailboxes.wake(tx, mailbox, now)
                leases.release(tx, replace(resting, lease=lease))
            case "failed":
                leases.release(tx, Release(lease=lease, next_due_at=now, round_ended_at=None))
    assert claim(database, mailbox, lease.until).rest is None


def test_nobody_waits_for_who_writes_a_mailbox(database: Database) -> None:
    """Two workers that give back, bring forward and claim in different orders would wait for each other."""
    mailbox, now = start(database)
    with database.write() as tx:
        assert mailboxes.lock(tx, [mailbox]) == {mailbox}
    if database.dialect == "sqlite":  # one writes at a time
        return
    until = now + 30 * SECOND
    with database.write() as tx:
        mailboxes.wake(tx, mailbox, now)
        with database.write() as other:
            assert mailboxes.lock(other, [mailbox]) == frozenset()
            assert leases.claim(other, [mailbox], owner="a", now=now, until=until) == {}
            mailboxes.postpone(other, [mailbox], until=until, now=now)
    with database.read() as tx:
        assert due_ids(tx, now, limit=9) == (mailbox,)
    assert claim(database, mailbox, now).owner == "a"


def test_what_a_wrong_clock_put_off_for_years_is_due_once_it_is_set_back(
    database: Database,
) -> None:
    mailbox, now = start(database)
    years = timedelta(days=900)
    lease = claim(database, mailbox, now + years)
    held = Strikes(code="ErrorServerBusy", times=1, since=now, last_at=now, hold_until=now + years)
    with database.write() as tx:
        strikes.put(tx, mailbox, held)
        assert due_ids(tx, now, limit=9) == ()
        assert mailboxes.put_right(tx, now) == 1
        strikes.put_right(tx, after=now + mailboxes.LONGEST)
        assert due_ids(tx, now, limit=9) == (mailbox,)
        assert strikes.of(tx, mailbox) == replace(held, hold_until=None)
        due_at = now + years
        leases.release(tx, Release(lease=lease, next_due_at=due_at, round_ended_at=None))
        assert due_ids(tx, now, limit=9) == ()
        assert mailboxes.put_right(tx, now) == 1
        assert due_ids(tx, now, limit=9) == (mailbox,)
        mailboxes.postpone(tx, [mailbox], until=now + timedelta(days=1), now=now)
        assert mailboxes.put_right(tx, now) == 0
