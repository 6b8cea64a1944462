"""Runs the rounds of all mailboxes, in the embedded process.

What is due stands in the store's rows, and so does who reads which mailbox: the runner holds nothing that a
crash could lose, and several processes share the work by the same leases.
"""

import asyncio
import os
import random
import secrets
import socket
import traceback
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog
from sqlalchemy import Connection as Transaction

import mailmine
from mailmine import metrics, tracing
from mailmine.exchange import open_account
from mailmine.exchange.faults import ExchangeError, Fault
from mailmine.exchange.reader import Account, Reader
from mailmine.model.ids import IntegrationId, MailboxId
from mailmine.model.integration import Connection, Integration, Mailbox
from mailmine.model.past_round import PastRound
from mailmine.model.reach import Reach
from mailmine.store import integrations, leases, mailboxes, strikes, turns, workers
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.store.errors import LeaseLost, StoreError
from mailmine.store.leases import Lease, Release
from mailmine.store.presence import Presence
from mailmine.store.workers import Worker
from mailmine.sync import aftermath, claiming, endings, recent, schedule, versions
from mailmine.sync.accounts import Accounts
from mailmine.sync.ahead import Ahead
from mailmine.sync.claiming import Claimed, Claims, exchange_of
from mailmine.sync.credentials import is_refusal, remember_refused, welcome_new_secrets
from mailmine.sync.desk import Desk
from mailmine.sync.hints import Hints
from mailmine.sync.outcomes import Outcomes
from mailmine.sync.reach import Reached, Reaches
from mailmine.sync.recent import Recent
from mailmine.sync.refinery import Here, Refinery, RefineryBroken
from mailmine.sync.report import Ending, Report
from mailmine.sync.round import Memory, Round, utc_now
from mailmine.sync.settings import SyncSettings

log = structlog.get_logger(__name__)

LONGEST_SLEEP = timedelta(seconds=2)
"""What is due may be changed by another process: it is looked up this often, which costs one small query."""
IN_ITS_PLACE = timedelta(seconds=0.05)
"""After the end of a round until another that waits is claimed in its place, while others run: they may end as well."""
FORGOTTEN = timedelta(hours=1)
"""So long a process that went away without a word is still shown."""
AFTER_STORE_ERROR = timedelta(seconds=5)
_NOT_OURS = (Ending.NOT_STORED, Ending.TAKEN_OVER)
"""Rounds of which nothing more is written: it cannot be, or the mailbox is another's now."""


class Runs(Protocol):
    """Whatever brings rounds to run: this module in one process, a queue in a cluster."""

    async def run(self, stop: asyncio.Event) -> None:
        """Run rounds until `stop`; those under way may end in peace."""
        ...

    def wake(self) -> None:
        """Look at once what is due. May be called from any thread."""
        ...


@dataclass(slots=True)
class _Running:
    """A round under way."""

    claimed: Claimed
    task: "asyncio.Task[None]"
    cut: Ending | None = None
    """Why it was cut off."""


