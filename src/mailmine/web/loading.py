"""How fast the first load of a mailbox goes, and how long it takes yet. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mailmine.model.integration import FolderStatus
from mailmine.store.folders import FolderState

SHORTEST: Final = timedelta(seconds=10)
"""Before, a speed says nothing."""


@dataclass(frozen=True, slots=True)
class Loading:
    """A first load that is under way."""

    a_minute: float
    """Emails."""
    left: timedelta | None
    """None where there is nothing to tell it by."""


def of_folders(folders: Sequence[FolderState]) -> Loading | None:
    """Tell how the wanted folders of a mailbox load; None where none does, or it only just began."""
    begun = [one for one in folders if _is_loading(one)]
    ends = [one.last_synced_at for one in begun if one.last_synced_at]
    starts = [one.reading_since for one in begun if one.reading_since]
    if not ends or not starts or max(ends) - min(starts) < SHORTEST:
        return None
    took = max(ends) - min(starts)
    read = sum(one.emails_read for one in begun)
    if read == 0:
        return None
    waiting = [one for one in folders if _is_loading(one) or _is_unread(one)]
    more = sum(max(one.total - one.emails_read, 0) for one in waiting)
    return Loading(a_minute=read / (took / timedelta(minutes=1)), left=took * (more / read))


def _is_loading(folder: FolderState) -> bool:
    is_going_on = folder.status is FolderStatus.IN_PROGRESS and folder.reading_since is not None
    # What is read a second time has counted its emails before.
    return is_going_on and folder.synced_until is None and folder.emails_read <= folder.total


def _is_unread(folder: FolderState) -> bool:
    return folder.last_synced_at is None and folder.trouble is None
