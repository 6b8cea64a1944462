"""What a user may do: the names on the wire (Communications Mining, section 7), and the question itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mailmine.model.ids import TokenId, UserId
from mailmine.store.users import User


class Permission(StrEnum):
    """What may be done in one project."""

    SOURCES_READ = "sources-read"
    SOURCES_READ_SENSITIVE = "sources-read-sensitive"
    SOURCES_ADD_COMMENTS = "sources-add-comments"
    SOURCES_ADMIN = "sources-admin"
    SOURCES_TRANSLATE = "sources-translate"
    LABELS_READ = "voc-readonly"
    LABELS_WRITE = "voc"
    DATASETS_REVIEW = "datasets-review"
    DATASETS_ADMIN = "datasets-admin"
    DATASETS_EXPORT = "datasets-export"
    STREAMS_READ = "streams-read"
    STREAMS_WRITE = "streams-write"
    STREAMS_CONSUME = "streams-consume"
    STREAMS_ADMIN = "streams-admin"
    USERS_READ = "users-read"
    USERS_WRITE = "users-write"
    BUCKETS_READ = "buckets-read"
    BUCKETS_WRITE = "buckets-write"
    BUCKETS_APPEND = "buckets-append"
    FILES_WRITE = "files-write"
    APPLIANCE_CONFIG_READ = "appliance-config-read"
    APPLIANCE_CONFIG_WRITE = "appliance-config-write"
    INTEGRATIONS_READ = "integrations-read"
    INTEGRATIONS_WRITE = "integrations-write"


class GlobalPermission(StrEnum):
    """What may be done in the whole installation. `root` may do everything everywhere."""

    ROOT = "root"
    DEBUG = "debug"
    DEMO = "demo"
    SUBSCRIPTIONS_READ = "subscriptions-read"
    ARTEFACTS_READ = "artefacts-read"
    DIALOG = "dialog"
    SUPPORT_TENANT_ADMIN = "support-tenant-admin"
    SUPPORT_USERS_WRITE = "support-users-write"
    DEPLOYMENT_QUOTA_WRITE = "deployment-quota-write"
    TENANT_ADMIN = "tenant-admin"
    TENANT_QUOTA_WRITE = "tenant-quota-write"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who asks, and what he may do. Permissions that we do not know are kept and mean nothing."""

    user_id: UserId
    username: str
    email: str
    created_at: datetime
    global_permissions: frozenset[str] = frozenset()
    project_permissions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By the name of the project."""
    unnoted_token: TokenId | None = None
    """The API token he came with, where its use ought to be noted now (`tokens.note_use`)."""
    unnoted_session: str | None = None
    """The hash of the session he came with, where its use ought to be noted now (`sessions.note_use`)."""

    @classmethod
    def of(
        cls,
        user: User,
        *,
        unnoted_token: TokenId | None = None,
        unnoted_session: str | None = None,
    ) -> "Identity":
        """Make it of a stored user."""
        return cls(
            user_id=user.id,
            username=user.username,
            email=user.email,
            created_at=user.created_at,
            global_permissions=user.global_permissions,
            project_permissions=user.project_permissions,
            unnoted_token=unnoted_token,
            unnoted_session=unnoted_session,
        )

    @property
    def is_root(self) -> bool:
        """Whether he may do everything."""
        return GlobalPermission.ROOT in self.global_permissions

    @property
    def administers_projects(self) -> bool:
        """Whether he may see and change all projects (not what is in them)."""
        return self.is_root or GlobalPermission.TENANT_ADMIN in self.global_permissions

    def may(self, permission: Permission, project: str) -> bool:
        """Whether he may do this in the project named `project`."""
        return self.is_root or permission in self.project_permissions.get(project, ())

    def may_anywhere(self, permission: Permission) -> bool:
        """Whether he may do this in at least one project."""
        return self.is_root or any(
            permission in given for given in self.project_permissions.values()
        )

    def sees(self, project: str) -> bool:
        """Whether the project exists for him: he may do something in it, or administers projects."""
        return self.administers_projects or bool(self.project_permissions.get(project))


def unknown(names: Iterable[str], kind: type[StrEnum]) -> tuple[str, ...]:
    """Give those of `names` that are no permissions of this `kind`, for a warning to whoever writes them."""
    return tuple(sorted(set(names) - {str(member) for member in kind}))


def sees_integrations(user: User, project: str) -> bool:
    """Whether a user has View integrations in a project: who is told of them."""
    return Identity.of(user).may(Permission.INTEGRATIONS_READ, project)
