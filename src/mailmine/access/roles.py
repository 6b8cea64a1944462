"""What the groups of a provider give: a mapping that whoever runs mailmine writes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What may be done."""

    global_permissions: frozenset[str] = frozenset()
    project_permissions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By the name of the project; there need not be one yet."""


@dataclass(frozen=True, slots=True)
class Roles:
    """What each group gives, by its name (or id) at the provider, letter for letter."""

    groups: Mapping[str, Role]

    def of(self, groups: Iterable[str]) -> Role:
        """Put together what these groups give; one that is not mapped gives nothing."""
        everywhere: set[str] = set()
        projects: dict[str, frozenset[str]] = {}
        for role in (self.groups[group] for group in set(groups) & self.groups.keys()):
            everywhere |= role.global_permissions
            for project, given in role.project_permissions.items():
                projects[project] = projects.get(project, frozenset()) | given
        return Role(global_permissions=frozenset(everywhere), project_permissions=projects)
