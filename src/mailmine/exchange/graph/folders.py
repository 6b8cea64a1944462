"""The folders of a mailbox by Graph, and a hint for each that changes with its contents; unchanged, they cost one request.

That request is a batch of two: the delta of the folders (names, counts), and the messages modified last in the whole mailbox, which
name the folders where something was put or changed. Where there is no delta, all folders are listed each time.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from mailmine.exchange.faults import ExchangeError
from mailmine.exchange.folders import WELL_KNOWN, ListedFolder, make_tree
from mailmine.exchange.graph import codes
from mailmine.exchange.graph.client import Client
from mailmine.exchange.items import read_number
from mailmine.exchange.reader import FolderTree
from mailmine.model.ids import FolderId

SELECT: Final = "$select=displayName,parentFolderId,totalItemCount,unreadItemCount,isHidden"
LATEST: Final = 25
"""Messages modified last that are looked at; where more were, every folder counts as changed."""
PAGE: Final = 250
MOST_PAGES: Final = 400
_SEARCH_FOLDER: Final = "#microsoft.graph.mailSearchFolder"


class _Folder(msgspec.Struct, rename="camel"):
    id: str = ""
    removed: Any = msgspec.field(default=None, name="@removed")
    type: str = msgspec.field(default="", name="@odata.type")
    display_name: str | None = None
    parent_folder_id: str | None = None
    total_item_count: int | None = None
    unread_item_count: int | None = None
    child_folder_count: int | None = None
    is_hidden: bool | None = None


class _Folders(msgspec.Struct):
    value: list[_Folder]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")
    delta_link: str | None = msgspec.field(default=None, name="@odata.deltaLink")


class _Latest(msgspec.Struct, rename="camel"):
    id: str = ""
    parent_folder_id: str | None = None
    last_modified_date_time: str | None = None


class _Newest(msgspec.Struct):
    value: list[_Latest]


_folders = msgspec.json.Decoder(_Folders, strict=False)
_newest = msgspec.json.Decoder(_Newest)
_one = msgspec.json.Decoder(_Folder)


class Folders:
    """What is known of the folders of one mailbox from one poll to the next."""

    def __init__(self, client: Client, *, has_delta: bool) -> None:
        self._client = client
        self._has_delta = has_delta
        self._known: dict[str, _Folder] = {}
        self._link: str | None = None
        self._well_known: dict[FolderId, str] | None = None
        self._marks: dict[str, str] = {}
        """When something of a folder was modified last, as far as it was told."""
        self._latest: set[tuple[str, str | None]] = set()
        self._overflows = 0
        """How often more was modified between two polls than is looked at."""
        self._tree: FolderTree | None = None

    async def tree(self) -> FolderTree:
        """Give the folders that hold mail. Raises ExchangeError."""
        if self._link is None or self._tree is None:
            await self._load()
        elif not await self._refresh():
            return self._tree
        if not self._known:  # every mailbox has some: none of those known is to count as gone
            self._link = None
            raise self._client.not_understood()
        self._tree = FolderTree(
            folders=make_tree(self._listed(), await self._names()), is_complete=True
        )
        return self._tree

    async def _load(self) -> None:
        """Read all folders from the beginning."""
        if self._has_delta:
            try:
                self._known = {}
                await self._follow(f"{self._client.user}/mailFolders/delta?{SELECT}")
            except ExchangeError as error:
                if error.fault.code not in codes.NO_DELTA:
                    raise
                self._has_delta = False
        if not self._has_delta:
            self._known = {}
            await self._list(f"{self._client.user}/mailFolders")
        self._note_latest(await self._client.get(self._latest_path()), is_first=not self._latest)

    async def _refresh(self) -> bool:
        """Ask what changed since the last time; tells whether anything did."""
        assert self._link is not None  # noqa: S101 - `tree` loads first
        delta, latest = await self._client.batch([self._link, self._latest_path()])
        if delta.fault is not None and delta.fault.code in codes.LOST_CURSOR:
            self._link = None
            await self._load()
            return True
        for part in (delta, latest):
            if part.fault is not None:
                raise ExchangeError(part.fault)
        page = self._client.decoded(_folders, delta.body)
        is_changed = self._take(page.value)
        if page.next_link:
            await self._follow(self._client.path_of(page.next_link))
        elif page.delta_link:
            self._link = self._client.path_of(page.delta_link)
        return self._note_latest(latest.body) or is_changed

    async def _follow(self, path: str) -> None:
        """Read pages of the delta to the last."""
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            seen.add(path)
            body = await self._client.get(path, prefer=f"odata.maxpagesize={PAGE}")
            page = self._client.decoded(_folders, body)
            self._take(page.value)
            if page.delta_link:
                self._link = self._client.path_of(page.delta_link)
                return
            if not page.next_link or (path := self._client.path_of(page.next_link)) in seen:
                break
        raise self._client.not_understood()

    async def _list(self, path: str) -> None:
        """List the folders at `path`, and what is below each."""
        waiting, seen = [f"{path}?$top={PAGE}"], set[str]()
        while waiting and len(seen) < MOST_PAGES:
            at = waiting.pop()
            if at in seen:
                continue
            seen.add(at)
            page = self._client.decoded(_folders, await self._client.get(at))
            self._take(page.value)
            if page.next_link:
                waiting.append(self._client.path_of(page.next_link))
            waiting += [
                f"{self._client.user}/mailFolders/{folder.id}/childFolders?$top={PAGE}"
                for folder in page.value
                if folder.child_folder_count
            ]

    def _take(self, folders: Sequence[_Folder]) -> bool:
        """Take over what was said of folders; tells whether anything is new."""
        is_changed = False
        for folder in folders:
            if folder.removed is not None:
                is_changed |= self._known.pop(folder.id, None) is not None
                continue
            before = self._known.get(folder.id)
            merged = folder if before is None else _merged(before, folder)
            is_changed |= merged != before
            self._known[folder.id] = merged
        return is_changed

    def _latest_path(self) -> str:
        return (
            f"{self._client.user}/messages?$select=id,parentFolderId,lastModifiedDateTime"
            f"&$orderby=lastModifiedDateTime desc&$top={LATEST}"
        ).replace(" ", "%20")

    def _note_latest(self, body: bytes, *, is_first: bool = False) -> bool:
        """Note in which folders something was modified; tells whether it was."""
        found = self._client.decoded(_newest, body).value
        told = {(one.id, one.last_modified_date_time) for one in found}
        new = [one for one in found if (one.id, one.last_modified_date_time) not in self._latest]
        for one in new:
            folder, time = one.parent_folder_id, one.last_modified_date_time or ""
            if folder:
                self._marks[folder] = max(self._marks.get(folder, ""), time)
            else:  # it may lie anywhere
                self._overflows += 1
        if len(new) == len(found) == LATEST and not is_first:
            self._overflows += 1
        self._latest = told
        return bool(new)

    def _listed(self) -> list[ListedFolder]:
        return [
            ListedFolder(
                id=FolderId(folder.id),
                parent=FolderId(folder.parent_folder_id) if folder.parent_folder_id else None,
                name=folder.display_name or "",
                total=read_number(folder.total_item_count) or 0,
                last_change=self._hint(folder) if self._has_delta else None,
                is_hidden=bool(folder.is_hidden),
            )
            for folder in self._known.values()
            if folder.type != _SEARCH_FOLDER
        ]

    def _hint(self, folder: _Folder) -> str:
        mark = self._marks.get(folder.id, "")
        return f"{folder.total_item_count} {folder.unread_item_count} {mark} {self._overflows}"

    async def _names(self) -> dict[FolderId, str]:
        """Tell which folders are the well-known ones; asked once."""
        if self._well_known is None:
            paths = [f"{self._client.user}/mailFolders/{name}?$select=id" for name in WELL_KNOWN]
            parts = await self._client.ask(paths)
            for part in parts:
                if part.fault is not None and part.fault.code in codes.TRANSIENT:
                    raise ExchangeError(part.fault)  # or the names would be missing from now on
            self._well_known = {
                FolderId(self._client.decoded(_one, part.body).id): name
                for name, part in zip(WELL_KNOWN, parts, strict=True)
                if part.fault is None
            }
        return self._well_known


def _merged(before: _Folder, now: _Folder) -> _Folder:
    """Fill what a delta leaves out because it did not change."""
    missing = {
        name: getattr(before, name)
        for name in before.__struct_fields__
        if getattr(now, name) in (None, "")
    }
    return msgspec.structs.replace(now, **missing)
