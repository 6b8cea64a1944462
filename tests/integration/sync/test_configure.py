from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailmine.model.integration import Connection, DisabledReason, Filters, Trouble
from mailmine.store import (
    buckets,
    emails,
    events,
    fills,
    integrations,
    mailboxes,
    projects,
    quotas,
    sources,
)
from mailmine.store.database import Database
from mailmine.store.quotas import OwnQuota
from mailmine.sync.configure import (
    Change,
    Configuration,
    ConfigurationError,
    IntegrationConfiguration,
    MailboxConfiguration,
    QuotaConfiguration,
    SecretSource,
    apply,
)
from tests.contract import store_world

NOW = datetime(2026, 3, 2, tzinfo=UTC)
TROUBLE = Trouble(code="ErrorNonExistentMailbox", message="There is no such mailbox", since=NOW)
MAILBOX = MailboxConfiguration(address="orders@example.com", project="sales", bucket="mail")
INTEGRATION = IntegrationConfiguration(
    project="it",
    name="exchange",
    connection=Connection(endpoint="https://exchange.example.com/EWS/Exchange.asmx"),
    mailboxes=(MAILBOX,),
)

Apply = Callable[..., tuple[Change, ...]]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database.open(database_url)
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def configured(database: Database) -> Apply:
    def configure(*wanted: MailboxConfiguration, **changes: object) -> tuple[Change, ...]:
        integration = replace(INTEGRATION, mailboxes=wanted or (MAILBOX,))
        integration = replace(integration, **changes)  # type: ignore[arg-type]
        with database.write() as tx:
            return apply(tx, Configuration(integrations=(integration,)), at=NOW)

    return configure


def test_all_that_is_missing_is_made(database: Database, configured: Apply) -> None:
    changes = configured()
    assert {(change.kind, change.name) for change in changes} == {
        ("project", "it"),
        ("project", "sales"),
        ("integration", "it/exchange"),
        ("bucket", "sales/mail"),
        ("source", "sales/mail"),
        ("mailbox", "orders@example.com"),
    }
    assert all(change.is_new for change in changes)
    with database.read() as tx:
        assert len(projects.list_all(tx)) == 2
        bucket = buckets.get(tx, "sales", "mail")
        source = sources.get(tx, "sales", "mail")
        assert bucket is not None
        assert source is not None
        assert source.bucket_id == bucket.id
        (mailbox,) = mailboxes.list_all(tx)
        assert mailbox.enabled
        assert [event.kind for event in events.page(tx, before=None, limit=9)] == ["configured"]


def test_another_source_of_a_bucket_that_has_emails_is_filled(
    database: Database, configured: Apply
) -> None:
    configured()
    with database.write() as tx:
        (bucket,) = buckets.list_all(tx)
        emails.put(tx, bucket.id, [store_world.email("a")], at=NOW)
    configured(replace(MAILBOX, source="later"))
    with database.read() as tx:
        later = sources.get(tx, "sales", "later")
        assert later is not None
        assert [fill.source_id for fill in fills.list_all(tx)] == [later.id]


def test_done_again_nothing_changes(database: Database, configured: Apply) -> None:
    configured()
    assert configured() == ()
    with database.read() as tx:
        assert len(events.page(tx, before=None, limit=9)) == 1


def test_what_trouble_stopped_stays_off_until_it_is_changed(
    database: Database, configured: Apply
) -> None:
    configured()
    with database.write() as tx:
        (mailbox,) = mailboxes.list_all(tx)
        reason = DisabledReason.SYNC_ERROR
        mailboxes.set_enabled(tx, mailbox.id, enabled=False, reason=reason, trouble=TROUBLE)
    assert configured() == ()
    with database.read() as tx:
        assert not mailboxes.list_all(tx)[0].enabled
    assert configured(replace(MAILBOX, sync_attachments=True))
    with database.read() as tx:
        (mailbox,) = mailboxes.list_all(tx)
    assert mailbox.enabled
    assert mailbox.trouble is None


def test_another_address_of_the_server_lets_its_integration_go_on(
    database: Database, configured: Apply
) -> None:
    configured()
    with database.write() as tx:
        (integration,) = integrations.list_all(tx)
        reason = DisabledReason.SYNC_ERROR
        integrations.set_enabled(tx, integration.id, enabled=False, reason=reason, trouble=TROUBLE)
    configured(connection=Connection(endpoint="https://other.example.com/EWS/Exchange.asmx"))
    with database.read() as tx:
        (integration,) = integrations.list_all(tx)
    assert integration.enabled
    assert integration.trouble is None
    assert integration.connection.endpoint.startswith("https://other")


def test_a_person_switches_off_and_on(database: Database, configured: Apply) -> None:
    configured()
    configured(replace(MAILBOX, enabled=False))
    with database.read() as tx:
        (mailbox,) = mailboxes.list_all(tx)
    assert (mailbox.enabled, mailbox.disabled_reason) == (False, DisabledReason.USER)
    configured(replace(MAILBOX, enabled=True))
    with database.read() as tx:
        assert mailboxes.list_all(tx)[0].enabled


