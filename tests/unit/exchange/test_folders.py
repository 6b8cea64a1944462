"""From a list of folders to paths, and what a delegate sees."""

import itertools

import pytest
from hypothesis import given, strategies as st

from mailmine.exchange.faults import ExchangeError, Scope
from mailmine.exchange.folders import ListedFolder, make_tree
from mailmine.model.ids import FolderId
from tests.unit.exchange.fakes import Asked, Said, answers, failed, fault, reading

EXTENDED = (
    '<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="{tag}" PropertyType="{kind}"/>'
    "<t:Value>{value}</t:Value></t:ExtendedProperty>"
)


def folder(
    id_: str,
    parent: str,
    name: str,
    *,
    kind: str = "Folder",
    folder_class: str | None = "IPF.Note",
    extended: str = "",
    total: int = 3,
) -> str:
    """Write a folder as Exchange does."""
    written = f"<t:FolderClass>{folder_class}</t:FolderClass>" if folder_class else ""
    return (
        f'<t:{kind}><t:FolderId Id="{id_}" ChangeKey="x"/><t:ParentFolderId Id="{parent}"/>{written}'
        f"<t:DisplayName>{name}</t:DisplayName><t:TotalCount>{total}</t:TotalCount>{extended}</t:{kind}>"
    )


def found(*folders: str, paging: str = 'IncludesLastItemInRange="true"') -> str:
    return f'<m:RootFolder TotalItemsInView="9" {paging}><t:Folders>{"".join(folders)}</t:Folders></m:RootFolder>'


WELL_KNOWN_ONLY = [
    "<m:Folders>" + folder("in", "root", "Posteingang") + "</m:Folders>",
    *[failed("GetFolder", "ErrorFolderNotFound")] * 4,
]


def listing(*folders: str) -> str:
    return answers("FindFolder", found(*folders))


async def test_paths_are_told_root_first_in_one_request_and_one_for_the_names_of_old() -> None:
    def answer(asked: Asked) -> str:
        if asked.operation == "GetFolder":
            return answers("GetFolder", *WELL_KNOWN_ONLY)
        return listing(
            folder("in", "root", "Posteingang"),
            folder("sub", "in", "A/B"),
            folder("deep", "sub", "Ünï"),
        )

    on = reading(answer)
    tree = await on.reader.folders()
    await on.reader.folders()
    assert tree.is_complete
    assert [(one.path, one.well_known, one.total) for one in tree.folders] == [
        (("Posteingang",), "inbox", 3),
        (("Posteingang", "A/B"), None, 3),
        (("Posteingang", "A/B", "Ünï"), None, 3),
    ]
    assert on.exchange.operations == ["FindFolder", "GetFolder", "FindFolder"]


async def test_what_many_listings_say_is_held_once() -> None:
    """A worker keeps the folders of thousands of mailboxes."""
    totals = itertools.count()

    def answer(asked: Asked) -> str:
        if asked.operation == "GetFolder":
            return answers("GetFolder", *WELL_KNOWN_ONLY)
        return listing(folder("in", "root", "Posteingang", total=next(totals)))

    on = reading(answer)
    (before,), (after,) = [(await on.reader.folders()).folders for _ in range(2)]
    assert before.total != after.total
    assert (before.id is after.id, before.path[0] is after.path[0]) == (True, True)


async def test_only_folders_of_mail_are_told_but_also_those_below_others() -> None:
    hidden = EXTENDED.format(tag="0x10f4", kind="Boolean", value="true")

    def answer(asked: Asked) -> str:
        if asked.operation == "GetFolder":
            return answers("GetFolder", *WELL_KNOWN_ONLY)
        return listing(
            folder(
                "cal", "root", "Calendar", kind="CalendarFolder", folder_class="IPF.Appointment"
            ),
            folder("mail", "cal", "Mail below"),
            folder("con", "root", "Contacts", kind="ContactsFolder", folder_class="IPF.Contact"),
            folder("hid", "root", "Settings", extended=hidden),
            folder("below", "hid", "Below hidden"),
            folder("search", "root", "Unread", kind="SearchFolder"),
            folder("plain", "root", "By IMAP", folder_class=None),
            folder("page", "root", "Home page", folder_class="IPF.Note.OutlookHomepage"),
            folder("old", "root", "From a PST", folder_class="IPF.Imap"),
            folder("notes", "root", "Notes", folder_class="IPF.Notebook"),
        )

    tree = await reading(answer).reader.folders()
    assert [one.path for one in tree.folders] == [
        ("Calendar", "Mail below"),
        ("By IMAP",),
        ("Home page",),
        ("From a PST",),
    ]


async def test_a_change_inside_changes_the_hint_and_a_silent_server_gives_none() -> None:
    def answer(asked: Asked) -> str:
        if asked.operation == "GetFolder":
            return answers("GetFolder", *WELL_KNOWN_ONLY)
        hint = EXTENDED.format(tag="0x670a", kind="SystemTime", value="2024-01-01T00:00:00Z")
        return listing(
            folder("a", "root", "A", extended=hint, total=1),
            folder("b", "root", "B", extended=hint, total=2),
            folder("c", "root", "C"),
        )

    one, two, silent = (await reading(answer).reader.folders()).folders
    assert one.last_change != two.last_change
    assert silent.last_change is None


