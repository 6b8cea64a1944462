"""What changed in a folder, and what its faults become."""

from datetime import UTC, datetime

import pytest

from mailmine.exchange.faults import ExchangeError, Fault, Scope, Where
from mailmine.exchange.reader import ChangeKind, ChangePage, CursorLost
from mailmine.model.ids import Cursor, FolderId
from tests.unit.exchange.fakes import (
    Asked,
    Said,
    answers,
    changes,
    created,
    failed,
    fault,
    reading,
    value,
)

INBOX = FolderId("inbox-id")


async def test_a_page_tells_what_is_there_and_where_it_ends() -> None:
    on = reading(lambda _: changes(created("A"), created("B"), state="after", is_last=False))
    page = await on.reader.changes(INBOX, None, limit=100)
    assert isinstance(page, ChangePage)
    assert [(change.kind, change.item_id) for change in page.changes] == [
        (ChangeKind.PRESENT, "A"),
        (ChangeKind.PRESENT, "B"),
    ]
    assert (page.cursor, page.is_last) == ("after", False)


async def test_the_cursor_is_sent_as_it_was_given() -> None:
    on = reading(lambda _: changes())
    await on.reader.changes(INBOX, Cursor("H4sI&<" + "x" * 5000), limit=100)
    assert "<m:SyncState>H4sI&amp;&lt;" + "x" * 5000 in on.exchange.asked[0].body


@pytest.mark.parametrize(("wanted", "sent"), [(1, 1), (512, 512), (5000, 512), (0, 1)])
async def test_no_page_asks_for_more_than_512_changes(wanted: int, sent: int) -> None:
    on = reading(lambda _: changes())
    await on.reader.changes(INBOX, None, limit=wanted)
    assert f"<m:MaxChangesReturned>{sent}</m:MaxChangesReturned>" in on.exchange.asked[0].body


async def test_only_ids_are_asked_for_unless_a_time_is_wanted() -> None:
    received = "<t:DateTimeReceived>2024-02-29T08:00:00Z</t:DateTimeReceived>"
    on = reading(
        lambda _: changes(
            f'<t:Create><t:Message><t:ItemId Id="A"/>{received}</t:Message></t:Create>'
        )
    )
    await on.reader.changes(INBOX, None, limit=10)
    end = Cursor("since:end")
    page = await on.reader.changes(INBOX, end, limit=10, since=datetime(2024, 1, 1, tzinfo=UTC))
    assert ["DateTimeReceived" in asked.body for asked in on.exchange.asked] == [False, True]
    assert isinstance(page, ChangePage)
    assert page.changes[0].received_at == datetime(2024, 2, 29, 8, tzinfo=UTC)


async def test_updates_deletions_and_read_flags_are_told_apart() -> None:
    on = reading(
        lambda _: changes(
            '<t:Update><t:Message><t:ItemId Id="A"/></t:Message></t:Update>',
            '<t:Delete><t:ItemId Id="B"/></t:Delete>',
            '<t:ReadFlagChange><t:ItemId Id="C"/><t:IsRead>true</t:IsRead></t:ReadFlagChange>',
            '<t:ReadFlagChange><t:ItemId Id="D"/><t:IsRead>false</t:IsRead></t:ReadFlagChange>',
        )
    )
    page = await on.reader.changes(INBOX, None, limit=10)
    assert isinstance(page, ChangePage)
    assert [
        (change.item_id, change.kind, change.is_changed, change.is_read) for change in page.changes
    ] == [
        ("A", ChangeKind.PRESENT, True, None),
        ("B", ChangeKind.GONE, False, None),
        ("C", ChangeKind.PRESENT, True, True),
        ("D", ChangeKind.PRESENT, True, False),
    ]


