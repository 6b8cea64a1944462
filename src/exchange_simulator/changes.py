"""What happened in a folder since a reader last asked.

A first load brings all items, newest first; what happens meanwhile comes after it. Then the net effect counts:
what came and went between two polls is never told.
"""

import bisect
from typing import NamedTuple

from exchange_simulator.folder import Folder, Gone, Item


class State(NamedTuple):
    """A reader's place in the changes of a folder."""

    change: int
    """All changes up to this one were given, or will be by the rest of the first load."""
    below: tuple[int, int] | None
    """In the first load, newest first: the items before this (received, number) are still to come.

    Oldest first, as before Exchange 2010 SP2: the items after it."""


class Changes(NamedTuple):
    """A page of what happened in a folder."""

    changes: list[tuple[str, Item | Gone]]
    """("Create" | "Update" | "Delete" | "ReadFlagChange", what)."""
    state: State
    is_last: bool


NEWEST = (1 << 62, 0)
"""Where a first load begins: before it lie all items."""
OLDEST = (-1 << 61, 0)
"""Where a first load begins that is oldest first: after it lie all items."""


def after(
    folder: Folder,
    since: State,
    *,
    limit: int,
    with_associated: bool,
    oldest_first: bool = False,
) -> Changes:
    """Tell at most `limit` changes after `since`."""
    if since.below is not None and oldest_first:
        return _first_load_oldest_first(folder, since, limit, with_associated=with_associated)
    if since.below is not None:
        return _first_load(folder, since, limit, with_associated=with_associated)
    found: list[tuple[str, Item | Gone]] = []
    last = since.change
    newest = folder.log[-1][0] if folder.log else 0
    start = bisect.bisect_right(folder.log, since.change, key=lambda entry: entry[0])
    for change, what in folder.log[start:]:
        kind = _kind(folder, change, what, since.change)
        if kind is None or (what.is_associated and not with_associated):
            continue
        if len(found) == limit:
            return Changes(found, State(last, None), is_last=False)
        found.append((kind, what))
        last = change
    return Changes(found, State(max(newest, since.change), None), is_last=True)


def _first_load(folder: Folder, since: State, limit: int, *, with_associated: bool) -> Changes:
    found: list[tuple[str, Item | Gone]] = []
    position = bisect.bisect_left(folder.items, since.below or (0, 0), key=lambda i: i[:2])
    while position > 0:
        item = folder.items[position - 1][2]
        if len(found) == limit:
            return Changes(found, State(since.change, folder.items[position][:2]), is_last=False)
        position -= 1
        if item.created_change <= since.change and (with_associated or not item.is_associated):
            found.append(("Create", item))
    done = after(folder, State(since.change, None), limit=0, with_associated=with_associated)
    return Changes(found, State(since.change, None), is_last=done.is_last)


def _first_load_oldest_first(
    folder: Folder, since: State, limit: int, *, with_associated: bool
) -> Changes:
    found: list[tuple[str, Item | Gone]] = []
    position = bisect.bisect_right(folder.items, since.below or (0, 0), key=lambda i: i[:2])
    reached = since.below
    for received, number, item in folder.items[position:]:
        if len(found) == limit:
            return Changes(found, State(since.change, reached), is_last=False)
        reached = (received, number)
        if item.created_change <= since.change and (with_associated or not item.is_associated):
            found.append(("Create", item))
    done = after(folder, State(since.change, None), limit=0, with_associated=with_associated)
    return Changes(found, State(since.change, None), is_last=done.is_last)


def _kind(folder: Folder, change: int, what: Item | Gone, since: int) -> str | None:
    """Tell what a change is to one who knows all up to `since`; None where a later one tells it."""
    if isinstance(what, Gone):
        return "Delete" if what.created_change <= since else None
    if what.folder is not folder or what.change != change:
        return None
    if what.created_change > since:
        return "Create"
    return "Update" if what.modified_change > since else "ReadFlagChange"
