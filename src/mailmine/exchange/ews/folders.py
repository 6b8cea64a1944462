"""Folders as Exchange lists them."""

from collections.abc import Iterable
from sys import intern
from typing import Final

from mailmine.exchange.ews.operations import HIDDEN, LAST_CHANGE
from mailmine.exchange.ews.xml import Element, T, flag
from mailmine.exchange.folders import ListedFolder
from mailmine.exchange.items import read_number, read_time
from mailmine.model.ids import FolderId

MAIL_CLASSES: Final = ("ipf.note", "ipf.imap")
"""The second is left on folders that came with a PST of an IMAP account; they hold mail like any other."""


def read_folder(element: Element, *, is_search: bool = False) -> ListedFolder | None:
    """Read a folder; None for what has no id, and for search folders, which hold nothing of their own.

    With `is_search`, for all but search folders.
    """
    id_ = element.find(f"{T}FolderId")
    if id_ is None or not id_.get("Id") or (element.tag == f"{T}SearchFolder") is not is_search:
        return None
    parent = element.find(f"{T}ParentFolderId")
    extended = dict(_extended(element))
    total = element.findtext(f"{T}TotalCount") or ""
    last_change = extended.get(int(LAST_CHANGE, 16))
    return ListedFolder(
        id=FolderId(intern(id_.get("Id", ""))),
        parent=FolderId(intern(parent.get("Id", ""))) if parent is not None else None,
        name=intern(element.findtext(f"{T}DisplayName") or ""),
        total=read_number(total) or 0,
        last_change=f"{last_change} {total}" if last_change else None,
        changed_at=read_time(last_change),
        is_mail=_is_mail(element),
        is_hidden=flag(extended.get(int(HIDDEN, 16))) is True,
    )


def _is_mail(element: Element) -> bool:
    """Tell a folder of mail. One without a class, which foreign clients make, is one where it is no other kind."""
    folder_class = (element.findtext(f"{T}FolderClass") or "").lower()
    if not folder_class:
        return element.tag == f"{T}Folder"
    return any(folder_class == kind or folder_class.startswith(kind + ".") for kind in MAIL_CLASSES)


def _extended(element: Element) -> Iterable[tuple[int, str]]:
    for found in element.iterfind(f"{T}ExtendedProperty"):
        path = found.find(f"{T}ExtendedFieldURI")
        value = found.findtext(f"{T}Value")
        if path is not None and value:
            try:
                yield int(path.get("PropertyTag", ""), 0), value
            except ValueError:
                continue