@pytest.mark.parametrize(
    ("written", "is_last"), [("0", False), (" false\n", False), ("1", True), (" true ", True)]
)
async def test_true_and_false_are_read_however_xml_may_write_them(
    written: str,
    is_last: bool,  # noqa: FBT001
) -> None:
    said = changes(
        f'<t:ReadFlagChange><t:ItemId Id="A"/><t:IsRead>{written}</t:IsRead></t:ReadFlagChange>'
    ).replace(">true</m:Includes", f">{written}</m:Includes")
    page = await reading(lambda _: said).reader.changes(INBOX, None, limit=10)
    assert isinstance(page, ChangePage)
    assert page.is_last is is_last
    assert page.changes[0].is_read is is_last


async def test_a_code_is_read_with_white_space_around_it() -> None:
    def spaced(said: str) -> str:
        return said.replace("<m:ResponseCode>", "<m:ResponseCode>\n  ").replace(
            "</m:ResponseCode>", "\n</m:ResponseCode>"
        )

    on = reading(lambda _: spaced(changes(created("A"))))
    assert isinstance(await on.reader.changes(INBOX, None, limit=10), ChangePage)
    lost = spaced(
        answers("SyncFolderItems", failed("SyncFolderItems", "ErrorInvalidSyncStateData"))
    )
    on = reading(lambda _: lost)
    assert isinstance(await on.reader.changes(INBOX, Cursor("1"), limit=10), CursorLost)


async def test_where_the_end_is_not_told_it_is_where_nothing_more_comes() -> None:
    untold = "<m:IncludesLastItemInRange>true</m:IncludesLastItemInRange>"
    pages = [changes(created("A"), state="1"), changes(state="2")]
    on = reading(lambda _: pages.pop(0).replace(untold, ""))
    first = await on.reader.changes(INBOX, None, limit=10)
    second = await on.reader.changes(INBOX, Cursor("1"), limit=10)
    assert isinstance(first, ChangePage)
    assert isinstance(second, ChangePage)
    assert (first.is_last, second.is_last) == (False, True)


async def test_c11_unknown_kinds_of_items_are_changes_like_any_other() -> None:
    kinds = ["Item", "Network", "RoleMember", "MeetingRequest", "SomethingOf2031"]
    on = reading(lambda _: changes(*(created(kind, kind) for kind in kinds)))
    page = await on.reader.changes(INBOX, None, limit=10)
    assert isinstance(page, ChangePage)
    assert [change.item_id for change in page.changes] == kinds


async def test_a_list_that_is_none_is_not_taken_for_an_empty_one() -> None:
    on = reading(lambda _: answers("FindItem", ""))
    with pytest.raises(ExchangeError, match="understood"):
        await on.reader.changes(INBOX, Cursor("find:0"), limit=10)
    empty = '<m:RootFolder TotalItemsInView="0" IncludesLastItemInRange="true"/>'
    page = await reading(lambda _: answers("FindItem", empty)).reader.changes(
        INBOX, Cursor("find:0"), limit=10
    )
    assert isinstance(page, ChangePage)
    assert (page.changes, page.is_last) == ((), True)


async def test_c16_a_lost_cursor_is_no_error() -> None:
    on = reading(
        lambda _: answers("SyncFolderItems", failed("SyncFolderItems", "ErrorInvalidSyncStateData"))
    )
    lost = await on.reader.changes(INBOX, Cursor("cut short"), limit=10)
    assert isinstance(lost, CursorLost)
    assert lost.fault.code == "ErrorInvalidSyncStateData"


async def test_a_folder_that_loses_no_cursor_is_at_fault() -> None:
    on = reading(
        lambda _: answers("SyncFolderItems", failed("SyncFolderItems", "ErrorInvalidSyncStateData"))
    )
    lost = await on.reader.changes(INBOX, None, limit=10)
    assert isinstance(lost, Fault)


@pytest.mark.parametrize(
    "code",
    ["ErrorSyncFolderNotFound", "ErrorFolderNotFound", "ErrorAccessDenied", "ErrorSomethingNew"],
)
async def test_what_is_wrong_with_a_folder_is_a_value(code: str) -> None:
    on = reading(lambda _: answers("SyncFolderItems", failed("SyncFolderItems", code)))
    wrong = await on.reader.changes(INBOX, None, limit=10)
    assert isinstance(wrong, Fault)
    assert (wrong.where, wrong.code, wrong.scope) == (Where.EWS, code, Scope.FOLDER)


