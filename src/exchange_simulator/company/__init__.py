"""The mail of a small company that sells measuring instruments: for demonstrations and for tests.

Everything is invented, on domains that cannot exist, and the same for the same seed.

    exchange = Exchange()
    play = Play(exchange)              # exchange_simulator.company.play: the mailboxes are full now
    Thread(target=play.run, args=(stop,)).start()    # mail arrives and is moved, until stop.set()
"""

from exchange_simulator.company.office import (
    Delivery,
    Event,
    Move,
    arrivals,
    history,
    mailboxes,
)

__all__ = ["Delivery", "Event", "Move", "arrivals", "history", "mailboxes"]
