"""In the middle of the campaign, an integration that is read by EWS is read by Graph from then on."""

import random
from typing import Final

from bench.chaos.judge import Judge
from bench.chaos.told import Operators
from bench.chaos.troubles import Troubles
from bench.chaos.world import TOWNS, World
from mailmine.model.integration import Backend

FIRST_STEP: Final = 2
LAST_STEP: Final = 40
"""By which it is tried at the latest."""


class Switch:
    """Switches one integration, once, whatever else is going on."""

    def __init__(
        self, seed: int, world: World, troubles: Troubles, operators: Operators, judge: Judge
    ) -> None:
        self._world = world
        self._troubles = troubles
        self._operators = operators
        self._judge = judge
        # Its own draws: those of the steps stay as they are.
        chance = random.Random(f"{seed}/switch")  # noqa: S311 - a seeded game, no secret
        self._town = chance.choice([one for one in TOWNS if one.backend is Backend.EWS])
        self._from_step = chance.randint(FIRST_STEP, LAST_STEP)
        self._is_known_off = False

    @property
    def is_done(self) -> bool:
        """Whether it was switched."""
        return self._world.is_graph(self._town)

    def is_due(self, step: int) -> bool:
        """Tell whether it is to be switched now."""
        return not self.is_done and step >= self._from_step

    def look(self) -> None:
        """See, while nothing goes on, whether people know that the integration is stopped."""
        is_on = self._world.integration(self._town).enabled
        self._is_known_off = not is_on and self._operators.is_known(self._town.name)

    def do(self) -> str:
        """Switch it. What stops in this moment is first looked at; then it is switched in a later step."""
        self._judge.remember(self._town)
        was_off = self._world.switch(self._town, is_known_off=self._is_known_off)
        if was_off is None:
            return ""
        if was_off:
            self._operators.enabled[self._world.integration(self._town).id] += 1
        with self._world.exchange.lock:
            self._troubles.forget_account(self._town)
        return f"{self._town.name} is read by Graph from now on{', and goes on' * was_off}"
