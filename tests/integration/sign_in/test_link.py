"""`mailmine user link`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mailmine.cli import app
from mailmine.cli.errors import Failed
from mailmine.store import events, identities, users
from mailmine.store.database import Database

ISSUER = "https://login.example.com"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in {"ISSUER": ISSUER, "CLIENT_ID": "mailmine"}.items():
        monkeypatch.setenv(f"MAILMINE_OIDC_{name}", value)
    for name in ("ana", "ben"):
        assert run(tmp_path, "add", name).exit_code == 0
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["user", *arguments, "--data", str(folder)])


def failed(result: Result) -> str:
    assert isinstance(result.exception, Failed)
    return str(result.exception)


def test_an_account_is_linked_with_a_subject(folder: Path) -> None:
    result = run(folder, "link", "ANA", "248289761001")
    assert result.output == f"248289761001 at {ISSUER} signs in as ana\n"
    database = Database.open(f"sqlite:///{folder / 'mailmine.db'}")
    with database.read() as tx:
        ana = users.by_username(tx, "ana")
        identity = identities.get(tx, ISSUER, "248289761001")
        assert ana is not None
        assert identity is not None
        assert identity.user_id == ana.id
        assert events.page(tx, before=None, limit=1)[0].kind == "user_linked"
    database.close()


def test_a_subject_is_one_account(folder: Path) -> None:
    run(folder, "link", "ana", "7")
    assert "is ana here already" in failed(run(folder, "link", "ben", "7"))


def test_what_cannot_be_linked_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there is no user eve" in failed(run(folder, "link", "eve", "7"))
    monkeypatch.delenv("MAILMINE_OIDC_ISSUER")
    monkeypatch.delenv("MAILMINE_OIDC_CLIENT_ID")
    assert "MAILMINE_OIDC_ISSUER is not set" in failed(run(folder, "link", "ana", "7"))
