"""`mailmine switch`: a configuration that reads an integration another way is taken over only if that works."""

from pathlib import Path

from exchange_simulator import Exchange
from mailmine.model.integration import Backend
from mailmine.store import integrations
from mailmine.store.database import Database
from tests.integration.cli.test_commands import failed, mailmine

ACCOUNT, ORDERS, PASSWORD = "svc@example.com", "orders@example.com", "hush"
APP, TENANT = "6731de76-14a6-49ae-97bc-6eba6914391e", "contoso.example"
MAILBOX = f"""
[[integration.mailbox]]
address = "{ORDERS}"
bucket = "mail"
"""
EWS = """
[[integration]]
project = "sales"
name = "office"
endpoint = "{address}/EWS/Exchange.asmx"
username = "svc@example.com"
password = "hush"
plain_http = true
"""
GRAPH = """
[[integration]]
project = "sales"
name = "office"
backend = "graph"
endpoint = "{address}"
authority = "{address}"
tenant = "contoso.example"
client_id = "6731de76-14a6-49ae-97bc-6eba6914391e"
client_secret = "{secret}"
plain_http = true
"""


def backend(folder: Path) -> Backend:
    """Tell how the integration is read."""
    database = Database.open(f"sqlite:///{folder / 'mailmine-data' / 'mailmine.db'}")
    with database.read() as tx:
        found = integrations.get(tx, "sales", "office")
    database.close()
    assert found is not None
    return found.connection.backend


def test_an_integration_is_switched_only_to_what_works(tmp_path: Path) -> None:
    exchange = Exchange(folder=tmp_path)
    exchange.account(ACCOUNT, password=PASSWORD)
    exchange.application(APP, tenant=TENANT, secret=PASSWORD)
    exchange.mailbox(ORDERS)
    exchange.grant(ACCOUNT, mailbox=ORDERS)
    with exchange.serve() as address:
        for name, text in (
            ("ews", EWS.format(address=address)),
            ("wrong", GRAPH.format(address=address, secret="wrong")),
            ("graph", GRAPH.format(address=address, secret=PASSWORD)),
        ):
            (tmp_path / f"{name}.toml").write_text(text + MAILBOX, encoding="utf-8")
        assert mailmine("import", "ews.toml", folder=tmp_path).returncode == 0
        wrong = mailmine("switch", "wrong.toml", folder=tmp_path)
        failed(wrong, "1 mailbox cannot be read", "Nothing was changed", "AADSTS7000215")
        assert backend(tmp_path) is Backend.EWS
        switched = mailmine("switch", "graph.toml", folder=tmp_path)
        assert switched.returncode == 0, switched.stderr
        assert "Changed integration: sales/office" in switched.stdout
        assert backend(tmp_path) is Backend.GRAPH
        failed(mailmine("switch", "graph.toml", folder=tmp_path), "mailmine import")
    exchange.close()
