"""Reads one mailbox by Exchange Web Services: folders, changes, items, attachments."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from mailmine.exchange.ews import codes
from mailmine.exchange.ews.attachments import read_attachment
from mailmine.exchange.ews.client import Answer, Client
from mailmine.exchange.ews.fetch import Fetcher
from mailmine.exchange.ews.folders import read_folder
from mailmine.exchange.ews.operations import (
    MOST_CHANGES,
    MOST_FOUND,
    PUBLIC_ROOT,
    ROOT,
    SEARCHES,
    Operation,
    distinguished,
    find_folders,
    find_items,
    find_received_since,
    folder_ids,
    get_folders,
    get_password_end,
    sync_items,
)
from mailmine.exchange.ews.xml import Element, M, T, flag
from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope
from mailmine.exchange.folders import WELL_KNOWN, ListedFolder, make_tree
from mailmine.exchange.items import read_time
from mailmine.exchange.reader import (
    SEARCH_FOLDERS,
    Change,
    ChangeKind,
    ChangePage,
    CursorLost,
    Fetched,
    Folder,
    FolderTree,
    Item,
)
from mailmine.exchange.session import Line
from mailmine.model.email import Attachment
from mailmine.model.ids import Cursor, FolderId, ItemId

LISTED: Final = "find:"
"""How a place begins in a folder that is listed; no sync state does (base64)."""
SINCE: Final = "since:"
"""How a place begins in what arrived since some time, which is read before the folder's changes are."""
_KINDS = {
    f"{T}Create": ChangeKind.PRESENT,
    f"{T}Update": ChangeKind.PRESENT,
    f"{T}ReadFlagChange": ChangeKind.PRESENT,
    f"{T}Delete": ChangeKind.GONE,
}


