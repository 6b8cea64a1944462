"""Where emails are refined: here, or in a process of its own.

Email is hostile input. In a process of its own, an email that brings the parser down or holds it up
costs that process and becomes a failure of that email alone; and while it refines, this one reads and
stores. The two talk over pipes: a length (`LENGTH`), then MessagePack.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

import msgspec
import structlog

from mailmine.model.email import Email
from mailmine.refine import Known, Refined
from mailmine.refine.language import warm_up
from mailmine.sync.refinery_worker import LENGTH, refine_each

log = structlog.get_logger(__name__)

PATIENCE = 30.0
"""Seconds for the emails of one batch; each ought to take milliseconds, and a second at the most."""
STARTING = 60.0
"""Seconds for a new process to be ready: it loads the language model, perhaps on a busy machine."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Refined | None]).decode
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError)
"""Raised by `_decode`."""


class Refinery(Protocol):
    """Refines emails."""

    async def start(self) -> None:
        """Make ready, so that the first email need not wait. May raise RefineryBroken."""
        ...

    async def refine(
        self, emails: Sequence[Email], known: Sequence[Known] = ()
    ) -> list[Refined | None]:
        """Refine each, without the account of what was cut; None for one that cannot be.

        Where something is `known` of each, it is refined by that, and learned from.
        """
        ...

    async def aclose(self) -> None:
        """Let go of what it holds."""
        ...


class Here:
    """Refines in this process, and lets others have their turn between two emails."""

    async def start(self) -> None:
        """Load the language model."""
        await asyncio.to_thread(warm_up)

    async def refine(
        self, emails: Sequence[Email], known: Sequence[Known] = ()
    ) -> list[Refined | None]:
        """Refine each."""
        refined: list[Refined | None] = []
        for at, email in enumerate(emails):
            await asyncio.sleep(0)
            refined += refine_each([email], known[at : at + 1])
        return refined

    async def aclose(self) -> None:
        """Nothing is held."""


class RefineryBroken(Exception):
    """The process that refines cannot be started, or answers nothing at all: no email is to blame."""


class _Died(Exception):
    """The process ended, or had to be ended, before it answered."""


class Apart:
    """Refines in a process of its own, which is started when it is needed and anew when it ends."""

    def __init__(self, command: Sequence[str] = (), *, patience: float = PATIENCE) -> None:
        """Start nothing yet. `command` runs another worker than ours, for tests."""
        self._command = command or (sys.executable, "-m", "mailmine.sync.refinery_worker")
        self._patience = patience
        self._process: Process | None = None
        self._answers: set[asyncio.Task[None]] = set()
        self._waiting: deque[asyncio.Future[list[Refined | None]]] = deque()
        self._starting = asyncio.Lock()
        self._is_closed = False

    async def refine(
        self, emails: Sequence[Email], known: Sequence[Known] = ()
    ) -> list[Refined | None]:
        """Refine each; what the process dies of is None. Raises RefineryBroken."""
        if not emails:
            return []
        # It may have died of somebody else's email.
        for _ in range(2 if len(emails) == 1 else 1):
            with suppress(_Died):
                return await self._ask(emails, known, self._patience)
        if len(emails) > 1:
            return [
                (await self.refine([email], known[at : at + 1]))[0]
                for at, email in enumerate(emails)
            ]
        await self.start()
        log.error("refining an email ended its process")
        return [None]

    async def start(self) -> None:
        """Have the process ready. Raises RefineryBroken."""
        try:
            await self._ask([], (), STARTING)
        except _Died:
            words = "The process that refines emails cannot be started, or answers nothing"
            raise RefineryBroken(words) from None

    async def aclose(self) -> None:
        """End the process."""
        self._is_closed = True
        if self._process is not None:
            self._end(self._process)
        if self._answers:
            await asyncio.wait(self._answers)

    async def _running(self) -> Process:
        """Give the process, started where there is none."""
        async with self._starting:
            if self._is_closed:
                raise _Died
            if self._process is None:
                # Pieces are larger than by default: an answer has some tens of kilobytes.
                try:
                    process = await asyncio.create_subprocess_exec(
                        *self._command, stdin=PIPE, stdout=PIPE, limit=1 << 20
                    )
                except OSError as error:
                    log.warning("no process to refine in", error=str(error))
                    raise _Died from error
                self._process = process
                answers = asyncio.create_task(self._take_answers(process))
                self._answers.add(answers)
                answers.add_done_callback(self._answers.discard)
                await self._put([], (), process, STARTING)
            return self._process

    async def _ask(
        self, emails: Sequence[Email], known: Sequence[Known], patience: float
    ) -> list[Refined | None]:
        return await self._put(emails, known, await self._running(), patience)

    async def _put(
        self,
        emails: Sequence[Email],
        known: Sequence[Known],
        process: Process,
        patience: float,
    ) -> list[Refined | None]:
        if process.stdin is None or process is not self._process:
            raise _Died
        # Refining asks for neither; together they are a third of what would be sent.
        bare = [replace(email, headers=(), attachments=()) for email in emails]
        body = _encode((bare, known))
        answer: asyncio.Future[list[Refined | None]] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._waiting.append(answer)
        process.stdin.write(LENGTH.pack(len(body)) + body)
        limit = patience * len(self._waiting)
        try:
            with suppress(ConnectionError):
                await process.stdin.drain()
            return await asyncio.wait_for(asyncio.shield(answer), limit)
        except TimeoutError:
            log.warning("refining took too long")
            self._end(process)
            raise _Died from None

    async def _take_answers(self, process: Process) -> None:
        """Give each answer to who waits for it; the process answers in the order of the questions."""
        if process.stdout is None:
            return
        try:
            while True:
                (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
                answer = _decode(await process.stdout.readexactly(length))
                waiting = self._waiting.popleft()
                if not waiting.done():
                    waiting.set_result(answer)
        except (asyncio.IncompleteReadError, ConnectionError, IndexError, *_UNREADABLE):
            pass  # it ended, or something else than our worker answers
        finally:
            self._end(process)
            await process.wait()

    def _end(self, process: Process) -> None:
        """End the process, if it still runs, and tell all who wait for it."""
        with suppress(ProcessLookupError):
            process.kill()
        if self._process is process:
            self._process = None
            while self._waiting:
                waiting = self._waiting.popleft()
                if not waiting.done():
                    waiting.set_exception(_Died())
