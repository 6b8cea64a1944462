"""A place in the changes of a folder, as opaque text.

    d <path>      a delta link, or the link to the next page: whole messages come along
    s <path>      whole messages received since some time, newest first; then ids alone from the beginning
    i <path>      a delta for the ids alone from the beginning, after `s` or where one message makes whole pages fail
    o <path>      a delta for outlines from the beginning, where most of the mail is known
    c <path>      what changed since either ended, without whole messages
    l <number>    in a list, where there is no delta: so many were given
    e             at the end of a list: what is new can only be told by listing again

Paths are relative to the version's root, so that no cursor leads to another host.
"""

from dataclasses import dataclass
from typing import Literal

from mailmine.model.ids import Cursor

Kind = Literal["d", "s", "i", "o", "c", "l", "e"]


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor taken apart."""

    kind: Kind
    path: str = ""
    given: int = 0

    def text(self) -> Cursor:
        """Write it down."""
        return Cursor(f"{self.kind} {self.given if self.kind == 'l' else self.path}".rstrip())


def read(cursor: Cursor) -> Place | None:
    """Read what `Place.text` wrote; None for anything else, such as a cursor of EWS."""
    kind, _, rest = cursor.partition(" ")
    match kind:
        case "d" | "s" | "i" | "o" | "c" if rest:
            return Place(kind, rest)
    if kind == "l" and rest.isdecimal():
        return Place("l", given=int(rest))
    return Place("e") if cursor == "e" else None
