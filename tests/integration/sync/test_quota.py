"""A quota of what is stored stops at once, and lets go on when it is raised."""

import pytest

from mailmine.model.integration import DisabledReason
from mailmine.store import amounts, buckets, events, integrations, mailboxes, quotas, sources
from mailmine.store.quotas import OwnQuota, Quota
from mailmine.sync import quota
from mailmine.sync.configure import (
    Configuration,
    IntegrationConfiguration,
    MailboxConfiguration,
    apply,
)
from mailmine.sync.enabling import Enabling
from mailmine.sync.watch import Watch
from tests.integration.sync.conftest import CLAIMS, ORDERS, World, eml


def limit(world: World, kind: str, most: int | None) -> None:
    with world.database.write() as tx:
        if most is None:
            quotas.remove(tx, kind)
        else:
            quotas.put(tx, Quota(kind=kind, hard_limit=most, auto_increase_up_to=None))


async def look(world: World) -> None:
    watch = Watch(world.database, secret_of=lambda _: "", now=world.time)
    try:
        await watch.step()
    finally:
        watch.close()


def told(world: World) -> list[str]:
    with world.database.read() as tx:
        return [one.kind for one in reversed(events.page(tx, before=None, limit=50))][1:]


async def filled(world: World, *, number: int = 3, apart: bool = False) -> None:
    """Read some emails of one mailbox into its bucket; another fills the same, or one `apart`."""
    for each in range(number):
        world.exchange.mailbox(ORDERS).deliver(eml(each))
    world.configure(ORDERS)
    other = MailboxConfiguration(
        address=CLAIMS, project="sales", bucket="claims" if apart else "mail"
    )
    mine = MailboxConfiguration(address=ORDERS, project="sales", bucket="mail")
    wanted = IntegrationConfiguration(
        project="sales", name="exchange", connection=world.connection(), mailboxes=(mine, other)
    )
    with world.database.write() as tx:
        apply(tx, Configuration(integrations=(wanted,)), at=world.time())
    await world.sync(ORDERS)


@pytest.mark.parametrize("kind", quota.COMMENTS)
async def test_a_full_place_stops_and_goes_on_when_the_quota_is_raised(
    world: World, kind: str
) -> None:
    await filled(world)
    limit(world, kind, 3)
    await look(world)
    integration = world.integration()
    assert (integration.enabled, integration.disabled_reason) == (False, DisabledReason.QUOTA)
    assert integration.trouble is not None
    assert (integration.trouble.code, integration.trouble.reason) == ("quota", "quota")
    assert f"3 comments, and the quota {kind} is 3" in integration.trouble.message
    assert world.mailbox(ORDERS).enabled
    await look(world)
    assert told(world)[-1:] == ["integration_disabled"]
    world.exchange.mailbox(ORDERS).deliver(eml(9))
    limit(world, kind, 4)
    await look(world)
    assert (world.integration().enabled, world.integration().trouble) == (True, None)
    assert told(world)[-2:] == ["integration_disabled", "integration_enabled"]
    await world.sync(ORDERS)
    assert len(world.comments()) == 4


async def test_of_a_full_bucket_only_its_mailboxes_stop(world: World) -> None:
    await filled(world, apart=True)
    limit(world, "comments_per_bucket", 3)
    await look(world)
    assert world.integration().enabled
    stopped = world.mailbox(ORDERS)
    assert (stopped.enabled, stopped.disabled_reason) == (False, DisabledReason.QUOTA)
    assert world.mailbox(CLAIMS).enabled
    assert told(world)[-1] == "mailbox_disabled"

    (found,) = await enabling(world).switch_on(
        world.integration().id, [stopped.id], itself=False, insists=True
    )
    assert (found.code, found.mailbox) == ("quota", ORDERS)
    assert not world.mailbox(ORDERS).enabled

    limit(world, "comments_per_bucket", None)
    await look(world)
    assert world.mailbox(ORDERS).enabled


def limit_place(world: World, place: str, own: OwnQuota) -> None:
    """Limit the one bucket that is read into first, or its project."""
    with world.database.write() as tx:
        bucket = buckets.get(tx, "sales", "mail")
        assert bucket is not None
        if place == "bucket":
            quotas.put_of_bucket(tx, bucket.id, own)
        else:
            quotas.put_of_project(tx, bucket.project_id, own)


