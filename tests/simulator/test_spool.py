"""Mail lies on disk, not in memory."""

import tracemalloc
from pathlib import Path

from exchange_simulator import Exchange
from exchange_simulator.spool import Spool
from tests.simulator.mails import mail


def test_what_was_put_is_there(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spans = [spool.put(bytes([n]) * n) for n in range(5)]
    assert [spool.get(span) for span in spans] == [bytes([n]) * n for n in range(5)]
    assert list(tmp_path.iterdir()) == [], "it vanishes with its process, however that ends"
    spool.close()


def test_a_thousand_mails_cost_a_kilobyte_each_at_most() -> None:
    exchange = Exchange()
    mailbox = exchange.mailbox("bob@example.com")
    large = mail(text="x" * 50_000)
    tracemalloc.start()
    try:
        for _ in range(1000):
            mailbox.deliver(large)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        exchange.close()
    assert held < 1_000_000
