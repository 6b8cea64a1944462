"""A key that is to be used no more."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailmine.access import secrets
from mailmine.access.secrets import Keyring, SecretsError
from mailmine.store.database import Database
from tests.integration.cli.test_commands import failed, mailmine

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
    assert mailmine("user", "list", folder=tmp_path).returncode == 0
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
