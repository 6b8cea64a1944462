"""One simulated mailbox: its folders, its items, and what changed in them since when.

Whatever happens gets the mailbox's next change number. A folder keeps the numbers of its own changes, so that a client
that names the last number it knows is told what is new, changed, read and gone since.
"""

import bisect
import hashlib
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from email import message_from_bytes
from email.message import Message as MimeMessage
from threading import RLock

import msgspec

from exchange_simulator import changes, content as contents, ids
from exchange_simulator.changes import Changes, State
from exchange_simulator.content import Content
from exchange_simulator.folder import (
    ARCHIVE,
    CLASSES,
    SEARCHES,
    TOPS,
    WELL_KNOWN,
    Folder,
    Gone,
    Item,
    Tree,
)
from exchange_simulator.notifications import Event
from exchange_simulator.spool import Span, Spool
from exchange_simulator.versions import Version


class FolderError(LookupError):
    """There is no such folder in the mailbox, or it must not be changed so."""


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

    def mark_read(self, *, read: bool = True) -> None:
        """Mark it as read, or as unread."""
        self.mailbox.mark_read(self, read=read)


_DECODER = msgspec.msgpack.Decoder(Content)
_ENCODER = msgspec.msgpack.Encoder()


class Mailbox:
    """A mailbox. All its methods may be called from any thread while the server runs.

    Folders are named by their path below the mailbox's top ("Inbox/Orders") or by Exchange's distinguished name ("inbox").
    """

    def __init__(
        self,
        address: str,
        *,
        name: str,
        spool: Spool,
        lock: RLock,
        now: Callable[[], datetime],
        tree: Tree = WELL_KNOWN,
        kind: str = "user",
    ) -> None:
        self.address = address
        self.name = name
        self.kind = kind
        """"user", "shared", "group", "on-premises", "archive" or "public" (the public folders of all).

        Graph serves no mailbox of the last four. EWS does not synchronise "group" and "public"."""
        self.archive: Mailbox | None = None
        self.version: Version | None = None
        """That of the older server where it lies, behind the one that is asked; None: the same."""
        self.is_over_quota = False
        """Graph gives no delta of a full mailbox (ErrorQuotaExceeded)."""
        self.given: Counter[str] = Counter()
        """How often a `body` of a message, or a `content` of an attachment, was handed out."""
        named = address.lower() if kind == "user" else f"{kind} {address.lower()}"
        self.guid = str(uuid.uuid5(uuid.NAMESPACE_DNS, named))
        self._spool = spool
        self._lock = lock
        self._now = now
        self._change = 0
        self._last_number = 0
        self._items: dict[int, Item] = {}
        self._by_serial: dict[int, Item] = {}
        self.folders: dict[int, Folder] = {}
        self.gone_folders: list[tuple[int, int, int]] = []
        """(change number, folder number, change of its creation)."""
        self.watchers: list[Callable[[Mailbox, Event], None]] = []
        """Called with whatever happens."""
        self._well_known: dict[str, Folder] = {}
        self._grants: dict[str, set[Folder | None]] = {}
        for well_known, parent, label, folder_class, is_hidden in tree:
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
            self._tell("Created", item)
            if not is_draft and not is_associated:
                self._tell("NewMail", item)
            self._tell_counts(target)
            return Message(self, item)

    def move(self, message: Message, to: str) -> None:
        """Move a message: gone from its folder, new in the other under a new id."""
        with self._lock:
            target = self.make_folder(to)
            before, left = message.item.number, message.item.folder
            self._take(message.item)
            message.item.number = self._number()
            self._put(message.item, target)
            self._tell("Moved", message.item, before, left)
            self._tell_counts(target, left)

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
                "graph",
                "is_read",
                "is_draft",
                "is_associated",
                "item_class",
                "categories",
                "search_key",
            ]:
                setattr(item, name, getattr(source, name))
            self._put(item, target)
            self._tell("Copied", item, source.number, source.folder)
            self._tell_counts(target)
            return Message(self, item)

    def delete(self, message: Message, *, to: str | None = None) -> None:
        """Remove a message for good; with `to="Deleted Items"` as people do it first."""
        with self._lock:
            if to is not None:
                self.move(message, to)
                return
            left = message.item.folder
            self._take(message.item)
            self._tell("Deleted", message.item)
            self._tell_counts(left)
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
            item.content = item.ews = item.graph = None
            self._note(item, is_content=True)

    def categorize(self, message: Message, *categories: str) -> None:
        """Set the categories of a message."""
        with self._lock:
            message.item.categories = categories
            self._note(message.item, is_content=True)

    def mark_read(self, message: Message, *, read: bool = True) -> None:
        """Mark a message as read or unread."""
        with self._lock:
            item = message.item
            if item.is_read == read or item.folder is None:
                return
            item.is_read = read
            item.folder.unread += -1 if read else 1
            self._note(item, is_content=False)
            self._tell_counts(item.folder)

    def make_folder(
        self,
        path: str,
        *,
        kind: str = "mail",
        folder_class: str | None = None,
        is_hidden: bool = False,
        finds: str = "all",
    ) -> Folder:
        """Make a folder and those above it where missing; an existing one is left as it is.

        `kind` is one of `folder.CLASSES`, or `folder_class` says it as Exchange does. A search folder belongs below
        "searchfolders" and `finds` "all" or "unread" mail of all folders. "root/Sync Issues" lies outside of
        what people see. FolderError for a kind that there is not.
        """
        if kind not in CLASSES or finds not in SEARCHES:
            raise FolderError(f"there is no folder of the kind {kind!r} that finds {finds!r}")
        with self._lock:
            folder, names = self._start(path)
            for name in names:
                child = next((c for c in folder.children if c.name == name), None)
                if child is None:
                    child = self._add_folder(
                        name, folder, folder_class or CLASSES[kind], None, is_hidden=is_hidden
                    )
                    child.finds = finds if kind == "search" else None
                    self._tell_folder("Created", child)
                folder = child
            return folder

    def folder(self, path: str) -> Folder:
        """Find a folder by its path or distinguished name; FolderError where there is none."""
        with self._lock:
            found, names = self._start(path)
            for name in names:
                child = next((c for c in found.children if c.name == name), None)
                if child is None:
                    raise FolderError(f"{self.address} has no folder {path!r}")
                found = child
            return found

    def _start(self, path: str) -> tuple[Folder, list[str]]:
        """Tell where a path begins, at a folder with a distinguished name or at the top, and the names after it."""
        first, *rest = path.split("/")
        known = self._well_known.get(first)
        return (known, rest) if known else (self.top, [first, *rest])

    @property
    def top(self) -> Folder:
        """The folder below which people keep theirs."""
        return next(self._well_known[name] for name in TOPS if name in self._well_known)

    def enable_archive(self) -> "Mailbox":
        """Give this mailbox an archive (In-Place Archiving, 2010 SP1 and later), which is a mailbox of its own."""
        with self._lock:
            if self.archive is None:
                self.archive = Mailbox(
                    self.address,
                    name=f"In-Place Archive - {self.name}",
                    spool=self._spool,
                    lock=self._lock,
                    now=self._now,
                    tree=ARCHIVE,
                    kind="archive",
                )
                self.archive.watchers = self.watchers
                self.archive._grants = self._grants  # noqa: SLF001 - who may read the one may read the other
            return self.archive

    def rename_folder(self, path: str, name: str) -> None:
        """Give a folder another display name; its id stays."""
        with self._lock:
            folder = self.folder(path)
            folder.name = name
            folder.change = self._next_change()
            self._tell_folder("Modified", folder)

    def move_folder(self, path: str, under: str) -> None:
        """Put a folder below another; its id stays."""
        with self._lock:
            folder, parent = self.folder(path), self.folder(under)
            if folder.parent is None or folder is parent or parent in folder.subfolders():
                raise FolderError(f"{path!r} cannot be put under {under!r}")
            left = folder.parent
            left.children.remove(folder)
            parent.children.append(folder)
            folder.parent = parent
            folder.change = self._next_change()
            self._tell_folder("Moved", folder, left)

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
                self._by_serial.pop(item.serial, None)
                item.folder = None
            folder.parent.children.remove(folder)
            del self.folders[folder.number]
            self.gone_folders.append((self._next_change(), folder.number, folder.created_change))
            self._tell_folder("Deleted", folder)

    def messages(self, folder: str | None = None) -> list[Message]:
        """List the messages of a folder or of all, oldest first."""
        with self._lock:
            folders = [self.folder(folder)] if folder else list(self.folders.values())
            return [Message(self, item) for f in folders for item in f.normal_items()]

    def grant(self, account: str, *, folder: str | None = None, subfolders: bool = False) -> None:
        """Let an account read all (`folder` None), or one folder with its subfolders or without."""
        with self._lock:
            granted = self._grants.setdefault(account.lower(), set())
            if folder is None:
                granted.add(None)
                return
            root = self.folder(folder)
            granted.add(root)
            if subfolders:
                granted.update(root.subfolders())

    def revoke(self, account: str) -> None:
        """Take all rights from an account."""
        with self._lock:
            self._grants.pop(account.lower(), None)

    # -- what the protocols ask

    def may_read(self, who: str, folder: Folder | None = None) -> bool:
        """Tell whether an account may read a folder (None: everything)."""
        granted = self._grants.get(who.lower(), ())
        if self.kind == "public":
            return True
        return who.lower() == self.address.lower() or None in granted or folder in granted

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

    def item_by_serial(self, serial: int) -> Item | None:
        """Find an item that is still there, wherever it was moved."""
        return self._by_serial.get(serial)

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
        self,
        folder: Folder,
        since: State | None,
        *,
        limit: int,
        with_associated: bool = False,
        oldest_first: bool = False,
    ) -> Changes:
        """Tell at most `limit` changes of a folder after `since` (None: from the beginning)."""
        with self._lock:
            first = changes.OLDEST if oldest_first else changes.NEWEST
            return changes.after(
                folder,
                since or State(self._change, first),
                limit=limit,
                with_associated=with_associated,
                oldest_first=oldest_first,
            )

    # -- how it is kept

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
            created_at=self._now(),
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
        self._items[item.number] = self._by_serial[item.serial] = item
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
        del self._items[item.number], self._by_serial[item.serial]
        change = self._next_change()
        folder.log.append(
            (change, Gone(item.number, item.created_change, item.is_associated, item.serial))
        )
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
        self._tell("Modified", item)

    def _tell(
        self, kind: str, item: Item, before: int | None = None, left: Folder | None = None
    ) -> None:
        """Tell watchers of an item; `before` and `left` are its number and folder before a move or copy."""
        if item.folder is not None:
            event = Event(
                kind,
                self._now(),
                item.change,
                item.folder,
                item.number,
                old_item=before,
                old_parent=left,
            )
            for watcher in self.watchers:
                watcher(self, event)

    def _tell_folder(
        self, kind: str, folder: Folder, left: Folder | None = None, *, unread: int | None = None
    ) -> None:
        parent = folder.parent or folder
        event = Event(
            kind,
            self._now(),
            folder.change,
            parent,
            None,
            folder=folder,
            old_parent=left,
            unread=unread,
        )
        for watcher in self.watchers:
            watcher(self, event)

    def _tell_counts(self, *folders: Folder | None) -> None:
        """Tell that folders hold more or less than before, or have more or less of it read."""
        for folder in folders:
            if folder is not None:
                self._tell_folder("Modified", folder, unread=folder.unread)


def _replace_body(mail: MimeMessage, body: str) -> None:
    for part in mail.walk():
        if part.get_content_type() in ("text/plain", "text/html") and not part.get_filename():
            kind = part.get_content_subtype()
            del part["Content-Transfer-Encoding"]
            part.set_payload(
                body if kind == "plain" else f"<html><body>{body}</body></html>", "utf-8"
            )
