"""Permissions in the words of people: what each lets one do, and the sets that most people need."""

from mailmine.access.permissions import GlobalPermission, Permission
from mailmine.web.language import N_, _, each

PERMISSIONS: dict[str, dict[Permission, str]] = {
    N_("Read"): {
        Permission.SOURCES_READ: N_("Read comments"),
        Permission.SOURCES_READ_SENSITIVE: N_("Read sensitive properties"),
        Permission.LABELS_READ: N_("See datasets and labels"),
        Permission.STREAMS_READ: N_("See streams"),
        Permission.BUCKETS_READ: N_("See buckets and raw emails"),
        Permission.INTEGRATIONS_READ: N_("See integrations, and be told when one stops"),
        Permission.USERS_READ: N_("See users"),
        Permission.APPLIANCE_CONFIG_READ: N_("See the configuration of appliances"),
    },
    N_("Use"): {
        Permission.STREAMS_CONSUME: N_("Fetch from streams and advance them"),
        Permission.DATASETS_EXPORT: N_("Export"),
        Permission.SOURCES_ADD_COMMENTS: N_("Put in and change comments"),
        Permission.BUCKETS_APPEND: N_("Put in raw emails"),
        Permission.FILES_WRITE: N_("Put in files"),
        Permission.LABELS_WRITE: N_("Label"),
        Permission.DATASETS_REVIEW: N_("Review"),
    },
    N_("Manage"): {
        Permission.INTEGRATIONS_WRITE: N_("Make, change, start and stop integrations"),
        Permission.SOURCES_ADMIN: N_("Make and change sources"),
        Permission.SOURCES_TRANSLATE: N_("Translate sources"),
        Permission.BUCKETS_WRITE: N_("Make and change buckets"),
        Permission.DATASETS_ADMIN: N_("Make and change datasets"),
        Permission.STREAMS_WRITE: N_("Change streams"),
        Permission.STREAMS_ADMIN: N_("Make, reset and remove streams"),
        Permission.USERS_WRITE: N_("Add users, and give what one has oneself"),
        Permission.APPLIANCE_CONFIG_WRITE: N_("Change the configuration of appliances"),
    },
}

READER = frozenset(
    {
        Permission.SOURCES_READ,
        Permission.LABELS_READ,
        Permission.STREAMS_READ,
        Permission.BUCKETS_READ,
        Permission.INTEGRATIONS_READ,
    }
)
PROGRAM = frozenset(
    {
        Permission.SOURCES_READ,
        Permission.LABELS_READ,
        Permission.STREAMS_READ,
        Permission.STREAMS_CONSUME,
    }
)

ROLES: dict[str, tuple[str, str, frozenset[str]]] = {
    "reader": (N_("Reader"), N_("reads comments and sees how the mailboxes do"), READER),
    "program": (N_("Program"), N_("a bot: reads comments and works off streams"), PROGRAM),
    "operator": (
        N_("Operator"),
        N_("reads, and runs integrations, sources and streams"),
        READER
        | {
            Permission.INTEGRATIONS_WRITE,
            Permission.SOURCES_ADMIN,
            Permission.BUCKETS_WRITE,
            Permission.DATASETS_ADMIN,
            Permission.DATASETS_EXPORT,
            Permission.STREAMS_WRITE,
            Permission.STREAMS_ADMIN,
            Permission.STREAMS_CONSUME,
        },
    ),
    "owner": (N_("Owner"), N_("everything in this project"), frozenset(Permission)),
}
"""A name, what it is for, and what it gives in a project."""

EVERYWHERE = {
    GlobalPermission.ROOT: N_("Administrator: everything, everywhere"),
    GlobalPermission.TENANT_ADMIN: N_("Makes projects, sees all users and reads the audit log"),
    GlobalPermission.TENANT_QUOTA_WRITE: N_("Changes quotas"),
}
"""Of the permissions of the whole installation those that mean something here."""


def permissions() -> dict[str, dict[Permission, str]]:
    """Give the permissions in the language of the visitor."""
    return {_(group): each(some) for group, some in PERMISSIONS.items()}


def roles() -> dict[str, tuple[str, str, frozenset[str]]]:
    """Give the roles in the language of the visitor."""
    return {key: (_(title), _(words), some) for key, (title, words, some) in ROLES.items()}


def role_of(given: frozenset[str]) -> str:
    """Name what somebody is in a project; empty where he is none of the roles."""
    return next((_(title) for title, _words, some in ROLES.values() if some == given), "")
