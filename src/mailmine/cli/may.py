"""What may be done, as it is written on the command line: `support:sources-read,buckets-read`."""

from sqlalchemy import Connection as Transaction

from mailmine.access.permissions import GlobalPermission, Permission, unknown
from mailmine.cli.errors import Failed
from mailmine.model.token_scope import TokenScope
from mailmine.store import projects
from mailmine.store.users import User


def read(tx: Transaction, written: list[str]) -> dict[str, frozenset[str]]:
    """Read what `--may` says. Raises Failed for a project or permission that there is not."""
    given: dict[str, frozenset[str]] = {}
    for words in written:
        project, _, names = words.partition(":")
        permissions = frozenset(name.strip() for name in names.split(",") if name.strip())
        if projects.get(tx, project) is None:
            known = ", ".join(each.name for each in projects.list_all(tx)) or "none yet"
            raise Failed(f"there is no project {project!r} (there are: {known})")
        if not permissions or unknown(permissions, Permission):
            wrong = ", ".join(unknown(permissions, Permission)) or "none is given"
            raise Failed(
                f"--may {words}: no such permission ({wrong}). Known: {', '.join(Permission)}"
            )
        given[project] = given.get(project, frozenset()) | permissions
    return given


def write(given: User | TokenScope) -> str:
    """Say what may be done."""
    if GlobalPermission.ROOT in given.global_permissions:
        return "everything"
    words = [
        *sorted(given.global_permissions),
        *(
            f"{project}: {', '.join(sorted(names))}"
            for project, names in sorted(given.project_permissions.items())
        ),
    ]
    return "; ".join(words) or "nothing"
