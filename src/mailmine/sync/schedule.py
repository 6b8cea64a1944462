"""When a mailbox is due next. Pure: the clock and the jitter come from outside."""

from datetime import datetime, timedelta

LONGEST_PAUSE = timedelta(minutes=15)
SPREAD = 0.2
"""A pause after a failure is up to this part longer, so that mailboxes do not come back all at once."""


def after_success(
    started_at: datetime, now: datetime, poll_interval: timedelta, *, is_unfinished: bool
) -> datetime:
    """Give the next time of a mailbox whose round went well.

    Counted from when the round began, so that long rounds do not make polls rarer. What is unfinished
    goes on at once; others that are due were waiting longer and so have their turn first.
    """
    return now if is_unfinished else max(now, started_at + poll_interval)


def pause(
    times: int, retry_after: timedelta | None, *, first: timedelta, jitter: float
) -> timedelta:
    """Say how long to stay away after `times` failures in a row: `first`, doubled with each further one.

    The server's own wish is a floor and not the answer: some always say one second
    (exchange.md, part C, row 7). `jitter` is a random number from 0 up to 1.
    """
    doublings = min(max(times - 1, 0), 16)
    own = min(first * (1 << doublings), LONGEST_PAUSE)
    return max(own, retry_after or timedelta()) * (1 + SPREAD * jitter)


ITEM_TRIES = 5
"""How often an email, or the content of an attachment, is asked for before it is given up."""
FIRST_ITEM_PAUSE = timedelta(minutes=1)
"""Five times as long with each further try: the last comes after about two hours."""


def item_retry(now: datetime, tries: int) -> datetime | None:
    """Give the next time of an item that was asked for `tries` times; None: it is given up."""
    return None if tries >= ITEM_TRIES else now + FIRST_ITEM_PAUSE * int(5 ** (tries - 1))
