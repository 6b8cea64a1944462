"""What `mailmine status` says, to people and to programs, and how it ends."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from mailmine.cli import app
from mailmine.cli.errors import Failed
from mailmine.model.ids import ItemId
from mailmine.model.integration import DisabledReason, FolderStatus, Occurrence, Trouble
from mailmine.store import failures, folders, integrations, mailboxes, migrations, schema
from mailmine.store.database import Database
from tests.contract import store_world
from tests.contract.store_world import World, put_place, seen
from tests.integration.cli.test_commands import MAIL, mailmine, running, until


class Installation:
    """A mailbox, and what `status` says of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.database = Database.open(url)
        self.database.migrate()
        self.now = datetime.now(UTC)
        with self.database.write() as tx:
            self.world: World = store_world.build(tx)
        self.synced(timedelta(minutes=2))

    def synced(self, age: timedelta) -> None:
        """Let the last round have ended so long ago."""
        with self.database.write() as tx:
            at = self.now - age
            tx.execute(update(schema.mailboxes).values(last_round_at=at, created_at=at))

    def trouble(self, code: str, age: timedelta) -> Trouble:
        return Trouble(code=code, message="It does not work. Do this.", since=self.now - age)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(
            app, ["status", "--database", self.url, *arguments], env={"COLUMNS": "400"}
        )

    def says(self, *, needs_person: bool) -> str:
        result = self.run()
        assert isinstance(result.exception, Failed) == needs_person, result.output
        assert (result.exit_code == 1) == needs_person
        assert self.json()["is_well"] == (not needs_person)
        return result.output

    def json(self) -> Any:
        return json.loads(self.run("--json").stdout)

    def box(self) -> Any:
        return self.json()["integrations"][0]["mailboxes"][0]


@pytest.fixture(params=["sqlite", "postgresql"])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    url = f"sqlite:///{tmp_path / 'mailmine.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("pg_url")
    made = Installation(url)
    yield made
    made.database.close()


def test_all_is_well(here: Installation) -> None:
    said = here.says(needs_person=False)
    assert "acme/exchange" in said
    assert "support@acme.example: Up to date, synced 2 min ago" in said
    assert here.box()["age_seconds"] == pytest.approx(120, abs=60)


def test_history_that_is_being_read(here: Installation) -> None:
    with here.database.write() as tx:
        inbox, *_ = folders.save_tree(
            tx, here.world.mailbox.id, [seen("Inbox", total=1000)], is_complete=True
        )
        put_place(tx, inbox.key, FolderStatus.IN_PROGRESS, at=here.now, read=300)
    assert "Reading history, synced 2 min ago, 300 of 1,000 emails read" in here.says(
        needs_person=False
    )
    assert here.box()["backlog"] == 700


def test_the_first_and_the_last_error_are_told(here: Installation) -> None:
    at = here.now - timedelta(hours=5)
    first = Occurrence(
        at=at, code="http_401", message="No.", server="ex.acme.example (EX01)", request_id="one"
    )
    last = replace(first, at=at + timedelta(hours=1), request_id="two")
    trouble = replace(here.trouble("http_401", timedelta(hours=5)), first=first, last=last)
    with here.database.write() as tx:
        integrations.set_enabled(
            tx,
            here.world.integration.id,
            enabled=False,
            reason=DisabledReason.SYNC_ERROR,
            trouble=trouble,
        )
    said = here.says(needs_person=True)
    assert "first error: " in said
    assert "UTC, http_401, ex.acme.example (EX01), request two" in said
    told = here.json()["integrations"][0]["trouble"]
    assert (told["first_error"]["request_id"], told["last_error"]["server"]) == (
        "one",
        "ex.acme.example (EX01)",
    )


def test_a_mailbox_that_was_stopped(here: Installation) -> None:
    trouble = here.trouble("ErrorNonExistentMailbox", timedelta(days=2))
    with here.database.write() as tx:
        mailboxes.set_enabled(
            tx,
            here.world.mailbox.id,
            enabled=False,
            reason=DisabledReason.SYNC_ERROR,
            trouble=trouble,
        )
    said = here.says(needs_person=True)
    assert "support@acme.example: Stopped" in said
    assert "It does not work. Do this. (ErrorNonExistentMailbox, 2 d ago)" in said
    assert here.box()["troubles"][0]["code"] == "ErrorNonExistentMailbox"


