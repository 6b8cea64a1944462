"""Fills a mailbox from files: `.eml`, folders of them, `.mbox`."""

import mailbox as mailboxes
from collections.abc import Iterator
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from pathlib import Path

from exchange_simulator.headers import parse_date
from exchange_simulator.mailbox import Mailbox, Message


def load(mailbox: Mailbox, path: Path, *, folder: str = "Inbox") -> list[Message]:
    """Deliver all mail of `path` into `folder`, each as received when its headers say.

    FileNotFoundError where there is no such path; ValueError where it holds no mail.
    """
    delivered = [mailbox.deliver(mime, folder, at=received_at(mime)) for mime in read(path)]
    if not delivered:
        raise ValueError(f"{path} holds no .eml and no .mbox file")
    return delivered


def read(path: Path) -> Iterator[bytes]:
    """Read raw mails: of a folder and those below it, in the order of their names; other files are passed over."""
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder {path}")
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        match file.suffix.lower():
            case ".eml":
                yield file.read_bytes()
            case ".mbox":
                box = mailboxes.mbox(file, create=False)
                try:
                    for key in box.iterkeys():
                        yield box.get_bytes(key)
                finally:
                    box.close()


def received_at(mime: bytes) -> datetime | None:
    """Tell when a mail was received: by its topmost Received, else by its Date; None where neither can be read."""
    headers = BytesHeaderParser().parsebytes(mime)
    for value in (str(headers.get("Received", "")).rpartition(";")[2], headers.get("Date")):
        found = parse_date(str(value)) if value else None
        if found is not None and found <= datetime.now(UTC):
            return found
    return None
