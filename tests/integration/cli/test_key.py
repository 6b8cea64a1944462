"""A key that is to be used no more."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from mailmine.access import credentials, secrets
from mailmine.access.secrets import Keyring, SecretsError
from mailmine.cli import import_
from mailmine.cli.errors import Failed
from mailmine.cli.installation import opened
from mailmine.cli.settings import Settings
from mailmine.store import secrets as stored
from mailmine.store.database import Database
from tests.integration.cli.test_commands import (
    NO_CONFIGURATION,
    failed,
    free_port,
    mailmine,
    running,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OLD, NEW = Keyring.generate(), Keyring.generate()
BOTH = Keyring((*NEW.keys, *OLD.keys))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'mailmine.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("pg_url")
    opened = Database.open(url)
    opened.migrate()
    yield opened
    opened.close()


def test_all_is_encrypted_with_the_first_key(database: Database) -> None:
    with database.write() as tx:
        secrets.put(tx, OLD, "a", "hush", at=NOW)
        secrets.put(tx, NEW, "b", "hush, too", at=NOW)
        assert secrets.reseal(tx, BOTH, at=NOW) == 1
        assert secrets.reseal(tx, BOTH, at=NOW) == 0
    with database.read() as tx:
        assert (secrets.get(tx, NEW, "a"), secrets.get(tx, NEW, "b")) == ("hush", "hush, too")
        with pytest.raises(SecretsError):
            secrets.get(tx, OLD, "a")


def test_without_the_old_key_nothing_is_changed(database: Database) -> None:
    with database.write() as tx:
        secrets.put(tx, OLD, "a", "hush", at=NOW)
    with pytest.raises(SecretsError), database.write() as tx:
        secrets.reseal(tx, NEW, at=NOW)
    with database.read() as tx:
        assert secrets.get(tx, OLD, "a") == "hush"


def test_the_steps_of_the_documentation(tmp_path: Path) -> None:
    data = tmp_path / "mailmine-data"
    assert mailmine("user", "add", "ann", folder=tmp_path).returncode == 0
    database = Database.open(f"sqlite:///{data / 'mailmine.db'}")
    with database.write() as tx:
        secrets.put(tx, Keyring.load(data), "integration/1", "hush", at=NOW)
    key_file = data / "secret.key"
    old = key_file.read_text(encoding="ascii")
    new = mailmine("key", "generate", folder=tmp_path).stdout
    key_file.write_text(new, encoding="ascii")
    failed(mailmine("key", "reseal", folder=tmp_path), "Put that key back")
    key_file.write_text(new + old, encoding="ascii")
    done = mailmine("key", "reseal", folder=tmp_path)
    assert done.stdout == "1 secret was encrypted anew.\n", done.stderr
    key_file.write_text(new, encoding="ascii")
    with database.read() as tx:
        assert secrets.get(tx, Keyring.load(data), "integration/1") == "hush"
    database.close()


@pytest.fixture
def with_another_key(tmp_path: Path) -> Path:
    """Make an installation whose passwords the key beside it does not open; gives its configuration."""
    data, configuration = tmp_path / "mailmine-data", tmp_path / "p.toml"
    written = NO_CONFIGURATION.format(
        endpoint="http://127.0.0.1:9/EWS/Exchange.asmx", password="hush", mailbox="a@example.com"
    )
    configuration.write_text(written, encoding="utf-8")
    with opened(Settings(data=data)) as here:
        import_.take(here, configuration, Console(quiet=True))
    (data / "secret.key").unlink()
    return configuration


def test_what_reads_mailboxes_does_not_begin_with_another_key(
    with_another_key: Path, tmp_path: Path
) -> None:
    del with_another_key
    refused = mailmine("serve", "--port", "0", folder=tmp_path)
    failed(refused, "(p/e)", "MAILMINE_SECRET_KEY", "secret.key", "--key-lost", "--no-sync")
    assert "password" not in refused.stdout  # nobody was made whom nobody can sign in as


def test_pages_alone_begin_with_another_key_and_say_so(
    with_another_key: Path, tmp_path: Path
) -> None:
    del with_another_key
    wanted = ("serve", "--no-sync", "--port", str(free_port()))
    with running(*wanted, folder=tmp_path, says="mailmine is at"):
        assert "the key here does not open (p/e)" in (tmp_path / "serve.output").read_text()


def test_passwords_are_entered_anew_only_where_somebody_says_that_the_key_is_lost(
    with_another_key: Path, tmp_path: Path
) -> None:
    with opened(Settings(data=tmp_path / "mailmine-data")) as here:
        with pytest.raises(Failed, match="--key-lost"):
            import_.take(here, with_another_key, Console(quiet=True))
        with pytest.raises(Failed):
            here.check_key()
        import_.take(here, with_another_key, Console(quiet=True), is_key_lost=True)
        here.check_key()
        with here.database.read() as tx:
            (name,) = stored.names(tx)
            assert credentials.of(tx, here.keyring, credentials.integration_of(name)) == "hush"
