"""From folders as Exchange lists them to a tree of paths."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mailmine.exchange.ews.operations import HIDDEN, LAST_CHANGE
from mailmine.exchange.ews.xml import Element, T
from mailmine.exchange.reader import Folder
from mailmine.model.ids import FolderId

MAIL_CLASS: Final = "ipf.note"
_TOO_LONG: Final = 19
"""Digits that no count of items has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFolder:
    """A folder as it is listed, of whatever kind."""

    id: FolderId
    parent: FolderId | None
    name: str
    total: int = 0
    last_change: str | None = None
    is_mail: bool = True
    is_hidden: bool = False


def read_folder(element: Element) -> ListedFolder | None:
    """Read a folder; None for what has no id, and for search folders, which hold nothing of their own."""
    id_ = element.find(f"{T}FolderId")
    if id_ is None or not id_.get("Id") or element.tag == f"{T}SearchFolder":
        return None
    parent = element.find(f"{T}ParentFolderId")
    extended = dict(_extended(element))
    total = element.findtext(f"{T}TotalCount") or ""
    last_change = extended.get(int(LAST_CHANGE, 16))
    return ListedFolder(
        id=FolderId(id_.get("Id", "")),
        parent=FolderId(parent.get("Id", "")) if parent is not None else None,
        name=element.findtext(f"{T}DisplayName") or "",
        total=int(total) if total.isdecimal() and len(total) < _TOO_LONG else 0,
        last_change=f"{last_change} {total}" if last_change else None,
        is_mail=_is_mail(element),
        is_hidden=extended.get(int(HIDDEN, 16)) == "true",
    )


def _is_mail(element: Element) -> bool:
    """Tell a folder of mail. One without a class, which foreign clients make, is one where it is no other kind."""
    folder_class = (element.findtext(f"{T}FolderClass") or "").lower()
    if not folder_class:
        return element.tag == f"{T}Folder"
    return folder_class == MAIL_CLASS or folder_class.startswith(MAIL_CLASS + ".")


def _extended(element: Element) -> Iterable[tuple[int, str]]:
    for found in element.iterfind(f"{T}ExtendedProperty"):
        path = found.find(f"{T}ExtendedFieldURI")
        value = found.findtext(f"{T}Value")
        if path is not None and value:
            try:
                yield int(path.get("PropertyTag", ""), 0), value
            except ValueError:
                continue


def make_tree(
    listed: Sequence[ListedFolder], well_known: Mapping[FolderId, str]
) -> tuple[Folder, ...]:
    """Give the folders that hold mail, with their paths; what is hidden is left out with all below it.

    A folder below one of another kind stays, and so does one whose parent is not listed: it begins a path.
    """
    by_id = {folder.id: folder for folder in listed}
    folders = []
    for folder in by_id.values():
        way = _way(folder, by_id)
        if folder.is_mail and not any(step.is_hidden for step in way):
            folders.append(
                Folder(
                    id=folder.id,
                    path=tuple(step.name for step in way),
                    total=folder.total,
                    last_change=folder.last_change,
                    well_known=well_known.get(folder.id),
                )
            )
    return tuple(folders)


def _way(folder: ListedFolder, by_id: Mapping[FolderId, ListedFolder]) -> list[ListedFolder]:
    """List the folders from the root down to `folder`; a circle is cut where it closes."""
    way = [folder]
    seen = {folder.id}
    while (parent := by_id.get(way[-1].parent or FolderId(""))) and parent.id not in seen:
        seen.add(parent.id)
        way.append(parent)
    return way[::-1]
