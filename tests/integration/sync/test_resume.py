from mailmine.model.integration import DisabledReason, Trouble
from mailmine.store import events, integrations, mailboxes, strikes, turns
from mailmine.store.strikes import Strikes
from mailmine.sync import editing
from mailmine.sync.resume import resume
from tests.integration.sync.conftest import CLAIMS, ORDERS, World


def stop(world: World, reason: DisabledReason) -> None:
    """Switch everything off, with a failure counted."""
    now = world.time()
    trouble = Trouble(code="ErrorAccessDenied", message="It may not be read.", since=now)
    counted = Strikes(code=trouble.code, times=3, since=now, last_at=now, hold_until=None)
    integration = world.integration()
    with world.database.write() as tx:
        integrations.set_enabled(tx, integration.id, enabled=False, reason=reason, trouble=trouble)
        for mailbox in mailboxes.of_integration(tx, integration.id):
            mailboxes.set_enabled(tx, mailbox.id, enabled=False, reason=reason, trouble=trouble)
            strikes.put(tx, mailbox.id, counted)


def let_go_on(world: World) -> set[str]:
    """Resume with one mailbox that was read; the kinds of what happened."""
    with world.database.write() as tx:
        resume(tx, world.integration(), [world.mailbox(ORDERS)], at=world.time())
        return {event.kind for event in events.page(tx, before=None, limit=10)}


def test_what_trouble_stopped_goes_on_where_it_was_read(world: World) -> None:
    world.configure(ORDERS, CLAIMS)
    stop(world, DisabledReason.SYNC_ERROR)
    assert {"integration_enabled", "mailbox_enabled"} <= let_go_on(world)
    assert world.integration().enabled
    assert world.mailbox(ORDERS).enabled
    assert not world.mailbox(CLAIMS).enabled
    with world.database.read() as tx:
        assert strikes.of(tx, world.mailbox(ORDERS).id) is None
        due = turns.due(tx, world.time(), limit=9)
        assert [one.mailbox.id for one in due] == [world.mailbox(ORDERS).id]


def test_what_a_person_switched_off_stays_off(world: World) -> None:
    world.configure(ORDERS)
    stop(world, DisabledReason.USER)
    assert not {"integration_enabled", "mailbox_enabled"} & let_go_on(world)
    assert not world.integration().enabled
    assert not world.mailbox(ORDERS).enabled


def test_what_a_person_switched_off_while_it_was_tried_stays_off(world: World) -> None:
    world.configure(ORDERS)
    stop(world, DisabledReason.SYNC_ERROR)
    integration, mailbox = world.integration(), world.mailbox(ORDERS)
    with world.database.write() as tx:
        editing.stop(tx, integration)
        editing.stop_mailbox(tx, mailbox)
        resume(tx, integration, [mailbox], at=world.time())
    assert not world.integration().enabled
    assert not world.mailbox(ORDERS).enabled


def test_what_goes_on_by_two_ways_at_once_is_told_once(world: World) -> None:
    world.configure(ORDERS)
    stop(world, DisabledReason.SYNC_ERROR)
    integration, mailbox = world.integration(), world.mailbox(ORDERS)
    with world.database.write() as tx:
        for _ in range(2):
            resume(tx, integration, [mailbox], at=world.time())
        kinds = [event.kind for event in events.page(tx, before=None, limit=10)]
    assert (kinds.count("integration_enabled"), kinds.count("mailbox_enabled")) == (1, 1)
