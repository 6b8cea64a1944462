"""A network of its own for one worker, which can be cut from the database without anybody being told.

A network namespace, and two cables from it to this machine: one leads to Exchange and to the object store, the other to the
database. Cut, all that is sent through the second goes to a network card that does not exist: no packet comes through in either
direction, and no connection is refused or closed.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

NOWHERE: Final = "02:00:00:00:de:ad"
"""A network card that does not exist."""
NETWORK: Final = "10.213.0.0/16"
"""Hopefully nobody's on this machine."""
HERE: Final = "10.213.1.1"
"""Where Exchange and the object store are."""
DATABASE: Final = "10.213.2.1"


@dataclass(frozen=True, slots=True)
class Network:
    """A namespace, and its cables; by their cards here and there."""

    name: str
    card: str
    """Of the cable to the database, at either end."""

    @property
    def prefix(self) -> tuple[str, ...]:
        """What a command begins with that is to run there."""
        return ("ip", "netns", "exec", self.name)

    def cut(self) -> None:
        """Let all vanish that goes from there to the database, and what comes back."""
        there, here = self._cards
        _ip("-n", self.name, "neigh", "replace", DATABASE, "lladdr", NOWHERE, "dev", there)
        _ip("neigh", "replace", _other(DATABASE), "lladdr", NOWHERE, "dev", here)

    def heal(self) -> None:
        """Let it through again."""
        there, here = self._cards
        _ip("-n", self.name, "neigh", "delete", DATABASE, "dev", there)
        _ip("neigh", "delete", _other(DATABASE), "dev", here)

    @property
    def _cards(self) -> tuple[str, str]:
        return f"{self.card}1", f"{self.card}0"


@contextmanager
def network() -> Iterator[Network | None]:
    """Make one, and take it away in the end; None where this machine does not let us."""
    pid = os.getpid()
    name = f"bench-{pid}"
    with ExitStack() as stack:
        try:
            _ip("netns", "add", name)
            stack.callback(_forget, "netns", "delete", name)
            _ip("-n", name, "link", "set", "lo", "up")
            cards = []
            for number, address in enumerate((HERE, DATABASE)):
                card = f"b{pid}{'ab'[number]}"
                here, there = f"{card}0", f"{card}1"
                _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
                stack.callback(_forget, "link", "delete", here)
                _ip("address", "add", f"{address}/30", "dev", here)
                _ip("link", "set", here, "up")
                _ip("-n", name, "address", "add", f"{_other(address)}/30", "dev", there)
                _ip("-n", name, "link", "set", there, "up")
                cards.append(card)
            made: Network | None = Network(name, cards[1])
        except (OSError, subprocess.CalledProcessError):
            made = None
        yield made


def _other(address: str) -> str:
    """Give the other end of a cable."""
    return f"{address[:-1]}2"


def _ip(*arguments: str) -> None:
    program = shutil.which("ip") or "ip"
    subprocess.run(
        (program, *arguments), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _forget(*arguments: str) -> None:
    with suppress(subprocess.CalledProcessError):
        _ip(*arguments)
