"""A folder as an element of an answer."""

from collections.abc import Callable

from exchange_simulator import ids
from exchange_simulator.ews.extended import folder_property
from exchange_simulator.ews.fields import EXTENDED
from exchange_simulator.ews.items import RIGHTS
from exchange_simulator.ews.shapes import Shape
from exchange_simulator.ews.soap import boolean, text
from exchange_simulator.folder import Folder
from exchange_simulator.mailbox import Mailbox

_ELEMENTS = {
    "IPF.Appointment": "CalendarFolder",
    "IPF.Contact": "ContactsFolder",
    "IPF.Task": "TasksFolder",
}


def folder_id(mailbox: Mailbox, folder: Folder, name: str = "FolderId") -> str:
    """Write the id of a folder."""
    key = ids.change_key("folder", mailbox.guid, folder.change)
    return f'<t:{name} Id="{ids.folder_id(mailbox.guid, folder.number)}" ChangeKey="{key}"/>'


def folder(mailbox: Mailbox, folder: Folder, shape: Shape, *, is_owner: bool = True) -> str:
    """Write a folder with the properties asked for."""
    known = _ELEMENTS.get(folder.folder_class or "", "Folder")
    name = known if folder.finds is None else "SearchFolder"
    asked = _Asked(mailbox, folder, shape, is_owner=is_owner)
    parts = [
        _WRITTEN[uri](asked)
        for uri in shape.order("Folder")
        if uri in _WRITTEN and (uri != "folder:UnreadCount" or name not in _WITHOUT_UNREAD)
    ]
    return f"<t:{name}>{''.join(parts)}</t:{name}>"


class _Asked:
    """One folder being answered."""

    __slots__ = ("folder", "is_owner", "mailbox", "shape")

    def __init__(self, mailbox: Mailbox, folder: Folder, shape: Shape, *, is_owner: bool) -> None:
        self.mailbox = mailbox
        self.folder = folder
        self.shape = shape
        self.is_owner = is_owner


def _text(name: str, value: str | None) -> str:
    return f"<t:{name}>{text(value)}</t:{name}>" if value is not None else ""


def _unread(folder: Folder) -> int:
    if folder.finds is None:
        return folder.unread
    return sum(not item.is_read for _, _, item in folder.holds())


_WITHOUT_UNREAD = frozenset(("CalendarFolder", "ContactsFolder"))
_WRITTEN: dict[str, Callable[[_Asked], str]] = {
    "folder:FolderId": lambda asked: folder_id(asked.mailbox, asked.folder),
    # The root is its own parent, as Exchange has it.
    "folder:ParentFolderId": lambda asked: folder_id(
        asked.mailbox, asked.folder.parent or asked.folder, "ParentFolderId"
    ),
    "folder:FolderClass": lambda asked: _text("FolderClass", asked.folder.folder_class),
    "folder:DisplayName": lambda asked: _text("DisplayName", asked.folder.name),
    "folder:TotalCount": lambda asked: f"<t:TotalCount>{len(asked.folder.holds())}</t:TotalCount>",
    "folder:ChildFolderCount": lambda asked: (
        f"<t:ChildFolderCount>{len(asked.folder.children)}</t:ChildFolderCount>"
    ),
    "folder:UnreadCount": lambda asked: f"<t:UnreadCount>{_unread(asked.folder)}</t:UnreadCount>",
    "folder:EffectiveRights": lambda asked: RIGHTS.format(boolean(asked.is_owner)),
    "folder:DistinguishedFolderId": lambda asked: _text(
        "DistinguishedFolderId", asked.folder.well_known
    ),
    EXTENDED: lambda asked: "".join(
        folder_property(asked.folder, field) for field in asked.shape.extended
    ),
}
