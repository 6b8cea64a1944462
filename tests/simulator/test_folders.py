"""Folders of other kinds: public, of an archive, of a group, search folders, hidden ones, outside of what people see."""

import pytest

from exchange_simulator import Exchange, FolderError, Mailbox
from tests.simulator.client import FOLDER_ID_ONLY, ID_ONLY, Answer, Client, inbox_of
from tests.simulator.mails import mail

NAMES = "<m:FolderShape><t:BaseShape>AllProperties</t:BaseShape></m:FolderShape>"


def distinguished(name: str) -> str:
    return f'<t:DistinguishedFolderId Id="{name}"/>'


def find_folders(client: Client, parent: str, traversal: str = "Shallow") -> Answer:
    return client.ask(
        f'<m:FindFolder Traversal="{traversal}">{NAMES}'
        f"<m:ParentFolderIds>{parent}</m:ParentFolderIds></m:FindFolder>"
    )


def find_items(client: Client, folder: str, *, offset: int = 0, limit: int = 1000) -> Answer:
    return client.ask(
        f'<m:FindItem Traversal="Shallow">{ID_ONLY}<m:IndexedPageItemView MaxEntriesReturned="{limit}"'
        f' Offset="{offset}" BasePoint="Beginning"/><m:ParentFolderIds>{folder}</m:ParentFolderIds></m:FindItem>'
    )


def hierarchy(client: Client, root: str) -> Answer:
    return client.ask(
        f"<m:SyncFolderHierarchy>{FOLDER_ID_ONLY}<m:SyncFolderId>{root}</m:SyncFolderId></m:SyncFolderHierarchy>"
    )


def names(answer: Answer) -> list[str | None]:
    return [name.text for name in answer.all(".//t:DisplayName")]


def folder_id(answer: Answer, place: int = 0) -> str:
    return f'<t:FolderId Id="{answer.all(".//t:FolderId")[place].get("Id")}"/>'


def test_public_folders_are_found_level_by_level(exchange: Exchange, client: Client) -> None:
    exchange.public_folders.make_folder("Team/Orders")
    exchange.public_folders.make_folder("Team/Calendar", kind="calendar")
    root = distinguished("publicfoldersroot")
    found = find_folders(client, root)
    assert names(found) == ["Team"]
    below = find_folders(client, folder_id(found))
    assert names(below) == ["Orders", "Calendar"]
    assert len(below.all(".//t:CalendarFolder")) == 1
    assert find_folders(client, root, "Deep").codes == ["ErrorInvalidOperation"]


def test_public_folders_are_listed_by_pages_and_not_synchronised(
    exchange: Exchange, client: Client
) -> None:
    ids = [exchange.public_folders.deliver(mail(str(n)), "Orders").id for n in range(5)]
    folder = folder_id(find_folders(client, distinguished("publicfoldersroot")))
    assert client.sync(folder).codes == ["ErrorInvalidOperation"]
    assert hierarchy(client, distinguished("publicfoldersroot")).codes == ["ErrorInvalidOperation"]
    pages = [find_items(client, folder, offset=offset, limit=2) for offset in (0, 2, 4)]
    assert [id_ for page in pages for id_ in page.ids] == ids[::-1]
    assert client.get_item(*ids).codes == ["NoError"] * 5


def test_there_may_be_no_public_folders(client: Client) -> None:
    root = distinguished("publicfoldersroot")
    assert client.get_folder(root).codes == ["ErrorNoPublicFolderServerAvailable"]
    client.version = "Exchange2016"
    assert client.get_folder(root).codes == ["ErrorPublicFolderMailboxDiscoveryFailed"]


def test_an_archive_is_read_like_a_mailbox(
    exchange: Exchange, bob: Mailbox, client: Client
) -> None:
    archive = bob.enable_archive()
    old, older = archive.deliver(mail("Old")), archive.deliver(mail("Older"), "2019")
    client.version = "Exchange2013"
    top = distinguished("archivemsgfolderroot")
    found = find_folders(client, top, "Deep")
    assert names(found) == ["Inbox", "Deleted Items", "2019"]
    assert client.sync(distinguished("archiveinbox")).ids == [old.id]
    assert client.sync(folder_id(found, 2)).ids == [older.id]
    assert hierarchy(client, top).codes == ["NoError"]
    assert bob.enable_archive() is archive
    exchange.account("eve@example.com")
    client.name = "eve@example.com"
    assert client.sync(inbox_of(bob.address, "archiveinbox")).codes == ["ErrorAccessDenied"]
    bob.grant("eve@example.com")
    assert client.sync(inbox_of(bob.address, "archiveinbox")).ids == [old.id]


def test_a_group_is_listed_and_not_synchronised(exchange: Exchange, client: Client) -> None:
    team = exchange.mailbox("team@example.com")
    team.kind = "group"
    team.grant("bob@example.com")
    message = team.deliver(mail())
    inbox = inbox_of(team.address)
    assert client.sync(inbox).codes == ["ErrorInvalidOperation"]
    assert hierarchy(client, inbox_of(team.address, "msgfolderroot")).codes == [
        "ErrorInvalidOperation"
    ]
    assert find_items(client, inbox).ids == [message.id]


def test_a_search_folder_shows_what_lies_elsewhere(bob: Mailbox, client: Client) -> None:
    bob.make_folder("searchfolders/Unread", kind="search", finds="unread")
    unread, read = bob.deliver(mail("Unread"), "Orders"), bob.deliver(mail("Read"))
    read.mark_read()
    found = find_folders(client, distinguished("searchfolders"))
    [folder] = found.all(".//t:SearchFolder")
    assert folder.findtext(".//t:TotalCount", None, {"t": str(folder.nsmap["t"])}) == "1"
    assert find_items(client, folder_id(found)).ids == [unread.id]
    assert client.sync(folder_id(found)).codes == ["ErrorInvalidOperation"]
    with pytest.raises(FolderError):
        bob.make_folder("searchfolders/Odd", kind="odd")


def test_folders_say_what_they_are(bob: Mailbox, client: Client) -> None:
    bob.make_folder("Plans", kind="calendar")
    bob.make_folder("Secret", is_hidden=True)
    bob.make_folder("root/Sync Issues/Conflicts")
    hidden = (
        "<m:FolderShape><t:BaseShape>Default</t:BaseShape><t:AdditionalProperties>"
        '<t:FieldURI FieldURI="folder:FolderClass"/>'
        '<t:ExtendedFieldURI PropertyTag="0x10F4" PropertyType="Boolean"/>'
        "</t:AdditionalProperties></m:FolderShape>"
    )
    found = client.ask(
        f'<m:FindFolder Traversal="Deep">{hidden}<m:ParentFolderIds>{distinguished("msgfolderroot")}'
        "</m:ParentFolderIds></m:FindFolder>"
    )
    told = {
        folder.findtext("{*}DisplayName"): (
            folder.findtext("{*}FolderClass"),
            folder.findtext("{*}ExtendedProperty/{*}Value"),
        )
        for folder in found.all(".//t:Folders/*")
    }
    assert told["Plans"] == ("IPF.Appointment", "false")
    assert told["Secret"] == ("IPF.Note", "true")
    assert "Sync Issues" not in told
    assert {"Sync Issues", "Conflicts"} <= set(
        names(find_folders(client, distinguished("root"), "Deep"))
    )
    assert bob.deliver(mail(), "root/Sync Issues/Conflicts").folder == "root/Sync Issues/Conflicts"