@pytest.mark.parametrize("empty", [found(), "", '<m:RootFolder TotalItemsInView="0"/>'])
async def test_a_mailbox_without_folders_is_one_that_we_cannot_see(empty: str) -> None:
    visible = WELL_KNOWN_ONLY

    def answer(asked: Asked) -> str:
        if asked.operation == "GetFolder":
            return answers("GetFolder", *visible)
        return answers("FindFolder", empty)

    reader = reading(answer).reader
    tree = await reader.folders()
    assert [one.path for one in tree.folders] == [("Posteingang",)]
    assert not tree.is_complete
    visible = [failed("GetFolder", "ErrorFolderNotFound")] * 5
    with pytest.raises(ExchangeError) as raised:
        await reader.folders()
    assert raised.value.fault.code == "ErrorAccessDenied"


async def test_a_server_that_pages_is_followed_to_the_end_also_where_the_first_page_stays_the_same() -> (
    None
):
    names = ["B"]

    def answer(asked: Asked) -> str:
        if asked.operation == "GetFolder":
            return answers("GetFolder", *WELL_KNOWN_ONLY)
        if 'Offset="0"' in asked.body:
            paging = 'IndexedPagingOffset="1" IncludesLastItemInRange="0"'
            return answers("FindFolder", found(folder("a", "root", "A"), paging=paging))
        return listing(*(folder(name.lower(), "root", name) for name in names))

    reader = reading(answer).reader
    assert [one.path for one in (await reader.folders()).folders] == [("A",), ("B",)]
    names.append("C")
    assert [one.path for one in (await reader.folders()).folders] == [("A",), ("B",), ("C",)]


@pytest.mark.parametrize("step", [0, 1])
async def test_c17_a_server_that_pages_on_the_spot_does_not_hold_us(step: int) -> None:
    offsets = itertools.count(step=step)

    def answer(asked: Asked) -> str:
        if asked.operation == "GetFolder":
            return answers("GetFolder", *WELL_KNOWN_ONLY)
        paging = f'IndexedPagingOffset="{next(offsets)}" IncludesLastItemInRange="false"'
        return answers("FindFolder", found(folder("a", "root", "A"), paging=paging))

    assert len((await reading(answer).reader.folders()).folders) == 1


@pytest.mark.parametrize("as_fault", [True, False])
async def test_a_delegate_of_the_inbox_alone_still_sees_it(as_fault: bool) -> None:  # noqa: FBT001
    def answer(asked: Asked) -> str | Said:
        if asked.operation == "GetFolder":
            return answers("GetFolder", *WELL_KNOWN_ONLY)
        if "msgfolderroot" in asked.body:
            return (
                fault("ErrorAccessDenied")
                if as_fault
                else answers("FindFolder", failed("FindFolder", "ErrorAccessDenied"))
            )
        return listing(folder("sub", "in", "Orders"))

    tree = await reading(answer).reader.folders()
    assert not tree.is_complete
    assert [(one.path, one.well_known) for one in tree.folders] == [
        (("Posteingang",), "inbox"),
        (("Posteingang", "Orders"), None),
    ]


@pytest.mark.parametrize("code", ["ErrorAccessDenied", "ErrorItemNotFound", "ErrorFolderNotFound"])
async def test_an_account_that_may_see_nothing_is_told_so(code: str) -> None:
    def answer(asked: Asked) -> str:
        denied = failed(asked.operation, code)
        return answers(asked.operation, *[denied] * (5 if asked.operation == "GetFolder" else 1))

    with pytest.raises(ExchangeError, match=r"may not read orders@example\.com") as raised:
        await reading(answer).reader.folders()
    fault = raised.value.fault
    assert (fault.code, fault.scope) == ("ErrorAccessDenied", Scope.MAILBOX)


async def test_a_mailbox_in_trouble_is_not_taken_for_one_without_rights() -> None:
    def answer(asked: Asked) -> str:
        if asked.operation == "FindFolder":
            return answers("FindFolder", failed("FindFolder", "ErrorAccessDenied"))
        moving = failed("GetFolder", "ErrorMailboxMoveInProgress")
        return answers("GetFolder", *[moving] * 5)

    with pytest.raises(ExchangeError, match="being moved"):
        await reading(answer).reader.folders()


NAMES = st.sampled_from("abcdefgh")


@given(st.lists(st.builds(
    lambda id_, parent, is_mail, is_hidden: ListedFolder(
        id=FolderId(id_), parent=FolderId(parent), name=id_.upper(), is_mail=is_mail, is_hidden=is_hidden
    ),
    NAMES, NAMES, st.booleans(), st.booleans(),
)))  # fmt: skip
def test_no_circle_and_no_missing_parent_keeps_a_folder_from_its_path(
    listed: list[ListedFolder],
) -> None:
    tree = make_tree(listed, {})
    by_id = {one.id: one for one in listed}
    assert len({one.id for one in tree}) == len(tree)
    for one in tree:
        assert one.path[-1] == by_id[one.id].name
        assert len(one.path) == len(set(one.path))
        assert by_id[one.id].is_mail
        assert not by_id[one.id].is_hidden
