"""What mailmine runs on, and under which licences: as the installed packages say it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9._-]+)\s*(?:\[([^\]]*)\])?[^;]*;?(.*)", re.DOTALL)
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")
_CLASSIFIER = "License :: "
_LONGEST = 60
"""Some packages write the whole text of a licence where its name belongs."""


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """One that is installed."""

    name: str
    version: str
    licence: str
    """Empty where it says nothing."""


@cache
def packages() -> tuple[Package, ...]:
    """List what mailmine needs to run, and what that needs, by name."""
    found: dict[str, Package] = {}
    waiting: list[tuple[str, frozenset[str]]] = [("mailmine", frozenset())]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        name, extras = wanted
        try:
            one = distribution(name)
        except PackageNotFoundError:  # for another system, or an older Python
            continue
        waiting.extend(_needs(one, extras))
        found[name] = Package(one.metadata["Name"], one.version, _licence(one))
    found.pop("mailmine", None)
    return tuple(sorted(found.values(), key=lambda package: package.name.lower()))


def _needs(one: Distribution, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for requirement in one.requires or ():
        if not (parts := _REQUIREMENT.fullmatch(requirement)):
            continue
        name, of_it, marker = parts.groups()
        if (extra := _EXTRA.search(marker)) is None or extra[1] in extras:
            wanted = frozenset(word.strip() for word in (of_it or "").split(",") if word.strip())
            yield re.sub(r"[-_.]+", "-", name).lower(), wanted


def _licence(one: Distribution) -> str:
    if expression := _said(one, "License-Expression"):
        return expression
    named = [
        classifier.rpartition(" :: ")[2]
        for classifier in one.metadata.get_all("Classifier") or ()
        if classifier.startswith(_CLASSIFIER) and classifier != "License :: OSI Approved"
    ]
    if named:
        return ", ".join(named)
    first = next(iter(_said(one, "License").splitlines()), "")
    return first if len(first) <= _LONGEST else f"{first[:_LONGEST]}…"


def _said(one: Distribution, field: str) -> str:
    return next(iter(one.metadata.get_all(field) or ()), "").strip()
