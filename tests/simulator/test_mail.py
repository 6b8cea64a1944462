"""Mail gets in from files."""

import mailbox
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exchange_simulator import Mailbox
from exchange_simulator.mail import load, received_at
from tests.simulator.mails import mail


def test_a_folder_of_files_is_loaded_with_those_below(bob: Mailbox, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "b.eml").write_bytes(mail("b"))
    (tmp_path / "deep" / "er" / "c.EML").write_bytes(mail("c"))
    (tmp_path / "notes.txt").write_text("no mail")
    box = mailbox.mbox(tmp_path / "a.mbox")
    for subject in ("one", "two"):
        box.add(mail(subject))
    box.close()
    assert [m.subject for m in load(bob, tmp_path)] == ["one", "two", "b", "c"]
    assert [m.subject for m in load(bob, tmp_path / "b.eml", folder="Inbox/New")] == ["b"]
    assert len(bob.messages("Inbox/New")) == 1


def test_a_path_without_mail_is_refused(bob: Mailbox, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no"):
        load(bob, tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no"):
        load(bob, tmp_path / "nothing")


def test_a_mail_was_received_when_its_topmost_hop_says() -> None:
    hop = "Received: from a by b; Tue, 03 Mar 2026 11:00:00 +0100\r\n"
    assert received_at(mail(headers=hop)) == datetime(2026, 3, 3, 10, tzinfo=UTC)
    assert received_at(mail()) == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert received_at(b"Subject: x\r\n\r\n") is None
    assert received_at(b"Date: Mon, 02 Mar 2099 10:00:00 +0000\r\n\r\n") is None
