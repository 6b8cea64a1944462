import shutil
from dataclasses import replace
from pathlib import Path

from mailmine.sync.room import Room
from mailmine.sync.settings import WarningSettings

SETTINGS = WarningSettings(room_part=0.0, room_bytes=1)


def test_a_disk_has_room_down_to_what_must_be_free(tmp_path: Path) -> None:
    total = shutil.disk_usage(tmp_path).total
    assert Room(tmp_path, SETTINGS).is_left()
    assert not Room(tmp_path, replace(SETTINGS, room_bytes=total + 1)).is_left()
    more = replace(SETTINGS, room_part=1.1, room_part_most=2 * total)
    assert not Room(tmp_path, more).is_left()
    # On a large disk a part of it is more than is needed.
    assert Room(tmp_path, replace(more, room_part_most=1)).is_left()


def test_a_disk_that_cannot_be_asked_stops_nothing(tmp_path: Path) -> None:
    assert Room(tmp_path / "none", replace(SETTINGS, room_part=1.1)).is_left()
