"""exchangelib, which knows nothing of this simulator, reads whole mailboxes from it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import exchangelib
import pytest

from exchange_simulator import Exchange
from tests.simulator.mails import mail

pytestmark = [pytest.mark.stranger, pytest.mark.schema]
VERSIONS = ["Exchange2010_SP2", "Exchange2013", "Exchange2016", "Exchange2019"]
BOB = "bob@example.com"


@contextmanager
def account(exchange: Exchange, mailbox: str, **options: Any) -> Iterator[Any]:
    """Sign in as the service account to a mailbox."""
    with exchange.serve() as address:
        configuration = exchangelib.Configuration(
            service_endpoint=f"{address}/EWS/Exchange.asmx",
            credentials=exchangelib.Credentials("svc@example.com", "secret"),
            auth_type="basic",
            retry_policy=exchangelib.FailFast(),
        )
        opened = exchangelib.Account(
            mailbox,
            config=configuration,
            autodiscover=False,
            **{"access_type": "delegate"} | options,
        )
        try:
            yield opened
        finally:
            opened.protocol.close()


@pytest.fixture
def filled(make_exchange: Callable[..., Exchange]) -> Callable[[str], Exchange]:
    def fill(version: str) -> Exchange:
        exchange = make_exchange(version)
        exchange.account("svc@example.com")
        exchange.mailbox("svc@example.com")
        exchange.grant("svc@example.com", mailbox=BOB)
        bob = exchange.mailbox(BOB)
        bob.deliver(mail("In the inbox", attachment=b"%PDF", message_id="<1@x>"))
        bob.deliver(mail("Deep", html="<p>Deep</p>", message_id="<2@x>"), "Inbox/Orders/Old")
        bob.deliver(mail("Done", message_id="<3@x>"), "Archive")
        return exchange

    return fill


@pytest.mark.parametrize("version", VERSIONS)
def test_reads_every_message_of_every_folder(
    filled: Callable[[str], Exchange], version: str
) -> None:
    with account(filled(version), BOB) as bob:
        found = {
            item.message_id: (folder.name, item.subject, item.sender.email_address)
            for folder in bob.msg_folder_root.walk()
            for item in folder.all()
        }
        pdf = bob.inbox.all()[0].attachments[0]
        assert pdf.name == "order.pdf"
        assert pdf.content == b"%PDF"
    assert found == {
        "<1@x>": ("Inbox", "In the inbox", "ann@example.com"),
        "<2@x>": ("Old", "Deep", "ann@example.com"),
        "<3@x>": ("Archive", "Done", "ann@example.com"),
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_follows_what_changes(filled: Callable[[str], Exchange], version: str) -> None:
    exchange = filled(version)
    box = exchange.mailbox(BOB)
    with account(exchange, BOB) as bob:
        first = list(bob.inbox.sync_items(only_fields=["subject"]))
        assert [(kind, item.subject) for kind, item in first] == [("create", "In the inbox")]
        state = bob.inbox.item_sync_state
        message = box.deliver(mail("New", message_id="<4@x>"))
        box.messages("Inbox")[0].move("Archive")
        message.mark_read()
        changes = [kind for kind, _ in bob.inbox.sync_items(sync_state=state)]
        assert changes == ["delete", "create"]
        tree = [(kind, folder.name) for kind, folder in bob.msg_folder_root.sync_hierarchy()]
        assert ("create", "Orders") in tree