def enabling(world: World) -> Enabling:
    return Enabling(world.database, lambda _: world.password, lambda one: one.connection)


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (OwnQuota(comments=3), "The bucket sales/mail holds 3 comments, and its own quota is 3."),
        (OwnQuota(comments=9, bytes=100), "bytes, and its own quota is 100."),
    ],
)
async def test_of_one_bucket_that_is_full_by_its_own_quota_only_the_mailboxes_stop(
    world: World, own: OwnQuota, words: str
) -> None:
    await filled(world, apart=True)
    world.exchange.mailbox(CLAIMS).deliver(eml(8, to=CLAIMS))
    await world.sync(CLAIMS)
    limit_place(world, "bucket", OwnQuota(comments=4, bytes=10_000_000))
    await look(world)
    assert world.mailbox(ORDERS).enabled
    limit_place(world, "bucket", own)
    await look(world)
    assert world.integration().enabled
    stopped = world.mailbox(ORDERS)
    assert (stopped.enabled, stopped.disabled_reason) == (False, DisabledReason.QUOTA)
    assert stopped.trouble is not None
    assert (stopped.trouble.code, stopped.trouble.reason) == ("quota", "quota")
    assert words in stopped.trouble.message
    assert world.mailbox(CLAIMS).enabled
    assert told(world)[-1] == "mailbox_disabled"


@pytest.mark.parametrize("place", ["bucket", "project"])
async def test_what_a_raised_quota_let_room_for_is_switched_on_at_once_by_who_asks(
    world: World, place: str
) -> None:
    await filled(world)
    limit_place(world, place, OwnQuota(comments=3))
    await look(world)
    whole = world.integration()
    assert whole.disabled_reason is DisabledReason.QUOTA
    (found,) = await enabling(world).switch_on(whole.id, itself=True)
    assert (found.code, place in found.message) == ("quota", True)
    limit_place(world, place, OwnQuota(comments=4))
    assert await enabling(world).switch_on(whole.id, itself=True) == ()
    assert world.integration().enabled
    world.exchange.mailbox(ORDERS).deliver(eml(9))
    await world.sync()
    assert len(world.comments()) == 4


async def test_a_mailbox_is_switched_on_at_once_where_its_bucket_has_room_again(
    world: World,
) -> None:
    await filled(world, apart=True)
    limit_place(world, "bucket", OwnQuota(comments=3))
    await look(world)
    integration, stopped = world.integration(), world.mailbox(ORDERS)
    assert not stopped.enabled
    limit_place(world, "bucket", OwnQuota())
    assert await enabling(world).switch_on(integration.id, [stopped.id], itself=False) == ()
    assert world.mailbox(ORDERS).enabled


async def test_bytes_are_counted_as_they_are_kept(world: World) -> None:
    await filled(world)
    limit(world, "megabytes", 1)
    await look(world)
    assert world.integration().enabled
    limit(world, "megabytes", 0)
    await look(world)
    trouble = world.integration().trouble
    assert trouble is not None
    assert "0 MB, and the quota megabytes is 0" in trouble.message
    with world.database.read() as tx:
        (bucket,) = buckets.list_all(tx)
        (source,) = sources.list_all(tx)
        held = amounts.in_bucket(tx, bucket.id)
        every = amounts.in_projects(tx)[source.project_id]
        assert amounts.in_buckets(tx) == {bucket.id: held}
    assert held.comments == every.comments == 3
    assert 0 < held.bytes < every.bytes


async def test_what_a_person_or_trouble_stopped_is_left_alone(world: World) -> None:
    await filled(world)
    with world.database.write() as tx:
        box = world.mailbox(CLAIMS)
        mailboxes.set_enabled(tx, box.id, enabled=False, reason=DisabledReason.USER)
        integrations.set_enabled(
            tx, world.integration().id, enabled=False, reason=DisabledReason.SYNC_ERROR
        )
    limit(world, "comments", 3)
    await look(world)
    assert world.integration().disabled_reason is DisabledReason.SYNC_ERROR
    limit(world, "comments", None)
    await look(world)
    assert world.mailbox(CLAIMS).disabled_reason is DisabledReason.USER
    assert not world.integration().enabled