class Runner:
    """Runs rounds in this process. `reach` gives what integrations are reached with.

    `refinery` refines the emails; without one that is done here as well. While `has_room` says no, no round
    begins, and those under way end: what is not read is not lost, what cannot be written might be.
    """

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        *,
        reach: Reaches,
        settings: SyncSettings | None = None,
        refinery: Refinery | None = None,
        open_account: Callable[[Connection, str], Account] = open_account,
        has_room: Callable[[], bool] = lambda: True,
        now: Callable[[], datetime] = utc_now,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._reach = reach
        self._settings = settings or SyncSettings()
        self._refinery = refinery or Here()
        self._has_room = has_room
        self._is_full = False
        self._now = now
        self._jitter = jitter
        self._owner = secrets.token_hex(8)
        self._accounts = Accounts(
            open_account, tell=self._told, listen_after=self._settings.listen_after
        )
        self._hinted: set[MailboxId] = set()
        self._hinted_at: dict[MailboxId, datetime] = {}
        self._memories: dict[MailboxId, Memory] = {}
        self._trust: dict[IntegrationId, Hints] = {}
        self._recent = Recent()
        self._running: dict[MailboxId, _Running] = {}
        self._ahead = Ahead(span=self._settings.together)
        self._given_back: list[Release] = []
        self._wake = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._stop = asyncio.Event()
        self._claimed_at = now()
        self._next_due_at: datetime | None = None
        self._taken_over = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def worker_id(self) -> str:
        """What it is known by among the processes that read."""
        return self._owner

    async def run(self, stop: asyncio.Event) -> None:
        """Run rounds until `stop`; those under way may end in peace, those that take too long are cut off.

        A cut-off round is repeated later: nothing is lost.
        """
        self._loop = asyncio.get_running_loop()
        self._stop = stop
        presence = await asyncio.to_thread(Presence.enter, self._database)
        self._desk = Desk(self._database)
        stopped = asyncio.create_task(stop.wait())
        heartbeat = asyncio.create_task(self._say_that_i_am_there())
        keeper = asyncio.create_task(self._keep_leases())
        starting = asyncio.create_task(
            self._refinery.start()
        )  # the first email must not wait for it
        try:
            await self._desk.write(lambda tx: welcome_new_secrets(tx, self._reach, at=self._now()))
            while not stop.is_set():
                await self._start_due()
                await self._pause(stopped)
        finally:
            stopped.cancel()
            heartbeat.cancel()
            try:
                await self._drain()
                keeper.cancel()
                with suppress(StoreError):
                    await self._desk.write(partial(workers.leave, worker_id=self._owner))
            finally:  # whatever goes wrong on the way out
                keeper.cancel()
                await asyncio.gather(heartbeat, keeper, return_exceptions=True)
                await self._accounts.aclose()
                await asyncio.to_thread(self._desk.close)
                presence.leave()
                await self._refinery.aclose()
                with suppress(RefineryBroken):  # the rounds that needed it have said so
                    await starting

    def wake(self) -> None:
        """Look at once what is due. May be called from any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody is left to be woken
                self._loop.call_soon_threadsafe(self._wake.set)

    async def _say_that_i_am_there(self) -> None:
        """Write it down from time to time, for people to see."""
        since, host = self._now(), socket.gethostname()
        while True:
            now = self._now()
            me = Worker(
                id=self._owner,
                host=host,
                pid=os.getpid(),
                version=mailmine.__version__,
                since=since,
                seen_at=now,
                taken_over=self._taken_over,
                has_room=self._has_room(),
            )
            with suppress(StoreError):
                await self._desk.write(partial(_beat, worker=me))
                await self._accounts.keep_only(await self._desk.read(_read_integrations))
                await self._forget_others()
            await asyncio.sleep(self._settings.heartbeat.total_seconds())

    async def _forget_others(self) -> None:
        """Let go of what is known of mailboxes that another process reads now, or that are gone."""
        mine = await self._desk.read(partial(turns.of_reader, owner=self._owner))
        await asyncio.gather(*map(self._forget, self._memories.keys() - mine))

    async def _forget(self, mailbox_id: MailboxId) -> None:
        if mailbox_id in self._running:  # by now
            return
        del self._memories[mailbox_id]
        self._hinted_at.pop(mailbox_id, None)
        self._recent.forget(mailbox_id)
        await self._accounts.forget_mailbox(mailbox_id)

    def _told(self, mailbox_id: MailboxId) -> None:
        """Something happened in a mailbox, its server says."""
        self._hinted.add(mailbox_id)
        self._wake.set()

    # -- what is due

    async def _start_due(self) -> None:
        """Claim mailboxes that are due, and start the rounds of as many as may run."""
        self._given_back += self._ahead.give_back_late()
        held, ahead = self._held, self._ahead.allowed
        if claiming.room(held, ahead, self._settings) <= 0:
            return
        self._claimed_at = self._now()
        self._disarm()
        if self._is_waiting_for_room():
            self._given_back += self._ahead.give_back()
            await self._give_back()
            return
        hinted, self._hinted = self._hinted, set()
        given_back, self._given_back = self._given_back, []
        try:
            if hinted:
                self._hinted |= await self._desk.write(partial(self._bring_forward, hinted))
            claims, reaches = await self._desk.write(partial(self._claim, given_back, held, ahead))
        except StoreError as error:
            self._hinted |= hinted
            self._given_back += given_back
            log.warning("schedule not read", error=str(error))
            await asyncio.sleep(AFTER_STORE_ERROR.total_seconds())
            return
        self._next_due_at = claims.next_due_at
        for one in claims.claimed:
            if one.left_by is not None:
                self._taken_over += 1
                log.warning("mailbox taken over", mailbox=one.mailbox.address, left_by=one.left_by)
        self._ahead.add(claims.claimed, reaches)
        self._begin_rounds()

    def _begin_rounds(self) -> None:
        """Start the rounds of mailboxes that are claimed, as many as may run."""
        while len(self._running) < self._settings.rounds:
            reading = [one.claimed.integration.id for one in self._running.values()]
            most = self._settings.rounds_per_integration
            if (first := self._ahead.take(reading, of_integration=most)) is None:
                return
            task = asyncio.create_task(self._watch(first.claimed, first.reach))
            mailbox_id = first.claimed.mailbox.id
            self._running[mailbox_id] = _Running(first.claimed, task)
            task.add_done_callback(partial(self._ended, mailbox_id))

    @property
    def _held(self) -> tuple[Claimed, ...]:
        """What is claimed, be it read now or waiting."""
        return (*(one.claimed for one in self._running.values()), *self._ahead.claimed)

    def _is_waiting_for_room(self) -> bool:
        is_full = not self._has_room()
        if is_full != self._is_full:
            log.warning("disk full: sync pauses" if is_full else "disk has room: sync goes on")
        self._is_full = is_full
        return is_full

    def _claim(
        self,
        given_back: Collection[Release],
        held: Collection[Claimed],
        ahead: Mapping[IntegrationId, int],
        tx: Transaction,
    ) -> tuple[Claims, Reached]:
        """Give back the leases of rounds that ended and claim others in their place, at one blow: it is done all the time."""
        now = self._claimed_at
        leases.release_all(tx, given_back)
        claims = claiming.claim(
            tx, held, owner=self._owner, now=now, settings=self._settings, ahead=ahead
        )
        wanted = {one.integration.id: one.integration for one in claims.claimed}
        return claims, self._reach(tx, wanted.values())

    async def _give_back(self) -> None:
        """Give back the leases of rounds that ended. Where that cannot be written they run out by themselves."""
        if not self._given_back:
            return
        given_back, self._given_back = self._given_back, []
        with suppress(StoreError):
            await self._desk.write(partial(leases.release_all, given_back=given_back))

    def _bring_forward(self, hinted: Collection[MailboxId], tx: Transaction) -> set[MailboxId]:
        """Let mailboxes in which something happened be read now; one where much does, not all the time.

        Gives those that somebody writes just now: they are for the next time.
        """
        here = mailboxes.lock(tx, hinted)
        for mailbox_id in here:
            mailbox = mailboxes.by_id(tx, mailbox_id)
            if mailbox is None or mailbox.trouble is not None:
                continue  # it is tried again when its pause is over, not earlier
            before, now = self._hinted_at.get(mailbox_id), self._claimed_at
            at = now if before is None else max(now, before + self._settings.hint_interval)
            self._hinted_at[mailbox_id] = at
            mailboxes.wake(tx, mailbox_id, at)
        return {one for one in hinted if one not in here and mailboxes.by_id(tx, one) is not None}

    def _ended(self, mailbox_id: MailboxId, task: "asyncio.Task[None]") -> None:
        ended = self._running.pop(mailbox_id)
        self._ahead.round_ended(ended.claimed.integration.id)
        if not self._stop.is_set():
            self._begin_rounds()
        if not self._is_awaited():
            self._wake_after(self._settings.together)
        elif self._ahead.is_low:
            self._wake_after(IN_ITS_PLACE if self._running else timedelta())
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("round ended badly", mailbox=mailbox_id, error=type(error).__name__)

    def _wake_after(self, wait: timedelta) -> None:
        """Look at what is due after so long, or as soon as another round that ended wants it."""
        loop = asyncio.get_running_loop()
        at = loop.time() + wait.total_seconds()
        if self._alarm is None or at < self._alarm.when():
            self._disarm()
            self._alarm = loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._wake.set()

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _is_awaited(self) -> bool:
        """Tell whether a mailbox waits to be claimed: one that found no room, or one that is to be gone on with."""
        found_no_room = self._next_due_at is None or self._next_due_at <= self._claimed_at
        return found_no_room or any(one.next_due_at <= self._now() for one in self._given_back)

    async def _pause(self, stopped: "asyncio.Task[bool]") -> None:
        """Sleep until a mailbox is due, a round has ended, or somebody wakes us."""
        wait = LONGEST_SLEEP
        if claiming.room(self._held, self._ahead.allowed, self._settings) > 0:
            due_at = self._next_due_at
            # What was due already and could not be claimed waits for a round to end.
            if due_at is not None and due_at > self._claimed_at:
                at = max(due_at, self._claimed_at + self._settings.together)
                wait = min(wait, max(at - self._now(), timedelta()))
        woken = asyncio.create_task(self._wake.wait())
        await asyncio.wait(
            {woken, stopped},
            timeout=wait.total_seconds(),
            return_when=asyncio.FIRST_COMPLETED,
        )
        woken.cancel()
        self._wake.clear()

    async def _drain(self) -> None:
        """Let rounds under way end, for a while, and begin no more."""
        self._given_back += self._ahead.give_back()
        if self._running:
            running = {one.task for one in self._running.values()}
            _, late = await asyncio.wait(running, timeout=self._settings.drain.total_seconds())
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await self._give_back()

    # -- one round

    async def _watch(self, one: Claimed, reach: Reach | Exception) -> None:
        """Run a round, and tell how it went."""
        lease, mailbox, integration = one.lease, one.mailbox, one.integration
        with (
            structlog.contextvars.bound_contextvars(
                integration=f"{integration.project}/{integration.name}",
                mailbox=mailbox.address,
                round=lease.round_id,
            ),
            tracing.span(
                "round",
                {
                    "mailmine.integration": f"{integration.project}/{integration.name}",
                    "mailmine.mailbox": mailbox.address,
                    "mailmine.round": lease.round_id,
                },
            ) as span,
            metrics.tallied() as tally,
        ):
            begun_at, report = self._now(), Report()
            try:
                await self._round(one, reach, report)
            except LeaseLost:
                report.ending = Ending.TAKEN_OVER
            except StoreError as error:
                report.ending, report.error = Ending.NOT_STORED, str(error)
            except asyncio.CancelledError:
                cut = self._running[mailbox.id].cut
                if cut is None:
                    raise
                report.ending = cut
            finally:
                took = self._now() - begun_at
                report.tell(log, tally, took, span)
                if report.ending not in _NOT_OURS:
                    past = recent.past(report, tally, at=begun_at, took=took)
                    await self._remember(mailbox.id, past)

    async def _remember(self, mailbox_id: MailboxId, past: PastRound) -> None:
        """Keep a round that is over, for people: where that cannot be written, the log has it."""
        if act := self._recent.over(mailbox_id, past):
            with suppress(StoreError):
                await self._desk.write(act)

    async def _keep_leases(self) -> None:
        """Keep the leases of all rounds under way; without its lease a round is cut off."""
        while True:
            await asyncio.sleep(self._settings.lease_renewal.total_seconds())
            now = self._now()
            until = now + self._settings.lease
            held = {one.mailbox.id: one.lease for one in self._held}
            try:
                kept = await self._desk.write(
                    partial(leases.renew_all, leases=held.values(), until=until)
                )
                why = Ending.TAKEN_OVER
            except StoreError:
                kept = {id_ for id_, lease in held.items() if lease.until > now}
                why, until = Ending.NOT_STORED, now
            for id_, lease in held.items():
                self._renewed(lease, until if id_ in kept else None, why)

    def _renewed(self, lease: Lease, until: datetime | None, why: Ending) -> None:
        """Note until when a lease lasts now; None: it is lost, and its round is cut off."""
        self._ahead.renewed(lease, until)
        one = self._running.get(lease.mailbox_id)
        if one is None or one.claimed.lease is not lease:
            return  # it ended meanwhile
        if until is None:
            one.cut = why
            one.task.cancel()
        elif until > lease.until:
            one.claimed = replace(one.claimed, lease=replace(lease, until=until))

    async def _round(self, one: Claimed, reach: Reach | Exception, report: Report) -> None:
        """Run a round, and write down how it went."""
        lease, mailbox, integration = one.lease, one.mailbox, one.integration
        started_at = self._now()
        memory = self._memories.setdefault(
            mailbox.id,
            Memory(
                trust=self._trust.setdefault(integration.id, Hints()),
                outcomes=Outcomes(self._settings.warnings),
            ),
        )
        if isinstance(reach, Exception):
            log.warning("password not had", error=type(reach).__name__)
            fault = aftermath.fault_of_secret(reach)
            await self._failed(lease, mailbox, integration, fault, report)
            return
        connection, secret = reach.connection, reach.secret
        try:
            reachable = replace(integration, connection=connection)
            async with self._accounts.reader(reachable, mailbox, secret) as reader:
                round_ = Round(
                    mailbox,
                    lease,
                    desk=self._desk,
                    blobs=self._blobs,
                    reader=reader,
                    backend=connection.backend,
                    settings=self._settings,
                    refinery=self._refinery,
                    memory=memory,
                    is_stopping=lambda: self._stop.is_set() or not self._has_room(),
                    now=self._now,
                )
                report.taken = round_.taken
                await self._assume_version(reader, mailbox, connection.endpoint, memory)
                try:
                    outcome = await round_.run()
                finally:
                    report.folders = round_.folders
                await self._remember_version(reader, mailbox, connection.endpoint, memory)
            password = await self._accounts.password_ends(reachable, mailbox, at=self._now())
            if password is not None:
                await self._desk.write(
                    lambda tx: endings.remember_password(tx, integration.id, password.ends_at)
                )
        except ExchangeError as error:
            await self._failed(lease, mailbox, integration, error.fault, report, secret=secret)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug at one mailbox must not stop the others
            fault = aftermath.fault_of_bug(error)
            report.error, report.place = type(error).__name__, _place_of(error)
            await self._failed(lease, mailbox, integration, fault, report, secret=secret)
            report.ending = Ending.BROKEN
        else:
            now = self._now()
            next_due_at = schedule.after_success(
                started_at, now, self._settings.poll_interval, is_unfinished=outcome.is_unfinished
            )
            outcomes = memory.outcomes
            if outcomes.is_bad:
                until = now + self._settings.warnings.failed_pause
                log.warning("mailbox paused", failed=outcomes.failed)
                await self._desk.write(
                    lambda tx: aftermath.failed_too_much(
                        tx, lease, mailbox, integration, failed=outcomes.failed, until=until, at=now
                    )
                )
                outcomes.clear()
            else:
                given_back = Release(
                    lease=lease, next_due_at=next_due_at, round_ended_at=now, rest=outcome.rest
                )
                if one.is_well:
                    self._given_back.append(given_back)
                else:
                    await self._desk.write(
                        lambda tx: aftermath.went_well(
                            tx,
                            given_back,
                            mailbox,
                            integration,
                            at=now,
                            had_strikes=one.has_strikes,
                        )
                    )
            report.ending = Ending.UNFINISHED if outcome.is_unfinished else Ending.DONE

    async def _assume_version(
        self, reader: Reader, mailbox: Mailbox, endpoint: str, memory: Memory
    ) -> None:
        """Have the server asked by the version that it was found to take, also before a restart."""
        found = memory.version
        if found is None or not found.holds(endpoint, self._now()):
            found = memory.version = await self._desk.read(
                lambda tx: versions.recall(tx, mailbox.id, endpoint, at=self._now())
            )
        reader.assume(found.version)

    async def _remember_version(
        self, reader: Reader, mailbox: Mailbox, endpoint: str, memory: Memory
    ) -> None:
        if memory.version is not None and memory.version.version != reader.version:
            found = versions.find(reader.version, endpoint, at=self._now())
            await self._desk.write(lambda tx: versions.remember(tx, mailbox.id, found))
            memory.version = found

    async def _failed(
        self,
        lease: Lease,
        mailbox: Mailbox,
        integration: Integration,
        fault: Fault,
        report: Report,
        *,
        secret: str | None = None,
    ) -> None:
        report.failed(fault)
        # What it does to them is looked up with the next claim.
        self._given_back += self._ahead.give_back_of(exchange_of(integration.connection))

        def write(tx: Transaction) -> bool:
            if is_refusal(fault.code) and secret is not None:
                remember_refused(tx, integration, secret)
            return aftermath.failed(
                tx, lease, mailbox, integration, fault, at=self._now(), pause=self._how_long
            )

        if await self._desk.write(write):
            await self._accounts.forget(integration)

    def _how_long(self, times: int, retry_after: timedelta | None) -> timedelta:
        first = self._settings.first_pause
        return schedule.pause(times, retry_after, first=first, jitter=self._jitter())


def _read_integrations(tx: Transaction) -> frozenset[IntegrationId]:
    """Name those that are read; another process may have switched one off."""
    return frozenset(one.id for one in integrations.list_all(tx) if one.enabled)


def _beat(tx: Transaction, worker: Worker) -> None:
    """Write down that a worker is there, and put right what wrong clocks have left."""
    now = worker.seen_at
    workers.put(tx, worker)
    workers.forget(tx, before=now - FORGOTTEN)
    if number := mailboxes.put_right(tx, now):
        log.warning("clock was set back", mailboxes=number)
    strikes.put_right(tx, after=now + mailboxes.LONGEST)


def _place_of(error: Exception) -> str:
    """Say where an error arose, without its words, which may hold words of an email."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"
