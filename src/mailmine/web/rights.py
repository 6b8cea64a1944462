"""Permissions in the words of people: what each lets one do, and the sets that most people need."""

from mailmine.access.permissions import GlobalPermission, Permission

PERMISSIONS: dict[str, dict[Permission, str]] = {
    "Read": {
        Permission.SOURCES_READ: "Read comments",
        Permission.SOURCES_READ_SENSITIVE: "Read sensitive properties",
        Permission.LABELS_READ: "See datasets and labels",
        Permission.STREAMS_READ: "See streams",
        Permission.BUCKETS_READ: "See buckets and raw emails",
        Permission.INTEGRATIONS_READ: "See integrations, and be told when one stops",
        Permission.USERS_READ: "See users",
        Permission.APPLIANCE_CONFIG_READ: "See the configuration of appliances",
    },
    "Use": {
        Permission.STREAMS_CONSUME: "Fetch from streams and advance them",
        Permission.DATASETS_EXPORT: "Export",
        Permission.SOURCES_ADD_COMMENTS: "Put in and change comments",
        Permission.BUCKETS_APPEND: "Put in raw emails",
        Permission.FILES_WRITE: "Put in files",
        Permission.LABELS_WRITE: "Label",
        Permission.DATASETS_REVIEW: "Review",
    },
    "Manage": {
        Permission.INTEGRATIONS_WRITE: "Make, change, start and stop integrations",
        Permission.SOURCES_ADMIN: "Make and change sources",
        Permission.SOURCES_TRANSLATE: "Translate sources",
        Permission.BUCKETS_WRITE: "Make and change buckets",
        Permission.DATASETS_ADMIN: "Make and change datasets",
        Permission.STREAMS_WRITE: "Change streams",
        Permission.STREAMS_ADMIN: "Make, reset and remove streams",
        Permission.USERS_WRITE: "Add users, and give what one has oneself",
        Permission.APPLIANCE_CONFIG_WRITE: "Change the configuration of appliances",
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
    "reader": ("Reader", "reads comments and sees how the mailboxes do", READER),
    "program": ("Program", "a bot: reads comments and works off streams", PROGRAM),
    "operator": (
        "Operator",
        "reads, and runs integrations, sources and streams",
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
    "owner": ("Owner", "everything in this project", frozenset(Permission)),
}
"""A name, what it is for, and what it gives in a project."""

EVERYWHERE = {
    GlobalPermission.ROOT: "Administrator: everything, everywhere",
    GlobalPermission.TENANT_ADMIN: "Makes projects, sees all users and reads the audit log",
    GlobalPermission.TENANT_QUOTA_WRITE: "Changes quotas",
}
"""Of the permissions of the whole installation those that mean something here."""


def role_of(given: frozenset[str]) -> str:
    """Name what somebody is in a project; empty where he is none of the roles."""
    return next((title for title, _, some in ROLES.values() if some == given), "")