@pytest.mark.parametrize(
    "code",
    [
        "ErrorMailboxMoveInProgress",
        "ErrorMailboxStoreUnavailable",
        "ErrorInternalServerTransientError",
        "ErrorNonExistentMailbox",
        "ErrorImpersonateUserDenied",
    ],
)
async def test_what_is_wrong_with_the_mailbox_is_raised(code: str) -> None:
    on = reading(lambda _: answers("SyncFolderItems", failed("SyncFolderItems", code)))
    with pytest.raises(ExchangeError) as raised:
        await on.reader.changes(INBOX, None, limit=10)
    assert (raised.value.fault.code, raised.value.fault.scope) == (code, Scope.MAILBOX)


async def test_a_server_that_is_too_slow_is_asked_for_less() -> None:
    def answer(asked: Asked) -> str:
        if "<m:MaxChangesReturned>100<" in asked.body or "<m:MaxChangesReturned>50<" in asked.body:
            return answers("SyncFolderItems", failed("SyncFolderItems", "ErrorTimeoutExpired"))
        return changes(created("A"))

    on = reading(answer)
    page = await on.reader.changes(INBOX, None, limit=100)
    assert isinstance(page, ChangePage)
    assert len(on.exchange.asked) == 3


async def test_a_true_cause_inside_an_internal_error_is_found() -> None:
    inner = value("InnerErrorMessageText", "busy") + value(
        "InnerErrorResponseCode", "ErrorServerBusy"
    )
    on = reading(
        lambda _: answers(
            "SyncFolderItems", failed("SyncFolderItems", "ErrorInternalServerError", xml=inner)
        )
    )
    with pytest.raises(ExchangeError) as raised:
        await on.reader.changes(INBOX, None, limit=10)
    assert raised.value.fault.code == "ErrorServerBusy"
    assert raised.value.fault.retry_after is not None


async def test_c17_a_page_that_leads_nowhere_is_the_last() -> None:
    on = reading(lambda _: changes(state="same", is_last=False))
    page = await on.reader.changes(INBOX, Cursor("same"), limit=10)
    assert isinstance(page, ChangePage)
    assert page.is_last


async def test_versions_step_down_and_stay_down_for_the_mailbox() -> None:
    def answer(asked: Asked) -> str | Said:
        if asked.version == "Exchange2010":
            return changes()
        return fault("ErrorInvalidServerVersion")

    on = reading(answer)
    await on.reader.changes(INBOX, None, limit=10)
    await on.reader.changes(INBOX, None, limit=10)
    assert [asked.version for asked in on.exchange.asked] == [
        "Exchange2010_SP2",
        "Exchange2010_SP1",
        "Exchange2010",
        "Exchange2010",
    ]


async def test_a_server_older_than_2010_is_named_as_such() -> None:
    on = reading(lambda _: fault("ErrorInvalidServerVersion"))
    with pytest.raises(ExchangeError, match="older than Exchange 2010"):
        await on.reader.changes(INBOX, None, limit=10)


async def test_the_newest_are_found_newest_first_over_pages() -> None:
    def answer(asked: Asked) -> str:
        offset = 2 if 'Offset="2"' in asked.body else 0
        items = "".join(
            f'<t:Message><t:ItemId Id="{id_}"/></t:Message>' for id_ in "ABCD"[offset : offset + 2]
        )
        return answers(
            "FindItem",
            f'<m:RootFolder IndexedPagingOffset="{offset + 2}" TotalItemsInView="9" '
            f'IncludesLastItemInRange="false"><t:Items>{items}</t:Items></m:RootFolder>',
        )

    on = reading(answer)
    since = datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert await on.reader.newest(INBOX, since=since, limit=3) == ("A", "B", "C")
    assert 'Value="2024-05-01T12:00:00Z"' in on.exchange.asked[0].body
    assert '<t:FieldOrder Order="Descending">' in on.exchange.asked[0].body
