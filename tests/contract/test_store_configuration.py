"""Projects, buckets, sources, integrations and mailboxes as people configure them."""

from dataclasses import replace

import pytest

from mailmine.model.ids import BucketId, IntegrationId, MailboxId, ProjectId
from mailmine.model.integration import Connection, DisabledReason, Filters, Trouble
from mailmine.store import (
    buckets,
    comments,
    copies,
    emails,
    integrations,
    mailboxes,
    projects,
    quotas,
    settings,
    sources,
)
from mailmine.store.database import Database
from mailmine.store.errors import NotFound
from mailmine.store.settings import About
from tests.contract.store_world import MINUTE, NOW, build, comment, copy, keep

TROUBLE = Trouble(code="http_401", message="The password is wrong: enter it anew.", since=NOW)


def test_what_is_ensured_twice_is_there_once(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
    with database.write() as tx:
        assert projects.ensure(tx, "acme", title="other") == world.project
        assert buckets.ensure(tx, world.project.id, "mail") == world.bucket
        assert sources.ensure(tx, world.project.id, "support") == world.source
        assert projects.list_all(tx) == (world.project,)
        assert buckets.list_all(tx) == (world.bucket,)
        assert sources.list_all(tx) == sources.list_all(tx, "acme") == (world.source,)
        assert sources.list_all(tx, "other") == ()


def test_each_is_found_by_name_and_by_id(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        assert projects.get(tx, "acme") == projects.by_id(tx, world.project.id) == world.project
        assert buckets.get(tx, "acme", "mail") == buckets.by_id(tx, world.bucket.id) == world.bucket
        assert sources.get(tx, "acme", "support") == world.source
        assert sources.by_id(tx, world.source.id) == world.source
        assert sources.of_bucket(tx, world.bucket.id) == (world.source,)
        assert integrations.get(tx, "acme", "exchange") == world.integration
        assert integrations.by_id(tx, world.integration.id) == world.integration
        assert mailboxes.by_id(tx, world.mailbox.id) == world.mailbox
        assert mailboxes.list_all(tx) == (world.mailbox,)
        assert mailboxes.of_integration(tx, world.integration.id) == (world.mailbox,)
        assert mailboxes.of_bucket(tx, world.bucket.id) == (world.mailbox,)
        assert mailboxes.of_bucket(tx, BucketId("another")) == ()


def test_many_mailboxes_are_found_by_their_ids(database: Database) -> None:
    """More than either database takes in one statement."""
    with database.write() as tx:
        world = build(tx)
        unknown = {MailboxId(f"{number:032}") for number in range(70_000)}
        assert mailboxes.by_ids(tx, unknown | {world.mailbox.id}) == (world.mailbox,)
        assert mailboxes.by_ids(tx, ()) == ()


def test_a_bucket_and_a_project_have_quotas_of_their_own(database: Database) -> None:
    large = quotas.OwnQuota(bytes=2**40)
    with database.write() as tx:
        world = build(tx)
        other = buckets.ensure(tx, world.project.id, "other")
        quotas.put_of_bucket(tx, world.bucket.id, quotas.OwnQuota(comments=3))
        quotas.put_of_bucket(tx, other.id, large)
        quotas.put_of_project(tx, world.project.id, large)
    with database.write() as tx:
        quotas.put_of_bucket(tx, world.bucket.id, quotas.OwnQuota(comments=4, bytes=5))
        assert quotas.of_buckets(tx) == {
            world.bucket.id: quotas.OwnQuota(comments=4, bytes=5),
            other.id: large,
        }
        assert quotas.of_projects(tx) == {world.project.id: large}
        quotas.put_of_bucket(tx, world.bucket.id, quotas.NONE)
        buckets.remove(tx, other.id)
        quotas.put_of_project(tx, world.project.id, quotas.NONE)
        assert (quotas.of_buckets(tx), quotas.of_projects(tx)) == ({}, {})
        with pytest.raises(NotFound):
            quotas.put_of_bucket(tx, BucketId("none"), large)


def test_what_is_not_there_is_none(database: Database) -> None:
    with database.read() as tx:
        assert projects.get(tx, "acme") is None
        assert buckets.get(tx, "acme", "mail") is None
        assert sources.get(tx, "acme", "support") is None
        assert integrations.get(tx, "acme", "exchange") is None


def test_what_belongs_to_nothing_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound), database.write() as tx:
        buckets.ensure(tx, ProjectId("0" * 16), "mail")
    with database.write() as tx:
        world = build(tx)
    with pytest.raises(NotFound), database.write() as tx:
        mailboxes.save(tx, world.integration.id, "new@acme.example", bucket_id=BucketId("0" * 16))
    with pytest.raises(NotFound), database.write() as tx:
        integrations.set_trouble(tx, IntegrationId("0" * 16), TROUBLE)


def test_saving_anew_keeps_id_and_trouble(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        integrations.set_trouble(tx, world.integration.id, TROUBLE)
        mailboxes.set_trouble(tx, world.mailbox.id, TROUBLE)
        changed = integrations.save(
            tx,
            world.project.id,
            "exchange",
            title="New",
            connection=Connection(endpoint="https://b"),
        )
        filters = Filters(folder_denylist=(("Inbox", "Private"),))
        mailbox = mailboxes.save(
            tx,
            world.integration.id,
            "SUPPORT@acme.example",
            bucket_id=world.bucket.id,
            start_at=NOW,
            filters=filters,
            sync_attachments=True,
        )
    assert (changed.id, changed.trouble) == (world.integration.id, TROUBLE)
    assert (changed.title, changed.connection.endpoint) == ("New", "https://b")
    assert mailbox == replace(
        world.mailbox,
        address="SUPPORT@acme.example",
        start_at=NOW,
        filters=filters,
        sync_attachments=True,
        trouble=TROUBLE,
        updated_at=mailbox.updated_at,
    )


def test_what_the_system_switched_off_stays_off_when_saved_again(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        mailboxes.set_enabled(
            tx, world.mailbox.id, enabled=False, reason=DisabledReason.SYNC_ERROR, trouble=TROUBLE
        )
        saved = mailboxes.save(
            tx, world.integration.id, "support@acme.example", bucket_id=world.bucket.id
        )
        assert (saved.enabled, saved.disabled_reason) == (False, DisabledReason.SYNC_ERROR)
        mailboxes.set_enabled(tx, world.mailbox.id, enabled=True)
        saved = mailboxes.by_id(tx, world.mailbox.id) or saved
        assert (saved.enabled, saved.disabled_reason, saved.trouble) == (True, None, None)


def test_what_a_person_switched_off_follows_the_configuration(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        connection = world.integration.connection
        name = (world.project.id, "exchange")
        off = integrations.save(tx, *name, title="", connection=connection, enabled=False)
        on = integrations.save(tx, *name, title="", connection=connection, enabled=True)
    assert (off.enabled, off.disabled_reason) == (False, DisabledReason.USER)
    assert (on.enabled, on.disabled_reason) == (True, None)


def test_what_is_removed_takes_its_settings_with_it(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        other = mailboxes.save(
            tx, world.integration.id, "other@acme.example", bucket_id=world.bucket.id
        )
        things = (world.mailbox.id, other.id, world.integration.id)
        names = [[settings.name(about, one) for about in About] for one in things]
        for name in sum(names, ["unrelated"]):
            settings.put(tx, name, "1")
        mailboxes.remove(tx, world.mailbox.id)
        assert [any(settings.get(tx, name) for name in of) for of in names] == [False, True, True]
        integrations.remove(tx, world.integration.id)
        assert [any(settings.get(tx, name) for name in of) for of in names] == [False] * 3
        assert settings.get(tx, "unrelated") == "1"


def test_a_removed_mailbox_leaves_its_emails_and_comments(database: Database) -> None:
    with database.write() as tx:
        world = build(tx)
        (key,) = keep(tx, world, "one")
        copies.put(tx, [copy(world, "item", key)])
        comments.put(tx, world.source.id, [comment("one", email_key=key)], at=NOW + MINUTE)
        mailboxes.remove(tx, world.mailbox.id)
    with database.read() as tx:
        assert mailboxes.list_all(tx) == ()
        assert copies.of_emails(tx, [key]) == {}
        assert emails.get(tx, key) is not None
        assert buckets.count_emails(tx, world.bucket.id) == 1
        assert comments.count(tx, world.source.id) == 1
