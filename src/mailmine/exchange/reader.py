"""What every way of reading an Exchange mailbox offers.

A reader reads one mailbox. Both readers (EWS, Graph) fulfil one contract suite, `tests/contract/test_reader.py`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mailmine.exchange.faults import Fault
from mailmine.model.email import Attachment, Email, Metadata
from mailmine.model.ids import Cursor, FolderId, ItemId

SEARCH_FOLDERS = "Search Folders"
"""Where Outlook shows the search folders, and so the first name of their paths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder that can hold mail."""

    id: FolderId
    path: tuple[str, ...]
    """Display names, root first, below the mailbox's root: ("Inbox", "Orders")."""
    total: int
    """How many items it holds, as far as the server says."""
    last_change: str | None = None
    """Changes whenever the contents change; None where the server does not tell. A hint, to be compared only."""
    changed_at: datetime | None = None
    """When they changed last, by the server's clock, where it tells."""
    well_known: str | None = None
    """`inbox`, `sentitems`, `deleteditems`, `drafts`, `junkemail`, where the server tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderTree:
    """The mail folders of a mailbox that this account may see."""

    folders: tuple[Folder, ...]
    is_complete: bool
    """False where the account may not read the hierarchy, so that absence means nothing."""


class ChangeKind(StrEnum):
    """What happened to an item in a folder since the cursor."""

    PRESENT = "present"
    """It is there: new, or changed."""
    GONE = "gone"
    """It is no longer in this folder: deleted or moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one folder."""

    kind: ChangeKind
    item_id: ItemId
    received_at: datetime | None = None
    """Where mail is wanted since some time, and the reader knows it."""
    is_changed: bool = False
    """The server says that an item it had listed before was changed, not that it is new."""
    is_read: bool | None = None
    """Set where nothing changed but whether the item was read: `item` need not be fetched for it."""
    item: "Item | None" = None
    """The whole item, where the server sent it along; otherwise it is to be fetched."""
    outline: "Item | None" = None
    """The item as `Reader.outlines` gives it, where the server sent that along."""
    lies_in: FolderId | None = None
    """The folder where the item lies, where it is another than the one that was asked: that is a search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePage:
    """Some changes of a folder and the place after them."""

    changes: tuple[Change, ...]
    cursor: Cursor
    """To be stored with what the changes brought, never before."""
    is_last: bool
    """Nothing further now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorLost:
    """The server no longer knows the cursor: the folder is to be read from its beginning. Not an error."""

    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One email as it lies in one folder."""

    id: ItemId
    email: Email
    metadata: Metadata
    """Without `folder`, which the caller knows."""
    incomplete: Fault | None = None
    """Why the body or the attachments are missing, where Exchange could not give them; the rest is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSkipped:
    """Not mail (a contact, a task): nothing is kept of it."""

    id: ItemId
    item_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemGone:
    """Deleted or moved between the list and the fetch. Not an error: the next round decides."""

    id: ItemId


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFault:
    """One item that cannot be read; the others go on."""

    id: ItemId
    fault: Fault


Fetched = Item | ItemSkipped | ItemGone | ItemFault


class Reader(Protocol):
    """Reads one mailbox. Every method may raise `ExchangeError`; nothing else is raised for what a server does."""

    @property
    def keeps_ids(self) -> bool:
        """Whether an item that is moved keeps its id, so that `locate` can find it again."""
        ...

    @property
    def version(self) -> str | None:
        """The older version of the protocol that the mailbox's server had to be asked by; None: the usual one."""
        ...

    def assume(self, version: str | None) -> None:
        """Ask by this version from now on, which was found to be the right one earlier; None: by the usual one."""
        ...

    async def folders(self) -> FolderTree:
        """Read the mail folders: no hidden ones, no search folders, nothing outside the mailbox's root."""
        ...

    async def search_folders(self) -> tuple[Folder, ...]:
        """Read the search folders; none where the server tells of none, or not to this account.

        Their changes name items that lie in other folders (`Change.lies_in`).
        """
        ...

    async def changes(
        self,
        folder: FolderId,
        cursor: Cursor | None,
        *,
        limit: int,
        since: datetime | None = None,
        outlined: bool = False,
    ) -> ChangePage | CursorLost | Fault:
        """Read at most `limit` changes of `folder` after `cursor` (None = from the beginning).

        With `since` (the same for all pages of a folder) mail received before is not wanted: what came since is
        told first, so that it costs what it holds and not what lies before it; then ids alone, with
        `Change.received_at`, until the server has given a place to go on from. A Fault is this folder's.

        A folder that is begun `outlined` holds mail that is known for the most part: no whole items come along, but
        outlines, where the server can send them with the changes.
        """
        ...

    async def newest(
        self, folder: FolderId, *, since: datetime, limit: int
    ) -> tuple[ItemId, ...] | Fault:
        """Name at most `limit` items of `folder` received at or after `since`, newest first.

        So that new mail is found while the history of the folder is still being read.
        """
        ...

    def fetch(self, items: Sequence[ItemId]) -> AsyncIterator[Sequence[Fetched]]:
        """Read `items` of one folder in bulk; yields them batch by batch, each id exactly once, in order."""
        ...

    async def outlines(self, items: Sequence[ItemId]) -> Mapping[ItemId, Item]:
        """Read what tells that an email is known, and its metadata: all but headers, body and attachments.

        An item that is left out of the answer is to be fetched.
        """
        ...

    async def locate(self, items: Sequence[ItemId]) -> Mapping[ItemId, FolderId | None]:
        """Tell where each of `items` lies now; None = nowhere any more. Only for a reader that keeps ids.

        A server that keeps ids may say of an item that came back to its folder only that it left
        (exchange.md, 1.3): so a round asks where what is said to be gone, and was not seen elsewhere, is.
        An item that is left out of the answer could not be found out about now.
        """
        ...

    def attachment(self, item: ItemId, attachment: Attachment) -> AsyncGenerator[bytes, None]:
        """Read the content of an attachment in pieces. An item attachment comes as MIME.

        Raises ExchangeError with scope ITEM where it has no content or cannot be read.
        """
        ...

    async def aclose(self) -> None:
        """Let go of what the reader holds; the account stays open."""
        ...


class Account(Protocol):
    """One account at one Exchange: what the mailboxes of an integration share (connections, limits, back-off)."""

    def reader(self, mailbox: str) -> Reader:
        """Read the mailbox with the address `mailbox`. Sends nothing yet; asked again, it is the same reader."""
        ...

    def hints(self, mailboxes: Sequence[str]) -> AsyncGenerator[str, None]:
        """Tell the address of one of `mailboxes` whenever something happened in it, as long as one listens.

        Only a hint, and for good where the server has no such thing or it fails: polling finds everything as well.
        Ends at once where there are no hints; it raises nothing, and reconnects by itself.
        """
        ...

    async def password_ends(self, mailbox: str) -> datetime | None:
        """Tell when the password of the account ends, as the server of `mailbox` says; None where it does not.

        Nothing depends on it: raises nothing.
        """
        ...

    async def forget(self, mailbox: str) -> None:
        """Let go of the reader of `mailbox`, which nobody uses now, and of what it holds open."""
        ...

    async def aclose(self) -> None:
        """Let go of all connections; the readers are of no use afterwards."""
        ...
