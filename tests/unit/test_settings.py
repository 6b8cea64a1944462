"""Settings from the environment."""

from datetime import timedelta
from pathlib import Path

import pytest

from mailmine.cli import options
from mailmine.cli.errors import Failed
from mailmine.store.database import Database


@pytest.mark.parametrize(
    ("written", "meant"),
    [("7", timedelta(seconds=7)), ("1.5", timedelta(seconds=1.5)), ("PT2M", timedelta(minutes=2))],
)
def test_the_poll_interval_is_seconds_or_a_duration(
    monkeypatch: pytest.MonkeyPatch, written: str, meant: timedelta
) -> None:
    monkeypatch.setenv("MAILMINE_POLL_INTERVAL", written)
    assert options.settings().poll_interval == meant


@pytest.mark.parametrize("written", ["0", "-5", "soon", "nan", "1e300"])
def test_an_impossible_poll_interval_is_named(
    monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("MAILMINE_POLL_INTERVAL", written)
    with pytest.raises(Failed, match="poll_interval"):
        options.settings()


def test_the_command_line_comes_before_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MAILMINE_DATA", "/elsewhere")
    assert options.settings(data=tmp_path).data == tmp_path
    assert str(options.settings().data) == "/elsewhere"
    assert options.settings(data=tmp_path).database_url == f"sqlite:///{tmp_path / 'mailmine.db'}"


@pytest.mark.parametrize("name", ["a%41", "a?b=c", "a#b&c", "Büro"])
def test_a_data_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    database = Database.open(options.settings(data=tmp_path / name).database_url)
    assert database.path == tmp_path / name / "mailmine.db"
    database.close()


def test_what_is_empty_is_as_if_it_were_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = options.settings()
    for name in ("DATA", "DATABASE", "READ_DATABASE", "BLOBS", "HOST", "PORT", "NOTIFY"):
        monkeypatch.setenv(f"MAILMINE_{name}", "")
    assert options.settings(host="", database="", blobs="") == kept


def test_spaces_and_line_ends_around_a_setting_do_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, written in {"DATA": "mail", "HOST": "::1", "LEARN": "false"}.items():
        monkeypatch.setenv(f"MAILMINE_{name}", f"{written}\r")
    monkeypatch.setenv("MAILMINE_METRICS_TOKEN", " hush\n")
    monkeypatch.setenv("MAILMINE_BLOBS", " \r")
    given = options.settings()
    assert (given.data, given.host, given.learn) == (Path("mail"), "::1", False)
    assert given.metrics_token.get_secret_value() == "hush"
    assert given.blobs is None


def test_the_level_of_the_log_is_one_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILMINE_LOG_LEVEL", "WARNING")
    assert options.settings().log_level == "warning"
    monkeypatch.setenv("MAILMINE_LOG_LEVEL", "loud")
    with pytest.raises(Failed, match=r"log_level.*'debug'"):
        options.settings()
