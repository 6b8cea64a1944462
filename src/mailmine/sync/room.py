"""Whether there is room on the disk for more."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import structlog

from mailmine.sync import dangers
from mailmine.sync.settings import WarningSettings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Room:
    """The disk that a folder is on."""

    folder: Path
    settings: WarningSettings

    def is_left(self) -> bool:
        """Whether there is room; where the disk does not say, reading goes on and writing shows it."""
        try:
            usage = shutil.disk_usage(self.folder)
        except OSError as error:
            log.debug("disk not asked", error=error.strerror)
            return True
        return dangers.has_room(total=usage.total, free=usage.free, settings=self.settings)
