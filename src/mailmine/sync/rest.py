"""A mailbox at rest: its folders look as they did when there was nothing left to do, so there is nothing to do.

That is told by one request to Exchange and nothing that is looked up: most polls of most mailboxes end here.
"""

import hashlib
from datetime import datetime

from sqlalchemy import Connection as Transaction

from mailmine.exchange.reader import FolderTree
from mailmine.model.ids import MailboxId
from mailmine.model.integration import Backend, FolderStatus
from mailmine.store import attachments, failures
from mailmine.store.folders import FolderState


def looks(tree: FolderTree, backend: Backend) -> str | None:
    """Sum up how the folders look; None where a server does not tell whether something in one of them changed."""
    digest = hashlib.blake2b(f"{backend} {tree.is_complete}".encode(), digest_size=16)
    for folder in tree.folders:
        if folder.last_change is None:
            return None
        told = (folder.id, folder.path, folder.total, folder.well_known, folder.last_change)
        digest.update(repr(told).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def is_read(state: FolderState, hint: str | None) -> bool:
    """Tell whether all that is in a folder was read, as its hint says."""
    return (
        state.status is FolderStatus.UP_TO_DATE
        and state.last_synced_at is not None
        and state.last_change is not None
        and state.last_change == hint
    )


def until(tx: Transaction, mailbox_id: MailboxId, *, full_pass_at: datetime) -> datetime:
    """Tell when there is something to do though no folder changes: one is read anyway, or something is tried again."""
    tries = (failures.next_try(tx, mailbox_id), attachments.next_try(tx, mailbox_id))
    return min((full_pass_at, *(at for at in tries if at is not None)))