def test_an_integration_that_was_stopped(here: Installation) -> None:
    with here.database.write() as tx:
        integrations.set_enabled(
            tx,
            here.world.integration.id,
            enabled=False,
            reason=DisabledReason.SYNC_ERROR,
            trouble=here.trouble("http_401", timedelta(minutes=1)),
        )
    said = here.says(needs_person=True)
    assert "acme/exchange  Stopped" in said
    assert "Off with its integration" in said


def test_what_a_person_switched_off_needs_nobody(here: Installation) -> None:
    here.synced(timedelta(days=9))
    with here.database.write() as tx:
        mailboxes.set_enabled(tx, here.world.mailbox.id, enabled=False, reason=DisabledReason.USER)
    assert "Switched off" in here.says(needs_person=False)


@pytest.mark.parametrize(
    ("code", "minutes", "needs_person"),
    [
        ("timed_out", 5, False),
        ("timed_out", 61, True),
        ("ErrorServerBusy", 30, False),
        ("ErrorAccessDenied", 1, True),
    ],
)
@pytest.mark.parametrize("of", ["mailbox", "folder", "integration"])
def test_trouble_that_mends_itself_needs_nobody_for_an_hour(
    here: Installation, of: str, code: str, minutes: int, *, needs_person: bool
) -> None:
    trouble = here.trouble(code, timedelta(minutes=minutes))
    with here.database.write() as tx:
        match of:
            case "mailbox":
                mailboxes.set_trouble(tx, here.world.mailbox.id, trouble)
            case "folder":
                folders.set_trouble(tx, here.world.inbox.key, trouble)
            case _:
                integrations.set_trouble(tx, here.world.integration.id, trouble)
    assert f"It does not work. Do this. ({code}" in here.says(needs_person=needs_person)


def test_a_mailbox_that_is_not_read_for_an_hour(here: Installation) -> None:
    here.synced(timedelta(minutes=59))
    here.says(needs_person=False)
    here.synced(timedelta(minutes=61))
    assert "Is `mailmine serve` running?" in here.says(needs_person=True)
    assert here.box()["is_stale"]


def test_items_that_failed_are_told_and_need_nobody(here: Installation) -> None:
    with here.database.write() as tx:
        for number in range(3):
            failures.record(
                tx,
                here.world.mailbox.id,
                here.world.inbox.key,
                ItemId(f"{number}"),
                code="ErrorItemCorrupt",
                message="The email is damaged.",
                at=here.now,
                next_try_at=None,
            )
    said = here.says(needs_person=False)
    assert "3 items failed" in said
    assert "3 x The email is damaged. (ErrorItemCorrupt)" in said
    assert here.box()["failed_items"] == 3


def test_another_version_of_the_schema_is_left_as_it_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'mailmine.db'}"
    database = Database.open(url)
    with database.write() as tx:
        migrations.upgrade(tx, "0003")
    result = CliRunner().invoke(app, ["status", "--database", url])
    assert "schema" in str(result.exception)
    assert not database.is_current()
    database.close()


def test_nothing_is_made_where_nothing_is(tmp_path: Path) -> None:
    done = mailmine("status", folder=tmp_path)
    assert done.returncode == 1
    assert "mailmine serve" in done.stderr
    assert not list(tmp_path.iterdir())


def test_beside_a_running_server(tmp_path: Path) -> None:
    (tmp_path / "one.eml").write_bytes(MAIL)
    simulated = ("simulate", "--mail", "one.eml", "--port", "0", "--write-config", "a.toml")
    with (
        running(*simulated, folder=tmp_path, says="Now: mailmine serve"),
        running(
            "serve", "--config", "a.toml", "--port", "0", folder=tmp_path, says="mailmine is at"
        ),
    ):

        def done() -> bool:
            return "mail@example.com: Up to date" in mailmine("status", folder=tmp_path).stdout

        assert until(done)
        asked = mailmine("status", "--json", folder=tmp_path)
        assert asked.returncode == 0, asked.stderr
        assert json.loads(asked.stdout)["is_well"]
