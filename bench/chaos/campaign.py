"""The campaign: in steps, things happen, go wrong, are mended, and mailmine is stopped and killed; then all must be well.

All that happens in a step is drawn by the seed and the number of the step, so that a seed can be run again. What
the threads do meanwhile, and so where a kill strikes, differs from run to run.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from bench.chaos.judge import Judge
from bench.chaos.people import People
from bench.chaos.process import Process
from bench.chaos.rest import is_at_rest
from bench.chaos.switch import Switch
from bench.chaos.told import Operators
from bench.chaos.troubles import Troubles
from bench.chaos.world import TOWNS, Town, World, building
from mailmine.store import failures, fills, mailboxes, sources
from mailmine.store.streams import Updates

GAPS: Final = (5, 20, 40, 120, 300, 900)
"""Seconds between two steps."""
PATIENCE: Final = 90.0
"""Real seconds after which a step that does not come to rest is a finding."""
LOOK: Final = 0.005
LAST_GAP: Final = timedelta(minutes=5)
LAST_STEPS: Final = 300
"""After which a mailbox that does not come to rest is a finding: about a day."""
MOST_KILLED: Final = 120
"""Transactions after which a process is killed at the latest."""


@dataclass
class Report:
    """What happened, and what was wrong."""

    seed: int
    steps: int = 0
    emails: int = 0
    kills: int = 0
    refused: int = 0
    stopped: Counter[str] = field(default_factory=Counter)
    simulated: timedelta = timedelta()
    switched: int | None = None
    """The step in which an integration was switched from EWS to Graph."""
    said: list[str] = field(default_factory=list)
    """What was drawn, a line a step."""
    wrong: list[str] = field(default_factory=list)


async def run(
    seed: int, folder: Path, *, steps: int | None, until: float, tell: Callable[[str], None]
) -> Report:
    """Run so many steps, or until that (monotonic) time; then mend all, and judge."""
    with building(folder) as world:
        campaign = Campaign(seed, world, tell)
        try:
            while not campaign.report.wrong and (
                campaign.report.steps < steps if steps is not None else time.monotonic() < until
            ):
                await campaign.step()
            if not campaign.report.wrong:
                await campaign.end()
        finally:
            await campaign.close()
        return campaign.report


class Campaign:
    """One campaign."""

    def __init__(self, seed: int, world: World, tell: Callable[[str], None]) -> None:
        self.report = Report(seed)
        self._world = world
        self._tell = tell
        self._chance = random.Random(seed)  # noqa: S311 - a seeded game, no secret
        self._people = People(world, self._chance)
        self._troubles = Troubles(world, self._people, self._chance)
        self._operators = Operators(world)
        self._judge = Judge(world, self._people, self._operators)
        self._process: Process | None = None
        self._begun = world.clock.time()
        self._switch = Switch(seed, world, self._troubles, self._operators, self._judge)

    async def step(self) -> None:
        """Draw what happens, let it happen, wait until mailmine has done what is due, and look."""
        report, chance = self.report, self._chance
        chance.seed(f"{report.seed}/{report.steps}")
        report.steps += 1
        gap = chance.choice(GAPS)
        self._switch.look()
        self._world.clock.go_on(timedelta(seconds=gap))
        self._say(f"step {report.steps}, {gap} s later")
        for line in self._troubles.mend(self._operators.is_known):
            self._say(line)
        process = self._running()
        fate = chance.random()
        if fate < 0.2:
            steps = chance.randint(1, MOST_KILLED)
            process.fuse.light(steps)
            self._say(f"killed after {steps} transactions")
        process.runner.wake()
        await self._happen()
        await self._rest()
        if process.fuse.is_burnt or fate < 0.25:
            report.kills += 1
            self._world.kills.append(self._world.clock.time())
            await process.kill()
            self._process = None
        elif fate < 0.3:
            self._say("stopped")
            await process.end()
            self._process = None
        await self._look()
        await self._operate(likely=0.6)

    async def _happen(self) -> None:
        """Let people be busy and things go wrong, while mailmine works."""
        chance = self._chance
        acts = [self._people.do for _ in range(chance.randint(0, 10))]
        acts += [self._troubles.pass_by for _ in range(chance.choice((0, 0, 0, 1, 1, 2)))]
        if chance.random() < 0.2:
            acts.append(lambda: self._troubles.begin(self._is_free))
        if chance.random() < 0.03:
            acts.append(self._add_source)
        if self._switch.is_due(self.report.steps):
            acts.append(self._switch_over)
        chance.shuffle(acts)
        if chance.random() < 0.1:
            self._operators.inbox.losing = chance.randint(1, 3)
        for act in acts:
            self._say(act())
            if chance.random() < 0.2:
                self._world.clock.go_on(timedelta(seconds=1))
            await asyncio.sleep(chance.random() * 0.02)
        for updates in Updates:
            if chance.random() < 0.4:
                size, is_kept = chance.randint(1, 40), chance.random() < 0.8
                await asyncio.to_thread(self._judge.read_on, updates, size, is_kept=is_kept)

    async def _rest(self) -> None:
        """Wait until all that is due now is done, or the process is dead."""
        deadline = time.monotonic() + PATIENCE
        now, database = self._world.clock.time(), self._world.database
        while not (self._running().is_over or await asyncio.to_thread(is_at_rest, database, now)):
            if time.monotonic() > deadline:
                self._blame("mailmine does not come to rest")
                return
            await asyncio.sleep(LOOK)
        process = self._running()
        if process.is_over and not process.fuse.is_burnt:
            self._blame("mailmine ended by itself")

    async def _look(self) -> None:
        for event in self._operators.follow():
            self.report.stopped[f"{event.kind} {event.detail['code']}"] += 1
            self._say(
                f"{event.kind} {event.mailbox_id or event.integration_id}: {event.detail['code']}"
            )
        for wrong in self._judge.look():
            self._blame(wrong)

    async def _operate(self, *, likely: float) -> None:
        """Let people look after what stopped, when they know of it and it is mended."""
        for town, boxes in self._operators.waiting():
            is_broken = self._troubles.is_broken
            whole = [box for box in boxes if not is_broken(box.address)]
            if whole and not is_broken(town.name) and self._chance.random() < likely:
                self._say(await self._operators.try_out(town, whole))

    async def end(self) -> None:
        """Mend all, wait until nothing is left to be done, and judge; then try what failed again, and judge."""
        self._say("the end: all is mended")
        self._chance.seed(f"{self.report.seed}/end")
        self._operators.inbox.losing = 0
        await self._settle()
        if not self._switch.is_done:
            self._say(self._switch_over())
            await self._settle()
        self._blame_all(self._judge.at_the_end(is_final=False))
        with self._world.database.write() as tx:
            for box in mailboxes.list_all(tx):
                failures.retry(tx, box.id, at=self._world.clock.time())
        await self._settle()
        self._blame_all(self._judge.at_the_end(is_final=True))
        report = self.report
        report.emails = len(self._people.emails)
        report.refused = sum(len(one) for one in self._world.exchange.refused.values())
        report.simulated = self._world.clock.time() - self._begun

    async def _settle(self) -> None:
        known = len(self.report.wrong)
        for number in range(LAST_STEPS):
            for line in self._troubles.mend(self._operators.is_known, all_of_it=True):
                self._say(line)
            self._world.exchange.heal()
            self._world.exchange.graph_forgets_before = 0
            self._world.clock.go_on(LAST_GAP)
            self._running().runner.wake()
            await self._rest()
            await self._look()
            await self._operate(likely=1)
            if len(self.report.wrong) > known:
                return
            # What was out of date for one round is seen by the next two.
            if number >= 4 and not self._judge.unsettled():
                break
        else:
            self._blame(f"mailmine does not come to an end: {self._judge.unsettled()}")
        for updates in Updates:
            self._judge.read_on(updates, 1_000_000, is_kept=True)

    async def close(self) -> None:
        """End the process that runs."""
        if self._process is not None:
            await self._process.kill()

    def _running(self) -> Process:
        if self._process is None:
            self._process = Process(
                self._world,
                self._operators.inbox.channels(),
                random.Random(self._chance.random()).random,  # noqa: S311
            )
        return self._process

    def _is_free(self, town: Town, box: str | None) -> bool:
        """Tell whether something may go wrong at a mailbox or an integration: all is well with it, and people know."""
        subject = box or town.name
        return (
            self._operators.is_settled(subject)
            and self._operators.is_settled(town.name)
            and not self._troubles.is_broken(subject)
            and not self._troubles.is_broken(town.name)
        )

    def _switch_over(self) -> str:
        said = self._switch.do()
        if self._switch.is_done:
            self.report.switched = self.report.steps
        return said

    def _add_source(self) -> str:
        town = self._chance.choice(TOWNS)
        with self._world.database.write() as tx:
            first = next(one for one in sources.list_all(tx) if one.name == town.name)
            assert first.bucket_id is not None
            name = f"{town.name}-{self.report.steps}"
            made = sources.ensure(tx, first.project_id, name, bucket_id=first.bucket_id)
            fills.begin(tx, made.id, first.bucket_id, at=self._world.clock.time())
        return f"the source {name} is new"

    def _say(self, line: str) -> None:
        if line:
            stamped = f"{self._world.clock.time():%d %H:%M:%S} {line}"
            self.report.said.append(stamped)
            self._tell(stamped)

    def _blame(self, wrong: str) -> None:
        self.report.wrong.append(wrong)
        self._say(f"WRONG: {wrong}")

    def _blame_all(self, wrong: Iterator[str]) -> None:
        for one in wrong:
            self._blame(one)
