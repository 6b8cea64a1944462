"""From folders as a server lists them to a tree of paths, for either way of reading."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailmine.exchange.reader import Folder
from mailmine.model.ids import FolderId

WELL_KNOWN = ("inbox", "sentitems", "drafts", "deleteditems", "junkemail")
"""The folders that are told apart, by the names that both EWS and Graph give them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFolder:
    """A folder as it is listed, of whatever kind."""

    id: FolderId
    parent: FolderId | None
    name: str
    total: int = 0
    last_change: str | None = None
    changed_at: datetime | None = None
    is_mail: bool = True
    is_hidden: bool = False


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
                    changed_at=folder.changed_at,
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
