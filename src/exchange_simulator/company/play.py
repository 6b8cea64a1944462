"""Plays the company's mail in a simulated Exchange: first what has been, then what happens."""

from datetime import UTC, datetime
from threading import Event as Signal

from exchange_simulator.company.office import Delivery, Event, arrivals, history, mailboxes
from exchange_simulator.exchange import Exchange
from exchange_simulator.mailbox import Message


class Play:
    """Puts the company's mail into an Exchange, and keeps it moving.

    Create it to fill the mailboxes (under a second), then `run` it in a thread of its own.
    `now` is where the history ends and the arrivals begin; by default the present.
    """

    def __init__(self, exchange: Exchange, *, seed: int = 1, now: datetime | None = None) -> None:
        self._exchange = exchange
        self._seed = seed
        self._start = now or datetime.now(UTC)
        self._messages: dict[str, Message] = {}
        for address in mailboxes():
            exchange.mailbox(address)
        for delivery in history(seed, self._start):
            self.apply(delivery)

    def run(self, until: Signal) -> None:
        """Let each event happen at its time, until the signal is set."""
        for event in arrivals(self._seed, self._start):
            wait = (event.at - datetime.now(UTC)).total_seconds()
            if until.wait(max(0.0, wait)):
                return
            self.apply(event)

    def apply(self, event: Event) -> None:
        """Let one event happen now."""
        mailbox = self._exchange.mailbox(event.mailbox)
        if isinstance(event, Delivery):
            self._messages[event.key] = mailbox.deliver(
                event.raw, event.folder, at=event.at, is_read=event.is_read
            )
        else:
            mailbox.move(self._messages[event.key], event.folder)