def test_a_mailbox_may_fill_another_bucket(database: Database, configured: Apply) -> None:
    configured()
    configured(replace(MAILBOX, bucket="other"))
    with database.read() as tx:
        (mailbox,) = mailboxes.list_all(tx)
        bucket = buckets.get(tx, "sales", "other")
    assert bucket is not None
    assert mailbox.bucket_id == bucket.id


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ([MAILBOX, replace(MAILBOX, address="ORDERS@example.com")], "twice"),
        ([replace(MAILBOX, address="orders")], "no address"),
        ([replace(MAILBOX, address="orders@example.com\r\nX: y")], "no address"),
        ([replace(MAILBOX, bucket="mail/2026")], "no name"),
        ([replace(MAILBOX, source="id:mail")], "no name"),
        ([replace(MAILBOX, start_at=datetime(2026, 1, 1))], "time zone"),  # noqa: DTZ001
        ([MAILBOX, replace(MAILBOX, address="b@x", bucket="b2", source="mail")], "another source"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_kept(
    database: Database, configured: Apply, wanted: list[MailboxConfiguration], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        configured(*wanted)
    with database.read() as tx:
        assert mailboxes.list_all(tx) == ()


def test_an_address_with_a_password_is_refused_without_repeating_it(configured: Apply) -> None:
    connection = Connection(endpoint="https://svc:hush@exchange.example.com/EWS/Exchange.asmx")
    with pytest.raises(ConfigurationError, match="username") as refused:
        configured(connection=connection)
    assert "hush" not in str(refused.value)


def test_filters_are_kept(database: Database, configured: Apply) -> None:
    filters = Filters(folder_denylist=(("Inbox", "Private"),))
    configured(replace(MAILBOX, filters=filters))
    with database.read() as tx:
        assert mailboxes.list_all(tx)[0].filters == filters


def test_secrets_come_from_a_value_a_variable_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text("from file\n")
    monkeypatch.setenv("PASSWORD_OF_TEST", "from variable")
    assert SecretSource(value="given").read() == "given"
    assert SecretSource(environment="PASSWORD_OF_TEST").read() == "from variable"
    assert SecretSource(file=file).read() == "from file"
    assert "given" not in repr(SecretSource(value="given"))
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for wrong in (
        SecretSource(environment="NOT_SET_OF_TEST"),
        SecretSource(file=tmp_path / "missing"),
        SecretSource(file=empty),
        SecretSource(),
    ):
        with pytest.raises(ConfigurationError, match="password"):
            wrong.read()


def test_a_secret_that_was_written_on_windows_is_the_secret_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"\xef\xbb\xbfhush\r\n")
    monkeypatch.setenv("PASSWORD_OF_TEST", "hush\r")
    assert SecretSource(file=file).read() == "hush"
    assert SecretSource(environment="PASSWORD_OF_TEST").read() == "hush"


def test_a_quota_is_what_the_file_says_no_more_and_no_less(database: Database) -> None:
    def configure(*wanted: QuotaConfiguration) -> tuple[Change, ...]:
        with database.write() as tx:
            return apply(tx, Configuration(integrations=(INTEGRATION,), quotas=wanted), at=NOW)

    bucket = QuotaConfiguration(
        project="sales", bucket="mail", own=OwnQuota(comments=5, bytes=1_000)
    )
    project = QuotaConfiguration(project="sales", own=OwnQuota(comments=9))
    assert [one for one in configure(bucket, project) if one.kind == "quota"] == [
        Change("quota", "sales/mail", is_new=True),
        Change("quota", "sales", is_new=True),
    ]
    assert configure(bucket, project) == ()
    with database.read() as tx:
        assert list(quotas.of_buckets(tx).values()) == [bucket.own]
        assert list(quotas.of_projects(tx).values()) == [project.own]
    # What a file does not name stays; what its table leaves out is no limit any more.
    assert configure(replace(bucket, own=OwnQuota(bytes=1_000))) == (
        Change("quota", "sales/mail", is_new=False),
    )
    configure(replace(project, own=OwnQuota()))
    with database.read() as tx:
        assert list(quotas.of_buckets(tx).values()) == [OwnQuota(bytes=1_000)]
        assert quotas.of_projects(tx) == {}


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (("sales", "post"), "bucket sales/post, which does not exist"),
        (("seals", None), "project seals, which does not exist"),
    ],
)
def test_a_quota_of_nothing_is_refused(
    database: Database, wanted: tuple[str, str | None], words: str
) -> None:
    quota = QuotaConfiguration(project=wanted[0], bucket=wanted[1], own=OwnQuota(comments=1))
    said = Configuration(integrations=(INTEGRATION,), quotas=(quota,))
    with pytest.raises(ConfigurationError, match=words), database.write() as tx:
        apply(tx, said, at=NOW)
    with database.read() as tx:
        assert projects.get(tx, "sales") is None, "nothing of the file was taken over"


def test_a_quota_twice_is_refused(database: Database) -> None:
    quota = QuotaConfiguration(project="sales", own=OwnQuota(comments=1))
    with (
        pytest.raises(ConfigurationError, match="sales is configured twice"),
        database.write() as tx,
    ):
        apply(tx, Configuration(quotas=(quota, quota)), at=NOW)
