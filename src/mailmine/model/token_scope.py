"""What a token may do of what its user may do."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenScope:
    """A part of a user's permissions. It gives nothing that he has not."""

    global_permissions: frozenset[str] = frozenset()
    project_permissions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By the name of the project."""
