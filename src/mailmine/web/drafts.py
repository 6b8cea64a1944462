"""A form that several people may have open at once: what one typed, and what the others did meanwhile.

The form brings back what it showed. So whoever saves later sees what was changed since, and keeps both. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

SHOWN = "shown"
"""The hidden field that holds what the form showed."""

WHOLE = ""
"""The place of an error that belongs to no field."""

Values = Mapping[str, str]
"""The fields of a form by name; a list has a line for each of its members."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A form as it is shown."""

    values: Values
    """What stands in it."""
    shown: Values
    """What is saved, as of this page."""
    errors: Values = field(default_factory=dict)
    theirs: Values = field(default_factory=dict)
    """What others saved where the visitor typed something else."""
    taken: tuple[str, ...] = ()
    """Fields that others changed and he did not: they show what was saved."""

    @classmethod
    def fresh(cls, saved: Values) -> "Draft":
        """Begin with what is saved."""
        return cls(values=saved, shown=saved)

    @classmethod
    def of(cls, typed: Values, errors: Values) -> "Draft":
        """Show what was typed again, with what is wrong with it."""
        return cls(values=typed, shown=typed, errors=errors)

    @property
    def proof(self) -> str:
        """Write what the form shows, to be sent back with it."""
        return msgspec.json.encode(self.shown).decode()

    @property
    def is_outrun(self) -> bool:
        """Tell whether somebody else saved something in the meantime."""
        return bool(self.theirs or self.taken)

    def value(self, name: str) -> str:
        """Give what stands in a field."""
        return self.values.get(name, "")

    def lines(self, name: str) -> tuple[str, ...]:
        """Give the members of a list."""
        return tuple(line for line in self.value(name).split("\n") if line)

    def error(self, name: str) -> str:
        """Say what is wrong with a field."""
        return self.errors.get(name, "")

    def with_errors(self, errors: Values) -> "Draft":
        """Say what is wrong."""
        return replace(self, errors={**self.errors, **errors})


def proven(text: str) -> Values | None:
    """Read what a form showed; None where that is nonsense."""
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def merge(typed: Values, shown: Values, saved: Values) -> Draft:
    """Put together what was typed into a form and what others saved since it was `shown`.

    A field that only one side changed is as that side wants it. Where both did and differ, what was typed stands, and what
    the others saved is told.
    """
    values = dict(typed)
    theirs: dict[str, str] = {}
    taken: list[str] = []
    for name, now in saved.items():
        before, mine = shown.get(name, ""), typed.get(name, "")
        if now in (before, mine):
            continue
        if mine == before:
            values[name] = now
            taken.append(name)
        else:
            theirs[name] = now
    return Draft(values=values, shown=saved, theirs=theirs, taken=tuple(taken))
