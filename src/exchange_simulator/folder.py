"""Folders and the items in them, as they are kept in memory: little of each, the rest lies in the spool."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

from exchange_simulator.spool import Span

Tree = tuple[tuple[str, str, str | None, str | None, bool], ...]
"""The folders that are there from the beginning."""

WELL_KNOWN: Final[Tree] = (
    # distinguished name, parent, display name, folder class, hidden
    ("root", "", "", None, False),
    ("msgfolderroot", "root", "Top of Information Store", None, False),
    ("inbox", "msgfolderroot", "Inbox", "IPF.Note", False),
    ("drafts", "msgfolderroot", "Drafts", "IPF.Note", False),
    ("sentitems", "msgfolderroot", "Sent Items", "IPF.Note", False),
    ("deleteditems", "msgfolderroot", "Deleted Items", "IPF.Note", False),
    ("junkemail", "msgfolderroot", "Junk Email", "IPF.Note", False),
    ("outbox", "msgfolderroot", "Outbox", "IPF.Note", False),
    ("calendar", "msgfolderroot", "Calendar", "IPF.Appointment", False),
    ("contacts", "msgfolderroot", "Contacts", "IPF.Contact", False),
    ("tasks", "msgfolderroot", "Tasks", "IPF.Task", False),
    ("notes", "msgfolderroot", "Notes", "IPF.StickyNote", False),
    ("journal", "msgfolderroot", "Journal", "IPF.Journal", False),
    ("", "msgfolderroot", "Conversation Action Settings", "IPF.Configuration", True),
    ("searchfolders", "root", "Finder", None, False),
    ("recoverableitemsroot", "root", "Recoverable Items", None, False),
    ("recoverableitemsdeletions", "recoverableitemsroot", "Deletions", None, False),
)
WITH_ARCHIVE_FOLDER: Final[Tree] = (
    *WELL_KNOWN,
    ("archive", "msgfolderroot", "Archive", "IPF.Note", False),
)
"""Since 2016: where mail goes that is filed by one click, not to be confused with the archive mailbox."""
ARCHIVE: Final[Tree] = (
    ("archiveroot", "", "", None, False),
    ("archivemsgfolderroot", "archiveroot", "Top of Information Store", None, False),
    ("archiveinbox", "archivemsgfolderroot", "Inbox", "IPF.Note", False),
    ("archivedeleteditems", "archivemsgfolderroot", "Deleted Items", "IPF.Note", False),
    ("archiverecoverableitemsroot", "archiveroot", "Recoverable Items", None, False),
)
PUBLIC: Final[Tree] = (("publicfoldersroot", "", "IPM_SUBTREE", None, False),)
TOPS: Final = ("msgfolderroot", "archivemsgfolderroot", "publicfoldersroot")
"""The folders below which people keep theirs."""
CLASSES: Final = {
    "mail": "IPF.Note",
    "search": "IPF.Note",
    "calendar": "IPF.Appointment",
    "contacts": "IPF.Contact",
    "tasks": "IPF.Task",
    "notes": "IPF.StickyNote",
    "journal": "IPF.Journal",
    "infopath": "IPF.Note.InfoPathForm",
    "configuration": "IPF.Configuration",
}
"""The folder class of each kind of folder that can be made."""


class Item:
    """An item as it lies in a folder. What it says is on disk; this is what must be at hand."""

    __slots__ = (
        "categories",
        "change",
        "content",
        "created_at",
        "created_change",
        "ews",
        "folder",
        "graph",
        "is_associated",
        "is_draft",
        "is_read",
        "item_class",
        "mime",
        "modified_at",
        "modified_change",
        "number",
        "received_at",
        "search_key",
        "serial",
    )

    def __init__(self, *, number: int, folder: "Folder", mime: Span, received_at: int) -> None:
        self.number = number
        """Changes with every move: it is what ids are made of."""
        self.serial = number
        """Stays the same in a move: it is what Graph's immutable ids are made of."""
        self.folder: Folder | None = folder
        self.mime = mime
        self.content: Span | None = None
        self.ews: Span | None = None
        """Ready-made EWS elements, once they were asked for."""
        self.graph: Span | None = None
        """Ready-made properties of Graph, once they were asked for."""
        self.received_at = received_at
        self.created_at = received_at
        self.modified_at = received_at
        self.created_change = 0
        self.modified_change = 0
        self.change = 0
        """The last change of any kind."""
        self.is_read = False
        self.is_draft = False
        self.is_associated = False
        self.item_class: str | None = None
        """Known before the content is taken apart; None until then."""
        self.categories: tuple[str, ...] | None = None
        """Where they were set by hand."""
        self.search_key = b""


SEARCHES: Final[dict[str, Callable[[Item], bool]]] = {
    "all": lambda item: not item.is_associated,
    "unread": lambda item: not (item.is_associated or item.is_read),
}
"""What a search folder may find."""


class Gone(NamedTuple):
    """An item that left a folder."""

    number: int
    created_change: int
    is_associated: bool
    serial: int


class Folder:
    """A folder of a mailbox."""

    def __init__(
        self,
        *,
        number: int,
        name: str,
        parent: "Folder | None",
        folder_class: str | None,
        well_known: str | None,
        is_hidden: bool,
        created_at: datetime,
    ) -> None:
        self.number = number
        self.name = name
        self.parent = parent
        self.folder_class = folder_class
        self.well_known = well_known
        self.is_hidden = is_hidden
        self.children: list[Folder] = []
        self.items: list[tuple[int, int, Item]] = []
        """(received, number, item), oldest first."""
        self.log: list[tuple[int, Item | Gone]] = []
        """(change number, what) of every change, oldest first."""
        self.created_change = 0
        self.change = 0
        self.changed_at = created_at
        """When its contents changed last (0x670A)."""
        self.unread = 0
        self.finds: str | None = None
        """What a search folder finds, in all folders of the mailbox that hold mail; None: an ordinary folder."""

    @property
    def path(self) -> str:
        """Display names below the top of the mailbox, joined by slashes; those outside it begin with `root`."""
        names = []
        folder: Folder = self
        while folder.parent is not None and folder.well_known not in TOPS:
            names.append(folder.name)
            folder = folder.parent
        if names and folder.well_known not in TOPS:
            names.append(folder.well_known or folder.name)
        return "/".join(reversed(names))

    def subfolders(self) -> "Iterator[Folder]":
        """Walk all folders below this one, parents first."""
        for child in self.children:
            yield child
            yield from child.subfolders()

    def holds(self) -> list[tuple[int, int, Item]]:
        """(received, number, item) of all that one sees in it, oldest first: also what a search folder finds."""
        if self.finds is None:
            return self.items
        top: Folder = self
        while top.parent is not None:
            top = top.parent
        matches = SEARCHES[self.finds]
        return sorted(
            (entry for folder in top.subfolders() for entry in folder.items if matches(entry[2])),
            key=lambda entry: entry[:2],
        )

    def normal_items(self) -> list[Item]:
        """Everything but associated (hidden) items, oldest first."""
        return [item for _, _, item in self.items if not item.is_associated]
