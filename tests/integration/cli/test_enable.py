"""`mailmine enable` tries what was stopped, and switches it on."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from exchange_simulator import Exchange
from mailmine.cli import app
from mailmine.cli.errors import Failed
from mailmine.model.integration import DisabledReason, Trouble
from mailmine.store import integrations, mailboxes
from mailmine.store.database import Database
from tests.simulator.mails import mail

SERVICE, PASSWORD, ORDERS = "svc@example.com", "secret", "orders@example.com"
WRITTEN = """
[[integration]]
project = "sales"
name = "exchange"
endpoint = "{address}/EWS/Exchange.asmx"
username = "{service}"
password = "{password}"
plain_http = true

[[integration.mailbox]]
address = "orders@example.com"
bucket = "orders"

[[integration.mailbox]]
address = "gone@example.com"
bucket = "orders"
"""


@pytest.fixture
def address() -> Iterator[str]:
    exchange = Exchange()
    exchange.account(SERVICE, password=PASSWORD)
    exchange.grant(SERVICE, mailbox=ORDERS)
    exchange.mailbox(ORDERS).deliver(mail("Plans", message_id="<1@x>"))
    with exchange.serve() as served:
        yield served
    exchange.close()


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--data", str(folder)], env={"COLUMNS": "400"})


def stopped(folder: Path, address: str, password: str = PASSWORD) -> Database:
    """Configure it, and let trouble have stopped everything."""
    file = folder / "mailmine.toml"
    file.write_text(WRITTEN.format(address=address, service=SERVICE, password=password))
    assert run(folder, "import", str(file)).exit_code == 0
    database = Database.open(f"sqlite:///{folder / 'mailmine.db'}")
    trouble = Trouble(code="http_401", message="No.", since=datetime.now(UTC))
    reason = DisabledReason.SYNC_ERROR
    with database.write() as tx:
        (one,) = integrations.list_all(tx)
        integrations.set_enabled(tx, one.id, enabled=False, reason=reason, trouble=trouble)
        for box in mailboxes.list_all(tx):
            mailboxes.set_enabled(tx, box.id, enabled=False, reason=reason, trouble=trouble)
    return database


def on(database: Database) -> set[str]:
    with database.read() as tx:
        return {box.address for box in mailboxes.list_all(tx) if box.enabled} | {
            one.name for one in integrations.list_all(tx) if one.enabled
        }


def test_what_can_be_read_goes_on_and_the_rest_says_why(tmp_path: Path, address: str) -> None:
    database = stopped(tmp_path, address)
    done = run(tmp_path, "enable", "sales/exchange")
    assert isinstance(done.exception, Failed)
    assert "gone@example.com would be stopped again" in done.output
    assert on(database) == {"exchange", ORDERS}
    assert run(tmp_path, "enable", "gone@example.com", "--insist").exit_code == 0
    assert on(database) == {"exchange", ORDERS, "gone@example.com"}
    database.close()


def test_a_wrong_password_is_said(tmp_path: Path, address: str) -> None:
    database = stopped(tmp_path, address, "wrong")
    done = run(tmp_path, "enable", "exchange")
    assert isinstance(done.exception, Failed)
    assert "refused the user name or the password" in done.output
    assert on(database) == set()
    database.close()


def test_what_is_not_there_cannot_be_switched_on(tmp_path: Path, address: str) -> None:
    stopped(tmp_path, address).close()
    assert isinstance(run(tmp_path, "enable", "nothing").exception, Failed)
