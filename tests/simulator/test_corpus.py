"""Real mail goes in as it is, and comes out valid: every `.eml` of the corpus, through exchangelib."""

from collections.abc import Callable
from pathlib import Path

import exchangelib
import pytest

from exchange_simulator import Exchange
from exchange_simulator.mail import load
from tests.simulator.test_exchangelib import BOB, account

pytestmark = [pytest.mark.corpus, pytest.mark.stranger]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", ["Exchange2010_SP2", "Exchange2016"])
def test_every_real_mail_is_read_back(
    make_exchange: Callable[..., Exchange], shared: Path, version: str
) -> None:
    exchange = make_exchange(version)
    exchange.account("svc@example.com")
    exchange.mailbox("svc@example.com")
    exchange.grant("svc@example.com", mailbox=BOB)
    box = exchange.mailbox(BOB)
    delivered = load(box, shared / "corpus")
    assert len(delivered) >= 842
    raw = {message.id: box.mime(message.item) for message in delivered}
    with account(exchange, BOB) as bob:
        found = {item.id: item for item in bob.inbox.all()}
        assert set(found) == set(raw)
        for id_, item in found.items():
            assert item.mime_content == raw[id_]
            for attachment in item.attachments:
                if isinstance(attachment, exchangelib.FileAttachment):
                    assert attachment.content is not None
                else:
                    assert attachment.item.mime_content
