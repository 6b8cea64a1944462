"""A test message: whether a channel takes it is said to who asked, and nothing is tried again."""

from typing import Final

import structlog

from mailmine.notify.channel import Channel, Message, NotDelivered
from mailmine.notify.words import Letter
from mailmine.store.types import new_id

TITLE: Final = "A test message of mailmine"

log = structlog.get_logger(__name__)


def letter(asked_by: str, *, public_url: str) -> Letter:
    """Write the message; `asked_by` says who wants it."""
    return Letter(title=TITLE, text=f"Asked for by {asked_by}. Nothing is wrong.", link=public_url)


async def send(channel: Channel, letter: Letter, *, to: str = "") -> str | None:
    """Send it once; gives why it did not arrive, in words without secrets, or None where it did."""
    try:
        await channel.send(Message(delivery=new_id(), letter=letter, notices=(), to=to))
    except NotDelivered as error:
        return str(error)
    except Exception as error:  # who asked is told so, and the log has the rest
        log.exception("test message broken")
        return f"mailmine failed ({type(error).__name__})."
    return None
