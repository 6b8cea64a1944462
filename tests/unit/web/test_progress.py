from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mailmine.model.ids import BucketId, FolderId, FolderKey, IntegrationId, MailboxId, ProjectId
from mailmine.model.integration import (
    Connection,
    DisabledReason,
    Filters,
    FolderStatus,
    Integration,
    Mailbox,
    Trouble,
)
from mailmine.store.folders import FolderState
from mailmine.sync.standing import State
from mailmine.web import progress

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TROUBLE = Trouble(code="http_503", message="Exchange is busy. We try again.", since=NOW)

INTEGRATION = Integration(
    id=IntegrationId("1" * 16),
    project_id=ProjectId("2" * 16),
    project="nordwind",
    name="exchange",
    title="Exchange",
    connection=Connection(endpoint="https://mail.example/EWS/Exchange.asmx"),
    enabled=True,
    disabled_reason=None,
    trouble=None,
    created_at=NOW,
    updated_at=NOW,
)
MAILBOX = Mailbox(
    id=MailboxId("3" * 16),
    integration_id=INTEGRATION.id,
    address="orders@example.com",
    bucket_id=BucketId("4" * 16),
    enabled=True,
    disabled_reason=None,
    trouble=None,
    start_at=None,
    filters=Filters(),
    sync_attachments=False,
    created_at=NOW,
    updated_at=NOW,
    last_round_at=NOW,
    next_due_at=NOW,
)
INBOX = FolderState(
    key=FolderKey(1),
    mailbox_id=MAILBOX.id,
    folder_id=FolderId("inbox"),
    path=("Inbox",),
    total=100,
    well_known="inbox",
    last_change=None,
    cursor=None,
    status=FolderStatus.UP_TO_DATE,
    synced_until=NOW,
    last_synced_at=NOW,
    reading_since=None,
    is_gone=False,
    trouble=None,
    emails_read=100,
)
READING = replace(
    INBOX,
    key=FolderKey(2),
    status=FolderStatus.IN_PROGRESS,
    reading_since=NOW - timedelta(hours=1),
    total=1_000,
    emails_read=300,
)
STOPPED = replace(MAILBOX, enabled=False, disabled_reason=DisabledReason.SYNC_ERROR)


def seen(
    mailbox: Mailbox, *folders: FolderState, integration: Integration = INTEGRATION
) -> progress.Progress:
    return progress.of_mailbox(integration, mailbox, folders, failures=())


def test_a_mailbox_whose_folders_are_all_read_is_up_to_date() -> None:
    assert seen(MAILBOX, INBOX).state is State.UP_TO_DATE


def test_one_folder_still_being_read_makes_the_mailbox_reading() -> None:
    view = seen(MAILBOX, INBOX, READING)
    assert (view.state, view.read, view.total) == (State.READING, 400, 1_100)


def test_mail_that_moved_on_does_not_count_beyond_the_total() -> None:
    assert seen(MAILBOX, replace(INBOX, emails_read=170)).read == 100


def test_before_its_first_round_a_mailbox_waits() -> None:
    assert seen(replace(MAILBOX, last_round_at=None)).state is State.WAITING


def test_trouble_of_a_folder_is_trouble_of_its_mailbox() -> None:
    view = seen(MAILBOX, replace(INBOX, trouble=TROUBLE))
    assert (view.state, view.trouble) == (State.TROUBLE, TROUBLE)


def test_a_folder_that_is_gone_does_not_count() -> None:
    view = seen(MAILBOX, INBOX, replace(READING, is_gone=True, trouble=TROUBLE))
    assert (view.state, view.total) == (State.UP_TO_DATE, 100)


def test_a_folder_that_is_left_out_does_not_count() -> None:
    picky = replace(MAILBOX, filters=Filters(folder_denylist=(("archive",),)))
    archive = replace(READING, path=("Archive", "2019"))
    view = seen(picky, INBOX, archive)
    assert (view.state, view.total) == (State.UP_TO_DATE, 100)
    assert [view.leaves_out(folder) for folder in view.folders] == [False, True]


def test_what_a_person_switched_off_needs_no_attention() -> None:
    view = seen(replace(MAILBOX, enabled=False, disabled_reason=DisabledReason.USER))
    assert view.state is State.OFF
    assert not view.needs_attention
    assert view.reason == "Switched off by a person."


def test_what_stopped_because_of_trouble_needs_attention_and_says_why() -> None:
    view = seen(replace(STOPPED, trouble=TROUBLE))
    assert view.state is State.DISABLED
    assert view.needs_attention
    assert view.trouble == TROUBLE


def test_a_mailbox_of_an_integration_that_is_off_is_off() -> None:
    assert seen(MAILBOX, INBOX, integration=replace(INTEGRATION, enabled=False)).state is State.OFF


def test_an_integration_shows_the_most_urgent_of_its_mailboxes() -> None:
    calm, busy, stopped = seen(MAILBOX, INBOX), seen(MAILBOX, READING), seen(STOPPED)
    assert progress.of_integration(INTEGRATION, [calm, busy]) is State.READING
    assert progress.of_integration(INTEGRATION, [calm, busy, stopped]) is State.TROUBLE
    assert progress.of_integration(INTEGRATION, []) is State.WAITING


def test_an_integration_that_the_system_stopped_says_so_whatever_its_mailboxes_do() -> None:
    stopped = replace(INTEGRATION, enabled=False, disabled_reason=DisabledReason.SYNC_ERROR)
    assert progress.of_integration(stopped, [seen(MAILBOX, INBOX)]) is State.DISABLED
    by_choice = replace(INTEGRATION, enabled=False, disabled_reason=DisabledReason.USER)
    assert progress.of_integration(by_choice, []) is State.OFF
