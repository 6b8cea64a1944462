"""One simulated mailbox: its folders, its items, and what changed in them since when.

Whatever happens gets the mailbox's next change number. A folder keeps the numbers of its own changes, so that a client
that names the last number it knows is told what is new, changed, read and gone since.
"""

import bisect
import hashlib
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message as MimeMessage
from threading import RLock
from typing import NamedTuple

import msgspec

from exchange_simulator import content as contents, ids
from exchange_simulator.content import Content
from exchange_simulator.spool import Span, Spool

WELL_KNOWN: tuple[tuple[str, str, str | None, str | None, bool], ...] = (
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


class FolderError(LookupError):
    """There is no such folder in the mailbox, or it must not be changed so."""


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
    )

    def __init__(self, *, number: int, folder: "Folder", mime: Span, received_at: int) -> None:
        self.number = number
        """Changes with every move: it is what ids are made of."""
        self.folder: Folder | None = folder
        self.mime = mime
        self.content: Span | None = None
        self.ews: Span | None = None
        """Ready-made EWS elements, once they were asked for."""
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


class Gone(NamedTuple):
    """An item that left a folder."""

    number: int
    created_change: int
    is_associated: bool


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
        self.changed_at = datetime.now(UTC)
        """When its contents changed last (0x670A)."""
        self.unread = 0

    @property
    def path(self) -> str:
        """Display names below the top of the mailbox, joined by slashes."""
        names = []
        folder: Folder | None = self
        while folder is not None and folder.well_known not in ("root", "msgfolderroot"):
            names.append(folder.name)
            folder = folder.parent
        return "/".join(reversed(names))

    def subfolders(self) -> "Iterator[Folder]":
        """Walk all folders below this one, parents first."""
        for child in self.children:
            yield child
            yield from child.subfolders()

    def normal_items(self) -> list[Item]:
        """Everything but associated (hidden) items, oldest first."""
        return [item for _, _, item in self.items if not item.is_associated]


class Changes(NamedTuple):
    """A page of what happened in a folder."""

    changes: "list[tuple[str, Item | Gone]]"
    """("Create" | "Update" | "Delete" | "ReadFlagChange", what)."""
    state: "State"
    is_last: bool


class State(NamedTuple):
    """A reader's place in the changes of a folder."""

    change: int
    """All changes up to this one were given, or will be by the rest of the first load."""
    below: tuple[int, int] | None
    """In the first load, newest first: the items before this (received, number) are still to come."""


class Message:
    """A message that was put into a mailbox: by this tests refer to it later, wherever it lies by then."""

    def __init__(self, mailbox: "Mailbox", item: Item) -> None:
        self.mailbox = mailbox
        self.item = item

    def __repr__(self) -> str:
        return f"<Message {self.item.number} in {self.folder!r} of {self.mailbox.address}>"

    @property
    def folder(self) -> str | None:
        """The path of the folder where it lies; None when it is deleted."""
        return self.item.folder.path if self.item.folder else None

    @property
    def message_id(self) -> str | None:
        """Its Message-ID with angle brackets, as Exchange tells it."""
        return self.mailbox.content(self.item).message_id

    @property
    def subject(self) -> str | None:
        """Its subject."""
        return self.mailbox.content(self.item).subject

    @property
    def id(self) -> str:
        """Its EWS ItemId as of now: a move gives it a new one."""
        return self.mailbox.item_id(self.item.number)

    def move(self, to: str) -> None:
        """Move it to another folder: it is deleted here and created there under a new id."""
        self.mailbox.move(self, to)

    def copy(self, to: str) -> "Message":
        """Copy it into a folder."""
        return self.mailbox.copy(self, to)

    def delete(self) -> None:
        """Remove it for good."""
        self.mailbox.delete(self)

    def edit(self, *, subject: str | None = None, body: str | None = None) -> None:
        """Change its subject or its (plain) body; id and Message-ID stay."""
        self.mailbox.edit(self, subject=subject, body=body)

    def mark_read(self, read: bool = True) -> None:  # noqa: FBT001, FBT002
        """Mark it as read, or as unread."""
        self.mailbox.mark_read(self, read)


_DECODER = msgspec.msgpack.Decoder(Content)
_ENCODER = msgspec.msgpack.Encoder()


