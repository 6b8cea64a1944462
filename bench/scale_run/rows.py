"""What is said of a run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    what: str
    figure: str
    target: str = ""
    is_met: bool = True


def yes(what: str, *, is_so: bool) -> Row:
    """Say that something is as it should be, or is not."""
    return Row(what=what, figure="yes" if is_so else "no", target="yes", is_met=is_so)


def at_most(what: str, figure: float, most: float) -> Row:
    """Say how many seconds something took."""
    return Row(what=what, figure=f"{figure:.1f}", target=f"at most {most:g}", is_met=figure <= most)
