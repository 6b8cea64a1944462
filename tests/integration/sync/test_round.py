from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from sqlalchemy import Connection, func, select

from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.exchange.reader import FolderTree
from mailmine.model.email import Email
from mailmine.model.ids import FolderId
from mailmine.model.integration import Backend, Filters, FolderStatus
from mailmine.refine import comment, refine
from mailmine.store import (
    buckets,
    comments,
    emails,
    failures,
    folders,
    leases,
    schema,
    sources,
)
from mailmine.store.errors import LeaseLost
from mailmine.store.failures import Failure
from mailmine.sync import chores
from mailmine.sync.configure import read_folder_anew
from mailmine.sync.desk import Desk
from mailmine.sync.intake import REFINE_FAILED, STORE_FAILED
from mailmine.sync.schedule import ITEM_TRIES
from mailmine.sync.settings import SyncSettings
from tests.integration.sync.conftest import ACCOUNT, CLAIMS, ORDERS, World, both, eml


def failed(world: World) -> tuple[Failure, ...]:
    with world.database.read() as tx:
        return failures.of_mailbox(tx, world.mailbox().id, 10)


@both
async def test_mail_becomes_comments(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    for number in range(25):
        orders.deliver(eml(number), folder="Inbox/Orders" if number % 2 else "Inbox")
    world.configure()
    await world.sync()
    found = world.comments()
    assert len(found) == 25
    assert {comment.messages[0].subject for comment in found} == {
        f"Order {number}" for number in range(25)
    }
    assert world.folder_of(0) == "Inbox"
    assert world.folder_of(1) == "Orders"


@both
async def test_an_idle_mailbox_costs_one_request(world: World) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure()
    account = world.account()
    reader = account.reader(ORDERS)
    for minute in range(2):
        world.now = datetime.now(UTC) + timedelta(minutes=minute)
        await world.round(reader=reader)
    world.exchange.requests.clear()
    await world.round(reader=reader)
    await account.aclose()
    # Of Graph it is a batch of two.
    asked = world.exchange.requests.by_operation()
    assert asked in (
        {"FindFolder": 1},
        {"graph:$batch": 1, "graph:mailFolders/delta": 1, "graph:messages": 1},
    )


@both
async def test_folders_that_bring_nothing_are_written_down_together(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.deliver(eml(1))
    world.configure()
    written: list[object] = []
    write = Desk.write

    async def counted(desk: Desk, act: Callable[[Connection], Any]) -> Any:
        written.append(act)
        return await write(desk, act)

    monkeypatch.setattr(Desk, "write", counted)
    for number in range(30):
        orders.make_folder(f"Empty {number}")
    await world.sync()
    assert len(written) < 10
    with world.database.read() as tx:
        states = folders.of_mailbox(tx, world.mailbox().id)
    assert len(states) > 30
    assert {state.status for state in states} == {FolderStatus.UP_TO_DATE}
    assert None not in {state.synced_until for state in states}


@both
async def test_folders_that_were_read_before_a_round_failed_are_not_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = world.exchange.mailbox(ORDERS)
    for number in range(10):
        orders.make_folder(f"Empty {number}")
    world.configure()
    account = world.account()
    reader = account.reader(ORDERS)
    changes = reader.changes
    asked: list[FolderId] = []

    async def failing(folder_id: FolderId, *of: Any, **more: Any) -> Any:
        if len(asked) == 5:
            raise ExchangeError(
                Fault(where=Where.NETWORK, code=Code.RESET, message="gone", scope=Scope.CONNECTION)
            )
        asked.append(folder_id)
        return await changes(folder_id, *of, **more)

    monkeypatch.setattr(reader, "changes", failing)
    with pytest.raises(ExchangeError):
        await world.round(reader=reader)
    await account.aclose()
    with world.database.read() as tx:
        states = folders.of_mailbox(tx, world.mailbox().id)
    read = {state.folder_id for state in states if state.status is FolderStatus.UP_TO_DATE}
    assert read == set(asked)
    assert len(states) > len(read) == 5


@both
async def test_a_move_changes_the_folder_of_the_one_comment(world: World) -> None:
    message = world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure()
    await world.sync()
    world.exchange.mailbox(ORDERS).make_folder("Done")
    message.move("Done")
    await world.sync()
    assert len(world.comments()) == 1
    assert world.folder_of(1) == "Done"
    message.move("Inbox")
    await world.sync()
    assert world.folder_of(1) == "Inbox"
    assert len(world.comments()) == 1


@both
async def test_a_deleted_email_keeps_its_comment(world: World) -> None:
    message = world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure()
    await world.sync()
    message.delete()
    await world.sync()
    assert world.folder_of(1) == "Inbox"


@both
async def test_what_came_and_went_before_its_folder_was_begun_is_gone(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("Done")
    orders.deliver(eml(0), folder="Archive")
    message = orders.deliver(eml(1))
    world.settings = SyncSettings(slice=timedelta())
    world.configure()
    await world.round()
    copy = message.copy("Done")
    await world.round()
    assert world.folder_of(1) == "Done"
    copy.delete()
    await world.sync()
    assert world.folder_of(1) == "Inbox"


@both
async def test_a_copy_that_stays_is_shown_when_the_other_goes(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("Done")
    message = orders.deliver(eml(1))
    world.configure()
    await world.sync()
    copy = message.copy("Done")
    await world.sync()
    assert world.folder_of(1) == "Done"
    copy.delete()
    await world.sync()
    assert world.folder_of(1) == "Inbox"


@both
async def test_the_same_email_in_two_mailboxes_is_one_comment(world: World) -> None:
    for address in (ORDERS, CLAIMS):
        world.exchange.mailbox(address).deliver(eml(1))
    world.configure(ORDERS, CLAIMS)
    await world.sync(ORDERS, CLAIMS)
    (comment,) = world.comments()
    assert comment.user_properties["string:Mailbox"] == CLAIMS


@both
async def test_another_email_under_the_same_message_id_is_kept_too(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.deliver(eml(1, message_id="<same@example.com>"))
    orders.deliver(eml(2, message_id="<same@example.com>", sender="Bob <bob@example.com>"))
    world.configure()
    await world.sync()
    found = world.comments()
    assert {comment.messages[0].subject for comment in found} == {"Order 1", "Order 2"}
    assert len({comment.id for comment in found}) == 2


@both
async def test_a_renamed_folder_renames_it_in_its_comments(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("Inbox/New")
    orders.make_folder("Inbox/New/Sub")
    orders.deliver(eml(1), folder="Inbox/New/Sub")
    orders.deliver(eml(2), folder="Inbox/New")
    world.configure()
    await world.sync()
    orders.rename_folder("Inbox/New", "Old")
    await world.sync()
    shown = {comment.user_properties["string:Folder"] for comment in world.comments()}
    assert shown == {"Sub (/ Inbox / Old / Sub)", "Old (/ Inbox / Old)"}


@both
async def test_a_folder_that_is_renamed_while_its_history_is_read_renames_it_in_all_its_comments(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("New")
    for number in range(60):
        orders.deliver(eml(number), folder="New", at=datetime(2026, 3, 2, tzinfo=UTC))
    world.configure()
    settings = SyncSettings(page=10, fresh_interval=timedelta())
    world.settings = replace(settings, slice=timedelta(hours=1))  # however slow the machine is
    account = world.account()
    reader = account.reader(ORDERS)
    changes, is_renamed = reader.changes, False

    async def watched(*arguments: Any, **options: Any) -> Any:
        nonlocal is_renamed
        if len(world.comments()) == 20 and not is_renamed:
            orders.rename_folder("New", "Old")
            is_renamed = True
        return await changes(*arguments, **options)

    monkeypatch.setattr(reader, "changes", watched)
    await world.round(reader=reader)
    await account.aclose()
    assert is_renamed
    await world.sync()
    assert set(world.folders()) == {"Old"}
    assert len(world.comments()) == 60


@both
async def test_a_deleted_folder_loses_nothing(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("Done")
    message = orders.deliver(eml(1))
    world.configure()
    await world.sync()
    message.copy("Done")
    await world.sync()
    assert world.folder_of(1) == "Done"
    orders.delete_folder("Done")
    await world.sync()
    assert len(world.comments()) == 1
    assert world.folder_of(1) == "Inbox"


async def test_a_lost_place_doubles_nothing_and_finds_what_is_gone(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    for number in range(10):
        orders.deliver(eml(number))
    world.configure()
    await world.sync()
    copies = [orders.deliver(eml(number), folder="Done") for number in (3, 4)]
    await world.sync()
    assert (world.folder_of(3), world.folder_of(4)) == ("Done", "Done")
    copies[0].delete()
    orders.deliver(eml(11), folder="Done")
    world.exchange.fail("SyncFolderItems", "ErrorInvalidSyncStateData")
    world.exchange.requests.clear()
    await world.sync()
    assert len(world.comments()) == 11
    assert (world.folder_of(3), world.folder_of(4)) == ("Inbox", "Done")
    assert world.exchange.requests.count("GetItem") == 1


async def test_read_flags_are_followed_without_fetching(world: World) -> None:
    message = world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure()
    await world.sync()
    before = world.comments()[0].user_properties["string:Is Read"]
    world.exchange.requests.clear()
    message.mark_read()
    await world.sync()
    assert world.comments()[0].user_properties["string:Is Read"] != before
    assert world.exchange.requests.count("GetItem") == 0


async def test_an_edit_in_exchange_does_not_reach_subject_and_body(world: World) -> None:
    message = world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure()
    await world.sync()
    message.edit(subject="Bye")
    await world.sync()
    (comment,) = world.comments()
    assert comment.messages[0].subject == "Order 1"


async def test_mail_before_the_start_is_left_out(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.deliver(eml(1), at=datetime(2026, 1, 1, tzinfo=UTC))
    orders.deliver(eml(2), at=datetime(2026, 3, 1, tzinfo=UTC))
    world.configure(start_at=datetime(2026, 2, 1, tzinfo=UTC))
    await world.sync()
    assert [comment.messages[0].subject for comment in world.comments()] == ["Order 2"]
    world.configure(start_at=datetime(2025, 2, 1, tzinfo=UTC))
    await world.sync()
    assert len(world.comments()) == 2


@both
async def test_a_start_far_into_a_mailbox_brings_the_wanted_mail_first(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(120):
        orders.deliver(eml(number), at=start + timedelta(hours=number - 115))
    world.settings = replace(world.settings, page=10, slice=timedelta(0))
    world.configure(start_at=start)
    outcome = await world.round()
    assert outcome.is_unfinished
    assert len(world.comments()) == 5
    fetched = world.exchange.requests.count("GetItem")
    await world.sync()
    assert len(world.comments()) == 5
    assert world.exchange.requests.count("GetItem") == fetched
    orders.deliver(eml(120), at=start)
    orders.deliver(eml(121), at=start - timedelta(hours=1))
    await world.sync()
    assert len(world.comments()) == 6


async def test_the_next_page_is_asked_for_before_this_one_is_stored(world: World) -> None:
    for number in range(30):
        world.exchange.mailbox(ORDERS).deliver(eml(number))
    world.settings = replace(world.settings, page=10)
    world.configure()
    await world.sync()
    asked = [request.operation for request in world.exchange.requests]
    begun = asked.index("SyncFolderItems")
    assert sorted(asked[begun : begun + 3]) == ["GetItem", "SyncFolderItems", "SyncFolderItems"]
    assert len(world.comments()) == 30


async def test_only_wanted_folders_and_people(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("Inbox/Private")
    orders.deliver(eml(1))
    orders.deliver(eml(2), folder="Inbox/Private")
    orders.deliver(eml(3, sender="Spam <x@spam.example>"))
    world.configure(
        filters=Filters(
            folder_denylist=(("inbox", "private"),), participant_domain_denylist=("SPAM.example",)
        )
    )
    await world.sync()
    assert [comment.messages[0].subject for comment in world.comments()] == ["Order 1"]


async def test_one_bad_email_is_a_row_and_stops_none(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    messages = [orders.deliver(eml(number)) for number in range(12)]
    world.exchange.fail("GetItem", "ErrorItemCorrupt", message=messages[5], times=None)
    world.configure()
    await world.sync()
    assert len(world.comments()) == 11
    with world.database.read() as tx:
        (failure,) = failures.of_mailbox(tx, world.mailbox().id, 10)
    assert failure.code == "ErrorItemCorrupt"
    world.exchange.heal()
    world.now = datetime.now(UTC) + timedelta(minutes=2)
    await world.sync()
    assert len(world.comments()) == 12
    with world.database.read() as tx:
        assert failures.of_mailbox(tx, world.mailbox().id, 10) == ()


async def test_an_email_that_came_without_its_body_is_kept_and_said_to_be_so(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    messages = [orders.deliver(eml(number)) for number in range(3)]
    world.exchange.fail(
        "GetItem",
        "ErrorContentConversionFailed",
        message=messages[1],
        when_asked="item:Body",
        times=None,
    )
    world.configure()
    await world.sync()
    assert len(world.comments()) == 3
    (failure,) = failed(world)
    assert "without its body" in failure.message
    assert failure.next_try_at is None
    # Elsewhere it is the same; where it was, nothing fails any more.
    messages[1].move("Archive")
    world.now = datetime.now(UTC) + timedelta(hours=1)
    await world.sync()
    assert [one.code for one in failed(world)] == ["ErrorContentConversionFailed"]
    messages[1].delete()
    world.now += timedelta(hours=1)
    await world.sync()
    assert failed(world) == ()
    assert len(world.comments()) == 3


@both
async def test_new_mail_comes_first_while_history_is_read(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    for number in range(60):
        orders.deliver(eml(number), at=datetime(2026, 3, 2, tzinfo=UTC))
    world.configure()
    world.settings = SyncSettings(page=10, slice=timedelta())
    assert (await world.round()).is_unfinished
    before = len(world.comments())
    assert 10 <= before < 60
    orders.deliver(eml(1000))
    await world.round()
    assert world.folder_of(1000) == "Inbox"
    assert len(world.comments()) < 61
    await world.sync()
    assert len(world.comments()) == 61
    with world.database.read() as tx:
        states = folders.of_mailbox(tx, world.mailbox().id)
    assert {state.status for state in states} == {FolderStatus.UP_TO_DATE}


@both
@pytest.mark.parametrize("folder", ["Inbox", "Done"])
async def test_mail_that_arrives_while_a_round_reads_history_does_not_wait_for_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("Done")
    for number in range(100):
        orders.deliver(eml(number), at=datetime(2026, 3, 2, tzinfo=UTC))
    world.configure()
    settings = SyncSettings(page=10, fresh_interval=timedelta())
    world.settings = replace(settings, slice=timedelta(hours=1))  # however slow the machine is
    account = world.account()
    reader = account.reader(ORDERS)
    changes, pages = reader.changes, 0
    subjects = list[set[str]]()

    async def watched(*arguments: Any, **options: Any) -> Any:
        nonlocal pages
        pages += 1
        if pages == 3:
            orders.deliver(eml(1000), folder=folder)
        subjects.append({str(one.messages[0].subject) for one in world.comments()})
        return await changes(*arguments, **options)

    monkeypatch.setattr(reader, "changes", watched)
    await world.round(reader=reader)
    await account.aclose()
    assert len(world.comments()) == 101
    there = next(known for known in subjects if "Order 1000" in known)
    assert len(there) < 80


@both
async def test_attachments_are_fetched_apart(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    content = b"%PDF-1.7 " + bytes(range(256)) * 4000
    orders.deliver(eml(1, attachment=content))
    world.configure(sync_attachments=True)
    await world.sync()
    (attachment,) = world.comments()[0].attachments
    assert attachment.attachment_reference
    assert attachment.content_hash
    pieces = [piece async for piece in world.blobs.read(attachment.content_hash)]
    assert b"".join(pieces) == content


async def test_an_attachment_that_fails_never_loses_its_email(world: World) -> None:
    orders = world.exchange.mailbox(ORDERS)
    message = orders.deliver(eml(1, attachment=b"first"))
    world.exchange.fail("GetAttachment", "ErrorItemCorrupt", times=1)
    world.configure(sync_attachments=True)
    await world.sync()
    (attachment,) = world.comments()[0].attachments
    assert attachment.attachment_reference is None
    message.move("Drafts")
    world.now = datetime.now(UTC) + timedelta(minutes=2)
    await world.sync()
    (attachment,) = world.comments()[0].attachments
    assert attachment.attachment_reference
    assert world.folder_of(1) == "Drafts"


async def test_a_delegate_who_sees_the_inbox_alone_syncs_it(world: World) -> None:
    world.exchange.revoke(ACCOUNT, mailbox=ORDERS)
    world.exchange.grant(ACCOUNT, mailbox=ORDERS, folder="Inbox")
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure()
    await world.sync()
    assert world.folder_of(1) == "Inbox"


def refuse(number: int, real: Callable[..., Any]) -> Callable[..., Any]:
    """Do as `real`, but break at the email with this number."""

    def breaking(email: Email, *more: object, **named: object) -> Any:
        if email.subject == f"Order {number}":
            raise RuntimeError(email.subject)
        return real(email, *more, **named)

    return breaking


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("mailmine.sync.refinery_worker.refine", REFINE_FAILED),
        ("mailmine.refine.comment.make", STORE_FAILED),
    ],
)
async def test_an_email_that_breaks_us_stops_none_of_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch, place: str, code: str
) -> None:
    for number in range(12):
        world.exchange.mailbox(ORDERS).deliver(eml(number))
    world.configure()
    with monkeypatch.context() as patch:
        real: dict[str, Callable[..., Any]] = {
            REFINE_FAILED: refine,
            STORE_FAILED: comment.make,
        }
        patch.setattr(place, refuse(7, real[code]))
        with structlog.testing.capture_logs() as logs:
            await world.sync()
    assert len(world.comments()) == 11
    with world.database.read() as tx:
        (failure,) = failures.of_mailbox(tx, world.mailbox().id, 10)
        states = folders.of_mailbox(tx, world.mailbox().id)
    assert failure.code == code
    assert {state.status for state in states} == {FolderStatus.UP_TO_DATE}
    assert "Order" not in str(logs), "a subject reached the log"
    world.now = datetime.now(UTC) + timedelta(minutes=2)
    await world.sync()
    assert len(world.comments()) == 12


async def test_a_failing_email_is_given_up_after_some_tries(world: World) -> None:
    message = world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.exchange.fail("GetItem", "ErrorItemCorrupt", message=message, times=None)
    world.configure()
    for hour in range(12):
        world.now = datetime.now(UTC) + timedelta(hours=3 * hour)
        await world.sync()
    with world.database.read() as tx:
        (failure,) = failures.of_mailbox(tx, world.mailbox().id, 10)
    assert failure.attempts == ITEM_TRIES
    assert failure.next_try_at is None


def as_if_it_had_failed(world: World, folder: str) -> None:
    """Let the only email be one that could not be read where it lies."""
    with world.database.write() as tx:
        mailbox = world.mailbox()
        (key,) = (one.key for one in folders.of_mailbox(tx, mailbox.id) if one.path[-1] == folder)
        (item_id,) = tx.execute(select(schema.copies.c.item_id)).scalars()
        emails.remove_some(tx, mailbox.bucket_id, limit=1)
        comments.remove_some(tx, sources.list_all(tx)[0].id, limit=1)
        failures.record(
            tx,
            mailbox.id,
            key,
            item_id,
            code="UnknownError",
            message="",
            at=world.time(),
            next_try_at=world.time() + timedelta(hours=1),
        )


def retry_all(world: World) -> None:
    """Let all be tried again that failed, as a person does."""
    with world.database.write() as tx:
        failures.retry(tx, world.mailbox().id, at=world.time())


@pytest.mark.parametrize("mend", ["retry", "move", "copy"])
async def test_an_email_that_was_kept_without_its_body_gets_it_when_it_can_be_read_whole(
    world: World, mend: str
) -> None:
    message = world.exchange.mailbox(ORDERS).deliver(eml(1, attachment=b"first"))
    world.exchange.fail("GetItem", "ErrorItemCorrupt", message=message, times=2)
    world.configure(sync_attachments=True)
    await world.sync()
    (before,) = world.comments()
    assert (before.messages[0].body, before.attachments, len(failed(world))) == ("", (), 1)
    if mend == "retry":
        retry_all(world)
    elif mend == "move":
        message.move("Done")
    else:
        message.copy("Archive")
    await world.sync()
    (after,) = world.comments()
    assert after.messages[0].body == "Please send 1 chairs."
    assert [one.attachment_reference is not None for one in after.attachments] == [True]
    assert failed(world) == ()


def nameless(number: int) -> bytes:
    """Write an email without a Message-ID."""
    before, after = eml(number).split(b"Message-ID: ", 1)
    return before + after.split(b"\n", 1)[1]


@both
async def test_one_without_a_message_id_gets_its_body_too_when_it_can_be_read_whole(
    world: World,
) -> None:
    message = world.exchange.mailbox(ORDERS).deliver(nameless(1))
    for operation in ("GetItem", "graph:message"):
        world.exchange.fail(operation, "ErrorItemCorrupt", message=message, times=2)
    world.configure()
    await world.sync()
    retry_all(world)
    await world.sync()
    (after,) = world.comments()
    assert after.messages[0].body == "Please send 1 chairs."
    assert failed(world) == ()


@both
@pytest.mark.parametrize("folder", ["Aside", "Zoo"])
@pytest.mark.parametrize("is_mended", [False, True])
@pytest.mark.parametrize("times", [1, 2])
async def test_one_without_a_message_id_that_was_kept_without_its_body_stays_one_comment_when_it_moves(
    world: World, folder: str, times: int, *, is_mended: bool
) -> None:
    orders = world.exchange.mailbox(ORDERS)
    # One folder is read before that which it leaves, the other after.
    orders.make_folder(folder)
    message = orders.deliver(nameless(1))
    # Once: it comes as plain text; twice: without a body.
    for operation in ("GetItem", "graph:message"):
        world.exchange.fail(operation, "ErrorItemCorrupt", message=message, times=times)
    world.configure()
    await world.sync()
    if is_mended:
        retry_all(world)
        await world.sync()
    message.move(folder)
    await world.sync()
    message.move("Inbox")
    await world.sync()
    (after,) = world.comments()
    assert after.messages[0].body == "Please send 1 chairs."
    assert world.folders() == ["Inbox"]
    assert failed(world) == ()


async def test_one_without_a_message_id_that_moves_and_then_cannot_be_read_whole_stays_one_comment(
    world: World,
) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("Done")
    message = orders.deliver(nameless(1))
    world.configure()
    await world.sync()
    message.move("Done")
    world.exchange.fail("GetItem", "ErrorItemCorrupt", message=message, times=2)
    await world.sync()
    (after,) = world.comments()
    assert after.messages[0].body == "Please send 1 chairs."
    assert world.folders() == ["Done"]
    retry_all(world)
    await world.sync()
    assert (len(world.comments()), failed(world)) == (1, ())


graph = pytest.mark.parametrize("backend", [Backend.GRAPH], indirect=True)


@graph
async def test_one_that_could_not_be_read_is_not_forgotten_when_it_goes_and_comes_back(
    world: World,
) -> None:
    """Graph tells then only that it left (A to B to A)."""
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("Done")
    message = orders.deliver(eml(1))
    world.configure()
    await world.sync()
    as_if_it_had_failed(world, "Inbox")
    message.move("Done")
    message.move("Inbox")
    await world.sync()
    assert len(failed(world)) == 1
    retry_all(world)
    await world.sync()
    assert (world.folders(), failed(world)) == (["Inbox"], ())


@graph
@pytest.mark.parametrize("is_here", [True, False])
async def test_c19_a_new_one_that_goes_and_comes_back_before_it_was_seen_is_not_lost(
    world: World, *, is_here: bool
) -> None:
    """Graph may tell of it only that it left, which it never said was there."""
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("Done")
    world.configure()
    await world.sync()
    world.exchange.graph_forgets_new_returns = True
    message = orders.deliver(eml(1))
    message.move("Done")
    message.move("Inbox")
    if not is_here:
        message.delete()
    await world.sync()
    assert world.folders() == (["Inbox"] if is_here else [])
    assert failed(world) == ()


@graph
@pytest.mark.parametrize("is_moved", [True, False])
async def test_one_that_could_not_be_read_is_forgotten_where_it_does_not_lie_any_more(
    world: World, *, is_moved: bool
) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("Done")
    message = orders.deliver(eml(1))
    world.configure()
    await world.sync()
    as_if_it_had_failed(world, "Inbox")
    if is_moved:
        message.move("Done")
    else:
        message.delete()
    await world.sync()
    assert (world.folders(), failed(world)) == (["Done"] if is_moved else [], ())


@graph
async def test_what_waits_to_be_read_in_a_folder_is_not_forgotten_where_it_was(
    world: World,
) -> None:
    """The folder that it left is read anew, and it is not there any more; its id is the same."""
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("Done")
    message = orders.deliver(eml(1), folder="Done")
    world.configure()
    await world.sync()
    with world.database.write() as tx:
        mailbox = world.mailbox()
        known = {one.path[-1]: one for one in folders.of_mailbox(tx, mailbox.id)}
        read_folder_anew(tx, known["Done"])
        (item_id,) = tx.execute(select(schema.copies.c.item_id)).scalars()
        failures.record(
            tx,
            mailbox.id,
            known["Inbox"].key,
            item_id,
            code="UnknownError",
            message="",
            at=world.time(),
            next_try_at=world.time() + timedelta(hours=1),
        )
    message.move("Inbox")
    world.exchange.fail("graph:messages/delta", "UnknownError", message=message, times=None)
    await world.sync()
    assert len(failed(world)) == 1
    world.exchange.heal()
    retry_all(world)
    await world.sync()
    assert (world.folders(), failed(world)) == (["Inbox"], ())


@graph
async def test_what_cannot_be_found_out_about_keeps_nothing_else_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "BATCH", 2)
    orders = world.exchange.mailbox(ORDERS)
    orders.make_folder("Done")
    back = [orders.deliver(eml(number)) for number in range(4)]
    deleted = [orders.deliver(eml(number)) for number in range(4, 8)]
    world.configure()
    await world.sync()
    for message in back:
        message.move("Done")
        message.move("Inbox")
        world.exchange.fail("graph:message", "UnknownError", message=message, times=None)
    for message in deleted:
        message.delete()
    await world.sync()
    with world.database.read() as tx:
        lying = select(schema.copies.c.is_gone, func.count()).group_by(schema.copies.c.is_gone)
        assert dict(map(tuple, tx.execute(lying))) == {False: 4, True: 4}


async def test_an_email_without_a_body_is_not_taken_for_one_whose_body_could_not_be_read(
    world: World,
) -> None:
    orders = world.exchange.mailbox(ORDERS)
    orders.deliver(nameless(1).split(b"\n\n", 1)[0] + b"\n\n")
    world.configure()
    await world.sync()
    orders.deliver(nameless(1))
    await world.sync()
    bodies = [one.messages[0].body for one in world.comments()]
    assert bodies == ["", "Please send 1 chairs."]


async def test_the_content_of_an_attachment_that_was_given_up_is_fetched_when_asked_for_again(
    world: World,
) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1, attachment=b"first"))
    world.exchange.fail("GetAttachment", "ErrorItemCorrupt", times=None)
    world.configure(sync_attachments=True)
    begun = datetime.now(UTC)
    for hours in range(6):
        world.now = begun + timedelta(hours=3 * hours)
        await world.sync()
    assert len(failed(world)) == 1
    world.exchange.heal()
    retry_all(world)
    await world.sync()
    (attachment,) = world.comments()[0].attachments
    assert attachment.attachment_reference
    assert failed(world) == ()


async def test_a_round_that_lost_its_lease_writes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure()
    account = world.account()
    reader = account.reader(ORDERS)
    read_folders = reader.folders

    async def slowly() -> FolderTree:
        """Take so long that another worker gets the mailbox meanwhile."""
        later = world.time() + timedelta(minutes=5)
        until = later + timedelta(minutes=1)
        with world.database.write() as tx:
            assert leases.claim(tx, [world.mailbox().id], owner="another", now=later, until=until)
        return await read_folders()

    monkeypatch.setattr(reader, "folders", slowly)
    with pytest.raises(LeaseLost):
        await world.round(reader=reader)
    await account.aclose()
    assert world.comments() == []


@both
async def test_mail_that_is_wanted_while_its_folder_is_being_read_is_not_left_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = world.exchange.mailbox(ORDERS)
    for number in range(40):
        orders.deliver(eml(number), at=datetime(2026, 3, 2, tzinfo=UTC))
    world.configure(filters=Filters(participant_allowlist=("bob@example.com",)))
    world.settings = SyncSettings(page=10)
    account = world.account()
    reader = account.reader(ORDERS)
    changes, pages = reader.changes, 0

    async def watched(*arguments: Any, **options: Any) -> Any:
        nonlocal pages
        page = await changes(*arguments, **options)
        pages += bool(getattr(page, "changes", ()))
        if pages == 2:
            world.configure()
        return page

    monkeypatch.setattr(reader, "changes", watched)
    with suppress(LeaseLost):
        await world.round(reader=reader)
    await account.aclose()
    await world.sync()
    assert len(world.comments()) == 40


async def test_a_source_that_came_later_gets_the_mail_that_moves(world: World) -> None:
    message = world.exchange.mailbox(ORDERS).deliver(eml(1))
    world.configure()
    await world.sync()
    with world.database.write() as tx:
        (bucket,) = buckets.list_all(tx)
        later = sources.ensure(tx, bucket.project_id, "later", bucket_id=bucket.id)
    message.move("Done")
    await world.sync()
    with world.database.read() as tx:
        assert comments.count(tx, later.id) == 1
