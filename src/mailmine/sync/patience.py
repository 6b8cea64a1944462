"""How often and for how long something must be wrong before it is switched off: the defaults of the table, as people changed them.

What was changed is kept in the store, so that it counts at once in every process that reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection as Transaction

from mailmine.store import settings
from mailmine.sync.policy import QUOTA, TABLE, Action, Rule

SWITCHES_OFF: Final = frozenset({Action.DISABLE_MAILBOX, Action.DISABLE_INTEGRATION})
REASONS: Final = frozenset(
    rule.reason
    for (_, code), rule in TABLE.items()
    if rule.action in SWITCHES_OFF and code != QUOTA
)
"""What has a threshold; a quota has none, it stops at once."""

_NAME: Final = "policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What must have come together."""

    tries: int
    """Failures in a row."""
    lasting: timedelta
    """Since the first of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """What people want other than the table has it."""

    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    """By the reason; a reason that is not named has its default."""
    retries_daily: bool = False
    """Whether mailboxes that a missing right stopped are tried again once a day."""

    def rule(self, rule: Rule) -> Rule:
        """Give a row of the table as it counts here."""
        wanted = self.thresholds.get(rule.reason)
        if wanted is None or rule.action not in SWITCHES_OFF:
            return rule
        return replace(rule, tries=wanted.tries, lasting=wanted.lasting)


def read(tx: Transaction) -> Patience:
    """Give what was kept last; without, the defaults."""
    kept = settings.get(tx, _NAME)
    return Patience() if kept is None else msgspec.json.decode(kept, type=Patience)


def keep(tx: Transaction, patience: Patience) -> None:
    """Let `patience` count from now on."""
    settings.put(tx, _NAME, msgspec.json.encode(patience).decode())
