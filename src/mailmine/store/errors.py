"""What the store may raise.

StoreError
 ├── DatabaseUnavailable    locked, gone, full, unreadable: try later, or mend it
 │    └── LockedOut         somebody else had it locked for too long
 ├── Conflict               something unique is there already, or a race was lost
 ├── NotFound               what this belongs to is not there
 ├── ContentsUnavailable    where contents are kept takes and gives none now: try later
 ├── LeaseLost              another worker has the mailbox now
 ├── BlobMissing            no such content
 └── BlobDamaged            a content is not what it was when it was kept
"""


class StoreError(Exception):
    """Something could not be kept or read."""


class DatabaseUnavailable(StoreError):
    """The database is locked, cannot be reached, is full or cannot be read."""


class LockedOut(DatabaseUnavailable):
    """Somebody else held a lock for longer than was to be waited."""


class Conflict(StoreError):
    """Something with this name is there already, or another was quicker."""


class NotFound(StoreError):
    """What this belongs to does not exist (any more)."""


class ContentsUnavailable(StoreError):
    """The folder or the object store takes and gives no contents now."""


class LeaseLost(StoreError):
    """Another worker has taken over this mailbox; what this round was about to write is to be dropped."""


class BlobMissing(StoreError):
    """There is no content under this hash."""


class BlobDamaged(StoreError):
    """The content under this hash is not what it was when it was kept."""
