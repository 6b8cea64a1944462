"""The mail of a small company that sells measuring instruments: for demonstrations and for tests.

Everything is invented, on domains that can not exist, and the same for the same seed.
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
