from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mailmine.model.ids import ExchangeId, IntegrationId, MailboxId
from mailmine.model.integration import Connection
from mailmine.model.reach import Reach
from mailmine.store.leases import Lease, Rest
from mailmine.sync.ahead import WAITS, Ahead
from mailmine.sync.claiming import Claimed
from tests.unit.sync.test_accounts import EXCHANGE, ORDERS

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SPAN = timedelta(seconds=0.5)
REACH = Reach(connection=Connection(endpoint=""), secret="")
REST = Rest(tree="looks", until=NOON)


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def claimed(name: str, of: str = "first", host: str = "mail.example") -> Claimed:
    lease = Lease(mailbox_id=MailboxId(name), owner="me", epoch=1, until=NOON, rest=REST)
    return Claimed(
        lease=lease,
        mailbox=replace(ORDERS, id=MailboxId(name), next_due_at=NOON),
        integration=replace(
            EXCHANGE,
            id=IntegrationId(of),
            connection=Connection(endpoint=f"https://{host}/EWS/Exchange.asmx"),
        ),
        left_by=None,
        has_strikes=False,
        is_at_rest=True,
    )


def waiting(*ones: Claimed, clock: Clock | None = None) -> Ahead:
    ahead = Ahead(span=SPAN, clock=clock or Clock())
    ahead.add(ones, {one.integration.id: REACH for one in ones})
    return ahead


def names(ahead: Ahead) -> list[str]:
    return [one.mailbox.id for one in ahead.claimed]


def test_the_one_that_waits_longest_is_next_unless_its_integration_is_busy() -> None:
    ahead = waiting(claimed("a"), claimed("b"), claimed("c", "second"))
    first, second = IntegrationId("first"), IntegrationId("second")
    taken = [
        ahead.take(reading, of_integration=2)
        for reading in ([first, first], [first], [first, second])
    ]
    assert [one and one.claimed.mailbox.id for one in taken] == ["c", "a", "b"]
    assert ahead.take([], of_integration=2) is None


def test_as_many_may_wait_as_rounds_ended_lately() -> None:
    clock = Clock()
    ahead = waiting(clock=clock)
    for at, of in ((0.0, "first"), (0.2, "first"), (0.3, "second")):
        clock.now = at
        ahead.round_ended(IntegrationId(of))
    assert ahead.allowed == {"first": 2, "second": 1}
    clock.now = 0.6
    assert ahead.allowed == {"first": 1, "second": 1}
    clock.now = 2.0
    assert ahead.allowed == {}


def test_more_is_wanted_before_none_waits() -> None:
    ahead = waiting(*(claimed(name) for name in "abc"))
    for _ in range(4):
        ahead.round_ended(IntegrationId("first"))
    assert not ahead.is_low
    ahead.take([], of_integration=1)
    assert ahead.is_low


def test_what_is_given_back_is_due_as_it_was() -> None:
    ahead = waiting(claimed("a"))
    (given_back,) = ahead.give_back()
    assert (given_back.next_due_at, given_back.rest, given_back.round_ended_at) == (
        NOON,
        REST,
        None,
    )
    assert names(ahead) == []


def test_none_waits_for_long() -> None:
    clock = Clock()
    ahead = waiting(claimed("a"), clock=clock)
    clock.now = WAITS.total_seconds() - 0.1
    assert ahead.give_back_late() == []
    clock.now = WAITS.total_seconds()
    assert [one.lease.mailbox_id for one in ahead.give_back_late()] == ["a"]


def test_those_of_one_exchange_are_given_back() -> None:
    ahead = waiting(claimed("a"), claimed("b", "second"), claimed("c", "third", "other.example"))
    assert len(ahead.give_back_of(ExchangeId("server mail.example"))) == 2
    assert names(ahead) == ["c"]


def test_leases_of_those_that_wait_are_kept_or_lost() -> None:
    ahead = waiting(claimed("a"), claimed("b"))
    kept, lost = (one.lease for one in ahead.claimed)
    ahead.renewed(kept, NOON + SECOND)
    ahead.renewed(lost, None)
    ahead.renewed(replace(kept, epoch=2), None)  # of another time
    assert [one.lease.until for one in ahead.claimed] == [NOON + SECOND]
