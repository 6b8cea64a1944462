from datetime import UTC, datetime, timedelta
from typing import Any

from mailmine.model.ids import FolderId, FolderKey, MailboxId
from mailmine.model.integration import FolderStatus
from mailmine.store.folders import FolderState
from mailmine.web import words
from mailmine.web.loading import of_folders

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def folder(**changes: Any) -> FolderState:
    values: dict[str, Any] = {
        "key": FolderKey(1),
        "mailbox_id": MailboxId("m"),
        "folder_id": FolderId("f"),
        "path": ("Inbox",),
        "total": 1_000,
        "well_known": None,
        "last_change": None,
        "cursor": None,
        "status": FolderStatus.IN_PROGRESS,
        "synced_until": None,
        "last_synced_at": NOON + timedelta(minutes=2),
        "reading_since": NOON,
        "is_gone": False,
        "trouble": None,
        "emails_read": 250,
    }
    return FolderState(**values | changes)


def test_speed_and_time_left() -> None:
    waiting = folder(total=500, emails_read=0, last_synced_at=None, reading_since=None)
    loading = of_folders([folder(), waiting])
    assert loading is not None
    assert loading.a_minute == 125
    assert loading.left == timedelta(minutes=10)


def test_what_just_began_says_nothing() -> None:
    assert of_folders([folder(last_synced_at=NOON + timedelta(seconds=3))]) is None
    assert of_folders([folder(emails_read=0)]) is None
    assert of_folders([]) is None


def test_what_is_read_a_second_time_is_no_first_load() -> None:
    assert of_folders([folder(emails_read=1_200)]) is None
    assert of_folders([folder(synced_until=NOON)]) is None


def test_spans_in_words() -> None:
    said = [
        words.span(timedelta(seconds=seconds))
        for seconds in (4, 300, 7_200, 12_000, 86_400, 187_000)
    ]
    assert said == ["4 s", "5 min", "2 h", "3 h 20 min", "1 d", "2 d 3 h"]
