"""ews-javascript-api, which knows nothing of this simulator, reads whole mailboxes from it."""

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exchange_simulator import Exchange
from exchange_simulator.mail import load
from tests.npm import packages
from tests.simulator.mails import mail

pytestmark = [
    pytest.mark.stranger,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("npm"),
]
STRANGERS = Path(__file__).resolve().parent.parent / "strangers"
BOB = "bob@example.com"


@pytest.fixture(scope="session")
def node() -> str:
    """Node with the packages of tests/strangers."""
    return packages(STRANGERS, "ews-javascript-api")


def read(
    node: str, exchange: Exchange, version: str, access: str, scheme: str = "basic"
) -> dict[str, Any]:
    with exchange.serve() as address:
        arguments = (
            f"{address}/EWS/Exchange.asmx",
            "svc@example.com",
            "secret",
            BOB,
            version,
            access,
            scheme,
        )
        done = subprocess.run(
            [node, str(STRANGERS / "read_mailbox.mjs"), *arguments],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def shared_mailbox(make_exchange: Callable[..., Exchange]) -> Exchange:
    exchange = make_exchange("Exchange2016")
    exchange.account("svc@example.com")
    exchange.grant("svc@example.com", mailbox=BOB)
    exchange.allow_impersonation("svc@example.com", of=[BOB])
    return exchange


@pytest.mark.parametrize(
    ("version", "access"),
    [
        ("Exchange2010_SP2", "delegate"),
        ("Exchange2013_SP1", "impersonation"),
        ("Exchange2016", "delegate"),
    ],
)
def test_reads_every_message_of_every_folder(
    node: str, shared_mailbox: Exchange, version: str, access: str
) -> None:
    bob = shared_mailbox.mailbox(BOB)
    bob.deliver(mail("In the inbox", attachment=b"%PDF", message_id="<1@x>"))
    bob.deliver(mail("Deep", html="<p>Deep</p>", message_id="<2@x>"), "Inbox/Orders/Old")
    found = read(node, shared_mailbox, version, access)
    assert {m["messageId"]: (m["folder"], m["subject"]) for m in found["messages"]} == {
        "<1@x>": ("Inbox", "In the inbox"),
        "<2@x>": ("Old", "Deep"),
    }
    pdf = next(m for m in found["messages"] if m["attachments"])["attachments"]
    assert pdf == [{"name": "order.pdf", "content": base64.b64encode(b"%PDF").decode()}]
    assert found["hierarchy"] == len(found["folders"])
    assert found["found"] == len(found["messages"])
    assert {request.code for request in shared_mailbox.requests} == {"NoError"}


def test_signs_in_by_ntlm(node: str, shared_mailbox: Exchange) -> None:
    shared_mailbox.offers = ("NTLM",)
    shared_mailbox.mailbox(BOB).deliver(mail("In the inbox", message_id="<1@x>"))
    found = read(node, shared_mailbox, "Exchange2016", "delegate", "ntlm")
    assert [m["messageId"] for m in found["messages"]] == ["<1@x>"]


@pytest.mark.corpus
def test_reads_every_real_mail(node: str, shared_mailbox: Exchange, shared: Path) -> None:
    delivered = load(shared_mailbox.mailbox(BOB), shared / "corpus")
    found = read(node, shared_mailbox, "Exchange2010_SP2", "delegate")
    assert len(found["messages"]) == len(delivered) >= 842
    raw = sorted(base64.b64encode(m.mailbox.mime(m.item)).decode() for m in delivered)
    assert sorted(m["mime"] for m in found["messages"]) == raw