class Mailbox:
    """A mailbox. All its methods may be called from any thread while the server runs.

    Folders are named by their path below the mailbox's top ("Inbox/Orders") or by Exchange's distinguished name ("inbox").
    """

    def __init__(
        self, address: str, *, name: str, spool: Spool, lock: RLock, now: Callable[[], datetime]
    ) -> None:
        self.address = address
        self.name = name
        self.guid = str(uuid.uuid5(uuid.NAMESPACE_DNS, address.lower()))
        self._spool = spool
        self._lock = lock
        self._now = now
        self._change = 0
        self._last_number = 0
        self._items: dict[int, Item] = {}
        self.folders: dict[int, Folder] = {}
        self.gone_folders: list[tuple[int, int, int]] = []
        """(change number, folder number, change of its creation)."""
        self._well_known: dict[str, Folder] = {}
        for well_known, parent, label, folder_class, is_hidden in WELL_KNOWN:
            self._add_folder(
                label or "",
                self._well_known[parent] if parent else None,
                folder_class,
                well_known or None,
                is_hidden=is_hidden,
            )

    # -- what tests and people do

    def deliver(
        self,
        mime: bytes,
        folder: str = "Inbox",
        *,
        at: datetime | None = None,
        is_read: bool = False,
        is_draft: bool = False,
        item_class: str | None = None,
        is_associated: bool = False,
    ) -> Message:
        """Put raw mail into a folder, which is made where missing. `at` is when it was received (default: now)."""
        with self._lock:
            received = int((at or self._now()).timestamp())
            target = self.make_folder(folder)
            span = self._spool.put(mime)
            item = Item(number=self._number(), folder=target, mime=span, received_at=received)
            item.item_class = item_class
            item.is_read, item.is_draft, item.is_associated = is_read, is_draft, is_associated
            item.search_key = hashlib.md5(
                f"{self.guid}{item.number}".encode(), usedforsecurity=False
            ).digest()
            self._put(item, target)
            return Message(self, item)

    def move(self, message: Message, to: str) -> None:
        """Move a message: gone from its folder, new in the other under a new id."""
        with self._lock:
            target = self.make_folder(to)
            self._take(message.item)
            message.item.number = self._number()
            self._put(message.item, target)

    def copy(self, message: Message, to: str) -> Message:
        """Copy a message; the copy shares the search key, as Exchange's do."""
        with self._lock:
            source = message.item
            target = self.make_folder(to)
            item = Item(
                number=self._number(),
                folder=target,
                mime=source.mime,
                received_at=source.received_at,
            )
            for name in [
                "content",
                "ews",
                "is_read",
                "is_draft",
                "is_associated",
                "item_class",
                "categories",
                "search_key",
            ]:
                setattr(item, name, getattr(source, name))
            self._put(item, target)
            return Message(self, item)

    def delete(self, message: Message, *, to: str | None = None) -> None:
        """Remove a message for good; with `to="Deleted Items"` as people do it first."""
        with self._lock:
            if to is not None:
                self.move(message, to)
                return
            self._take(message.item)
            message.item.folder = None

    def edit(
        self, message: Message, *, subject: str | None = None, body: str | None = None
    ) -> None:
        """Change subject or body of a message in its place."""
        with self._lock:
            item = message.item
            mail = message_from_bytes(self.mime(item))
            if subject is not None:
                del mail["Subject"]
                mail["Subject"] = subject
            if body is not None:
                _replace_body(mail, body)
            item.mime = self._spool.put(mail.as_bytes())
            item.content = item.ews = None
            self._note(item, is_content=True)

    def categorize(self, message: Message, *categories: str) -> None:
        """Set the categories of a message."""
        with self._lock:
            message.item.categories = categories
            self._note(message.item, is_content=True)

    def mark_read(self, message: Message, read: bool = True) -> None:  # noqa: FBT001, FBT002
        """Mark a message as read or unread."""
        with self._lock:
            item = message.item
            if item.is_read == read or item.folder is None:
                return
            item.is_read = read
            item.folder.unread += -1 if read else 1
            self._note(item, is_content=False)

    def make_folder(
        self, path: str, *, folder_class: str = "IPF.Note", is_hidden: bool = False
    ) -> Folder:
        """Make a folder and those above it where missing; an existing one is left as it is."""
        with self._lock:
            folder = self._well_known.get(path)
            if folder is not None:
                return folder
            folder = self._well_known["msgfolderroot"]
            for name in path.split("/"):
                child = next((c for c in folder.children if c.name == name), None)
                if child is None:
                    child = self._add_folder(name, folder, folder_class, None, is_hidden=is_hidden)
                folder = child
            return folder

    def folder(self, path: str) -> Folder:
        """Find a folder by its path or distinguished name; FolderError where there is none."""
        with self._lock:
            known = self._well_known.get(path)
            if known is not None:
                return known
            found: Folder | None = self._well_known["msgfolderroot"]
            for name in path.split("/"):
                found = next((c for c in found.children if c.name == name), None) if found else None
            if found is None:
                raise FolderError(f"{self.address} has no folder {path!r}")
            return found

    def rename_folder(self, path: str, name: str) -> None:
        """Give a folder another display name; its id stays."""
        with self._lock:
            folder = self.folder(path)
            folder.name = name
            folder.change = self._next_change()

    def move_folder(self, path: str, under: str) -> None:
        """Put a folder below another; its id stays."""
        with self._lock:
            folder, parent = self.folder(path), self.folder(under)
            if folder.parent is None or folder is parent or parent in folder.subfolders():
                raise FolderError(f"{path!r} cannot be put under {under!r}")
            folder.parent.children.remove(folder)
            parent.children.append(folder)
            folder.parent = parent
            folder.change = self._next_change()

    def delete_folder(self, path: str) -> None:
        """Remove a folder with all that is in it."""
        with self._lock:
            folder = self.folder(path)
            if folder.well_known or folder.parent is None:
                raise FolderError(f"{path!r} is a folder that Exchange does not let go")
            for child in list(folder.children):
                self.delete_folder(child.path)
            for _, _, item in folder.items:
                self._items.pop(item.number, None)
                item.folder = None
            folder.parent.children.remove(folder)
            del self.folders[folder.number]
            self.gone_folders.append((self._next_change(), folder.number, folder.created_change))

    def messages(self, folder: str | None = None) -> list[Message]:
        """List the messages of a folder or of all, oldest first."""
        with self._lock:
            folders = [self.folder(folder)] if folder else list(self.folders.values())
            return [Message(self, item) for f in folders for item in f.normal_items()]

    # -- what the protocols ask

    @property
    def change(self) -> int:
        """The number of the last change of anything in this mailbox."""
        return self._change

    def well_known(self, name: str) -> Folder | None:
        """Find a folder by its distinguished name."""
        return self._well_known.get(name)

    def item(self, number: int) -> Item | None:
        """Find an item that is still there under this number."""
        return self._items.get(number)

    def item_id(self, number: int) -> str:
        """Name an item as Exchange does."""
        return ids.item_id(self.guid, number)

    def mime(self, item: Item) -> bytes:
        """Read the raw mail of an item."""
        return self._spool.get(item.mime)

    def data(self, span: Span) -> bytes:
        """Read what an attachment holds."""
        return self._spool.get(span)

    def keep(self, data: bytes) -> Span:
        """Keep something ready-made for the next time it is asked for."""
        return self._spool.put(data)

    def parse(self, mime: bytes) -> Content:
        """Take apart a message that lies within another."""
        return contents.parse(mime, self._spool)

    def content(self, item: Item) -> Content:
        """Tell what an item says; taken apart at the first asking."""
        if item.content is None:
            content = contents.parse(self.mime(item), self._spool)
            if item.item_class is None:
                item.item_class = content.item_class
            item.content = self._spool.put(_ENCODER.encode(content))
            return content
        return _DECODER.decode(self._spool.get(item.content))

    def changes(
        self, folder: Folder, since: State | None, *, limit: int, with_associated: bool = False
    ) -> Changes:
        """Tell at most `limit` changes after `since`: first all items, newest first, then what happened meanwhile."""
        if since is None:
            since = State(self._change, (1 << 62, 0))
        if since.below is not None:
            return self._first_load(folder, since, limit, with_associated=with_associated)
        found: list[tuple[str, Item | Gone]] = []
        last = since.change
        start = bisect.bisect_right(folder.log, since.change, key=lambda entry: entry[0])
        for change, what in folder.log[start:]:
            kind = _kind(folder, change, what, since.change)
            if kind is None or (what.is_associated and not with_associated):
                continue
            if len(found) == limit:
                return Changes(found, State(last, None), is_last=False)
            found.append((kind, what))
            last = change
        return Changes(
            found, State(max(self._folder_change(folder), since.change), None), is_last=True
        )

    def _first_load(
        self, folder: Folder, since: State, limit: int, *, with_associated: bool
    ) -> Changes:
        found: list[tuple[str, Item | Gone]] = []
        position = bisect.bisect_left(folder.items, since.below or (0, 0), key=lambda i: i[:2])
        while position > 0:
            received, number, item = folder.items[position - 1]
            if len(found) == limit:
                return Changes(
                    found, State(since.change, folder.items[position][:2]), is_last=False
                )
            position -= 1
            if item.created_change <= since.change and (with_associated or not item.is_associated):
                found.append(("Create", item))
            del received, number
        done = self.changes(folder, State(since.change, None), limit=0)
        return Changes(found, State(since.change, None), is_last=done.is_last)

    # -- how it is kept

    def _folder_change(self, folder: Folder) -> int:
        return folder.log[-1][0] if folder.log else 0

    def _number(self) -> int:
        self._last_number += 1
        return self._last_number

    def _next_change(self) -> int:
        self._change += 1
        return self._change

    def _add_folder(
        self,
        name: str,
        parent: Folder | None,
        folder_class: str | None,
        well_known: str | None,
        *,
        is_hidden: bool,
    ) -> Folder:
        folder = Folder(
            number=self._number(),
            name=name,
            parent=parent,
            folder_class=folder_class,
            well_known=well_known,
            is_hidden=is_hidden,
        )
        folder.created_change = folder.change = self._next_change()
        self.folders[folder.number] = folder
        if parent is not None:
            parent.children.append(folder)
        if well_known is not None:
            self._well_known[well_known] = folder
        return folder

    def _put(self, item: Item, folder: Folder) -> None:
        item.folder = folder
        self._items[item.number] = item
        bisect.insort(folder.items, (item.received_at, item.number, item), key=lambda i: i[:2])
        change = self._next_change()
        item.created_change = item.modified_change = item.change = change
        item.modified_at = int(self._now().timestamp())
        folder.log.append((change, item))
        folder.changed_at = self._now()
        folder.unread += not item.is_read

    def _take(self, item: Item) -> None:
        folder = item.folder
        if folder is None:
            raise FolderError(f"the message was deleted from {self.address} before")
        position = bisect.bisect_left(
            folder.items, (item.received_at, item.number), key=lambda i: i[:2]
        )
        del folder.items[position]
        del self._items[item.number]
        change = self._next_change()
        folder.log.append((change, Gone(item.number, item.created_change, item.is_associated)))
        folder.changed_at = self._now()
        folder.unread -= not item.is_read
        item.change = change

    def _note(self, item: Item, *, is_content: bool) -> None:
        if item.folder is None:
            raise FolderError(f"the message was deleted from {self.address} before")
        item.change = self._next_change()
        if is_content:
            item.modified_change = item.change
        item.modified_at = int(self._now().timestamp())
        item.folder.log.append((item.change, item))
        item.folder.changed_at = self._now()


def _kind(folder: Folder, change: int, what: Item | Gone, since: int) -> str | None:
    """Tell what a change is to one who knows all up to `since`; None where a later one tells it."""
    if isinstance(what, Gone):
        return "Delete" if what.created_change <= since else None
    if what.folder is not folder or what.change != change:
        return None
    if what.created_change > since:
        return "Create"
    return "Update" if what.modified_change > since else "ReadFlagChange"


def _replace_body(mail: MimeMessage, body: str) -> None:
    for part in mail.walk():
        if part.get_content_type() in ("text/plain", "text/html") and not part.get_filename():
            kind = part.get_content_subtype()
            del part["Content-Transfer-Encoding"]
            part.set_payload(
                body if kind == "plain" else f"<html><body>{body}</body></html>", "utf-8"
            )
