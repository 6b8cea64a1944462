"""The invented company's mail in a simulated Exchange."""

from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from threading import Event as Signal, Thread
from time import monotonic

import pytest

from exchange_simulator import Exchange, company
from exchange_simulator.company.play import Play

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def places(exchange: Exchange) -> Counter[tuple[str, str]]:
    return Counter(
        (mailbox.address, folder.path)
        for mailbox in exchange.mailboxes
        for folder in mailbox.folders.values()
        for _ in folder.normal_items()
    )


def test_the_history_and_each_event_come_to_lie_where_they_say() -> None:
    with closing(Exchange()) as exchange:
        play = Play(exchange, now=NOW)
        expected = {one.key: (one.mailbox, one.folder) for one in company.history(1, NOW)}
        assert places(exchange) == Counter(expected.values())
        for event in islice(company.arrivals(1, NOW), 100):
            play.apply(event)
            expected[event.key] = (event.mailbox, event.folder)
        assert places(exchange) == Counter(expected.values())


def test_it_runs_until_it_is_told_to_stop() -> None:
    stop = Signal()
    with closing(Exchange()) as exchange:
        play = Play(exchange, now=datetime.now(UTC) - timedelta(minutes=2))
        before = sum(places(exchange).values())
        running = Thread(target=play.run, args=(stop,))
        running.start()
        try:
            deadline = monotonic() + 30
            while sum(places(exchange).values()) == before:
                if monotonic() > deadline:
                    pytest.fail("Nothing arrived")
                stop.wait(0.02)
        finally:
            stop.set()
            running.join(30)
        assert not running.is_alive()
