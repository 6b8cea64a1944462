"""What a client said of an email that it put into a bucket, beside its MIME."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from mailmine.model.email import Metadata
from mailmine.model.ids import EmailKey
from mailmine.store.schema import uploads
from mailmine.store.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One such email."""

    email_key: EmailKey
    id: str
    """As the client wrote it: the Message-ID, with its angle brackets as a rule."""
    mailbox: str
    timestamp: datetime
    metadata: Metadata
    has_metadata: bool
    """Whether the client said anything of it."""


def put(tx: Connection, new: Sequence[Upload]) -> None:
    """Keep them; what was said of the same email before is replaced."""
    if new:
        change = ("id", "mailbox", "timestamp", "metadata", "has_metadata")
        rows = [asdict(upload) | {"metadata": upload.metadata} for upload in new]
        tx.execute(upsert(tx, uploads, key=("email_key",), change=change), rows)


def of_emails(tx: Connection, keys: Collection[EmailKey]) -> dict[EmailKey, Upload]:
    """Find what was said of these emails."""
    rows = tx.execute(select(uploads).where(uploads.c.email_key.in_(keys)))
    return {row.email_key: Upload(**row._asdict()) for row in rows}
