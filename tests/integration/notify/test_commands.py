"""`mailmine notify`, as a person runs it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mailmine.cli import app
from mailmine.cli.errors import Failed
from mailmine.store.database import Database
from tests.integration.notify.town import Hook, Postman, Town, finish


@pytest.fixture
def installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mail: tuple[Postman, int], hook: Hook
) -> Iterator[Town]:
    """Make an installation with mail and a webhook."""
    file = tmp_path / "notify.toml"
    file.write_text(f'[[channel]]\nproject = "support"\nkind = "webhook"\nurl = "{hook.url}"\n')
    variables = {
        "DATA": str(tmp_path),
        "NOTIFY": str(file),
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mail[1]),
        "SMTP_TLS": "none",
        "SMTP_FROM": "mailmine@example.com",
    }
    for name, value in variables.items():
        monkeypatch.setenv(f"MAILMINE_{name}", value)
    monkeypatch.setenv("COLUMNS", "200")
    database = Database.open(f"sqlite:///{tmp_path / 'mailmine.db'}")
    database.migrate()
    town = Town(database)
    town.build("a")
    town.person("ana", "support")
    yield town
    database.close()


async def run(*arguments: str) -> Result:
    """Run it in a thread: it has an event loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, app, ["notify", *arguments])


@pytest.mark.usefixtures("installed")
async def test_a_test_message_goes_through_each_channel(postman: Postman, hook: Hook) -> None:
    done = await run("test", "--to", "ana")
    assert done.exit_code == 0, done.output
    assert "ok  email to ana@example.com" in done.output
    assert "ok  support/webhook" in done.output
    assert postman.to("ana@example.com") == ["A test message of mailmine"]
    assert len(hook.got) == 1


@pytest.mark.usefixtures("installed")
async def test_a_channel_that_fails_is_named_and_the_others_are_tried(
    postman: Postman, hook: Hook
) -> None:
    hook.status = 403
    postman.refuses["ana@example.com"] = "550 No such user"
    done = await run("test", "--to", "ana")
    assert "no  email to ana@example.com: 127.0.0.1 does not take mail" in done.output
    assert "no  support/webhook: The webhook answered 403." in done.output
    assert isinstance(done.exception, Failed)
    assert "2 of 2 channels" in str(done.exception)


@pytest.mark.usefixtures("installed")
async def test_without_a_mail_server_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILMINE_SMTP_HOST", "")
    monkeypatch.setenv("MAILMINE_SMTP_FROM", "")
    done = await run("test", "--to", "ana")
    assert "MAILMINE_SMTP_HOST is not set" in done.output
    assert done.exit_code == 0


@pytest.mark.usefixtures("installed")
async def test_choices_are_made_and_shown() -> None:
    assert "no" not in (await run("choices", "ana")).output
    done = await run("choose", "ana", "mailbox_disabled", "email", "--off")
    assert done.exit_code == 0, done.output
    lines = (await run("choices", "ana")).output.splitlines()
    (line,) = [line for line in lines if "mailbox_disabled" in line]
    assert line.split("│")[2:4] == [" yes    ", " no    "]
    await run("choose", "ana", "mailbox_disabled", "email", "--on")
    assert "no" not in (await run("choices", "ana")).output


async def test_what_was_told_is_shown(installed: Town) -> None:
    installed.stop()
    await finish(installed.notifier())
    done = await run("log")
    assert "The integration Exchange was disabled" in done.output
    assert "The integration" not in (await run("log", "--failed")).output
