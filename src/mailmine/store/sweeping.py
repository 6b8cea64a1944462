"""Clears away files that killed processes left half written."""

import time
from contextlib import suppress
from pathlib import Path


def sweep(folder: Path, pattern: str, *, abandoned: float) -> None:
    """Remove the files of a folder to which nobody has written for so many seconds."""
    before = time.time() - abandoned
    with suppress(OSError):  # another process sweeps, too; what cannot be removed does no harm
        for file in folder.glob(pattern):
            with suppress(OSError):
                if file.stat().st_mtime < before:
                    file.unlink()
