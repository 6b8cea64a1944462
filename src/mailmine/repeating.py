"""Does something again and again beside the rest of a process, which what goes wrong here never stops."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)


async def repeat(
    step: Callable[[], Awaitable[object]],
    stop: asyncio.Event,
    *,
    what: str,
    pause: float,
    expected: tuple[type[Exception], ...],
) -> None:
    """Take one step after the other until `stop`, with a pause of so many seconds after each that does not give True.

    True: there is more to do now. `what` names it in the log. An `expected` error is one that passes, such as of a
    database that is away; any other is a bug of ours, and is written down as one.
    """
    waits, broken = f"{what} waits", f"{what} broken"
    while not stop.is_set():
        try:
            is_more = await step() is True
        except expected as error:
            log.warning(waits, error=str(error))
            is_more = False
        except Exception:  # a bug here must not stop the sync beside it
            log.exception(broken)
            is_more = False
        if not is_more:
            try:
                await asyncio.wait_for(stop.wait(), pause)
            except TimeoutError:
                continue