class EwsReader:
    """Reads one mailbox (the Reader protocol says what each method promises)."""

    def __init__(self, line: Line, *, root: str = ROOT) -> None:
        """Send nothing. `root` is where its folders begin: of the mailbox, of its archive, or of public folders."""
        self._line = line
        self._root = root
        self._client = Client(line)
        self._fetcher = Fetcher(self._client, line.session.limits)
        self._well_known: dict[FolderId, str] = {}
        self._looks: bytes | None = None
        self._tree: FolderTree | None = None
        """What was made of the answer that looked so: a worker has thousands of mailboxes, and keeps no answers."""

    keeps_ids = False
    """A move is a delete and a create under another id."""

    @property
    def version(self) -> str | None:
        """The schema version that the server took, where it is older than the one that is claimed first."""
        return self._client.version

    def assume(self, version: str | None) -> None:
        """Claim this version from now on; the newest of ours where it is none of ours."""
        self._client.assume(version)

    @property
    def known_folders(self) -> tuple[FolderId, ...]:
        """The folders of the last tree that was read."""
        return tuple(folder.id for folder in self._tree.folders) if self._tree else ()

    async def folders(self) -> FolderTree:
        """Read the mail folders below the mailbox's root; those that the account may see where that is barred."""
        try:
            tree = await self._read_tree(distinguished(self._root, self._line.mailbox))
        except ExchangeError as error:
            if error.fault.code not in codes.MAY_NOT_SEE or self._root != ROOT:
                raise
            return await self._visible_folders(error.fault)
        # There is an inbox at least: it is us who see nothing.
        if not tree.folders and self._root == ROOT:
            return await self._visible_folders(None)
        return tree

    async def _read_tree(self, parents: str) -> FolderTree:
        """Read all folders below `parents`: the same tree as before where the answer looks as it did."""
        if self._root == PUBLIC_ROOT:
            looks, listed = None, await self._find_public_folders(parents)
        else:
            looks, answers = await self._client.call_again(find_folders(parents), self._looks)
            if answers is None and self._tree is not None:
                return self._tree
            listed, is_all = await self._list_on(parents, answers or [])
            looks = looks if is_all else None
        if listed and not self._well_known and self._root == ROOT:
            self._remember_well_known(await self._get_well_known())
        self._tree = FolderTree(folders=make_tree(listed, self._well_known), is_complete=True)
        self._looks = looks
        return self._tree

    async def _list_on(
        self, parents: str, answers: Sequence[Answer]
    ) -> tuple[list[ListedFolder], bool]:
        """List the folders below `parents`, page by page from the first answers on; whether these tell of all."""
        listed: dict[FolderId, ListedFolder] = {}
        offset = 0
        while True:
            faults = [answer.fault for answer in answers if answer.fault is not None]
            if faults and len(faults) == len(answers):
                raise ExchangeError(faults[0])
            page = {
                folder.id: folder
                for answer in answers
                for element in answer.element.iterfind(f"{M}RootFolder/{T}Folders/*")
                if (folder := read_folder(element)) is not None
            }
            is_stuck = page.keys() <= listed.keys()
            listed |= page
            following = _next_offset(answers, offset, len(page))
            if following is None or is_stuck:
                break
            offset = following
            answers = await self._client.call(find_folders(parents, offset=offset))
        return list(listed.values()), not offset

    async def _find_public_folders(self, parents: str) -> list[ListedFolder]:
        """List public folders level by level: of these no server lists all at once."""
        listed: dict[FolderId, ListedFolder] = {}
        waiting = [parents]
        while waiting:
            answers = await self._client.call(find_folders(waiting.pop(), is_deep=False))
            for answer in answers:
                if answer.fault is not None and not listed:
                    raise ExchangeError(answer.fault)
            found = [
                folder
                for answer in answers
                for element in answer.element.iterfind(f"{M}RootFolder/{T}Folders/*")
                if (folder := read_folder(element)) is not None and folder.id not in listed
            ]
            listed |= {folder.id: folder for folder in found}
            waiting += [folder_ids((folder.id,)) for folder in found]
        return list(listed.values())

    async def _get_well_known(self) -> list[ListedFolder | None]:
        """Read the well-known folders, in order; None for one that cannot be read."""
        wanted = "".join(distinguished(name, self._line.mailbox) for name in WELL_KNOWN)
        answers = await self._client.call(get_folders(wanted))
        found: list[ListedFolder | None] = []
        for answer in answers:
            if answer.fault is not None and answer.fault.code in codes.REACHES_BEYOND_FOLDER:
                raise ExchangeError(answer.fault)
            element = answer.element.find(f"{M}Folders/*") if answer.fault is None else None
            found.append(read_folder(element) if element is not None else None)
        return found

    def _remember_well_known(self, found: Sequence[ListedFolder | None]) -> None:
        self._well_known = {
            folder.id: name
            for name, folder in zip(WELL_KNOWN, found, strict=False)
            if folder is not None
        }

    async def _visible_folders(self, denied: Fault | None) -> FolderTree:
        """Read what a delegate may see who may not see the root (exchange.md, measured traps, 4)."""
        found: list[ListedFolder | None] = []
        try:
            found = await self._get_well_known()
        except ExchangeError as error:
            if error.fault.code not in codes.MAY_NOT_SEE:
                raise
        tops = [folder for folder in found if folder is not None]
        if not tops:  # Exchange has several words for it, some of them those of a missing item
            fault = self._client.fault("ErrorAccessDenied")
            raise ExchangeError(replace(fault, request_id=denied.request_id if denied else None))
        self._remember_well_known(found)
        below: list[ListedFolder] = []
        parents = folder_ids(folder.id for folder in tops)
        try:
            below, _ = await self._list_on(parents, await self._client.call(find_folders(parents)))
        except ExchangeError as error:
            if error.fault.code not in codes.MAY_NOT_SEE:
                raise
        return FolderTree(folders=make_tree([*tops, *below], self._well_known), is_complete=False)

    async def search_folders(self) -> tuple[Folder, ...]:
        """Read the search folders, which are kept outside of the root of the others."""
        asked = find_folders(distinguished(SEARCHES, self._line.mailbox), is_deep=False)
        try:
            answers = await self._client.call(asked)
        except ExchangeError as error:
            if error.fault.code not in codes.MAY_NOT_SEE:
                raise
            return ()
        return tuple(
            Folder(
                id=folder.id,
                path=(SEARCH_FOLDERS, folder.name),
                total=folder.total,
                # Without a hint it would be listed anew with every poll.
                last_change=folder.last_change or str(folder.total),
            )
            for answer in answers
            for element in answer.element.iterfind(f"{M}RootFolder/{T}Folders/*")
            if (folder := read_folder(element, is_search=True)) is not None and folder.is_mail
        )

    async def changes(
        self,
        folder: FolderId,
        cursor: Cursor | None,
        *,
        limit: int,
        since: datetime | None = None,
        outlined: bool = False,
    ) -> ChangePage | CursorLost | Fault:
        """Read a page of changes; fewer where the server has not the time for as many."""
        del outlined  # ids alone come with the changes
        limit = max(1, min(limit, MOST_CHANGES))
        if cursor is not None and cursor.startswith(LISTED):
            return await self._list(folder, cursor.removeprefix(LISTED), limit)
        if cursor is None and since is not None:
            cursor = Cursor(f"{SINCE}0")
        if cursor is not None and cursor.startswith(SINCE):
            offset = cursor.removeprefix(SINCE)
            if since is not None and offset.isdecimal():
                return await self._list_since(folder, since, int(offset), limit)
            cursor = None
        while True:
            answer = await self._one(
                sync_items(folder, cursor, limit=limit, with_received=since is not None)
            )
            if isinstance(answer, Answer):
                return self._change_page(answer.element, cursor)
            if answer.code in codes.LOST_CURSOR and cursor is not None:
                return CursorLost(fault=answer)
            if answer.code in codes.NOT_SYNCABLE and cursor is None:
                return await self._list(folder, "0", limit)
            if answer.code not in codes.TOO_MUCH or limit == 1:
                return self._of_the_folder(answer)
            limit //= 2

    async def _list(
        self, folder: FolderId, offset: str, limit: int
    ) -> ChangePage | CursorLost | Fault:
        """List a folder of which Exchange tells no changes; at its end, it is to be listed anew and compared."""
        if not offset.isdecimal():
            message = f"A folder of {self._line.mailbox} is listed again and compared."
            error = self._client.error(Code.LISTED_ANEW, message, scope=Scope.FOLDER)
            return CursorLost(fault=error.fault)
        answer = await self._one(find_items(folder, limit=limit, offset=int(offset)))
        if not isinstance(answer, Answer):
            return self._of_the_folder(answer)
        if answer.element.find(f"{M}RootFolder") is None:  # what is not listed counts as gone
            raise self._client.not_understood()
        changes = tuple(
            Change(
                kind=ChangeKind.PRESENT,
                item_id=ItemId(id_.get("Id", "")),
                received_at=read_time(element.findtext(f"{T}DateTimeReceived")),
                lies_in=_lies_in(element, folder),
            )
            for element in answer.element.iterfind(f"{M}RootFolder/{T}Items/*")
            if (id_ := element.find(f"{T}ItemId")) is not None and id_.get("Id")
        )
        following = _next_offset((answer,), int(offset), len(changes)) if changes else None
        place = "end" if following is None else str(following)
        return ChangePage(
            changes=changes, cursor=Cursor(f"{LISTED}{place}"), is_last=following is None
        )

    async def _list_since(
        self, folder: FolderId, since: datetime, offset: int, limit: int
    ) -> ChangePage:
        """List what is wanted alone.

        What arrives meanwhile is found among the changes afterwards, as is everything where a folder cannot be searched.
        """
        answer = await self._one(
            find_received_since(folder, since.astimezone(UTC), limit=limit, offset=offset)
        )
        ids: list[ItemId] = []
        following = None
        if isinstance(answer, Answer):
            ids = _found(answer)
            following = _next_offset((answer,), offset, len(ids)) if ids else None
        changes = tuple(Change(kind=ChangeKind.PRESENT, item_id=id_) for id_ in ids)
        place = "end" if following is None else str(following)
        return ChangePage(changes=changes, cursor=Cursor(f"{SINCE}{place}"), is_last=False)

    def _change_page(self, message: Element, before: Cursor | None) -> ChangePage:
        after = message.findtext(f"{M}SyncState")
        if not after:
            raise self._client.not_understood()
        listed = message.find(f"{M}Changes")
        changes = tuple(_read_changes(listed)) if listed is not None else ()
        is_last = flag(message.findtext(f"{M}IncludesLastItemInRange"))
        if is_last is None:  # it may be left out: then the end is where there is nothing more
            is_last = not changes
        is_stuck = not changes and after == before
        return ChangePage(changes=changes, cursor=Cursor(after), is_last=is_last or is_stuck)

    async def newest(
        self, folder: FolderId, *, since: datetime, limit: int
    ) -> tuple[ItemId, ...] | Fault:
        """Name the newest items, by a search that the server sorts."""
        found: dict[ItemId, None] = {}
        offset = 0
        while len(found) < limit:
            answer = await self._one(
                find_received_since(
                    folder,
                    since.astimezone(UTC),
                    limit=min(limit - len(found), MOST_FOUND),
                    offset=offset,
                )
            )
            if not isinstance(answer, Answer):
                return self._of_the_folder(answer)
            page = _found(answer)
            is_stuck = found.keys() >= set(page)
            found |= dict.fromkeys(page)
            following = _next_offset((answer,), offset, len(page))
            if following is None or is_stuck:
                break
            offset = following
        return tuple(found)[:limit]

    async def _one(self, operation: Operation) -> Answer | Fault:
        """Call `operation` on one folder. A fault beyond the folder is raised."""
        try:
            answers = await self._client.call(operation)
        except ExchangeError as error:
            if error.fault.scope is Scope.FOLDER or error.fault.code in codes.TOO_MUCH:
                return error.fault
            raise
        if len(answers) != 1:
            raise self._client.not_understood()
        fault = answers[0].fault
        if fault is None:
            return answers[0]
        if fault.code in codes.REACHES_BEYOND_FOLDER:
            raise ExchangeError(fault)
        return fault

    def _of_the_folder(self, fault: Fault) -> Fault:
        return replace(fault, scope=Scope.FOLDER)

    def fetch(self, items: Sequence[ItemId]) -> AsyncGenerator[Sequence[Fetched], None]:
        """Read items batch by batch; the next batch is on its way while the caller works on this one."""
        return self._fetcher.fetch(items)

    async def outlines(self, items: Sequence[ItemId]) -> Mapping[ItemId, Item]:
        """Read items without what is large."""
        return await self._fetcher.outlines(items)

    async def locate(self, items: Sequence[ItemId]) -> Mapping[ItemId, FolderId | None]:
        """Nowhere: an id ends with a move."""
        return dict.fromkeys(items)

    async def password_ends(self) -> datetime | None:
        """Ask when the password of the account ends. Raises ExchangeError."""
        # By a client of its own: what this operation makes of the version is not to be remembered for the others.
        client = Client(self._line, mailbox=self._client.mailbox)
        (answer, *_) = await client.call(get_password_end())
        if answer.fault is not None:
            raise ExchangeError(answer.fault)
        return read_time(answer.element.findtext(f"{M}PasswordExpirationDate"))

    def attachment(self, item: ItemId, attachment: Attachment) -> AsyncGenerator[bytes, None]:
        """Read an attachment as it arrives; its base64 is never held whole."""
        del item  # an attachment's id says of which item it is
        return read_attachment(self._client, attachment)

    async def aclose(self) -> None:
        """Let go of the connection, where this mailbox has one of its own."""
        await self._line.aclose()


