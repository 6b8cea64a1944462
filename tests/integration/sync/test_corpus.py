"""Every real email that there is to try goes in as mail and comes out as a comment."""

from email import message_from_bytes
from pathlib import Path

import pytest

from exchange_simulator.mail import read
from mailmine.refine import identity, mime
from mailmine.store import copies, emails, failures
from tests.integration.sync.conftest import ORDERS, World


@pytest.mark.corpus
@pytest.mark.timeout(600)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_real_mail_becomes_comments(world: World, shared: Path) -> None:
    files = sorted((shared / "corpus").rglob("*.eml"))
    assert len(files) > 100
    orders = world.exchange.mailbox(ORDERS)
    delivered = 0
    for file in files:
        for raw in read(file):
            orders.deliver(raw)
            delivered += 1
    world.configure()
    await world.sync()
    found = world.comments()
    with world.database.read() as tx:
        mailbox = world.mailbox()
        assert failures.of_mailbox(tx, mailbox.id, 10) == ()
        lying = [
            copy
            for kept in emails.scan(tx, mailbox.bucket_id, after=None, limit=100_000)
            for copy in copies.of_emails(tx, [kept.key])[kept.key]
            if not copy.is_gone
        ]
    assert len(lying) == delivered
    assert len({copy.email_key for copy in lying}) == len(found)
    ids = {comment.id for comment in found}
    assert len(ids) == len(found)
    # We find a Message-ID below broken headers, too, where the simulated Exchange has given up.
    named = {
        identity.comment_id(message_id)
        for file in files
        if (message_id := mime.parse(file.read_bytes()).email.message_id)
        and message_from_bytes(file.read_bytes().lstrip())["Message-ID"]
    }
    assert len(ids & named) == len(named), "a Message-ID has no comment"
    others = {id_ for id_ in ids - named if id_.partition(".")[0] not in named}
    without = sum(not message_from_bytes(file.read_bytes())["Message-ID"] for file in files)
    assert len(others) <= without
