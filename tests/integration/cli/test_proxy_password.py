"""The password of a proxy is kept where secrets are, however it was given."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from mailmine.access import credentials
from mailmine.cli.configuration import load
from mailmine.cli.installation import Installation, opened
from mailmine.cli.settings import Settings
from mailmine.model.integration import Integration, Trouble
from mailmine.store import integrations, strikes
from mailmine.store.strikes import Strikes
from mailmine.sync.configure import ConfigurationError

FILE = """
[[integration]]
project = "p"
name = "e"
endpoint = "https://exchange.example.com/EWS/Exchange.asmx"
username = "svc"
password = "account"
{lines}

[[integration.mailbox]]
address = "orders@example.com"
bucket = "b"
"""
APART = 'proxy = "http://svc@proxy.example.com:3128"\nproxy_password = "hush"'
WITHIN = 'proxy = "http://svc:hush@proxy.example.com:3128"'
READY = "http://svc:hush@proxy.example.com:3128"


@contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    with opened(Settings(data=folder / "data")) as here:
        yield here


def take(here: Installation, folder: Path, lines: str) -> list[str]:
    """Take over a configuration; gives what is new or different."""
    file = folder / "mailmine.toml"
    file.write_text(FILE.format(lines=lines), encoding="utf-8")
    return [change.kind for change in here.configure(load(file).configuration)]


def integration(here: Installation) -> Integration:
    with here.database.read() as tx:
        return integrations.list_all(tx)[0]


def ready(here: Installation) -> str | None:
    return here.connection_of(integration(here)).proxy


@pytest.mark.parametrize("lines", [APART, WITHIN])
def test_it_is_kept_encrypted_and_joined_for_use(tmp_path: Path, lines: str) -> None:
    with installed(tmp_path) as here:
        assert "proxy password" in take(here, tmp_path, lines)
        kept = integration(here).connection
        assert (kept.proxy, kept.proxy_username) == ("http://proxy.example.com:3128", "svc")
        assert ready(here) == READY
        assert here.secret_of(integration(here)) == "account"
        assert take(here, tmp_path, lines) == []
    assert b"hush" not in b"".join(
        file.read_bytes() for file in (tmp_path / "data").glob("mailmine.db*")
    )


def test_it_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "proxy.txt").write_text("hush\n", encoding="utf-8")
    monkeypatch.setenv("PROXY_PASSWORD", "hush")
    address = 'proxy = "http://svc@proxy.example.com:3128"\n'
    with installed(tmp_path) as here:
        take(here, tmp_path, address + 'proxy_password_file = "proxy.txt"')
        assert ready(here) == READY
        assert take(here, tmp_path, address + 'proxy_password_env = "PROXY_PASSWORD"') == []
        assert take(here, tmp_path, address) == []
        assert ready(here) == READY
        with pytest.raises(ConfigurationError, match="user"):
            take(here, tmp_path, 'proxy = "http://proxy.example.com"\nproxy_password = "x"')


def test_another_proxy_is_not_told_the_password_of_the_first(tmp_path: Path) -> None:
    with installed(tmp_path) as here:
        take(here, tmp_path, APART)
        take(here, tmp_path, 'proxy = "http://svc@other.example.com:3128"')
        assert ready(here) == "http://other.example.com:3128"
        take(here, tmp_path, 'proxy = "http://svc@proxy.example.com:3128"')
        assert ready(here) == "http://proxy.example.com:3128"


def test_what_a_proxy_held_up_goes_on_with_another_password(tmp_path: Path) -> None:
    with installed(tmp_path) as here:
        take(here, tmp_path, APART)
        known, now = integration(here), datetime.now(UTC)
        held = Strikes(code="http_407", times=3, since=now, last_at=now, hold_until=now)
        with here.database.write() as tx:
            trouble = Trouble(code="http_407", message="The proxy wants a password.", since=now)
            integrations.set_trouble(tx, known.id, trouble)
            strikes.put(tx, known.id, held)
        assert take(here, tmp_path, APART) == []
        with here.database.read() as tx:
            assert strikes.of(tx, known.id) == held
        assert take(here, tmp_path, APART.replace("hush", "other")) == ["proxy password"]
        with here.database.read() as tx:
            assert strikes.of(tx, known.id) is None


def test_one_that_was_kept_in_the_address_moves_at_the_next_start(tmp_path: Path) -> None:
    with installed(tmp_path) as here:
        take(here, tmp_path, APART)
        known = integration(here)
        with here.database.write() as tx:
            credentials.forget(tx, known.id)
            integrations.set_connection(
                tx, known.id, replace(known.connection, proxy=READY, proxy_username="")
            )
    with installed(tmp_path) as here:
        kept = integration(here)
        assert kept.connection == known.connection
        assert kept.enabled
        assert ready(here) == READY
        with here.database.read() as tx:
            written = tx.execute(text("SELECT connection FROM integrations")).scalars()
            assert "hush" not in str(list(written))