def _lies_in(element: Element, asked: FolderId) -> FolderId | None:
    """Tell where an item lies that was found elsewhere than in the folder that was asked."""
    parent = element.find(f"{T}ParentFolderId")
    id_ = FolderId(parent.get("Id", "")) if parent is not None else None
    return id_ if id_ and id_ != asked else None


def _found(answer: Answer) -> list[ItemId]:
    """Read the ids that a search found."""
    found = answer.element.iterfind(f"{M}RootFolder/{T}Items/*/{T}ItemId")
    return [ItemId(element.get("Id", "")) for element in found]


def _read_changes(listed: Element) -> Iterator[Change]:
    """Read changes of any kind of item (exchange.md, part C, row 11)."""
    for element in listed:
        kind = _KINDS.get(element.tag)
        id_ = element.find(f".//{T}ItemId")
        if kind is None or id_ is None or not id_.get("Id"):
            continue
        is_read = None
        if element.tag == f"{T}ReadFlagChange":
            is_read = flag(element.findtext(f"{T}IsRead")) is True
        yield Change(
            kind=kind,
            item_id=ItemId(id_.get("Id", "")),
            received_at=read_time(element.findtext(f".//{T}DateTimeReceived")),
            is_changed=element.tag in (f"{T}Update", f"{T}ReadFlagChange"),
            is_read=is_read,
        )


def _next_offset(answers: Sequence[Answer], offset: int, got: int) -> int | None:
    """Tell where the next page begins; None after the last, and where the server gets no further."""
    for answer in answers:
        root = answer.element.find(f"{M}RootFolder")
        if root is not None and flag(root.get("IncludesLastItemInRange")) is False:
            following = offset + got
            with suppress(ValueError):
                following = int(root.get("IndexedPagingOffset", ""))
            return following if following > offset else None
    return None
